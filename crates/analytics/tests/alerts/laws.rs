//! What holds for any sequence of signals, and the edges of each rule.

use std::collections::BTreeMap;

use analytics::alerts::{Alert, AlertType, MAX_IDS, Policy, Severity, Signal, Status, apply, expire};
use events::Uuid;
use proptest::prelude::*;

use super::common::{Step, clear, history, minute, raise, run, severity, sighting, step, steps};

/// What the order of arrival within an episode must leave alone.
fn facts(alert: &Alert) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (alert.count, alert.first_seen, alert.last_seen, alert.severity),
        (alert.status, alert.resolved_at, alert.evidence.clone()),
    )
}

/// All but the number of changes and what an expiry sets.
fn but_for_expiry(alert: &Alert) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (alert.count, alert.first_seen, alert.last_seen, alert.severity),
        (alert.episode, alert.notification, alert.evidence.clone()),
    )
}

prop_compose! {
    /// A sequence, and the same with some of its sightings told again, later on.
    fn with_repetitions()(steps in steps())(
        again in proptest::collection::vec((0..60_usize, 0..60_usize), 0..40), steps in Just(steps),
    ) -> (Vec<Step>, Vec<Step>) {
        let mut later: BTreeMap<usize, Vec<Step>> = BTreeMap::new();
        for (of, after) in again {
            if let Some(raise @ Step::Tell(Signal::Raise(_))) = steps.get(of) {
                later.entry(of.max(after)).or_default().push(raise.clone());
            }
        }
        let mut repeated = Vec::new();
        for (n, step) in steps.iter().enumerate() {
            repeated.push(step.clone());
            repeated.extend(later.remove(&n).unwrap_or_default());
        }
        repeated.extend(later.into_values().flatten());
        (steps, repeated)
    }
}

prop_compose! {
    /// What may come in one episode: a first sighting, then others, tellings of the same ones again with news, and clearings.
    fn one_episode()(
        first in (severity(), 0..=60_i64),
        rest in proptest::collection::vec((0..8_u128, severity(), 0..=60_i64), 0..12),
        clears in proptest::collection::vec(0..=60_i64, 0..3),
    )(
        shuffled in Just(rest.into_iter().map(|(id, severity, at)| raise(id, severity, at)).chain(clears.into_iter().map(clear)).collect::<Vec<_>>()).prop_shuffle(),
        first in Just(raise(100, first.0, first.1)),
    ) -> Vec<Step> {
        std::iter::once(first).chain(shuffled).collect()
    }
}

proptest! {
    #[test]
    fn a_sighting_told_again_changes_nothing((once, repeated) in with_repetitions()) {
        prop_assert_eq!(run(&repeated), run(&once));
    }

    #[test]
    fn applying_a_step_twice_is_applying_it_once(steps in steps()) {
        let mut current = None;
        for next in &steps {
            if let Some(changed) = step(current.as_ref(), next) {
                prop_assert_eq!(step(Some(&changed), next), None);
                current = Some(changed);
            }
        }
    }

    #[test]
    fn the_order_within_an_episode_makes_no_difference(
        (steps, other) in one_episode().prop_flat_map(|steps| {
            let others = Just(steps[1..].to_vec()).prop_shuffle();
            (Just(steps), others)
        }),
    ) {
        let other: Vec<Step> = steps[..1].iter().cloned().chain(other).collect();
        let (alert, reordered) = (run(&steps).unwrap(), run(&other).unwrap());
        prop_assert_eq!((alert.episode, reordered.episode), (1, 1));
        prop_assert_eq!(facts(&alert), facts(&reordered));
    }

    #[test]
    fn severity_never_falls_within_an_episode_and_each_change_is_numbered(steps in steps()) {
        let mut before: Option<Alert> = None;
        for (alert, _) in history(&steps) {
            let old = before.as_ref();
            prop_assert_eq!(alert.version, old.map_or(0, |old| old.version) + 1);
            if let Some(old) = old.filter(|old| old.episode == alert.episode) {
                prop_assert!(alert.severity >= old.severity);
                prop_assert!(alert.count >= old.count);
            } else {
                prop_assert_eq!(alert.episode, old.map_or(0, |old| old.episode) + 1);
                prop_assert_eq!(alert.count, 1);
            }
            prop_assert_eq!(alert.status == Status::Resolved, alert.resolved_at.is_some());
            prop_assert!(alert.resolved_at.is_none_or(|at| at >= alert.last_seen));
            prop_assert!(alert.first_seen <= alert.last_seen);
            before = Some(alert);
        }
    }

    #[test]
    fn whether_and_when_alerts_expire_decides_nothing_else(steps in steps()) {
        let told: Vec<Step> = steps.iter().filter(|step| matches!(step, Step::Tell(_))).cloned().collect();
        prop_assert_eq!(run(&steps).as_ref().map(but_for_expiry), run(&told).as_ref().map(but_for_expiry));
    }

    #[test]
    fn an_alert_survives_storage(steps in steps()) {
        for (alert, _) in history(&steps) {
            let stored = serde_json::to_string(&alert).unwrap();
            prop_assert_eq!(serde_json::from_str::<Alert>(&stored).unwrap(), alert);
        }
    }
}

