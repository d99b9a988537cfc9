"""The generator's events as one would make them in Python, with what the standard library has: random, uuid, datetime, json.

Visits with the same types of events in the same shares, carts whose purchase has the cart's lines, refunds of what was
bought, the same fields in the same order. Tables are made before the clock starts.

Who tunes it by hand (UUIDs and dates formatted from parts, a look-up table for each draw) makes nearly twice as many.
"""

import argparse
import json
import random
import time
from datetime import datetime, timezone
from itertools import accumulate
from uuid import UUID

START_MS = 1_795_369_200_000  # 2026-11-22T17:40:00Z
RATE = 500
USERS = 100_000
PRODUCTS = 10_000
# The generator has about as many under way at this rate.
VISITS_AT_A_TIME = 500


def weighted(weights):
    """What random.choices takes: the names, and their weights added up."""
    return {"population": list(weights), "cum_weights": list(accumulate(weights.values()))}


COUNTRIES = weighted({
    "US": 300, "GB": 95, "DE": 90, "FR": 65, "CA": 50, "JP": 50, "AU": 40, "IT": 38, "ES": 35, "BR": 35, "IN": 30,
    "NL": 28, "MX": 25, "PL": 20, "KR": 18, "SE": 16, "CH": 14, "BE": 13, "AT": 12, "DK": 10, "NO": 10, "TR": 10,
    "PT": 9, "FI": 8, "IE": 8, "CZ": 8, "SG": 8, "AE": 8, "AR": 8, "ZA": 7, "SA": 7, "NZ": 7, "RO": 6, "GR": 6,
    "CL": 6, "CO": 6, "IL": 6, "HU": 5,
})
DEVICES = weighted({"mobile": 65, "desktop": 32, "tablet": 3})
PAYMENTS = weighted({
    "credit_card": 38, "debit_card": 18, "paypal": 18, "apple_pay": 10, "google_pay": 7, "bank_transfer": 6,
    "gift_card": 3,
})
# Lowest and highest price, in minor units.
CATEGORIES = {
    "electronics": (1_999, 149_999), "computers": (4_999, 249_999), "phones": (9_999, 139_999), "home": (999, 39_999),
    "kitchen": (899, 49_999), "garden": (799, 59_999), "furniture": (4_999, 129_999), "fashion": (1_299, 24_999),
    "shoes": (2_499, 21_999), "beauty": (499, 11_999), "health": (599, 8_999), "sports": (999, 44_999),
    "toys": (699, 14_999), "books": (499, 5_999), "groceries": (99, 4_999), "pets": (399, 9_999),
}
NAMES = list(CATEGORIES)
ADJECTIVES = ["best", "cheap", "new", "small", "black", "white", "wireless", "organic", "gift", "sale"]
BRANDS = ["acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "tyrell"]
QUANTITIES = [1, 1, 1, 1, 1, 1, 1, 2, 2, 3]
# Together they come to 60 % views, 30 % cart events and 10 % transactions.
ENDINGS = weighted({"buy": 96, "leave": 52, "browse": 68})
LOOKS = [1] * 4 + [2] * 6 + [3] * 4 + [4] * 4 + [6] * 2
CHANGES = [0, 0, 0, 0, 0, 0, 0, 1, 1, 2]


def catalog(rng):
    """Id, category and price of each product."""
    products = []
    for product_id in range(1, PRODUCTS + 1):
        category = rng.choice(NAMES)
        low, high = CATEGORIES[category]
        products.append((product_id, category, low + int(rng.random() ** 2 * (high - low + 1))))
    return products


def uuid4(rng):
    return str(UUID(int=rng.getrandbits(128), version=4))


def uuid7(ms, rng):
    # Before Python 3.14, UUID knows versions 1 to 5 only.
    return str(UUID(int=ms << 80 | 0x7 << 76 | rng.getrandbits(12) << 64 | 0x2 << 62 | rng.getrandbits(62)))


def visit(rng, products):
    """The steps of a visit: the type of each event and the fields that are its own."""
    chance, choice, randrange = rng.random, rng.choice, rng.randrange
    count = len(products)
    seen = []
    cart = []

    def view():
        product_id, category, price = product = products[int(chance() ** 2 * count)]
        seen.append(product)
        return "product_view", {"product_id": product_id, "category": category, "price_minor": price}

    def look():
        kind = chance()
        if kind < 0.68:
            return view()
        if kind < 0.84:
            query = f"{choice(ADJECTIVES)} {choice(NAMES)}"
            return "search", {"query": query, "results": int(chance() ** 2 * (count // 10))}
        if kind < 0.93:
            filters = {}
            if chance() < 0.5:
                filters["brand"] = choice(BRANDS)
            filters["category"] = choice(NAMES)
            if chance() < 0.5:
                filters["price_max"] = str(randrange(10, 510, 10))
            return "filter", {"filters": filters}
        compared = list(dict.fromkeys(product[0] for product in reversed(seen)))[:3]
        while len(compared) < 2:
            other = products[int(chance() ** 2 * count)][0]
            if other not in compared:
                compared.append(other)
        return "compare", {"product_ids": compared}

    def add():
        product_id, category, price = seen[-1]
        while any(line["product_id"] == product_id for line in cart):
            product_id, category, price = products[int(chance() ** 2 * count)]
        line = {
            "product_id": product_id,
            "category": category,
            "quantity": choice(QUANTITIES),
            "unit_price_minor": price,
        }
        cart.append(line)
        return line

    def change():
        kind = chance()
        at = randrange(len(cart))
        if kind < 0.4:
            line = cart[at]
            line["quantity"] = 1 + (line["quantity"] + randrange(4)) % 5
            return "cart_update", {"cart_id": cart_id, **line}
        if kind < 0.6 and len(cart) > 1:
            return "cart_remove", {"cart_id": cart_id, **cart.pop(at)}
        return "cart_add", {"cart_id": cart_id, **add()}

    ending = rng.choices(**ENDINGS)[0]
    looks = choice(LOOKS)
    if ending == "browse":
        for _ in range(looks):
            yield look()
        return

    cart_id = uuid4(rng)
    later = randrange(looks)
    for _ in range(looks - later - 1):
        yield look()
    yield view()
    line = add()
    if ending == "buy" and chance() < 0.02:
        if chance() < 0.5:
            line["quantity"] = randrange(200, 1_001)
        else:
            line["unit_price_minor"] *= randrange(50, 101)
    yield "cart_add", {"cart_id": cart_id, **line}
    changes = choice(CHANGES)
    at_the_till = ending == "buy"
    if ending == "leave" and changes and chance() < 0.3:
        changes -= 1
        at_the_till = True
    steps = [look] * later + [change] * changes
    if changes:
        rng.shuffle(steps)
    for step in steps:
        yield step()
    if not at_the_till:
        return
    goods = sum(line["quantity"] * line["unit_price_minor"] for line in cart)
    yield "cart_checkout", {"cart_id": cart_id, "items": cart, "cart_total_minor": goods}
    if ending == "leave":
        return

    discount = goods * choice((5, 10, 15, 20)) // 100 if chance() < 0.2 else 0
    shipping = choice((399, 499, 799)) if goods < 5_000 else 0
    tax = (goods - discount) * choice((0, 5, 7, 8, 10)) // 100
    sale = {
        "transaction_id": uuid4(rng),
        "cart_id": cart_id,
        "lines": cart,
        "discount_minor": discount,
        "shipping_minor": shipping,
        "tax_minor": tax,
        "total_minor": goods - discount + shipping + tax,
        "currency": "USD",
        "payment_method": rng.choices(**PAYMENTS)[0],
    }
    yield "purchase", sale
    if chance() >= 0.04:
        return

    refund = {"refunded_transaction_id": sale["transaction_id"], **sale, "transaction_id": uuid4(rng)}
    if chance() < 0.4:
        line = choice(cart)
        part = line["quantity"] * line["unit_price_minor"]
        discount, tax = discount * part // goods, tax * part // goods
        refund.update(
            lines=[line], discount_minor=discount, shipping_minor=0, tax_minor=tax, total_minor=part - discount + tax
        )
    yield "refund", refund


def events(seed, count):
    """Makes the events one by one, each as its shopper's id and a line of JSON."""
    rng = random.Random(seed)
    products = catalog(rng)
    dumps, randrange = json.dumps, rng.randrange

    def visitor():
        shopper = {
            "user_id": randrange(1, USERS + 1),
            "session_id": uuid4(rng),
            "country": rng.choices(**COUNTRIES)[0],
            "device": rng.choices(**DEVICES)[0],
        }
        return shopper, visit(rng, products)

    visitors = [visitor() for _ in range(VISITS_AT_A_TIME)]
    for index in range(count):
        step = None
        while step is None:
            at = randrange(VISITS_AT_A_TIME)
            shopper, steps = visitors[at]
            step = next(steps, None)
            if step is None:
                visitors[at] = visitor()
        event_type, fields = step
        now_ms = START_MS + index * 1_000 // RATE
        now = datetime.fromtimestamp(now_ms / 1_000, timezone.utc)
        event = {
            "schema_version": 1,
            "event_type": event_type,
            "event_id": uuid7(now_ms, rng),
            "occurred_at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            **shopper,
            **fields,
        }
        yield shopper["user_id"], dumps(event, separators=(",", ":"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--print", action="store_true", help="print the events instead of timing them")
    arguments = parser.parse_args()
    made = events(42, arguments.events)
    if arguments.print:
        for _, line in made:
            print(line)
        return
    # With the first one, the tables are made.
    next(made)
    began = time.perf_counter()
    total = sum(len(line) for _, line in made)
    elapsed_s = time.perf_counter() - began
    print(json.dumps({"events": arguments.events - 1, "bytes": total, "elapsed_s": elapsed_s}))


if __name__ == "__main__":
    main()
