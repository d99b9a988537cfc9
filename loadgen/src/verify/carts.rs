//! What happened to carts, and what became of them: the metrics against the ledgers.

use std::collections::BTreeMap;

use analytics::Partial;
use analytics::carts::{CartMinute, CartsPartial};
use events::{EventType, MS_PER_MINUTE, Minute, Timestamp};

use super::report::{Check, cells_check};
use super::{Sent, TypeCells, add_up, read_minutes, type_checks};
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::jobs::Job;
use crate::ledger::CartFacts;

/// How often carts are swept: so long after its timeout a cart may still count as open.
const SWEEP_INTERVAL_MS: i64 = MS_PER_MINUTE;

/// What became of carts, by minute.
pub(super) type CartCells = BTreeMap<Minute, CartFacts>;
/// One of the sums of carts.
type Measure = fn(&CartFacts) -> i64;

/// Compares the minutes of the ledgers, and those in which something became of their carts.
pub(super) async fn compare(
    deployment: &Deployment,
    sent: &Sent,
    now: Timestamp,
) -> Result<Vec<Check>, Failure> {
    let minutes = read_minutes(deployment, sent, activity).await?;
    let mut counted = TypeCells::new();
    minutes
        .into_iter()
        .for_each(|minute| add_up(&mut counted, minute));
    let mut checks = type_checks(Job::Carts, &sent.events, &counted);
    let touched = (
        sent.cart_minutes.first_key_value(),
        sent.cart_minutes.last_key_value(),
    );
    let figures = match touched {
        (Some((from, _)), Some((to, _))) => deployment.figures(CartsPartial::FAMILY, *from, *to).await?,
        _ => BTreeMap::new(),
    };
    checks.extend(fate_checks(&sent.cart_minutes, &figures, now));
    Ok(checks)
}

/// What happened to carts in a minute, by type.
pub(super) fn activity(minute: Minute, pages: &[CartsPartial]) -> TypeCells {
    let mut cells = TypeCells::new();
    for page in pages {
        let activity = page.activity();
        let types = [
            (EventType::CartAdd, activity.adds),
            (EventType::CartUpdate, activity.updates),
            (EventType::CartRemove, activity.removes),
            (EventType::CartCheckout, activity.checkouts),
            (EventType::Purchase, activity.purchases),
        ];
        add_up(
            &mut cells,
            types.map(|(event_type, n)| ((minute, event_type), n.unsigned_abs())),
        );
    }
    cells
}

/// A sum of each measure over the minutes that the ledgers' carts touch, and how many of those minutes agree in all of them.
pub(super) fn fate_checks(
    expected: &CartCells,
    figures: &BTreeMap<Minute, CartMinute>,
    now: Timestamp,
) -> Vec<Check> {
    let found: CartCells = figures
        .iter()
        .filter(|(minute, _)| expected.contains_key(minute))
        .map(|(minute, figures)| (*minute, facts_of(figures)))
        .collect();
    let mut checks = measure_checks(expected, &found);
    if let Some(NotDue { carts, until }) = NotDue::of(expected, now) {
        let settled = measure_checks(expected, &settled(expected, &found, now));
        let waiting = checks
            .iter_mut()
            .zip(settled)
            .filter(|(check, settled)| check.difference != 0 && check.difference != settled.difference);
        for (check, settled) in waiting {
            check.name = format!("{} ({carts} not due until {until})", check.name);
            check.not_due_until = (settled.difference == 0).then_some(until);
        }
    }
    checks
}

/// A sum of each measure, and how many minutes agree in all of them.
fn measure_checks(expected: &CartCells, found: &CartCells) -> Vec<Check> {
    let measures: [(&str, Measure); 7] = [
        ("created", |of| of.created),
        ("checked out", |of| of.checked_out),
        ("converted", |of| of.converted),
        ("recovered", |of| of.recovered),
        ("abandoned", |of| of.abandoned),
        ("value_abandoned_minor", |of| of.value_abandoned_minor),
        ("value_recovered_minor", |of| of.value_recovered_minor),
    ];
    let sum = |cells: &CartCells, of: Measure| cells.values().map(of).sum();
    let mut checks: Vec<Check> = measures
        .iter()
        .map(|(name, of)| Check::new(format!("carts {name}"), sum(expected, *of), sum(found, *of)))
        .collect();
    checks.push(cells_check("carts minutes equal".to_owned(), expected, found));
    checks
}

const fn facts_of(figures: &CartMinute) -> CartFacts {
    CartFacts {
        created: figures.created,
        checked_out: figures.checked_out,
        converted: figures.converted,
        recovered: figures.recovered,
        abandoned: figures.abandoned,
        value_abandoned_minor: figures.value_abandoned_minor,
        value_recovered_minor: figures.value_recovered_minor,
    }
}

/// Carts that the system cannot know to be abandoned yet.
struct NotDue {
    carts: u64,
    until: Timestamp,
}

impl NotDue {
    /// `None` if the system has had time for all.
    fn of(expected: &CartCells, now: Timestamp) -> Option<Self> {
        let until = pending(expected, now)
            .filter_map(|(minute, _)| due(*minute))
            .max()?;
        let carts: i64 = pending(expected, now).map(|(_, facts)| facts.abandoned).sum();
        Some(Self {
            carts: carts.unsigned_abs(),
            until,
        })
    }
}

/// When the system must know which carts were abandoned in a minute.
fn due(minute: Minute) -> Option<Timestamp> {
    minute.plus(1).start().map(|end| end.plus_ms(SWEEP_INTERVAL_MS))
}

fn pending(expected: &CartCells, now: Timestamp) -> impl Iterator<Item = (&Minute, &CartFacts)> {
    expected
        .iter()
        .filter(move |(minute, facts)| facts.abandoned > 0 && due(**minute) > Some(now))
}

