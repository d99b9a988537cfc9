//! Segments and migrations between them.

use std::collections::{BTreeMap, BTreeSet};

use analytics::retail::rfm::{MigrationMatrix, Segment};
use proptest::prelude::*;

use Segment::{
    AboutToSleep, AtRisk, CantLose, Champions, Hibernating, Loyal, NeedAttention, New, PotentialLoyalist,
    Promising,
};

#[test]
fn each_pair_of_scores_has_its_segment() {
    // Columns are F 1 to 5, rows are R 5 to 1.
    let grid = [
        [New, PotentialLoyalist, PotentialLoyalist, Champions, Champions],
        [Promising, PotentialLoyalist, PotentialLoyalist, Loyal, Loyal],
        [AboutToSleep, AboutToSleep, NeedAttention, Loyal, Loyal],
        [Hibernating, Hibernating, AtRisk, AtRisk, CantLose],
        [Hibernating, Hibernating, AtRisk, AtRisk, CantLose],
    ];
    for (r, row) in (1..=5).rev().zip(grid) {
        for (f, segment) in (1..=5).zip(row) {
            assert_eq!(Segment::of(r, f), segment, "R {r}, F {f}");
        }
    }
}

#[test]
fn names_are_different_and_are_read_back() {
    let names: BTreeSet<&str> = Segment::ALL.into_iter().map(Segment::as_str).collect();
    assert_eq!(names.len(), 10);
    for segment in Segment::ALL {
        assert_eq!(Segment::parse(segment.as_str()), Some(segment));
    }
    assert_eq!(
        (CantLose.as_str(), PotentialLoyalist.as_str()),
        ("Can't Lose", "Potential Loyalist")
    );
    assert_eq!(Segment::parse("champions"), None);
}

fn any_snapshot() -> impl Strategy<Value = BTreeMap<i64, Segment>> {
    prop::collection::btree_map(-20..20_i64, prop::sample::select(Segment::ALL.to_vec()), 0..30)
}

proptest! {
    #[test]
    fn migrations_are_counted_user_by_user(before in any_snapshot(), after in any_snapshot()) {
        let matrix = MigrationMatrix::between(before.clone(), after.clone());
        let users: BTreeSet<i64> = before.keys().chain(after.keys()).copied().collect();
        let mut expected: BTreeMap<(Option<Segment>, Option<Segment>), u64> = BTreeMap::new();
        for user in users {
            *expected.entry((before.get(&user).copied(), after.get(&user).copied())).or_default() += 1;
        }
        let found: BTreeMap<_, u64> = matrix.cells().map(|(from, to, count)| ((from, to), count)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn rows_and_columns_add_up_to_the_snapshots(before in any_snapshot(), after in any_snapshot()) {
        let matrix = MigrationMatrix::between(before.clone(), after.clone());
        let all: Vec<Option<Segment>> = Segment::ALL.into_iter().map(Some).chain([None]).collect();
        let size = |snapshot: &BTreeMap<i64, Segment>, of: Segment| {
            u64::try_from(snapshot.values().filter(|segment| **segment == of).count()).unwrap()
        };
        for segment in Segment::ALL {
            let row: u64 = all.iter().map(|to| matrix.count(Some(segment), *to)).sum();
            let column: u64 = all.iter().map(|from| matrix.count(*from, Some(segment))).sum();
            prop_assert_eq!((row, column), (size(&before, segment), size(&after, segment)));
        }
        prop_assert_eq!(matrix.count(None, None), 0);
    }
}

#[test]
fn customers_come_go_and_move() {
    let before = [(1, New), (2, Loyal), (5, Loyal)];
    let after = [(2, Champions), (4, New), (5, Loyal), (9, New)];
    let cells: Vec<_> = MigrationMatrix::between(before, after).cells().collect();
    assert_eq!(
        cells,
        [
            (Some(Loyal), Some(Champions), 1),
            (Some(Loyal), Some(Loyal), 1),
            (Some(New), None, 1),
            (None, Some(New), 2),
        ]
    );
    assert_eq!(MigrationMatrix::between([], []).cells().count(), 0);
}
