//! The contract from outside: what is written can be read, what is broken is named, the schemas are current.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use events::{Event, EventType, Rule, Stream, Timestamp, schema_of};
use proptest::prelude::*;
use serde_json::{Value, json};

fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T17:30:00.000Z").unwrap()
}

fn envelope(event_type: EventType) -> Value {
    json!({
        "schema_version": 1, "event_type": event_type,
        "event_id": "019d1a2b-0000-7000-8000-000000000001", "occurred_at": "2026-11-22T17:29:59.250Z",
        "user_id": 42, "session_id": "5e551011-0000-4000-8000-000000000002", "country": "DE", "device": "mobile",
    })
}

fn example(event_type: EventType) -> Value {
    let line = json!({ "product_id": 7, "category": "books", "quantity": 2, "unit_price_minor": 1_250 });
    let cart = "ca270000-0000-4000-8000-000000000003";
    let sale = json!({
        "transaction_id": "72a45ac7-0000-4000-8000-000000000004", "cart_id": cart, "lines": [line],
        "discount_minor": 500, "shipping_minor": 495, "tax_minor": 400, "total_minor": 2_895,
        "currency": "USD", "payment_method": "apple_pay",
    });
    let body = match event_type {
        EventType::ProductView => json!({ "product_id": 7, "category": "books", "price_minor": 1_250 }),
        EventType::Search => json!({ "query": "rust in action", "results": 3 }),
        EventType::Filter => json!({ "filters": { "brand": "manning", "price": "10-50" } }),
        EventType::Compare => json!({ "product_ids": [7, 8] }),
        EventType::CartAdd | EventType::CartUpdate | EventType::CartRemove => {
            json!({ "cart_id": cart, "product_id": 7, "category": "books", "quantity": 2, "unit_price_minor": 1_250 })
        }
        EventType::CartCheckout => json!({ "cart_id": cart, "items": [line], "cart_total_minor": 2_500 }),
        EventType::Purchase => sale,
        EventType::Refund => merged(
            sale,
            &json!({ "refunded_transaction_id": "72a45ac7-0000-4000-8000-000000000005" }),
        ),
    };
    merged(envelope(event_type), &body)
}

fn merged(mut object: Value, more: &Value) -> Value {
    object
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    object
}

fn decode(event: &Value) -> Result<Event, events::Rejection> {
    let stream = event["event_type"]
        .as_str()
        .and_then(EventType::from_name)
        .map_or(Stream::Transactions, EventType::stream);
    Event::decode(stream, event.to_string().as_bytes(), now())
}

#[test]
fn every_event_type_is_read_and_written_alike() {
    for &event_type in EventType::ALL {
        let event = decode(&example(event_type)).unwrap();
        let mut written = Vec::new();
        event.to_json(&mut written);
        assert_eq!(
            serde_json::from_slice::<Value>(&written).unwrap(),
            example(event_type),
            "{event_type}"
        );
        assert_eq!(Event::parse(&written), Ok(event));
    }
}

#[test]
fn the_published_schemas_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for &event_type in EventType::ALL {
        let path = folder.join(format!("{event_type}.json"));
        let schema = format!("{:#}\n", schema_of(event_type));
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(&path, &schema).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            published == schema,
            "{} is not what the types say: run `make schemas`",
            path.display()
        );
    }
}

