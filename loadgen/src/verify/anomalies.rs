//! The purchases that the rules look at, and how well the rules find what was injected.

use std::collections::{BTreeMap, BTreeSet};

use analytics::Facts;
use analytics::alerts::{AlertType, Sighting};
use analytics::anomalies::AnomaliesPartial;
use events::{EventType, Uuid};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::report::{Check, signed};
use super::{CONCURRENT_READS, Sent, TypeCells, add_up, read_minutes, type_checks};
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::generator::Anomaly;
use crate::jobs::Job;

/// With fewer injected purchases of a kind, precision and recall are chance, and are only shown.
const MIN_INJECTED: u64 = 200;
/// The least precision and recall, in thousandths.
const FLOOR_PERMILLE: u64 = 950;

/// The purchases that are anomalous in one way.
type ByKind = BTreeMap<Anomaly, BTreeSet<Uuid>>;

/// How well one kind of anomaly is found, by purchases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Detector {
    /// In which way they are anomalous.
    pub kind: Anomaly,
    /// Purchases that were made so on purpose, and acknowledged.
    pub injected: u64,
    /// Purchases that the kind's rules name.
    pub found: u64,
    /// Those of them that were made so on purpose.
    pub true_positives: u64,
    /// The true share of the found; `None` if none was found.
    pub precision: Option<f64>,
    /// The found share of the injected; `None` if none was injected.
    pub recall: Option<f64>,
}

/// Compares the purchases of the ledgers' minutes, and what was found in them.
pub(super) async fn compare(
    deployment: &Deployment,
    sent: &Sent,
) -> Result<(Vec<Check>, Vec<Detector>), Failure> {
    let minutes = read_minutes(deployment, sent, |minute, pages: &[AnomaliesPartial]| {
        let purchases = pages.iter().map(|page| page.facts().len() as u64).sum();
        ((minute, EventType::Purchase), purchases)
    });
    let mut counted = TypeCells::new();
    add_up(&mut counted, minutes.await?);
    let mut checks = type_checks(Job::Anomalies, &sent.events, &counted);
    let findings: Vec<Vec<Sighting>> = stream::iter(&sent.minutes)
        .map(|minute| deployment.findings(*minute))
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await?;
    let detectors = detectors(&sent.anomalies, &found(findings.iter().flatten()));
    checks.extend(detectors.iter().flat_map(floor_checks));
    Ok((checks, detectors))
}

/// The kind of anomaly that a rule looks for. A price far from the usual is how high values are found that are no large sums.
const fn kind_of(rule: AlertType) -> Option<Anomaly> {
    match rule {
        AlertType::HighQuantity => Some(Anomaly::HighQuantity),
        AlertType::HighValue | AlertType::UnusualValue => Some(Anomaly::HighValue),
        AlertType::Velocity => Some(Anomaly::Velocity),
        AlertType::CardTesting => Some(Anomaly::CardTesting),
        AlertType::CountryHopping => Some(Anomaly::CountryHopping),
        AlertType::UnusualRate
        | AlertType::AbandonedCart
        | AlertType::HighDemand
        | AlertType::LowStock
        | AlertType::OutOfStock
        | AlertType::GateClosed => None,
    }
}

/// The purchases that findings name.
fn found<'a>(findings: impl IntoIterator<Item = &'a Sighting>) -> ByKind {
    let mut found = ByKind::new();
    for finding in findings {
        if let Some(kind) = kind_of(finding.alert_type) {
            found.entry(kind).or_default().extend(&finding.evidence.event_ids);
        }
    }
    found
}

fn detectors(injected: &ByKind, found: &ByKind) -> Vec<Detector> {
    let none = BTreeSet::new();
    let of_kind = |kind: &Anomaly| {
        let (injected, found) = (
            injected.get(kind).unwrap_or(&none),
            found.get(kind).unwrap_or(&none),
        );
        let true_positives = injected.intersection(found).count() as u64;
        let (injected, found) = (injected.len() as u64, found.len() as u64);
        let share = |of: u64| (of > 0).then(|| true_positives as f64 / of as f64);
        Detector {
            kind: *kind,
            injected,
            found,
            true_positives,
            precision: share(found),
            recall: share(injected),
        }
    };
    Anomaly::ALL.iter().map(of_kind).collect()
}

