//! The same bytes as serde's, for any event.

use proptest::collection::vec;
use proptest::prelude::*;
use serde::Serialize;

use super::*;
use crate::any::{any_body, any_envelope};
use crate::event::EventType;

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
