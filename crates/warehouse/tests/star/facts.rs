//! Days of facts.

use std::collections::{BTreeSet, HashSet};

use arrow::array::RecordBatch;
use events::{
    Body, Country, Device, Envelope, Event, MS_PER_DAY, PaymentMethod, Refund, Sale, Timestamp, Uuid,
};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use proptest::prelude::*;
use warehouse::star::{DayFacts, DayFile, DayTotals, StarTable, event_days};

use crate::model::{Fact, expand, facts_of, totals};
use crate::{DAY, PlainKeys, archived, event, line, read, sale};

/// 1969-12-31, 1990-01-01, 2000-02-29, 2026-12-31.
const DAYS: [i32; 4] = [-1, 7_305, 11_016, 20_818];

fn day_file(day: i32, batches: &[RecordBatch]) -> DayFile {
    let mut facts = DayFacts::new(day, &PlainKeys).unwrap();
    batches.iter().for_each(|batch| facts.add(batch).unwrap());
    facts.finish().unwrap()
}

fn facts_in(file: DayFile) -> Vec<Fact> {
    facts_of(&read(StarTable::FactSales, file.bytes))
}

/// A batch cut at some places.
fn cut(batch: &RecordBatch, places: &[usize]) -> Vec<RecordBatch> {
    let mut places: Vec<usize> = places
        .iter()
        .map(|place| place % (batch.num_rows() + 1))
        .collect();
    places.extend([0, batch.num_rows()]);
    places.sort_unstable();
    let parts = places
        .windows(2)
        .map(|ends| batch.slice(ends[0], ends[1] - ends[0]));
    parts.collect()
}

fn any_amount() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 0..9_i64, 0..9_999_i64, 0..1_000_000_000_000_i64]
}

prop_compose! {
    fn any_sale()(
        id in 0..9_u128,
        lines in prop::collection::vec(
            (0..9_u64, 1..5_i64, prop_oneof![Just(0), 1..99_i64, 0..50_000_000_000_i64]), 1..6),
        amounts in [any_amount(), any_amount(), any_amount()],
        payment_method in prop::sample::select(PaymentMethod::ALL),
    ) -> Sale {
        let lines = lines.into_iter().map(|(product, quantity, price)| line(product, quantity, price)).collect();
        Sale { payment_method, ..sale(id, lines, amounts) }
    }
}

prop_compose! {
    /// An event of a day or of the days about it.
    fn any_event(day: i32)(
        event_id in any::<u128>(),
        ms in prop_oneof![
            -MS_PER_DAY..2 * MS_PER_DAY, 0..MS_PER_DAY,
            prop::sample::select(vec![-1, 0, MS_PER_DAY - 1, MS_PER_DAY])],
        user_id in 0..1_u64 << 63,
        country in prop::sample::select(Country::all().collect::<Vec<_>>()),
        device in prop::sample::select(Device::ALL),
        sale in any_sale(), is_refund in any::<bool>(),
    ) -> Event {
        let occurred_at = Timestamp::from_ms(i64::from(day) * MS_PER_DAY + ms).unwrap();
        let (event_id, session_id) = (Uuid::from_u128(event_id), Uuid::nil());
        // `PlainKeys` adds to it.
        let user_id = user_id / 2;
        let envelope = Envelope { event_id, occurred_at, user_id, session_id, country, device };
        let refunded_transaction_id = Uuid::from_u128(77);
        let refund = |sale| Body::Refund(Refund { refunded_transaction_id, sale });
        let body = if is_refund { refund(sale) } else { Body::Purchase(sale) };
        Event { envelope, body }
    }
}

fn any_events() -> impl Strategy<Value = (i32, Vec<Event>)> {
    prop::sample::select(DAYS.to_vec())
        .prop_flat_map(|day| (Just(day), prop::collection::vec(any_event(day), 1..12)))
}

fn is_on(day: i32, event: &Event) -> bool {
    event.envelope.occurred_at.as_ms().div_euclid(MS_PER_DAY) == i64::from(day)
}

proptest! {
    #[test]
    fn a_days_file_is_what_each_of_its_events_says((day, events) in any_events()) {
        let on_day: Vec<&Event> = events.iter().filter(|event| is_on(day, event)).collect();
        let expected: Vec<Fact> = on_day.iter().flat_map(|event| expand(event, &PlainKeys)).collect();
        let refunds = on_day.iter().filter(|event| matches!(event.body, Body::Refund(_))).count() as u64;
        let file = day_file(day, &[archived(&events)]);
        prop_assert_eq!(file.totals, totals(&expected, on_day.len() as u64 - refunds, refunds));
        prop_assert_eq!(facts_in(file), expected);
    }

    #[test]
    fn net_shipping_and_tax_of_an_orders_lines_add_up_to_its_total(sale in any_sale()) {
        let of = |body| facts_in(day_file(DAY, &[archived(&[event(1, 0, body)])]));
        let paid = |facts: &[Fact]| -> i64 {
            facts.iter().map(|fact| fact.net_minor + fact.shipping_minor + fact.tax_minor).sum()
        };
        let purchase = of(Body::Purchase(sale.clone()));
        prop_assert_eq!(paid(&purchase), sale.total_minor);
        prop_assert_eq!(purchase.iter().map(|fact| fact.discount_minor).sum::<i64>(), sale.discount_minor);
        prop_assert_eq!(purchase.iter().map(|fact| fact.shipping_minor).sum::<i64>(), sale.shipping_minor);
        let refund = of(Body::Refund(Refund { refunded_transaction_id: Uuid::nil(), sale: sale.clone() }));
        prop_assert_eq!(paid(&refund), -sale.total_minor);
    }

    #[test]
    fn a_resent_event_changes_nothing(
        (day, events) in any_events(), again in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let copies = again.iter().map(|which| events[which.index(events.len())].clone());
        let resent: Vec<Event> = events.iter().cloned().chain(copies).collect();
        let (once, twice) = (archived(&events), archived(&resent));
        let (once, twice) = (day_file(day, &[once]), day_file(day, &cut(&twice, &[events.len(), 3])));
        prop_assert_eq!(twice.totals, once.totals);
        prop_assert!(twice.bytes == once.bytes);
    }

    #[test]
    fn events_of_other_days_leave_no_trace((day, events) in any_events()) {
        let on_day: Vec<Event> = events.iter().filter(|event| is_on(day, event)).cloned().collect();
        prop_assume!(!on_day.is_empty());
        prop_assert_eq!(day_file(day, &[archived(&on_day)]), day_file(day, &[archived(&events)]));
    }

    #[test]
    fn the_days_of_a_batch_are_those_on_which_its_events_happened((_, events) in any_events()) {
        let dates: BTreeSet<String> = events.iter().map(|event| event.envelope.occurred_at.date()).collect();
        let days = event_days(&archived(&events)).unwrap();
        let date = |day: i32| Timestamp::of_day(day).unwrap().date();
        prop_assert_eq!(days.into_iter().map(date).collect::<BTreeSet<_>>(), dates);
    }
}

