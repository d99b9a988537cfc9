"""A job's folding as one would write it in Python: json and dictionaries.

Per minute it keeps what the Rust job's pages keep, once per event id. It checks less (a handful of the rules, no aggregated
records) and counts users with sets, not sketches. Records are in memory before the clock starts; nothing is stored.
"""

import argparse
import json
import time

SUMS = (
    "orders", "units", "gross_minor", "discount_minor", "shipping_minor", "tax_minor",
    "refunds", "refunded_units", "refunded_minor",
)
TYPES = {
    "product-views": ("product_view", "search", "filter", "compare"),
    "cart-events": ("cart_add", "cart_update", "cart_remove", "cart_checkout"),
    "transactions": ("purchase", "refund"),
}


def valid(stream, event):
    if event.get("schema_version") != 1 or event.get("event_type") not in TYPES[stream]:
        return False
    if stream != "transactions":
        return True
    extras = event["shipping_minor"] + event["tax_minor"] - event["discount_minor"]
    return bool(event["lines"]) and event["total_minor"] == goods(event) + extras


def goods(sale):
    return sum(line["quantity"] * line["unit_price_minor"] for line in sale["lines"])


def units(sale):
    return sum(line["quantity"] for line in sale["lines"])


def count(counts, key, n=1):
    counts[key] = counts.get(key, 0) + n


def sales(minute, event):
    country = minute.get(event["country"])
    if country is None:
        country = minute[event["country"]] = {**dict.fromkeys(SUMS, 0), "buyers": set()}
    if event["event_type"] == "refund":
        country["refunds"] += 1
        country["refunded_units"] += units(event)
        country["refunded_minor"] += goods(event) - event["discount_minor"]
        return
    country["orders"] += 1
    country["units"] += units(event)
    country["gross_minor"] += goods(event)
    for name in ("discount_minor", "shipping_minor", "tax_minor"):
        country[name] += event[name]
    country["buyers"].add(event["user_id"])


def views(minute, event):
    kind = event["event_type"]
    count(minute.setdefault("totals", {}), kind)
    if kind == "product_view":
        count(minute.setdefault("products", {}), event["product_id"])
        count(minute.setdefault("categories", {}), event["category"].strip().lower())
    elif kind == "search":
        query = event["query"].strip().lower()
        count(minute.setdefault("searches", {}), query)
        if event["results"] == 0:
            count(minute.setdefault("without_result", {}), query)
    elif kind == "filter":
        for name, value in event["filters"].items():
            count(minute.setdefault("filters", {}), f"{name.strip()}={value.strip()}".lower())
    else:
        for product_id in event["product_ids"]:
            count(minute.setdefault("compared", {}), product_id)
    at = event["occurred_at"]
    session = minute.setdefault("sessions", {}).setdefault(event["session_id"], [at, at, 0, 0])
    session[0] = min(session[0], at)
    session[1] = max(session[1], at)
    session[2] += 1
    session[3] += kind == "product_view"
    minute.setdefault("visitors", set()).add(event["user_id"])


def carts(minute, event):
    kind = event["event_type"]
    if kind == "cart_checkout":
        change = (event["cart_total_minor"],)
    elif kind == "purchase":
        change = (goods(event),)
    else:
        change = (event["product_id"], event["quantity"], event["unit_price_minor"])
    if kind == "cart_add":
        count(minute.setdefault("added", {}), event["category"], event["quantity"])
    fact = (event["cart_id"], event["occurred_at"], event["user_id"], kind, change)
    minute.setdefault("facts", []).append(fact)


def anomalies(minute, event):
    main = max(event["lines"], key=lambda line: (line["quantity"] * line["unit_price_minor"], line["unit_price_minor"]))
    fact = (
        event["event_id"], event["occurred_at"], event["user_id"], event["country"], goods(event), event["total_minor"],
        units(event), main["category"], main["unit_price_minor"],
    )
    minute.setdefault("purchases", []).append(fact)


def inventory(minute, event):
    moved = [(line["product_id"], line["quantity"]) for line in event["lines"]]
    minute.setdefault("facts", []).append((event["event_type"], event["occurred_at"], moved))


JOBS = {
    "sales": (sales, TYPES["transactions"]),
    "views": (views, TYPES["product-views"]),
    "carts": (carts, (*TYPES["cart-events"], "purchase")),
    "anomalies": (anomalies, ("purchase",)),
    "inventory": (inventory, TYPES["transactions"]),
}


def fold(job, batch, minutes):
    """Folds a batch into its minutes; returns how many of its events were folded."""
    add, counts = JOBS[job]
    folded = 0
    for stream, sequence, arrived_ms, data in batch:
        event = json.loads(data)
        if not valid(stream, event) or event["event_type"] not in counts:
            continue
        minute = minutes.setdefault((event["occurred_at"][:16], stream), {"seen": set(), "mark": -1})
        if sequence <= minute["mark"] or event["event_id"] in minute["seen"]:
            continue
        minute["seen"].add(event["event_id"])
        add(minute, event)
        minute["mark"] = sequence
        minute["arrived_ms"] = arrived_ms
        folded += 1
    return folded


def record(line):
    stream, sequence, arrived_ms, data = line.rstrip(b"\n").split(b"\t", 3)
    return stream.decode(), int(sequence), int(arrived_ms), data


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--job", choices=JOBS, required=True)
    parser.add_argument("--file", required=True, help="a record a line: stream, sequence number, arrival in ms, JSON")
    parser.add_argument("--batch", type=int, required=True, help="records a batch")
    arguments = parser.parse_args()
    with open(arguments.file, "rb") as file:
        records = [record(line) for line in file]
    batches = [records[at : at + arguments.batch] for at in range(0, len(records), arguments.batch)]
    minutes = {}
    began = time.perf_counter()
    counted = sum(fold(arguments.job, batch, minutes) for batch in batches)
    elapsed_s = time.perf_counter() - began
    print(json.dumps({"events": len(records), "counted": counted, "elapsed_s": elapsed_s}))


if __name__ == "__main__":
    main()
