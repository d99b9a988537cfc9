//! Facts of single events, written from the definition.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMillisecondType};
use events::{Body, Country, Event, PaymentMethod};
use warehouse::star::{DayTotals, Keys};

/// A row of the facts, column by column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fact {
    pub(crate) transaction_id: String,
    pub(crate) line_number: i32,
    event_id: String,
    pub(crate) refunded_transaction_id: Option<String>,
    user_id: i64,
    product_id: i64,
    category: String,
    country: String,
    payment_method: String,
    device: String,
    occurred_at_ms: i64,
    pub(crate) quantity: i64,
    pub(crate) unit_price_minor: i64,
    pub(crate) gross_minor: i64,
    pub(crate) discount_minor: i64,
    pub(crate) net_minor: i64,
    pub(crate) shipping_minor: i64,
    pub(crate) tax_minor: i64,
    pub(crate) is_refund: bool,
    pub(crate) date_key: i32,
    product_key: i64,
    user_key: i64,
    region_key: i32,
    payment_method_key: i32,
    category_key: i64,
}

/// The facts of one event.
pub(crate) fn expand(event: &Event, keys: &impl Keys) -> Vec<Fact> {
    let sale = event.sale().unwrap();
    let refunded = match &event.body {
        Body::Refund(refund) => Some(refund.refunded_transaction_id.to_string()),
        _ => None,
    };
    let sign = if refunded.is_some() { -1 } else { 1 };
    let gross: Vec<i128> = sale
        .lines
        .iter()
        .map(|line| i128::from(line.quantity) * i128::from(line.unit_price_minor))
        .collect();
    let in_all: i128 = gross.iter().sum();
    let part = |amount: i64, lines: usize| {
        let (so_far, in_all) = match in_all {
            0 => (lines as i128, gross.len() as i128),
            _ => (gross[..lines].iter().sum(), in_all),
        };
        i64::try_from(i128::from(amount) * so_far / in_all).unwrap()
    };
    let place = |found: Option<usize>| i32::try_from(found.unwrap()).unwrap() + 1;
    let envelope = &event.envelope;
    let user_id = i64::try_from(envelope.user_id).unwrap();
    let rows = sale.lines.iter().enumerate().map(|(n, line)| {
        let share = |amount| part(amount, n + 1) - part(amount, n);
        let gross_minor = line.quantity * line.unit_price_minor;
        let product_id = i64::try_from(line.product_id).unwrap();
        Fact {
            transaction_id: sale.transaction_id.to_string(),
            line_number: place(Some(n)),
            event_id: envelope.event_id.to_string(),
            refunded_transaction_id: refunded.clone(),
            user_id,
            product_id,
            category: line.category.to_string(),
            country: envelope.country.to_string(),
            payment_method: sale.payment_method.to_string(),
            device: envelope.device.to_string(),
            occurred_at_ms: envelope.occurred_at.as_ms(),
            quantity: sign * line.quantity,
            unit_price_minor: line.unit_price_minor,
            gross_minor: sign * gross_minor,
            discount_minor: sign * share(sale.discount_minor),
            net_minor: sign * (gross_minor - share(sale.discount_minor)),
            shipping_minor: sign * share(sale.shipping_minor),
            tax_minor: sign * share(sale.tax_minor),
            is_refund: refunded.is_some(),
            date_key: envelope.occurred_at.date().replace('-', "").parse().unwrap(),
            product_key: keys.product_key(product_id).unwrap(),
            user_key: keys.user_key(user_id).unwrap(),
            region_key: place(Country::all().position(|country| country == envelope.country)),
            payment_method_key: place(
                PaymentMethod::ALL
                    .iter()
                    .position(|method| *method == sale.payment_method),
            ),
            category_key: keys.category_key(&line.category).unwrap(),
        }
    });
    rows.collect()
}

/// What the rows of some events come to.
pub(crate) fn totals(facts: &[Fact], purchases: u64, refunds: u64) -> DayTotals {
    DayTotals {
        purchases,
        refunds,
        rows: facts.len() as u64,
        net_minor: facts.iter().map(|fact| i128::from(fact.net_minor)).sum(),
    }
}

/// The rows of a file of facts.
pub(crate) fn facts_of(batch: &RecordBatch) -> Vec<Fact> {
    let column = |name: &str| batch.column_by_name(name).unwrap();
    (0..batch.num_rows())
        .map(|row| {
            let text = |name| column(name).as_string::<i32>().value(row).to_owned();
            let number = |name| column(name).as_primitive::<Int64Type>().value(row);
            let small = |name| column(name).as_primitive::<Int32Type>().value(row);
            let refunded = column("refunded_transaction_id");
            Fact {
                transaction_id: text("transaction_id"),
                line_number: small("line_number"),
                event_id: text("event_id"),
                refunded_transaction_id: refunded.is_valid(row).then(|| text("refunded_transaction_id")),
                user_id: number("user_id"),
                product_id: number("product_id"),
                category: text("category"),
                country: text("country"),
                payment_method: text("payment_method"),
                device: text("device"),
                occurred_at_ms: column("occurred_at")
                    .as_primitive::<TimestampMillisecondType>()
                    .value(row),
                quantity: number("quantity"),
                unit_price_minor: number("unit_price_minor"),
                gross_minor: number("gross_minor"),
                discount_minor: number("discount_minor"),
                net_minor: number("net_minor"),
                shipping_minor: number("shipping_minor"),
                tax_minor: number("tax_minor"),
                is_refund: column("is_refund").as_boolean().value(row),
                date_key: small("date_key"),
                product_key: number("product_key"),
                user_key: number("user_key"),
                region_key: small("region_key"),
                payment_method_key: small("payment_method_key"),
                category_key: number("category_key"),
            }
        })
        .collect()
}