/// So many orders of three lines.
fn orders(count: u32) -> RecordBatch {
    let order = |n: u32| {
        let n = u128::from(n);
        let product = u64::try_from(n % 1_000).unwrap();
        let lines = vec![
            line(product, 1, 999),
            line(product + 1, 2, 1_499),
            line(product + 2, 3, 5),
        ];
        event(
            n << 64,
            i64::try_from(n).unwrap(),
            Body::Purchase(sale(n << 70, lines, [7, 11, 13])),
        )
    };
    archived(&(0..count).map(order).collect::<Vec<_>>())
}

#[test]
fn however_the_archive_is_split_the_bytes_are_the_same() {
    // Of several batches of the writer, the last of which is not full.
    let batch = orders(10_000);
    let whole = day_file(DAY, std::slice::from_ref(&batch));
    assert_eq!(whole.totals.rows, 30_000);
    for places in [
        vec![1],
        vec![2_730, 2_731, 2_732, 8_192],
        (0..300).map(|n| n * 37).collect(),
    ] {
        assert!(day_file(DAY, &cut(&batch, &places)) == whole, "{places:?}");
    }
}

#[test]
fn many_rows_are_several_row_groups_in_the_order_of_the_archive() {
    let file = day_file(DAY, &[orders(90_000)]);
    let bytes = file.bytes;
    let reader = SerializedFileReader::new(bytes.clone()).unwrap();
    let row_groups = reader.metadata().row_groups();
    let rows: Vec<i64> = row_groups.iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(rows, [262_144, 7_856]);
    for column in row_groups.iter().flat_map(RowGroupMetaData::columns) {
        let path = column.column_path().string();
        // Of random ids they would tell nothing.
        let ids = ["transaction_id", "event_id", "refunded_transaction_id"];
        assert_eq!(
            column.statistics().is_none(),
            ids.contains(&path.as_str()),
            "{path}"
        );
    }
    let facts = facts_of(&read(StarTable::FactSales, bytes));
    let in_order =
        (0..90_000_u128).flat_map(|n| (1..=3).map(move |line| (Uuid::from_u128(n << 70).to_string(), line)));
    assert!(
        facts
            .iter()
            .map(|fact| (fact.transaction_id.clone(), fact.line_number))
            .eq(in_order)
    );
}

#[test]
fn of_two_events_with_one_id_the_first_counts() {
    let of = |cents| Body::Purchase(sale(1, vec![line(1, 1, cents)], [0; 3]));
    let batch = archived(&[event(5, 9, of(100)), event(5, 8, of(200))]);
    let file = day_file(DAY, &[batch]);
    assert_eq!((file.totals.purchases, file.totals.net_minor), (1, 100));
}

#[test]
fn a_refund_is_negative_and_names_the_order_that_it_is_of() {
    let refunded = Uuid::from_u128(1);
    let returned = sale(2, vec![line(1, 2, 250), line(2, 1, 500)], [101, 40, 9]);
    let refund = Refund {
        refunded_transaction_id: refunded,
        sale: returned,
    };
    let facts = facts_in(day_file(DAY, &[archived(&[event(1, 0, Body::Refund(refund))])]));
    let ids: HashSet<_> = facts
        .iter()
        .map(|fact| fact.refunded_transaction_id.clone())
        .collect();
    assert_eq!(ids, HashSet::from([Some(refunded.to_string())]));
    let amounts = facts.iter().map(|fact| {
        assert!(fact.is_refund);
        assert_eq!(fact.date_key, 20_261_122);
        [
            fact.quantity,
            fact.unit_price_minor,
            fact.gross_minor,
            fact.discount_minor,
            fact.net_minor,
            fact.shipping_minor,
            fact.tax_minor,
        ]
    });
    let expected = [
        [-2, 250, -500, -50, -450, -20, -4],
        [-1, 500, -500, -51, -449, -20, -5],
    ];
    assert_eq!(amounts.collect::<Vec<_>>(), expected);
}

#[test]
fn a_day_without_rows_has_columns_only() {
    let batch = archived(&[event(
        1,
        MS_PER_DAY,
        Body::Purchase(sale(1, vec![line(1, 1, 1)], [0; 3])),
    )]);
    let nothing = day_file(DAY, &[]);
    assert_eq!(day_file(DAY, &[batch]), nothing);
    assert_eq!(nothing.totals, DayTotals::default());
    assert!(facts_in(nothing).is_empty());
}
