//! Events to test with.

use std::collections::BTreeMap;

use events::{
    Body, CartLine, Checkout, Compare, Device, Envelope, Event, Filter, Line, PaymentMethod, ProductView,
    Refund, Sale, Search, Timestamp, Uuid,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const CATEGORIES: [&str; 3] = ["books", "toys", "garden"];

/// A purchase of one thing for 12.50.
#[must_use]
pub fn example(user_id: u64, occurred_ms: i64) -> Event {
    purchase(user_id, occurred_ms, vec![line(7, 1)])
}

/// A purchase, with a total that fits.
#[must_use]
pub fn purchase(user_id: u64, occurred_ms: i64, lines: Vec<Line>) -> Event {
    let id = Uuid::from_u128(u128::from(user_id) << 64 | u128::from(occurred_ms.unsigned_abs()));
    Event {
        envelope: Envelope {
            event_id: id,
            occurred_at: Timestamp::from_ms(occurred_ms).expect("within the calendar"),
            user_id,
            session_id: id,
            country: "US".parse().expect("a country"),
            device: Device::Mobile,
        },
        body: Body::Purchase(sale(id, id, lines)),
    }
}

/// The refund of all of a sale.
#[must_use]
pub fn refund(sale: Sale) -> Body {
    Body::Refund(Refund {
        refunded_transaction_id: sale.transaction_id,
        sale,
    })
}

/// Something looked at.
pub(crate) fn view(rng: &mut ChaCha8Rng) -> Body {
    let product_id = rng.random_range(0..9_u64);
    match rng.random_range(0..10) {
        0 => Body::Search(Search {
            query: ["lamp", "Lamp ", "chair"][rng.random_range(0..3)].into(),
            results: rng.random_range(0..2),
        }),
        1 => Body::Filter(Filter {
            filters: BTreeMap::from([("color".into(), "red".into())]),
        }),
        2 => Body::Compare(Compare {
            product_ids: vec![product_id, product_id + 1],
        }),
        _ => Body::ProductView(ProductView {
            product_id,
            category: category(product_id),
            price_minor: 1_250,
        }),
    }
}

/// Something done to one of the two carts of a shopper.
pub(crate) fn cart_event(rng: &mut ChaCha8Rng, user_id: u64) -> Body {
    let cart_id = cart_of(rng, user_id);
    let line = line(rng.random_range(0..9), rng.random_range(1..5));
    match rng.random_range(0..8) {
        0 => Body::CartUpdate(CartLine { cart_id, line }),
        1 => Body::CartRemove(CartLine { cart_id, line }),
        2 => Body::CartCheckout(Checkout {
            cart_id,
            cart_total_minor: line.quantity * line.unit_price_minor,
            items: vec![line],
        }),
        _ => Body::CartAdd(CartLine { cart_id, line }),
    }
}

/// A purchase of one of the shopper's carts, or, now and then, a refund.
pub(crate) fn transaction(rng: &mut ChaCha8Rng, user_id: u64) -> Body {
    let lines = vec![line(rng.random_range(0..9), rng.random_range(1..5))];
    let sale = sale(Uuid::from_u128(rng.random()), cart_of(rng, user_id), lines);
    if rng.random_bool(0.2) {
        refund(sale)
    } else {
        Body::Purchase(sale)
    }
}

fn cart_of(rng: &mut ChaCha8Rng, user_id: u64) -> Uuid {
    Uuid::from_u128(u128::from(user_id) << 8 | u128::from(rng.random_bool(0.5)))
}

fn category(product_id: u64) -> std::borrow::Cow<'static, str> {
    let n = usize::try_from(product_id).unwrap_or(0) % CATEGORIES.len();
    CATEGORIES[n].into()
}

fn line(product_id: u64, quantity: i64) -> Line {
    Line {
        product_id,
        category: category(product_id),
        quantity,
        unit_price_minor: 1_250,
    }
}

fn sale(transaction_id: Uuid, cart_id: Uuid, lines: Vec<Line>) -> Sale {
    let goods = i64::try_from(events::lines_total_minor(&lines)).expect("small amounts");
    let (discount_minor, shipping_minor, tax_minor) = (100, 495, 10);
    Sale {
        transaction_id,
        cart_id,
        lines,
        discount_minor,
        shipping_minor,
        tax_minor,
        total_minor: goods - discount_minor + shipping_minor + tax_minor,
        currency: events::CURRENCY.into(),
        payment_method: PaymentMethod::CreditCard,
    }
}
