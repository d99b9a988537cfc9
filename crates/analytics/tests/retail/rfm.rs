//! RFM, against counts over all pairs of customers.

use std::collections::{BTreeMap, BTreeSet};

use analytics::retail::Overflow;
use analytics::retail::rfm::{CustomerSegment, Customers, CutPoints, RfmRow, Segment, Segmentation};
use proptest::prelude::*;

/// Rows of few users on few days, so that there are ties, and users with refunds only.
fn any_row() -> impl Strategy<Value = RfmRow> {
    let day = prop_oneof![4 => -8..8_i32, 1 => 9_000..9_003_i32, 1 => -30_000..-29_997_i32];
    (0..14_i64, day, -30..60_i64, prop::bool::weighted(0.4)).prop_map(
        |(user_id, day, net_minor, is_order)| RfmRow {
            user_id: user_id - 3,
            day,
            net_minor: net_minor / 10 * 10,
            is_order,
        },
    )
}

fn fold<'a>(rows: impl IntoIterator<Item = &'a RfmRow>) -> Customers {
    let mut customers = Customers::default();
    rows.into_iter().for_each(|row| customers.add(*row));
    customers
}

fn scored(rows: &[RfmRow]) -> (Segmentation, Vec<CustomerSegment>) {
    let segmentation = fold(rows).segments().unwrap();
    let customers = segmentation.customers().collect();
    (segmentation, customers)
}

/// An order of one line.
fn order(user_id: i64, day: i32, net_minor: i64) -> RfmRow {
    RfmRow {
        user_id,
        day,
        net_minor,
        is_order: true,
    }
}

fn refund(user_id: i64, day: i32, net_minor: i64) -> RfmRow {
    RfmRow {
        is_order: false,
        ..order(user_id, day, -net_minor)
    }
}

/// A customer's recency in days, frequency, and spend in minor units.
type Values = (i64, i64, i64);

/// Who is a customer, with recency, frequency and spend, as the definitions have it.
fn model(rows: &[RfmRow]) -> (Option<i32>, BTreeMap<i64, Values>) {
    let orders: Vec<&RfmRow> = rows.iter().filter(|row| row.is_order).collect();
    let snapshot_day = orders.iter().map(|row| row.day + 1).max();
    let users: BTreeSet<i64> = orders.iter().map(|row| row.user_id).collect();
    let customer = |user_id: i64| {
        let of_user: Vec<&&RfmRow> = orders.iter().filter(|row| row.user_id == user_id).collect();
        let last_day = of_user.iter().map(|row| row.day).max().unwrap();
        let spend_minor = rows
            .iter()
            .filter(|row| row.user_id == user_id)
            .map(|row| row.net_minor)
            .sum();
        (
            i64::from(snapshot_day.unwrap() - last_day),
            i64::try_from(of_user.len()).unwrap(),
            spend_minor,
        )
    };
    (
        snapshot_day,
        users
            .into_iter()
            .map(|user_id| (user_id, customer(user_id)))
            .collect(),
    )
}

fn score(worse: usize, customers: usize) -> u8 {
    1 + u8::try_from(5 * worse / customers).unwrap()
}

