//! What new purchases change in what is found.

use std::collections::{BTreeMap, BTreeSet};

use analytics::alerts::AlertType;
use analytics::anomalies::{Baselines, Finding, PurchaseFact, Settings, by_user, judge};
use events::{MS_PER_MINUTE, Minute, Uuid};

use crate::history::History;

/// Of so many new purchases of a shopper each part may have been known.
const FEW: usize = 6;
/// How many parts of more of them are tried. Of more than 65 new ones in a batch, as of a bot, or of guests that share an id, these
/// are spread evenly: a group that an invocation told of which died in between, and that is no group any more, may stay.
const MOST_PARTS: usize = 64;

/// What the new purchases change: findings with the minute that they are filed under.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) found: Vec<(Minute, Finding)>,
    pub(crate) gone: Vec<(Minute, Finding)>,
}

/// New purchases of a shopper by id, with their places in the order in which they came.
type Places = BTreeMap<Uuid, usize>;

/// What the new purchases change in what is found. `detect` finds groups among a shopper's purchases. Pure.
pub(crate) fn changes(
    history: &History,
    new: &[PurchaseFact],
    baselines: &Baselines,
    settings: &Settings,
    detect: impl Fn(&[&PurchaseFact], &Settings) -> Vec<Finding>,
) -> Changes {
    let mut new_of: BTreeMap<u64, Places> = BTreeMap::new();
    for purchase in new {
        let places = new_of.entry(purchase.user_id).or_default();
        let next = places.len();
        places.entry(purchase.event_id).or_insert(next);
    }
    let all = history.of(&new_of.keys().copied().collect());
    let all_of = by_user(&all);
    let mut changes = Changes::default();
    for (user_id, new) in &new_of {
        let purchases = all_of.get(user_id).map_or(&[][..], Vec::as_slice);
        changes.add_groups(purchases, new, |purchases| detect(purchases, settings));
    }
    let single = by_user(new).into_values().flatten();
    changes.found.extend(single.filter_map(|purchase| {
        let finding = judge(purchase, baselines, settings)?;
        Some((minute_of(purchase), finding))
    }));
    changes
}

impl Changes {
    /// Adds what changes in the groups of a shopper's purchases.
    fn add_groups(
        &mut self,
        purchases: &[&PurchaseFact],
        new: &Places,
        detect: impl Fn(&[&PurchaseFact]) -> Vec<Finding>,
    ) {
        let minutes: BTreeMap<Uuid, Minute> = purchases
            .iter()
            .map(|purchase| (purchase.event_id, minute_of(purchase)))
            .collect();
        let groups = |purchases: &[&PurchaseFact]| -> BTreeMap<(AlertType, Uuid), (Minute, Finding)> {
            let findings = detect(purchases).into_iter();
            findings
                .map(|finding| {
                    // A group is filed under the minute of its first purchase, as its id is.
                    let first = finding.evidence.event_ids[0];
                    ((finding.rule, finding.id), (minutes[&first], finding))
                })
                .collect()
        };
        let with = |is_known: &[bool]| {
            let known = purchases.iter().copied().filter(|purchase| {
                let place = new.get(&purchase.event_id);
                place.is_none_or(|place| is_known[*place])
            });
            groups(&known.collect::<Vec<_>>())
        };
        let (before, after) = (with(&vec![false; new.len()]), groups(purchases));
        let is_new = |key: &&_| !before.contains_key(key);
        let mut news: BTreeSet<_> = after.keys().filter(is_new).copied().collect();
        let mut gone = BTreeMap::new();
        // An invocation that began at the same mark and died may have told what is found up to any of the new purchases.
        let on_the_way = parts(new.len()).map(|is_known| with(&is_known));
        for (key, told) in std::iter::once(before).chain(on_the_way).flatten() {
            match after.get(&key) {
                Some(now) if *now == told => {}
                Some(_) => {
                    news.insert(key);
                }
                None => {
                    gone.insert(key, told);
                }
            }
        }
        self.gone.extend(gone.into_values());
        let found = after.into_iter().filter(|(key, _)| news.contains(key));
        self.found.extend(found.map(|(_, filed)| filed));
    }
}

