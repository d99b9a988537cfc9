//! Events from JSON: one flat object each, read by `decode`.
//!
//! The usual form is read by `quick`, all others here. Both fill one struct in which every field may be missing: a single pass
//! over the bytes, whatever the type of event, and a missing or misspelt value is reported by name. Fields that the
//! contract doesn't know are passed over, so that a producer may be newer than its consumers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use uuid::Uuid;

use crate::event::{
    Body, CartLine, Checkout, Compare, Device, Envelope, Event, EventType, Filter, Line, PaymentMethod,
    ProductView, Refund, Sale, Search, Stream,
};
use crate::rules::{MAX_EVENT_BYTES, Rejection, Rule};
use crate::{CURRENCY, SCHEMA_VERSION, Timestamp, quick};

impl Event {
    /// Reads an event that came on `stream` and arrived at `arrived_at`, and checks it against every rule.
    pub fn decode(stream: Stream, bytes: &[u8], arrived_at: Timestamp) -> Result<Self, Rejection> {
        let event = Self::parse(bytes)?;
        if event.stream() != stream {
            return Err(Rejection::new(
                Rule::WrongStream,
                format!(
                    "{} belongs on {}, it came on {stream}",
                    event.event_type(),
                    event.stream()
                ),
            ));
        }
        event.check(arrived_at)?;
        Ok(event)
    }

    /// Reads an event by its form alone; the rules of business are `check`'s.
    pub fn parse(bytes: &[u8]) -> Result<Self, Rejection> {
        if bytes.len() > MAX_EVENT_BYTES {
            return Err(Rejection::new(
                Rule::EventTooLarge,
                format!("{} bytes, at most {MAX_EVENT_BYTES} are allowed", bytes.len()),
            ));
        }
        let wire = match quick::read(bytes) {
            Some(wire) => wire,
            None => serde_json::from_slice(bytes).map_err(|error| rejection_of(bytes, &error))?,
        };
        wire.into_event()
    }
}

/// Names what serde found; a second pass, over what is bad only, finds out which field it was.
fn rejection_of(bytes: &[u8], error: &serde_json::Error) -> Rejection {
    if !error.is_data() || bytes.trim_ascii_start().first() != Some(&b'{') {
        return Rejection::new(Rule::NotJson, format!("not a JSON object: {error}"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, Wire<'_>>(&mut deserializer) {
        Err(located) => Rejection::new(
            Rule::InvalidField,
            format!("{}: {}", located.path(), located.inner()),
        ),
        Ok(_) => Rejection::new(Rule::InvalidField, error.to_string()),
    }
}

/// The fields of all types of events.
#[derive(Default, Deserialize)]
pub(crate) struct Wire<'a> {
    #[serde(borrow)]
    pub(crate) event_type: Option<Cow<'a, str>>,
    pub(crate) schema_version: Option<u64>,
    pub(crate) event_id: Option<Uuid>,
    pub(crate) occurred_at: Option<Timestamp>,
    pub(crate) user_id: Option<Id>,
    pub(crate) session_id: Option<Uuid>,
    #[serde(borrow)]
    pub(crate) country: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) device: Option<Cow<'a, str>>,
    pub(crate) product_id: Option<Id>,
    pub(crate) category: Option<Cow<'static, str>>,
    pub(crate) price_minor: Option<i64>,
    pub(crate) query: Option<Cow<'static, str>>,
    pub(crate) results: Option<Id>,
    pub(crate) filters: Option<BTreeMap<Cow<'static, str>, Cow<'static, str>>>,
    pub(crate) product_ids: Option<Vec<Id>>,
    pub(crate) cart_id: Option<Uuid>,
    pub(crate) quantity: Option<i64>,
    pub(crate) unit_price_minor: Option<i64>,
    pub(crate) items: Option<Vec<WireLine>>,
    pub(crate) cart_total_minor: Option<i64>,
    pub(crate) transaction_id: Option<Uuid>,
    pub(crate) refunded_transaction_id: Option<Uuid>,
    pub(crate) lines: Option<Vec<WireLine>>,
    pub(crate) discount_minor: Option<i64>,
    pub(crate) shipping_minor: Option<i64>,
    pub(crate) tax_minor: Option<i64>,
    pub(crate) total_minor: Option<i64>,
    #[serde(borrow)]
    pub(crate) currency: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) payment_method: Option<Cow<'a, str>>,
}

/// A line.
#[derive(Deserialize)]
pub(crate) struct WireLine {
    pub(crate) product_id: Id,
    pub(crate) category: Cow<'static, str>,
    pub(crate) quantity: i64,
    pub(crate) unit_price_minor: i64,
}

/// A number that names something: 0 to 2^63 − 1, as Parquet and SQL have no unsigned 64-bit integers.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub(crate) struct Id(pub(crate) u64);

impl TryFrom<u64> for Id {
    type Error = String;

    fn try_from(value: u64) -> Result<Self, String> {
        if i64::try_from(value).is_ok() {
            Ok(Self(value))
        } else {
            Err(format!("{value} is more than 2^63 − 1"))
        }
    }
}

