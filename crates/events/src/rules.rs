//! When an event is valid: the one list of named rules, and what a broken one is called.

use crate::event::{Body, Event, Line, Sale};
use crate::{MS_PER_MINUTE, Timestamp};

/// The largest amount of money in one event, in minor units: ten billion dollars. Sums of millions of events fit in 64 bits.
pub const MAX_AMOUNT_MINOR: i64 = 1_000_000_000_000;
/// The largest quantity of a line.
pub const MAX_QUANTITY: i64 = 1_000_000;
/// The longest category, query, or name or value of a filter, in characters.
pub const MAX_TEXT_CHARS: usize = 512;
/// The largest event, in bytes of JSON.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;
/// How far a shopper's clock may be ahead of the stream's, in milliseconds.
pub const MAX_AHEAD_MS: i64 = 5 * MS_PER_MINUTE;

/// Why an event is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// An aggregated record's frame is damaged: its checksum or its protobuf.
    CorruptAggregate,
    /// More than `MAX_EVENT_BYTES`.
    EventTooLarge,
    /// Not JSON, not UTF-8, or not an object.
    NotJson,
    /// A field has another type or form than the contract gives it.
    InvalidField,
    /// A field that this type of event must have is absent.
    MissingField,
    /// `event_type` is none of the contract's.
    UnknownEventType,
    /// `schema_version` is not one that this code knows.
    UnsupportedSchemaVersion,
    /// The type of event belongs on another stream.
    WrongStream,
    /// `country` is not an assigned ISO 3166-1 alpha-2 code.
    UnknownCountry,
    /// `device` is none of the contract's.
    UnknownDevice,
    /// `currency` is not the reporting currency.
    UnknownCurrency,
    /// `payment_method` is none of the contract's.
    UnknownPaymentMethod,
    /// `occurred_at` is more than `MAX_AHEAD_MS` after the arrival.
    OccurredInFuture,
    /// A category, query or filter is longer than `MAX_TEXT_CHARS`.
    TextTooLong,
    /// An order or a checkout without a line.
    NoLines,
    /// A quantity is below 1 or above `MAX_QUANTITY`.
    QuantityOutOfRange,
    /// An amount of money is below 0 or above `MAX_AMOUNT_MINOR`.
    AmountOutOfRange,
    /// A total is not the sum of its parts.
    TotalMismatch,
}

impl Rule {
    /// The rule's name in metrics, quarantine and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CorruptAggregate => "corrupt_aggregate",
            Self::EventTooLarge => "event_too_large",
            Self::NotJson => "not_json",
            Self::InvalidField => "invalid_field",
            Self::MissingField => "missing_field",
            Self::UnknownEventType => "unknown_event_type",
            Self::UnsupportedSchemaVersion => "unsupported_schema_version",
            Self::WrongStream => "wrong_stream",
            Self::UnknownCountry => "unknown_country",
            Self::UnknownDevice => "unknown_device",
            Self::UnknownCurrency => "unknown_currency",
            Self::UnknownPaymentMethod => "unknown_payment_method",
            Self::OccurredInFuture => "occurred_in_future",
            Self::TextTooLong => "text_too_long",
            Self::NoLines => "no_lines",
            Self::QuantityOutOfRange => "quantity_out_of_range",
            Self::AmountOutOfRange => "amount_out_of_range",
            Self::TotalMismatch => "total_mismatch",
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The first rule that an event breaks, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {detail}")]
pub struct Rejection {
    /// The rule.
    pub rule: Rule,
    /// What was found, where, and what is allowed.
    pub detail: String,
}

impl Rejection {
    /// A rejection by `rule`.
    #[must_use]
    pub fn new(rule: Rule, detail: impl Into<String>) -> Self {
        Self {
            rule,
            detail: detail.into(),
        }
    }
}

/// What a rule finds wrong with an event that arrived at a time, if anything.
type Check = fn(&Event, Timestamp) -> Option<String>;

/// The rules beside the form, in the order in which they are tried: each may rely on those before it.
const BUSINESS_RULES: &[(Rule, Check)] = &[
    (Rule::OccurredInFuture, occurred_in_future),
    (Rule::TextTooLong, text_too_long),
    (Rule::NoLines, no_lines),
    (Rule::QuantityOutOfRange, quantity_out_of_range),
    (Rule::AmountOutOfRange, amount_out_of_range),
    (Rule::TotalMismatch, total_mismatch),
];

impl Event {
    /// Checks an event that arrived at `arrived_at` against the business rules; tells the first that is broken.
    pub fn check(&self, arrived_at: Timestamp) -> Result<(), Rejection> {
        for (rule, check) in BUSINESS_RULES {
            if let Some(detail) = check(self, arrived_at) {
                return Err(Rejection::new(*rule, detail));
            }
        }
        Ok(())
    }

