//! Inventory: the laws of the fold and of the sweep, and figures computed on paper.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "inventory/conditions.rs"]
mod conditions;
#[path = "inventory/fold.rs"]
mod fold;
#[path = "inventory/laws.rs"]
mod laws;
#[path = "inventory/stock.rs"]
mod stock;
#[path = "inventory/stored_size.rs"]
mod stored_size;

use analytics::alerts::{AlertType, Severity, Sighting, Signal};
use analytics::inventory::{Advanced, InventoryFact, ProductStock, ProductUnits, Settings, Stock};
use events::{MS_PER_MINUTE, Timestamp};

/// The start of a minute of the tests' time.
fn at(minute: i64) -> Timestamp {
    Timestamp::from_ms(1_790_000_000_000 / MS_PER_MINUTE * MS_PER_MINUTE + minute * MS_PER_MINUTE).unwrap()
}

fn fact(minute: i64, is_refund: bool, lines: &[(u64, i64)]) -> InventoryFact {
    InventoryFact {
        occurred_at: at(minute),
        is_refund,
        lines: lines
            .iter()
            .map(|&(product_id, units)| ProductUnits { product_id, units })
            .collect(),
    }
}

fn sale(minute: i64, product_id: u64, units: i64) -> InventoryFact {
    fact(minute, false, &[(product_id, units)])
}

fn refund(minute: i64, product_id: u64, units: i64) -> InventoryFact {
    fact(minute, true, &[(product_id, units)])
}

/// A stock that is advanced in the tests' minutes. Demand fades within them: a sale 30 minutes ago counts half.
struct Shop {
    stock: Stock,
    settings: Settings,
}

impl Default for Shop {
    fn default() -> Self {
        let settings = Settings {
            velocity_half_life_minutes: 30.0,
            high_demand_ratio: 4.0,
            ..Settings::default()
        };
        Self {
            stock: Stock::default(),
            settings,
        }
    }
}

impl Shop {
    fn with(catalog: &[(u64, i64)]) -> Self {
        let mut shop = Self::default();
        shop.stock.take_catalog(catalog.iter().copied());
        shop
    }

    fn advance(&mut self, minute: i64, facts: &[InventoryFact]) -> Advanced {
        self.stock.advance(facts, at(minute), &self.settings)
    }

    /// Each minute's sales are swept in the minute after.
    fn sell_steadily(&mut self, minutes: std::ops::Range<i64>, product_id: u64, units: i64) -> Vec<Signal> {
        minutes
            .flat_map(|minute| {
                self.advance(minute + 1, &[sale(minute, product_id, units)])
                    .signals
            })
            .collect()
    }

    fn product(&self, product_id: u64) -> ProductStock {
        self.stock.get(product_id).unwrap()
    }
}

/// Signals in short: type, product, and the severity that was raised or none where it ended.
fn told(signals: &[Signal]) -> Vec<(AlertType, &str, Option<Severity>)> {
    let of = |signal| match signal {
        &Signal::Raise(Sighting {
            alert_type,
            ref entity,
            severity,
            ..
        }) => (alert_type, entity.as_str(), Some(severity)),
        Signal::Clear {
            alert_type, entity, ..
        } => (*alert_type, entity.as_str(), None),
    };
    signals.iter().map(of).collect()
}

fn sighting(signals: &[Signal], wanted: AlertType) -> &Sighting {
    let mut raised = signals.iter().filter_map(|signal| match signal {
        Signal::Raise(sighting) if sighting.alert_type == wanted => Some(sighting),
        _ => None,
    });
    let sighting = raised.next().unwrap();
    assert_eq!(raised.next(), None, "one sighting");
    sighting
}

fn assert_close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 1e-9 * expected.abs().max(1e-9),
        "found {found}, expected {expected}"
    );
}
