//! What jobs tell of conditions.

use std::fmt;

use events::{Timestamp, Uuid};
use serde::{Deserialize, Serialize};

use crate::hash;

/// An entity's name is stored and sent whole up to here, in bytes; it is part of the table's key.
pub const MAX_ENTITY_BYTES: usize = 256;
/// The events that a stored or sent piece of evidence names at most; the earliest of a long list.
pub const MAX_EVENT_IDS: usize = 100;
/// `DynamoDB` has no numbers from 1e126 on, and none for infinity.
const MAX_FIGURE: f64 = 1e30;
/// Nor has it any nearer to 0 than 1e-130.
const MIN_FIGURE: f64 = 1e-30;

/// The conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertType {
    /// An order of far more money than others.
    HighValue,
    /// An order of far more units than others.
    HighQuantity,
    /// One shopper orders again and again within a short time.
    Velocity,
    /// One shopper makes one tiny order after the other, as who tries stolen cards.
    CardTesting,
    /// One shopper orders from several countries within a short time.
    CountryHopping,
    /// An order whose value is far from what its country and category usually come to.
    UnusualValue,
    /// The shop's orders a minute, or their value, left the range that the recent past sets.
    UnusualRate,
    /// A cart of some value was left behind.
    AbandonedCart,
    /// A product sells much faster than before.
    HighDemand,
    /// A product will run out before it can be restocked.
    LowStock,
    /// A product has run out.
    OutOfStock,
    /// The warehouse does not add up, so it is not brought up to date.
    GateClosed,
}

impl AlertType {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::HighValue,
        Self::HighQuantity,
        Self::Velocity,
        Self::CardTesting,
        Self::CountryHopping,
        Self::UnusualValue,
        Self::UnusualRate,
        Self::AbandonedCart,
        Self::HighDemand,
        Self::LowStock,
        Self::OutOfStock,
        Self::GateClosed,
    ];

    /// The type's name in fingerprints, messages and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HighValue => "high_value",
            Self::HighQuantity => "high_quantity",
            Self::Velocity => "velocity",
            Self::CardTesting => "card_testing",
            Self::CountryHopping => "country_hopping",
            Self::UnusualValue => "unusual_value",
            Self::UnusualRate => "unusual_rate",
            Self::AbandonedCart => "abandoned_cart",
            Self::HighDemand => "high_demand",
            Self::LowStock => "low_stock",
            Self::OutOfStock => "out_of_stock",
            Self::GateClosed => "gate_closed",
        }
    }

    /// Whether the condition lasts until it is cleared, however long nothing is heard of it.
    #[must_use]
    pub const fn lasts(self) -> bool {
        matches!(
            self,
            Self::UnusualRate | Self::HighDemand | Self::LowStock | Self::OutOfStock | Self::GateClosed
        )
    }
}

impl fmt::Display for AlertType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// To be looked at.
    Warning,
    /// To be acted on.
    Critical,
}

impl Severity {
    /// All of them, from the mildest on.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The severity's name in messages and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a condition was concluded from. Units are those of the alert's type: minor units of money, units of goods, orders.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was seen.
    pub value: f64,
    /// What is usual.
    pub baseline: Option<f64>,
    /// What would have been tolerated.
    pub limit: Option<f64>,
    /// How far from usual, in robust or control-chart deviations, or as a multiple of the limit.
    pub score: Option<f64>,
    /// The events that it was seen in, where there are such.
    pub event_ids: Vec<Uuid>,
}

impl Evidence {
    /// The same in a form that any store and JSON can hold: few event ids, and figures that are numbers of modest size.
    #[must_use]
    pub fn bounded(&self) -> Self {
        Self {
            value: storable(self.value).unwrap_or_default(),
            baseline: self.baseline.and_then(storable),
            limit: self.limit.and_then(storable),
            score: self.score.and_then(storable),
            event_ids: self.event_ids.iter().take(MAX_EVENT_IDS).copied().collect(),
        }
    }
}

/// What is stored for a figure; nothing for what is no number.
fn storable(figure: f64) -> Option<f64> {
    if figure.is_nan() {
        None
    } else if figure.abs() < MIN_FIGURE {
        Some(0.0)
    } else {
        Some(figure.clamp(-MAX_FIGURE, MAX_FIGURE))
    }
}

/// A condition was seen once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The same sighting, told again, has the same id; also when more of it is known by then.
    pub id: Uuid,
    /// Which condition.
    pub alert_type: AlertType,
    /// Of whom or what, such as `user:42`, `product:7`, `cart:<uuid>`, `warehouse:facts`.
    pub entity: String,
    /// How bad this one is.
    pub severity: Severity,
    /// From what.
    pub evidence: Evidence,
    /// When, in event time.
    pub seen_at: Timestamp,
}

/// What a job tells of a condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Signal {
    /// It was seen.
    Raise(Sighting),
    /// It has ended.
    Clear {
        /// Which condition.
        alert_type: AlertType,
        /// Of whom or what.
        entity: String,
        /// When, in event time.
        at: Timestamp,
    },
}

impl Signal {
    /// The key of the alert that it is about.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        match self {
            Self::Raise(sighting) => fingerprint(sighting.alert_type, &sighting.entity),
            Self::Clear {
                alert_type, entity, ..
            } => fingerprint(*alert_type, entity),
        }
    }
}

/// The key of an alert, `<alert_type>#<entity>`.
#[must_use]
pub fn fingerprint(alert_type: AlertType, entity: &str) -> String {
    format!("{alert_type}#{}", bounded_entity(entity))
}

/// An entity's name as it is stored: a longer one is cut, with a hash of the whole behind it, so that it stays its own.
pub(super) fn bounded_entity(entity: &str) -> String {
    if entity.len() <= MAX_ENTITY_BYTES {
        return entity.to_owned();
    }
    let hash = hash::hex(entity);
    let kept = entity.floor_char_boundary(MAX_ENTITY_BYTES - hash.len() - 1);
    format!("{}~{hash}", &entity[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_stored_form() {
        for alert_type in AlertType::ALL {
            let stored = serde_json::to_value(alert_type).unwrap();
            assert_eq!(stored, alert_type.to_string());
        }
        for severity in Severity::ALL {
            assert_eq!(serde_json::to_value(severity).unwrap(), severity.to_string());
        }
    }

    #[test]
    fn long_entities_are_cut_and_stay_different() {
        let long = |last: &str| format!("category:{}{last}", "é".repeat(2_000));
        let (a, b) = (bounded_entity(&long("a")), bounded_entity(&long("b")));
        assert!(a.len() <= MAX_ENTITY_BYTES && a.starts_with("category:é"), "{a}");
        assert_ne!(a, b);
        let longest = "x".repeat(MAX_ENTITY_BYTES);
        assert_eq!(bounded_entity(&longest), longest);
        assert_ne!(bounded_entity(&format!("{longest}x")).len(), MAX_ENTITY_BYTES + 1);
    }

    #[test]
    fn figures_that_no_store_holds_are_replaced() {
        let evidence = Evidence {
            value: f64::NAN,
            baseline: Some(f64::NAN),
            limit: Some(f64::MIN_POSITIVE),
            score: Some(f64::INFINITY),
            event_ids: vec![Uuid::nil(); MAX_EVENT_IDS + 1],
        }
        .bounded();
        assert_eq!(
            (evidence.value, evidence.baseline, evidence.limit, evidence.score),
            (0.0, None, Some(0.0), Some(MAX_FIGURE))
        );
        assert_eq!(evidence.event_ids.len(), MAX_EVENT_IDS);
        assert_eq!(storable(-1.5), Some(-1.5));
    }
}