proptest! {
    #[test]
    fn customers_and_scores_are_what_counting_all_pairs_gives(rows in prop::collection::vec(any_row(), 0..70)) {
        let (segmentation, found) = scored(&rows);
        let (snapshot_day, customers) = model(&rows);
        prop_assert_eq!(segmentation.snapshot_day, snapshot_day);
        let users: BTreeSet<i64> = rows.iter().map(|row| row.user_id).collect();
        prop_assert_eq!(segmentation.without_order, users.len() - customers.len());

        let n = customers.len();
        let count = |is_worse: &dyn Fn(&Values) -> bool| {
            customers.values().filter(|other| is_worse(other)).count()
        };
        let expected: Vec<CustomerSegment> = customers.iter().map(|(user_id, own)| {
            let (recency_days, frequency, monetary_minor) = *own;
            let r = score(count(&|other| other.0 > recency_days), n);
            let f = score(count(&|other| other.1 < frequency), n);
            let m = score(count(&|other| other.2 < monetary_minor), n);
            let (user_id, snapshot_day, segment) = (*user_id, snapshot_day.unwrap(), Segment::of(r, f));
            CustomerSegment { user_id, snapshot_day, recency_days, frequency, monetary_minor, r, f, m, segment }
        }).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn cut_points_are_the_worst_values_that_have_each_score(rows in prop::collection::vec(any_row(), 0..70)) {
        let (segmentation, found) = scored(&rows);
        let cuts = segmentation.cut_points;
        for (place, score) in (0..5).zip(1..=5) {
            let of_r = found.iter().filter(|customer| customer.r == score);
            let longest = of_r.map(|customer| customer.recency_days).max();
            prop_assert_eq!(cuts.recency_days[place], longest);
            let of_f = found.iter().filter(|customer| customer.f == score);
            let fewest = of_f.map(|customer| customer.frequency).min();
            prop_assert_eq!(cuts.frequency[place], fewest);
            let of_m = found.iter().filter(|customer| customer.m == score);
            let least = of_m.map(|customer| customer.monetary_minor).min();
            prop_assert_eq!(cuts.monetary_minor[place], least);
        }
    }

    #[test]
    fn order_and_split_of_the_rows_leave_no_trace(
        rows in prop::collection::vec((any_row(), 0..4_usize, any::<u32>()), 0..70),
    ) {
        let whole = fold(rows.iter().map(|(row, ..)| row));
        let mut shuffled = rows;
        shuffled.sort_by_key(|(.., order)| *order);
        let mut merged = Customers::default();
        for part in (0..4).rev() {
            merged.merge(fold(shuffled.iter().filter(|(_, of, _)| *of == part).map(|(row, ..)| row)));
        }
        prop_assert_eq!(&merged, &whole);
        prop_assert_eq!(merged.segments(), whole.segments());
    }

    #[test]
    fn merging_is_commutative_associative_and_has_a_neutral_element(
        a in prop::collection::vec(any_row(), 0..30),
        b in prop::collection::vec(any_row(), 0..30),
        c in prop::collection::vec(any_row(), 0..30),
    ) {
        let merge = |left: &Customers, right: &Customers| { let mut sum = left.clone(); sum.merge(right.clone()); sum };
        let (a, b, c) = (fold(&a), fold(&b), fold(&c));
        prop_assert_eq!(merge(&a, &b), merge(&b, &a));
        prop_assert_eq!(merge(&merge(&a, &b), &c), merge(&a, &merge(&b, &c)));
        prop_assert_eq!(merge(&a, &Customers::default()), a);
    }

    #[test]
    fn sums_that_fit_in_the_end_are_exact_and_others_are_named(
        nets_minor in prop::collection::vec(prop_oneof![any::<i64>(), Just(i64::MAX), Just(i64::MIN)], 1..6),
    ) {
        let rows: Vec<RfmRow> = nets_minor.iter().map(|net_minor| order(7, 0, *net_minor)).collect();
        let sum: i128 = nets_minor.iter().map(|net_minor| i128::from(*net_minor)).sum();
        let found = fold(&rows).segments().map(|segmentation| segmentation.customers().next().unwrap().monetary_minor);
        let too_large = Overflow { figure: "monetary_minor", of: "user 7".into() };
        prop_assert_eq!(found, i64::try_from(sum).map_err(|_| too_large));
    }
}

#[test]
fn ten_customers_with_different_values_are_two_a_score() {
    let rows: Vec<RfmRow> = (0..10)
        .flat_map(|user| (0..=user).map(move |n| order(user, i32::try_from(10 * user - n).unwrap(), 100)))
        .collect();
    let (segmentation, customers) = scored(&rows);
    assert_eq!(segmentation.snapshot_day, Some(91));
    let scores: Vec<u8> = customers.iter().map(|customer| customer.r).collect();
    assert_eq!(scores, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    assert!(
        customers
            .iter()
            .all(|customer| (customer.f, customer.m) == (customer.r, customer.r))
    );
    // The last order of user u was on day 10 u, and there were u + 1 of them.
    assert_eq!(
        segmentation.cut_points.recency_days,
        [91, 71, 51, 31, 11].map(Some)
    );
    assert_eq!(segmentation.cut_points.frequency, [1, 3, 5, 7, 9].map(Some));
    assert_eq!(
        segmentation.cut_points.monetary_minor,
        [100, 300, 500, 700, 900].map(Some)
    );
}

#[test]
fn ties_share_a_score_and_may_leave_one_to_nobody() {
    // Frequencies 1, 1, 1, 1, 1, 1, 2, 2, 2, 3: below 2 are 6 of 10, below 3 are 9.
    let frequencies = [1, 1, 1, 1, 1, 1, 2, 2, 2, 3];
    let orders_of = |(user, orders): (i64, i32)| (0..orders).map(move |_| order(user, 5, 0));
    let rows: Vec<RfmRow> = (0..).zip(frequencies).flat_map(orders_of).collect();
    let (segmentation, customers) = scored(&rows);
    let scores: Vec<u8> = customers.iter().map(|customer| customer.f).collect();
    assert_eq!(scores, [1, 1, 1, 1, 1, 1, 4, 4, 4, 5]);
    assert_eq!(
        segmentation.cut_points.frequency,
        [Some(1), None, None, Some(2), Some(3)]
    );
    // All bought on the same day, and for nothing.
    assert!(
        customers
            .iter()
            .all(|customer| (customer.r, customer.m) == (1, 1))
    );
    assert_eq!(
        segmentation.cut_points.recency_days,
        [Some(1), None, None, None, None]
    );
    assert_eq!(
        segmentation.cut_points.monetary_minor,
        [Some(0), None, None, None, None]
    );
}

#[test]
fn fewer_than_five_customers_are_scored_by_the_same_rule() {
    let (_, one) = scored(&[order(1, 3, 50)]);
    assert_eq!((one[0].r, one[0].f, one[0].m, one[0].recency_days), (1, 1, 1, 1));
    assert_eq!(one[0].segment, Segment::Hibernating);
    // Below the second are 1 of 3, 1 + ⌊5 / 3⌋; below the third 2 of 3, 1 + ⌊10 / 3⌋.
    let (segmentation, three) = scored(&[order(1, 3, 50), order(2, 4, 60), order(3, 9, 70)]);
    assert_eq!(
        three.iter().map(|customer| customer.m).collect::<Vec<u8>>(),
        [1, 2, 4]
    );
    assert_eq!(
        segmentation.cut_points.monetary_minor,
        [Some(50), Some(60), None, Some(70), None]
    );
    assert_eq!(
        segmentation.cut_points.recency_days,
        [Some(7), Some(6), None, Some(1), None]
    );
}

#[test]
fn an_order_of_several_lines_counts_once_and_refunds_only_lower_the_spend() {
    let rows = [
        order(1, 10, 500),
        RfmRow {
            is_order: false,
            ..order(1, 10, 300)
        },
        refund(1, 40, 900),
        order(2, 20, 10),
        refund(3, 50, 10),
    ];
    let (segmentation, customers) = scored(&rows);
    // The refund on day 50 is no order.
    assert_eq!(
        (segmentation.snapshot_day, segmentation.without_order),
        (Some(21), 1)
    );
    let seen = |customer: &CustomerSegment| {
        (
            customer.user_id,
            customer.recency_days,
            customer.frequency,
            customer.monetary_minor,
        )
    };
    assert_eq!(
        customers.iter().map(seen).collect::<Vec<_>>(),
        [(1, 11, 1, -100), (2, 1, 1, 10)]
    );
}

#[test]
fn without_orders_there_are_no_customers() {
    let (segmentation, customers) = scored(&[refund(1, 4, 50), refund(2, 5, 50), refund(2, 6, 50)]);
    assert_eq!((segmentation.snapshot_day, segmentation.without_order), (None, 2));
    assert_eq!(customers, []);
    assert_eq!(segmentation.cut_points, CutPoints::default());
    assert_eq!(fold(&[]).segments().unwrap().snapshot_day, None);
}

#[test]
fn days_may_be_as_far_apart_as_days_can_be() {
    let (segmentation, customers) = scored(&[order(1, i32::MIN, 1), order(2, i32::MAX - 1, 1)]);
    assert_eq!(segmentation.snapshot_day, Some(i32::MAX));
    assert_eq!(
        (customers[0].recency_days, customers[1].recency_days),
        ((1 << 32) - 1, 1)
    );
    assert_eq!(
        segmentation.cut_points.recency_days,
        [Some((1 << 32) - 1), None, Some(1), None, None]
    );

    let error = fold(&[order(1, i32::MAX, 1)]).segments().unwrap_err();
    assert_eq!(
        error.to_string(),
        "snapshot_day of day 2147483647 does not fit its column"
    );
}

#[test]
fn of_several_sums_that_do_not_fit_the_first_users_is_named() {
    let rows: Vec<RfmRow> = [9, -4, 30]
        .into_iter()
        .flat_map(|user| [order(user, 0, i64::MIN), order(user, 0, -1)])
        .collect();
    for _ in 0..20 {
        assert_eq!(fold(&rows).segments().unwrap_err().of, "user -4");
    }
    // Nor does the spend of one who is no customer matter.
    assert!(
        fold(&[order(1, 0, 1), refund(2, 0, i64::MAX), refund(2, 0, i64::MAX)])
            .segments()
            .is_ok()
    );
}