#[test]
fn what_a_schema_requires_is_what_decoding_requires() {
    for &event_type in EventType::ALL {
        let schema = schema_of(event_type);
        let required: Vec<&str> = schema["required"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let example = example(event_type);
        assert_eq!(
            required.len(),
            example.as_object().unwrap().len(),
            "{event_type}: every field is required"
        );
        for field in required {
            let mut event = example.clone();
            event.as_object_mut().unwrap().remove(field).unwrap();
            let rejection = Event::parse(event.to_string().as_bytes()).unwrap_err();
            assert_eq!(
                (rejection.rule, rejection.detail.as_str()),
                (Rule::MissingField, &*format!("`{field}` is missing"))
            );
        }
    }
}

/// Sets one field of an example and tells the rule that it breaks.
fn check(event_type: EventType, field: &str, value: Value, rule: Rule, detail: &str) {
    let mut event = example(event_type);
    *event.pointer_mut(field).unwrap() = value;
    let rejection = decode(&event).unwrap_err();
    assert_eq!(rejection.rule, rule, "{rejection}");
    assert!(
        rejection.detail.contains(detail),
        "{rejection} does not say `{detail}`"
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table, one case a line")]
fn each_broken_rule_is_named_with_what_was_found() {
    use EventType::{CartAdd, CartCheckout, ProductView, Purchase, Refund, Search};
    check(
        Purchase,
        "/event_type",
        json!("teleport"),
        Rule::UnknownEventType,
        "`teleport` is none of product_view",
    );
    check(
        Purchase,
        "/schema_version",
        json!(2),
        Rule::UnsupportedSchemaVersion,
        "schema_version is 2",
    );
    check(Purchase, "/country", json!("XX"), Rule::UnknownCountry, "`XX`");
    check(
        Purchase,
        "/device",
        json!("fridge"),
        Rule::UnknownDevice,
        "`fridge` is none of mobile, desktop, tablet",
    );
    check(
        Purchase,
        "/currency",
        json!("EUR"),
        Rule::UnknownCurrency,
        "`EUR`",
    );
    check(
        Purchase,
        "/payment_method",
        json!("cash"),
        Rule::UnknownPaymentMethod,
        "`cash`",
    );
    check(
        Purchase,
        "/occurred_at",
        json!("yesterday"),
        Rule::InvalidField,
        "occurred_at: `yesterday`",
    );
    check(Purchase, "/user_id", json!(-1), Rule::InvalidField, "user_id: ");
    check(
        Purchase,
        "/user_id",
        json!(u64::MAX),
        Rule::InvalidField,
        "more than 2^63",
    );
    check(
        Purchase,
        "/event_id",
        json!("7"),
        Rule::InvalidField,
        "event_id: ",
    );
    check(
        Purchase,
        "/total_minor",
        json!(28.95),
        Rule::InvalidField,
        "total_minor: ",
    );
    check(
        Purchase,
        "/lines/0/quantity",
        json!("2"),
        Rule::InvalidField,
        "lines[0].quantity: ",
    );
    check(
        Purchase,
        "/occurred_at",
        json!("2026-11-22T17:35:00.001Z"),
        Rule::OccurredInFuture,
        "5 minutes",
    );
    check(
        Search,
        "/query",
        json!("ü".repeat(513)),
        Rule::TextTooLong,
        "513 characters",
    );
    check(CartCheckout, "/items", json!([]), Rule::NoLines, "items is empty");
    check(Refund, "/lines", json!([]), Rule::NoLines, "lines is empty");
    check(
        CartAdd,
        "/quantity",
        json!(0),
        Rule::QuantityOutOfRange,
        "quantity 0",
    );
    check(
        Purchase,
        "/lines/0/quantity",
        json!(i64::MAX),
        Rule::QuantityOutOfRange,
        "line 1",
    );
    check(
        ProductView,
        "/price_minor",
        json!(-1),
        Rule::AmountOutOfRange,
        "price_minor -1",
    );
    check(
        Purchase,
        "/lines/0/unit_price_minor",
        json!(i64::MAX),
        Rule::AmountOutOfRange,
        "unit_price_minor",
    );
    check(
        Purchase,
        "/lines/0/unit_price_minor",
        json!(900_000_000_000_i64),
        Rule::AmountOutOfRange,
        "the lines come to",
    );
    check(
        Purchase,
        "/discount_minor",
        json!(-500),
        Rule::AmountOutOfRange,
        "discount_minor -500",
    );
    check(
        Purchase,
        "/total_minor",
        json!(2_896),
        Rule::TotalMismatch,
        "total_minor is 2896, its parts come to 2895",
    );
    check(
        CartCheckout,
        "/cart_total_minor",
        json!(0),
        Rule::TotalMismatch,
        "its parts come to 2500",
    );
}

#[test]
fn a_fully_discounted_order_and_a_clock_slightly_ahead_are_valid() {
    let mut event = example(EventType::Purchase);
    event["discount_minor"] = json!(3_395);
    event["total_minor"] = json!(0);
    event["occurred_at"] = json!("2026-11-22T17:35:00.000Z");
    assert!(decode(&event).is_ok());
}

#[test]
fn an_event_on_another_stream_is_rejected() {
    let bytes = example(EventType::Purchase).to_string();
    let rejection = Event::decode(Stream::CartEvents, bytes.as_bytes(), now()).unwrap_err();
    assert_eq!(
        rejection.to_string(),
        "wrong_stream: purchase belongs on transactions, it came on cart-events"
    );
}

#[test]
fn what_is_no_event_is_told_apart() {
    let rule = |bytes: &[u8]| Event::parse(bytes).unwrap_err().rule;
    for bytes in [
        &b""[..],
        b"{",
        b"\xff\xfe",
        b"[1]",
        b"null",
        b"\"{}\"",
        b"{\"query\": \"\xff\"}",
    ] {
        assert_eq!(rule(bytes), Rule::NotJson, "{bytes:?}");
    }
    assert_eq!(rule(&vec![b' '; 1 << 20]), Rule::EventTooLarge);
    assert_eq!(rule(b"{}"), Rule::MissingField);
    assert_eq!(rule(br#"{"user_id": 1, "user_id": 2}"#), Rule::InvalidField);
}

#[test]
fn unknown_fields_are_passed_over() {
    let event = merged(example(EventType::Search), &json!({ "campaign": { "id": 1 } }));
    assert_eq!(decode(&event), decode(&example(EventType::Search)));
}

proptest! {
    #[test]
    fn decoding_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = Event::decode(Stream::Transactions, &bytes, now());
    }

    #[test]
    fn decoding_any_damaged_event_never_panics(
        which in 0..EventType::ALL.len(), at in any::<proptest::sample::Index>(), byte in any::<u8>(),
    ) {
        let event_type = EventType::ALL[which];
        let mut bytes = example(event_type).to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(event) = Event::decode(event_type.stream(), &bytes, now()) {
            let mut written = Vec::new();
            event.to_json(&mut written);
            prop_assert_eq!(Event::parse(&written), Ok(event));
        }
    }

    #[test]
    fn any_amounts_are_judged_without_overflow(price in any::<i64>(), quantity in any::<i64>(), extra in any::<i64>()) {
        let mut event = example(EventType::Purchase);
        event["lines"][0]["unit_price_minor"] = json!(price);
        event["lines"][0]["quantity"] = json!(quantity);
        event["tax_minor"] = json!(extra);
        prop_assert!(decode(&event).is_err());
    }
}