fn minute_of(purchase: &PurchaseFact) -> Minute {
    Minute::from_number(purchase.occurred_at_ms.div_euclid(MS_PER_MINUTE))
}

/// Which of `n` new purchases, in the order in which they came, may have been known when an invocation that died told of them,
/// beside none and all: some, as it may have had fewer, and as a copy of one may be here of which the first was known long
/// before. Any of a few; of more, the first ones only, as they are too many to try out.
fn parts(n: usize) -> impl Iterator<Item = Vec<bool>> {
    let few = n <= FEW;
    let tried = if few { (1 << n) - 2 } else { MOST_PARTS.min(n - 1) };
    (1..=tried).map(move |part| {
        (0..n)
            .map(|place| {
                if few {
                    part >> place & 1 == 1
                } else {
                    place < part * n / (tried + 1)
                }
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use analytics::anomalies::{CategoryKey, detect};
    use events::Country;

    use super::*;

    /// An order of the same shopper, 30 of them a second.
    fn purchase(n: i64) -> PurchaseFact {
        PurchaseFact {
            event_id: Uuid::from_u128(u128::try_from(n).unwrap()),
            occurred_at_ms: 1_780_000_000_000 + n * 1_000 / 30,
            user_id: 1,
            country: Country::all().next().unwrap(),
            goods_minor: 5_000,
            total_minor: 5_000,
            units: 1,
            category: CategoryKey::of("books"),
            price_minor: 5_000,
        }
    }

    /// What `new` changes after `known` purchases, and how often it was looked for groups.
    fn changed(known: i64, new: std::ops::Range<i64>) -> (Changes, usize) {
        let mut minutes: BTreeMap<Minute, Vec<PurchaseFact>> = BTreeMap::new();
        for purchase in (0..known).chain(new.clone()).map(purchase) {
            minutes.entry(minute_of(&purchase)).or_default().push(purchase);
        }
        let mut history = History::default();
        for (minute, purchases) in minutes {
            history.remember(minute, purchases);
        }
        let calls = Cell::new(0);
        let counted = |purchases: &[&PurchaseFact], settings: &Settings| {
            calls.set(calls.get() + 1);
            detect(purchases, settings)
        };
        let new: Vec<PurchaseFact> = new.map(purchase).collect();
        let changes = changes(
            &history,
            &new,
            &Baselines::default(),
            &Settings::default(),
            counted,
        );
        (changes, calls.get())
    }

    #[test]
    fn a_shopper_who_orders_without_end_is_looked_at_a_bounded_number_of_times() {
        let (changes, calls) = changed(10_000, 10_000..20_000);
        // And without the new ones, and with all of them.
        assert_eq!(calls, MOST_PARTS + 2);
        let [(minute, run)] = &changes.found[..] else {
            panic!("{:?}", changes.found)
        };
        assert_eq!((*minute, run.evidence.value), (minute_of(&purchase(0)), 20_000.0));
        assert!(changes.gone.is_empty(), "{:?}", changes.gone);
    }

    #[test]
    fn a_shopper_with_one_new_order_is_looked_at_without_it_and_with_it() {
        assert_eq!(changed(0, 0..1).1, 2);
        assert_eq!(changed(100, 100..101).1, 2);
    }

    #[test]
    fn each_part_of_a_few_is_tried_and_of_more_each_beginning_until_they_are_too_many() {
        for n in 1..=FEW {
            let tried: BTreeSet<Vec<bool>> = parts(n).collect();
            assert_eq!(tried.len(), (1 << n) - 2, "of {n}");
            assert!(
                tried
                    .iter()
                    .all(|part| part.contains(&true) && part.contains(&false))
            );
        }
        let beginnings = |n| -> Vec<usize> {
            let parts = parts(n);
            parts
                .map(|part| {
                    assert!(part.is_sorted_by_key(|is_known| !is_known));
                    part.into_iter().filter(|is_known| *is_known).count()
                })
                .collect()
        };
        for n in FEW + 1..=MOST_PARTS + 1 {
            assert_eq!(beginnings(n), (1..n).collect::<Vec<_>>());
        }
        let many = beginnings(6_500);
        assert_eq!(many, (1..=MOST_PARTS).map(|part| part * 100).collect::<Vec<_>>());
    }
}