    /// The lines of an order, of a checkout or of a change of a cart.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        match &self.body {
            Body::CartAdd(cart) | Body::CartUpdate(cart) | Body::CartRemove(cart) => {
                std::slice::from_ref(&cart.line)
            }
            Body::CartCheckout(checkout) => &checkout.items,
            Body::Purchase(_) | Body::Refund(_) => self.sale().map_or(&[], |sale| &sale.lines),
            Body::ProductView(_) | Body::Search(_) | Body::Filter(_) | Body::Compare(_) => &[],
        }
    }

    /// The amounts of an order, whichever way they went.
    #[must_use]
    pub const fn sale(&self) -> Option<&Sale> {
        match &self.body {
            Body::Purchase(sale) => Some(sale),
            Body::Refund(refund) => Some(&refund.sale),
            _ => None,
        }
    }
}

/// Σ quantity × unit price of valid lines, in minor units. Wide enough for any number of them.
#[must_use]
pub fn lines_total_minor(lines: &[Line]) -> i128 {
    lines
        .iter()
        .map(|line| i128::from(line.quantity) * i128::from(line.unit_price_minor))
        .sum()
}

fn occurred_in_future(event: &Event, arrived_at: Timestamp) -> Option<String> {
    let occurred_at = event.envelope.occurred_at;
    (occurred_at.as_ms().saturating_sub(arrived_at.as_ms()) > MAX_AHEAD_MS).then(|| {
        format!("occurred_at {occurred_at} is more than 5 minutes after the arrival at {arrived_at}")
    })
}

fn text_too_long(event: &Event, _: Timestamp) -> Option<String> {
    let too_long = |name: &str, text: &str| {
        let chars = text.chars().count();
        (chars > MAX_TEXT_CHARS)
            .then(|| format!("{name} has {chars} characters, at most {MAX_TEXT_CHARS} are allowed"))
    };
    match &event.body {
        Body::ProductView(view) => too_long("category", &view.category),
        Body::Search(search) => too_long("query", &search.query),
        Body::Filter(filter) => filter.filters.iter().find_map(|(name, value)| {
            too_long("a filter's name", name).or_else(|| too_long("a filter's value", value))
        }),
        _ => event
            .lines()
            .iter()
            .find_map(|line| too_long("category", &line.category)),
    }
}

fn no_lines(event: &Event, _: Timestamp) -> Option<String> {
    let name = match &event.body {
        Body::CartCheckout(_) => "items",
        Body::Purchase(_) | Body::Refund(_) => "lines",
        _ => return None,
    };
    event.lines().is_empty().then(|| format!("{name} is empty"))
}

fn quantity_out_of_range(event: &Event, _: Timestamp) -> Option<String> {
    event.lines().iter().enumerate().find_map(|(n, line)| {
        (!(1..=MAX_QUANTITY).contains(&line.quantity)).then(|| {
            format!(
                "line {}: quantity {} is not within 1 and {MAX_QUANTITY}",
                n + 1,
                line.quantity
            )
        })
    })
}

fn amount_out_of_range(event: &Event, _: Timestamp) -> Option<String> {
    let out_of_range = |name: &str, amount: i64| {
        (!(0..=MAX_AMOUNT_MINOR).contains(&amount))
            .then(|| format!("{name} {amount} is not within 0 and {MAX_AMOUNT_MINOR} minor units"))
    };
    let own = match &event.body {
        Body::ProductView(view) => out_of_range("price_minor", view.price_minor),
        Body::CartCheckout(checkout) => out_of_range("cart_total_minor", checkout.cart_total_minor),
        _ => event.sale().and_then(|sale| {
            out_of_range("discount_minor", sale.discount_minor)
                .or_else(|| out_of_range("shipping_minor", sale.shipping_minor))
                .or_else(|| out_of_range("tax_minor", sale.tax_minor))
                .or_else(|| out_of_range("total_minor", sale.total_minor))
        }),
    };
    own.or_else(|| {
        event
            .lines()
            .iter()
            .find_map(|line| out_of_range("unit_price_minor", line.unit_price_minor))
    })
    .or_else(|| {
        let goods = lines_total_minor(event.lines());
        (goods > i128::from(MAX_AMOUNT_MINOR))
            .then(|| format!("the lines come to {goods}, more than {MAX_AMOUNT_MINOR} minor units"))
    })
}

fn total_mismatch(event: &Event, _: Timestamp) -> Option<String> {
    let (name, stated, sum) = if let Body::CartCheckout(checkout) = &event.body {
        (
            "cart_total_minor",
            checkout.cart_total_minor,
            lines_total_minor(&checkout.items),
        )
    } else {
        let sale = event.sale()?;
        let extras =
            i128::from(sale.shipping_minor) + i128::from(sale.tax_minor) - i128::from(sale.discount_minor);
        (
            "total_minor",
            sale.total_minor,
            lines_total_minor(&sale.lines) + extras,
        )
    };
    (i128::from(stated) != sum).then(|| format!("{name} is {stated}, its parts come to {sum}"))
}