/// What is found, as it will be if all carts that are not due come to be abandoned as expected; too many already are a
/// difference all the same.
fn settled(expected: &CartCells, found: &CartCells, now: Timestamp) -> CartCells {
    let mut settled = found.clone();
    for (minute, facts) in pending(expected, now) {
        let found = settled.entry(*minute).or_default();
        if found.abandoned <= facts.abandoned && found.value_abandoned_minor <= facts.value_abandoned_minor {
            found.abandoned = facts.abandoned;
            found.value_abandoned_minor = facts.value_abandoned_minor;
        }
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, differing};
    use super::*;

    const NOW_MS: i64 = 100 * MS_PER_MINUTE;

    fn left(abandoned: i64) -> CartFacts {
        CartFacts {
            abandoned,
            value_abandoned_minor: 100 * abandoned,
            ..CartFacts::default()
        }
    }

    fn figures(cells: &CartCells) -> BTreeMap<Minute, CartMinute> {
        let figures = |facts: &CartFacts| CartMinute {
            created: facts.created,
            recovered: facts.recovered,
            abandoned: facts.abandoned,
            value_abandoned_minor: facts.value_abandoned_minor,
            value_recovered_minor: facts.value_recovered_minor,
            units: 5,
            ..CartMinute::default()
        };
        cells
            .iter()
            .map(|(minute, facts)| (*minute, figures(facts)))
            .collect()
    }

    fn check(expected: &CartCells, found: &CartCells) -> Vec<(String, i64)> {
        differing(fate_checks(expected, &figures(found), at(NOW_MS)))
    }

    fn cells<const N: usize>(of: [(i64, CartFacts); N]) -> CartCells {
        let cell = |(minute, facts)| (at(minute * MS_PER_MINUTE).minute(), facts);
        of.map(cell).into()
    }

    #[test]
    fn the_same_fates_are_equal_whatever_other_minutes_hold() {
        let expected = cells([(1, left(2)), (50, left(1))]);
        let mut found = expected.clone();
        assert_eq!(check(&expected, &found), []);
        found.extend(cells([(7, left(9))]));
        assert_eq!(check(&expected, &found), []);
    }

    #[test]
    fn a_cart_that_counts_otherwise_is_found() {
        let recovered = CartFacts {
            recovered: 1,
            value_recovered_minor: 100,
            ..CartFacts::default()
        };
        assert_eq!(
            check(&cells([(1, left(2)), (5, recovered)]), &cells([(1, left(3))])),
            [
                ("carts recovered".to_owned(), -1),
                ("carts abandoned".to_owned(), 1),
                ("carts value_abandoned_minor".to_owned(), 100),
                ("carts value_recovered_minor".to_owned(), -100),
                ("carts minutes equal".to_owned(), -2)
            ]
        );
    }

    #[test]
    fn carts_that_the_system_cannot_know_to_be_abandoned_yet_are_told() {
        let expected = cells([(1, left(2)), (98, left(4)), (99, left(8)), (130, left(1))]);
        let found = cells([(1, left(2)), (98, left(4))]);
        let note = " (9 not due until 1970-01-01T02:12:00.000Z)";
        assert_eq!(
            check(&expected, &found),
            [
                (format!("carts abandoned{note}"), -9),
                (format!("carts value_abandoned_minor{note}"), -900),
                (format!("carts minutes equal{note}"), -2)
            ]
        );
        // A sweep that was early is no difference, and has no note.
        assert_eq!(check(&expected, &expected), []);
    }

    #[test]
    fn what_is_not_due_is_told_apart_from_what_differs() {
        let until = at(132 * MS_PER_MINUTE);
        let expected = cells([(1, left(2)), (99, left(8)), (130, left(1))]);
        // Of the checks that differ: which ones, whether they have the note, and whether they wait for nothing else.
        let told = |expected: &CartCells, found: &CartCells| {
            let checks = fate_checks(expected, &figures(found), at(NOW_MS));
            let note = format!(" (9 not due until {until})");
            let told = checks.into_iter().filter_map(|check| {
                let name = check.name.strip_suffix(&note);
                assert!(name.is_none() || check.difference != 0, "{check:?}");
                let waits = check.not_due_until.is_some_and(|of_check| of_check == until);
                let name_and_note = (name.unwrap_or(&check.name).to_owned(), name.is_some());
                (check.difference != 0).then_some((name_and_note, waits))
            });
            told.collect::<Vec<_>>()
        };
        let named = |name: &str, has_note, waits| ((name.to_owned(), has_note), waits);
        let of_abandonment = |waits| {
            [
                named("carts abandoned", true, waits),
                named("carts value_abandoned_minor", true, waits),
                named("carts minutes equal", true, waits),
            ]
        };
        let some = cells([(1, left(2)), (99, left(3))]);
        assert_eq!(told(&expected, &some), of_abandonment(true));
        let too_few = cells([(1, left(1)), (99, left(3))]);
        assert_eq!(told(&expected, &too_few), of_abandonment(false));
        // One too many, and one to come: the sums are right by accident.
        let too_many = cells([(1, left(2)), (99, left(9))]);
        assert_eq!(
            told(&expected, &too_many),
            [named("carts minutes equal", true, false)]
        );
        let created = CartFacts {
            created: 1,
            ..left(9)
        };
        assert_eq!(
            told(&cells([(130, created)]), &CartCells::new()),
            [
                named("carts created", false, false),
                named("carts abandoned", true, true),
                named("carts value_abandoned_minor", true, true),
                // The minute lacks more than what is to come.
                named("carts minutes equal", false, false),
            ]
        );
    }
}
