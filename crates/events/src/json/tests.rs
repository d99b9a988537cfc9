//! The same bytes as serde's, for any event.

use std::borrow::Cow;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::Serialize;

use super::*;
use crate::Country;
use crate::event::{
    Checkout, Compare, Device, EventType, Filter, PaymentMethod, ProductView, Refund, Search,
};

/// The event as serde writes it: what `to_json` must equal.
#[derive(Serialize)]
struct Reference<'a> {
    schema_version: u16,
    event_type: EventType,
    #[serde(flatten)]
    envelope: &'a Envelope,
    #[serde(flatten)]
    body: &'a Body,
}

fn by_serde(event: &Event) -> String {
    let reference = Reference {
        schema_version: SCHEMA_VERSION,
        event_type: event.event_type(),
        envelope: &event.envelope,
        body: &event.body,
    };
    serde_json::to_string(&reference).unwrap()
}

fn by_hand(event: &Event) -> String {
    let mut json = Vec::new();
    event.to_json(&mut json);
    String::from_utf8(json).unwrap()
}

fn any_text() -> impl Strategy<Value = Cow<'static, str>> {
    let char = prop_oneof![
        any::<char>(),
        proptest::char::range('\0', '\x7f'),
        Just('"'),
        Just('\\')
    ];
    vec(char, 0..12).prop_map(|chars| chars.into_iter().collect::<String>().into())
}

fn any_uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

prop_compose! {
    fn any_envelope()(
        event_id in any_uuid(), session_id in any_uuid(), user_id in any::<u64>(),
        ms in prop_oneof![-377_705_023_201_000..253_402_207_200_000_i64, -90_000_000_000..90_000_000_000_i64],
        country in prop::sample::select(Country::all().collect::<Vec<_>>()),
        device in prop::sample::select(Device::ALL),
    ) -> Envelope {
        let occurred_at = Timestamp::from_ms(ms).unwrap();
        Envelope { event_id, occurred_at, user_id, session_id, country, device }
    }
}

prop_compose! {
    fn any_line()(
        product_id in any::<u64>(), category in any_text(), quantity in any::<i64>(), price in any::<i64>(),
    ) -> Line {
        Line { product_id, category, quantity, unit_price_minor: price }
    }
}

prop_compose! {
    fn any_sale()(
        (transaction_id, cart_id) in (any_uuid(), any_uuid()), lines in vec(any_line(), 0..4),
        amounts in any::<[i64; 4]>(), currency in any_text(),
        payment_method in prop::sample::select(PaymentMethod::ALL),
    ) -> Sale {
        let [discount_minor, shipping_minor, tax_minor, total_minor] = amounts;
        Sale {
            transaction_id, cart_id, lines, discount_minor, shipping_minor, tax_minor, total_minor, currency,
            payment_method,
        }
    }
}

fn any_body() -> impl Strategy<Value = Body> {
    let cart_line = || (any_uuid(), any_line()).prop_map(|(cart_id, line)| CartLine { cart_id, line });
    prop_oneof![
        (any::<u64>(), any_text(), any::<i64>()).prop_map(|(product_id, category, price_minor)| {
            Body::ProductView(ProductView {
                product_id,
                category,
                price_minor,
            })
        }),
        (any_text(), any::<u64>()).prop_map(|(query, results)| Body::Search(Search { query, results })),
        btree_map(any_text(), any_text(), 0..4).prop_map(|filters| Body::Filter(Filter { filters })),
        vec(any::<u64>(), 0..4).prop_map(|product_ids| Body::Compare(Compare { product_ids })),
        cart_line().prop_map(Body::CartAdd),
        cart_line().prop_map(Body::CartUpdate),
        cart_line().prop_map(Body::CartRemove),
        (any_uuid(), vec(any_line(), 0..4), any::<i64>()).prop_map(|(cart_id, items, cart_total_minor)| {
            Body::CartCheckout(Checkout {
                cart_id,
                items,
                cart_total_minor,
            })
        }),
        any_sale().prop_map(Body::Purchase),
        (any_uuid(), any_sale()).prop_map(|(refunded_transaction_id, sale)| {
            Body::Refund(Refund {
                refunded_transaction_id,
                sale,
            })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn any_event_is_written_as_serde_writes_it(envelope in any_envelope(), body in any_body()) {
        let event = Event { envelope, body };
        prop_assert_eq!(by_hand(&event), by_serde(&event));
    }

    #[test]
    fn nothing_of_an_event_stays_in_what_a_writer_writes_next(
        events in vec((any_envelope(), any_body(), 0..3_000_i64), 1..6),
    ) {
        let mut writer = JsonWriter::default();
        let mut now = events[0].0.occurred_at;
        for (envelope, body, later_ms) in events {
            // Most follow each other within a second; none at the calendar's end.
            now = now.plus_ms(later_ms);
            let event = Event { envelope: Envelope { occurred_at: now, ..envelope }, body };
            let json = writer.write_event(&event);
            prop_assert_eq!(std::str::from_utf8(&json).unwrap(), by_serde(&event));
            writer.recycle(json);
        }
    }
}

fn written(write: impl FnOnce(Json<'_>) -> Json<'_>) -> String {
    let mut room = [0; 1_024];
    let left = write(Json { rest: &mut room }).rest.len();
    String::from_utf8(room[..room.len() - left].to_vec()).unwrap()
}

#[test]
fn every_byte_of_ascii_is_written_as_serde_writes_it() {
    let text: String = ('\0'..='\x7f').collect();
    for text in (1..=16)
        .flat_map(|part| text.as_bytes().chunks(part))
        .chain([text.as_bytes()])
    {
        let text = std::str::from_utf8(text).unwrap();
        assert_eq!(
            written(|json| json.raw(b"\"").escaped(text).raw(b"\"")),
            serde_json::to_string(text).unwrap()
        );
    }
}

#[test]
fn every_day_of_the_calendar_is_the_calendars() {
    const YEAR_0: i64 = -719_528;
    const YEAR_10000: i64 = 2_932_897;
    let mut date = jiff::civil::date(0, 1, 1);
    for day in YEAR_0..YEAR_10000 {
        let (year, month, day_of_month) = civil_date(day).unwrap();
        assert_eq!(
            (
                i64::from(date.year()),
                i64::from(date.month()),
                i64::from(date.day())
            ),
            (year.into(), month.into(), day_of_month.into()),
        );
        date = date.tomorrow().unwrap_or(date);
    }
    for outside in [YEAR_0 - 1, YEAR_10000, -4_371_587, i64::from(i32::MAX)] {
        assert_eq!(civil_date(outside), None, "{outside}");
    }
}

#[test]
fn times_at_the_edges_are_written_as_display_writes_them() {
    let last = 253_402_207_200_000 - 1;
    for ms in [
        0,
        -1,
        999,
        -62_167_219_200_000,
        -62_167_219_200_001,
        951_782_400_000,
        last,
    ] {
        let time = Timestamp::from_ms(ms).unwrap();
        let second = Second::new(ms.div_euclid(1_000));
        assert_eq!(written(|json| json.time(time, second.as_ref())), time.to_string());
    }
}