/// The value of a field that this type of event must have.
macro_rules! need {
    ($wire:ident . $field:ident) => {
        $wire.$field.take().ok_or_else(|| {
            Rejection::new(
                Rule::MissingField,
                concat!("`", stringify!($field), "` is missing"),
            )
        })?
    };
}

impl Wire<'_> {
    /// The event that the fields make, if they do.
    pub(crate) fn into_event(mut self) -> Result<Event, Rejection> {
        let wire = &mut self;
        let name = need!(wire.event_type);
        let event_type = EventType::from_name(&name)
            .ok_or_else(|| unknown(Rule::UnknownEventType, &name, EventType::ALL))?;
        let version = need!(wire.schema_version);
        if version != u64::from(SCHEMA_VERSION) {
            return Err(Rejection::new(
                Rule::UnsupportedSchemaVersion,
                format!("schema_version is {version}, only {SCHEMA_VERSION} is known"),
            ));
        }
        let country = need!(wire.country);
        let device = need!(wire.device);
        let envelope = Envelope {
            event_id: need!(wire.event_id),
            occurred_at: need!(wire.occurred_at),
            user_id: need!(wire.user_id).0,
            session_id: need!(wire.session_id),
            country: country
                .parse()
                .map_err(|error| Rejection::new(Rule::UnknownCountry, format!("country: {error}")))?,
            device: Device::from_name(&device)
                .ok_or_else(|| unknown(Rule::UnknownDevice, &device, Device::ALL))?,
        };
        let body = match event_type {
            EventType::ProductView => Body::ProductView(ProductView {
                product_id: need!(wire.product_id).0,
                category: need!(wire.category),
                price_minor: need!(wire.price_minor),
            }),
            EventType::Search => Body::Search(Search {
                query: need!(wire.query),
                results: need!(wire.results).0,
            }),
            EventType::Filter => Body::Filter(Filter {
                filters: need!(wire.filters),
            }),
            EventType::Compare => Body::Compare(Compare {
                product_ids: need!(wire.product_ids).into_iter().map(|id| id.0).collect(),
            }),
            EventType::CartAdd => Body::CartAdd(wire.cart_line()?),
            EventType::CartUpdate => Body::CartUpdate(wire.cart_line()?),
            EventType::CartRemove => Body::CartRemove(wire.cart_line()?),
            EventType::CartCheckout => Body::CartCheckout(Checkout {
                cart_id: need!(wire.cart_id),
                items: need!(wire.items).into_iter().map(Line::from).collect(),
                cart_total_minor: need!(wire.cart_total_minor),
            }),
            EventType::Purchase => Body::Purchase(wire.sale()?),
            EventType::Refund => Body::Refund(Refund {
                refunded_transaction_id: need!(wire.refunded_transaction_id),
                sale: wire.sale()?,
            }),
        };
        Ok(Event { envelope, body })
    }

    fn cart_line(&mut self) -> Result<CartLine, Rejection> {
        let wire = self;
        Ok(CartLine {
            cart_id: need!(wire.cart_id),
            line: Line {
                product_id: need!(wire.product_id).0,
                category: need!(wire.category),
                quantity: need!(wire.quantity),
                unit_price_minor: need!(wire.unit_price_minor),
            },
        })
    }

    fn sale(&mut self) -> Result<Sale, Rejection> {
        let wire = self;
        let currency = need!(wire.currency);
        let method = need!(wire.payment_method);
        if currency != CURRENCY {
            return Err(Rejection::new(
                Rule::UnknownCurrency,
                format!(
                    "currency: `{}`, the reporting currency is {CURRENCY}",
                    shortened(&currency)
                ),
            ));
        }
        Ok(Sale {
            transaction_id: need!(wire.transaction_id),
            cart_id: need!(wire.cart_id),
            lines: need!(wire.lines).into_iter().map(Line::from).collect(),
            discount_minor: need!(wire.discount_minor),
            shipping_minor: need!(wire.shipping_minor),
            tax_minor: need!(wire.tax_minor),
            total_minor: need!(wire.total_minor),
            currency: CURRENCY.into(),
            payment_method: PaymentMethod::from_name(&method)
                .ok_or_else(|| unknown(Rule::UnknownPaymentMethod, &method, PaymentMethod::ALL))?,
        })
    }
}

impl From<WireLine> for Line {
    fn from(line: WireLine) -> Self {
        Self {
            product_id: line.product_id.0,
            category: line.category,
            quantity: line.quantity,
            unit_price_minor: line.unit_price_minor,
        }
    }
}

fn unknown(rule: Rule, found: &str, allowed: &[impl ToString]) -> Rejection {
    let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    Rejection::new(
        rule,
        format!("`{}` is none of {}", shortened(found), allowed.join(", ")),
    )
}

/// Enough of a text to recognise it by in a message.
fn shortened(text: &str) -> &str {
    text.char_indices().nth(32).map_or(text, |(end, _)| &text[..end])
}