#[test]
fn a_sighting_at_the_end_of_the_window_joins_and_one_after_it_begins_an_episode() {
    let after = |minutes| run(&[raise(1, Severity::Info, 0), raise(2, Severity::Info, minutes)]).unwrap();
    assert_eq!((after(60).episode, after(60).count), (1, 2));
    assert_eq!((after(61).episode, after(61).count), (2, 1));
    let after_clearing = |minutes| {
        run(&[
            raise(1, Severity::Info, 0),
            clear(30),
            raise(2, Severity::Info, minutes),
        ])
        .unwrap()
    };
    assert_eq!(
        (after_clearing(90).episode, after_clearing(90).status),
        (1, Status::Open)
    );
    assert_eq!(
        (after_clearing(91).episode, after_clearing(91).notification),
        (2, 2)
    );
}

#[test]
fn the_third_and_the_tenth_sighting_escalate() {
    let steps: Vec<Step> = (0..12).map(|n| raise(n, Severity::Info, 1)).collect();
    let severities: Vec<Severity> = history(&steps).iter().map(|(alert, _)| alert.severity).collect();
    let expected = |n| match n {
        0..2 => Severity::Info,
        2..9 => Severity::Warning,
        _ => Severity::Critical,
    };
    assert_eq!(severities, (0..12).map(expected).collect::<Vec<_>>());
}

#[test]
fn a_growing_sighting_is_one_sighting() {
    let steps = [
        raise(1, Severity::Info, 0),
        raise(1, Severity::Info, 50),
        raise(1, Severity::Critical, 200),
    ];
    let alert = run(&steps).unwrap();
    assert_eq!((alert.count, alert.episode, alert.notification), (1, 1, 2));
    assert_eq!((alert.first_seen, alert.last_seen), (minute(0), minute(200)));
    assert_eq!(alert.severity, Severity::Critical);
}

#[test]
fn evidence_is_that_of_the_worst_sighting_not_of_the_escalation() {
    let mut steps: Vec<Step> = (0..10).map(|n| raise(n, Severity::Info, 1)).collect();
    steps.push(raise(20, Severity::Warning, 0));
    let alert = run(&steps).unwrap();
    assert_eq!(alert.severity, Severity::Critical);
    assert_eq!(alert.evidence.event_ids, [Uuid::from_u128(20)]);
}

#[test]
fn quiet_alerts_expire_and_lasting_conditions_do_not() {
    let policy = Policy::default();
    for alert_type in AlertType::ALL {
        let mut sighting = sighting(1, Severity::Info, 0);
        sighting.alert_type = alert_type;
        let alert = apply(None, &Signal::Raise(sighting), &policy).unwrap();
        assert_eq!(expire(&alert, minute(60), &policy), None);
        let lasts = matches!(
            alert_type,
            AlertType::UnusualRate
                | AlertType::LowStock
                | AlertType::OutOfStock
                | AlertType::HighDemand
                | AlertType::GateClosed
        );
        let expired = expire(&alert, minute(61), &policy);
        assert_eq!(expired.is_none(), lasts, "{alert_type}");
        assert!(expired.is_none_or(|expired| expired.resolved_at == Some(minute(0))));
    }
}

#[test]
fn nothing_is_cleared_that_was_not_seen_or_was_seen_since() {
    assert_eq!(run(&[clear(5)]), None);
    let clearing = |at| {
        run(&[raise(1, Severity::Info, 10), clear(at)])
            .unwrap()
            .resolved_at
    };
    assert_eq!(clearing(9), None);
    assert_eq!(clearing(10), Some(minute(10)));
}

#[test]
fn many_sightings_with_much_evidence_stay_far_below_what_an_item_holds() {
    let mut big = sighting(0, Severity::Info, 0);
    big.entity = "é".repeat(4_000);
    big.evidence.event_ids = (0..4_000).map(Uuid::from_u128).collect();
    let mut current = None;
    for id in 0..MAX_IDS as u128 + 200 {
        big.id = Uuid::from_u128(id);
        current = apply(current.as_ref(), &Signal::Raise(big.clone()), &Policy::default());
    }
    let mut alert = current.unwrap();
    assert_eq!(alert.count, MAX_IDS as u64 + 200);
    assert!(alert.fingerprint.len() < 300);
    // JSON writes each byte of the ids as a number: four times what a store takes.
    assert!(serde_json::to_vec(&alert).unwrap().len() < 24_000);

    big.id = Uuid::from_u128(200);
    assert_eq!(
        apply(Some(&alert), &Signal::Raise(big.clone()), &Policy::default()),
        None
    );
    big.id = Uuid::from_u128(199);
    alert = apply(Some(&alert), &Signal::Raise(big), &Policy::default()).unwrap();
    assert_eq!(alert.count, MAX_IDS as u64 + 201);
}