/// By how many thousandths precision and recall fall short of what they should be at least, where there are enough
/// purchases to tell.
fn floor_checks(detector: &Detector) -> Vec<Check> {
    if detector.injected < MIN_INJECTED {
        return Vec::new();
    }
    let check = |name: &str, of: u64| {
        let short = (FLOOR_PERMILLE * of).saturating_sub(1_000 * detector.true_positives);
        let short_permille = if of == 0 { 0 } else { short.div_ceil(of) };
        let name = format!("anomalies {} {name} below {FLOOR_PERMILLE} ‰ by", detector.kind);
        Check::new(name, 0, signed(short_permille))
    };
    vec![
        check("precision", detector.found),
        check("recall", detector.injected),
    ]
}

#[cfg(test)]
mod tests {
    use analytics::alerts::{Evidence, Severity};

    use super::super::tests::{at, differing};
    use super::*;

    fn ids(of: std::ops::Range<u128>) -> BTreeSet<Uuid> {
        of.map(Uuid::from_u128).collect()
    }

    fn finding(alert_type: AlertType, of: std::ops::Range<u128>) -> Sighting {
        Sighting {
            id: Uuid::from_u128(of.start),
            alert_type,
            entity: "user:1".to_owned(),
            severity: Severity::Info,
            evidence: Evidence {
                event_ids: ids(of).into_iter().collect(),
                ..Evidence::default()
            },
            seen_at: at(0),
        }
    }

    fn detector(kind: Anomaly, injected: std::ops::Range<u128>, findings: &[Sighting]) -> Detector {
        let injected = ByKind::from([(kind, ids(injected))]);
        let detectors = detectors(&injected, &found(findings));
        assert_eq!(detectors.len(), Anomaly::ALL.len());
        detectors.into_iter().find(|of| of.kind == kind).unwrap()
    }

    #[test]
    fn precision_is_of_what_was_found_and_recall_of_what_was_injected() {
        let findings = [
            finding(AlertType::Velocity, 0..3),
            finding(AlertType::Velocity, 2..5),
            finding(AlertType::CardTesting, 5..10),
        ];
        let velocity = detector(Anomaly::Velocity, 1..9, &findings);
        assert_eq!(
            (velocity.injected, velocity.found, velocity.true_positives),
            (8, 5, 4)
        );
        assert_eq!((velocity.precision, velocity.recall), (Some(0.8), Some(0.5)));
    }

    #[test]
    fn an_unusual_value_is_a_high_value() {
        let findings = [
            finding(AlertType::HighValue, 0..1),
            finding(AlertType::UnusualValue, 1..2),
            finding(AlertType::UnusualRate, 2..3),
        ];
        let high = detector(Anomaly::HighValue, 0..3, &findings);
        assert_eq!((high.found, high.true_positives), (2, 2));
    }

    #[test]
    fn shares_of_nothing_are_none() {
        let nothing = detector(Anomaly::HighValue, 0..0, &[]);
        assert_eq!((nothing.precision, nothing.recall), (None, None));
        let missed = detector(Anomaly::HighValue, 0..1, &[]);
        assert_eq!((missed.precision, missed.recall), (None, Some(0.0)));
    }

    #[test]
    fn only_many_purchases_can_fall_below_the_floor() {
        let short = |injected, found| {
            let findings = [finding(AlertType::HighValue, found)];
            differing(floor_checks(&detector(Anomaly::HighValue, injected, &findings)))
        };
        let name = |share: &str| format!("anomalies high_value {share} below 950 ‰ by");
        assert_eq!(short(0..199, 0..0), []);
        assert_eq!(short(0..200, 0..190), []);
        assert_eq!(short(0..200, 0..189), [(name("recall"), 5)]);
        assert_eq!(short(0..200, 0..210), []);
        assert_eq!(short(0..200, 0..211), [(name("precision"), 3)]);
        assert_eq!(short(0..200, 0..0), [(name("recall"), 950)]);
    }
}
