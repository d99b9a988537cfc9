//! Laws of the sweep, against a model that sums up all facts anew.

use std::collections::{BTreeMap, BTreeSet};

use analytics::inventory::{InventoryFact, Settings, Stock};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::{at, fact};

/// The last sweep: facts of minutes 0 to 99, of which those from 90 on are not closed by then.
const NOW: i64 = 90;

fn any_fact() -> impl Strategy<Value = InventoryFact> {
    let lines = prop::collection::btree_map(0..6_u64, 1..50_i64, 1..4);
    (0..100_i64, prop::bool::weighted(0.25), lines).prop_map(|(minute, is_refund, lines)| {
        let lines: Vec<(u64, i64)> = lines.into_iter().collect();
        fact(minute, is_refund, &lines)
    })
}

fn catalog() -> [(u64, i64); 5] {
    [(0, 10), (1, 500), (2, 2_000), (3, 100_000), (4, 0)]
}

/// The stock after sweeps at increasing times, each over some of the facts.
fn swept(calls: &[Vec<InventoryFact>], settings: &Settings) -> Stock {
    let mut stock = Stock::default();
    stock.take_catalog(catalog());
    let last = i64::try_from(calls.len()).unwrap() - 1;
    for (call, facts) in (0..).zip(calls) {
        stock.advance(facts, at(NOW - 10 * (last - call)), settings);
    }
    stock
}

/// Σ units × λ × w^age over the sales of a product in closed minutes, over the sum of the weights, an hour.
fn model_velocity_per_hour(facts: &[InventoryFact], product_id: u64, half_life: f64) -> f64 {
    let closed: Vec<&InventoryFact> = facts
        .iter()
        .filter(|fact| !fact.is_refund && fact.occurred_at < at(NOW))
        .collect();
    let mut minutes: Vec<i64> = closed.iter().map(|fact| fact.occurred_at.as_ms()).collect();
    minutes.sort_unstable();
    minutes.dedup();
    let weight_left = 0.5_f64.powf(1.0 / half_life);
    let lambda = 1.0 - weight_left;
    let weights: f64 = (0..i32::try_from(minutes.len()).unwrap())
        .map(|age| lambda * weight_left.powi(age))
        .sum();
    let mut sum = 0.0;
    for fact in closed {
        let age = (at(NOW - 1).as_ms() - fact.occurred_at.as_ms()) / 60_000;
        for line in fact.lines.iter().filter(|line| line.product_id == product_id) {
            sum += line.units as f64 * lambda * weight_left.powi(i32::try_from(age).unwrap());
        }
    }
    let velocity = if sum > 0.0 { sum / weights } else { 0.0 };
    let unit_a_year = 1.0 / (365.0 * 1_440.0);
    if velocity < unit_a_year {
        0.0
    } else {
        60.0 * velocity
    }
}

fn assert_agrees(stock: &Stock, facts: &[InventoryFact], settings: &Settings) -> Result<(), TestCaseError> {
    let mut sold: BTreeMap<u64, i64> = BTreeMap::new();
    let mut returned: BTreeMap<u64, i64> = BTreeMap::new();
    for fact in facts {
        let into = if fact.is_refund { &mut returned } else { &mut sold };
        fact.lines
            .iter()
            .for_each(|line| *into.entry(line.product_id).or_default() += line.units);
    }
    let initial: BTreeMap<u64, i64> = catalog().into();
    for product in stock.products() {
        let id = product.product_id;
        let (sold, returned) = (sold.remove(&id).unwrap_or(0), returned.remove(&id).unwrap_or(0));
        prop_assert_eq!((product.sold, product.returned), (sold, returned));
        prop_assert_eq!(
            product.on_hand,
            initial.get(&id).map(|initial| initial - sold + returned)
        );
        let expected = model_velocity_per_hour(facts, id, settings.velocity_half_life_minutes);
        let found = product.velocity_per_hour;
        prop_assert!(
            (found - expected).abs() <= 1e-9 * expected,
            "{}: {} for {}",
            id,
            found,
            expected
        );
    }
    prop_assert!(sold.is_empty() && returned.is_empty(), "no product is missing");
    Ok(())
}

proptest! {
    #[test]
    fn order_and_split_and_lateness_leave_no_trace(
        facts in prop::collection::vec((any_fact(), 0..5_usize, any::<u32>()), 0..80),
        half_life in 2..90_u8,
    ) {
        let settings = Settings { velocity_half_life_minutes: f64::from(half_life), ..Settings::default() };
        let all: Vec<InventoryFact> = facts.iter().map(|(fact, ..)| fact.clone()).collect();
        assert_agrees(&swept(std::slice::from_ref(&all), &settings), &all, &settings)?;

        let mut shuffled = facts;
        shuffled.sort_by_key(|(.., order)| *order);
        let calls: Vec<Vec<InventoryFact>> = (0..5)
            .map(|call| shuffled.iter().filter(|(_, of, _)| *of == call).map(|(fact, ..)| fact.clone()).collect())
            .collect();
        assert_agrees(&swept(&calls, &settings), &all, &settings)?;
    }

    #[test]
    fn a_sweep_goes_on_from_storage_as_if_it_had_never_stopped(
        before in prop::collection::vec(any_fact(), 0..60),
        after in prop::collection::vec(any_fact(), 0..60),
    ) {
        let settings = Settings { min_minutes: 5, high_demand_min_units: 5.0, high_demand_ratio: 1.5, ..Settings::default() };
        let mut stock = swept(&[before], &settings);
        let stored = postcard::to_allocvec(&stock).unwrap();
        let mut restored: Stock = postcard::from_bytes(&stored).unwrap();
        prop_assert_eq!(&restored, &stock);
        let now = at(NOW + 7);
        prop_assert_eq!(restored.advance(&after, now, &settings), stock.advance(&after, now, &settings));
        prop_assert_eq!(restored, stock);
    }

    #[test]
    fn raised_conditions_are_those_that_the_views_show(
        calls in prop::collection::vec(prop::collection::vec(any_fact(), 0..10), 1..12),
    ) {
        use analytics::alerts::{AlertType, Signal};
        use analytics::inventory::Status;

        let settings = Settings { min_minutes: 5, high_demand_min_units: 5.0, high_demand_ratio: 1.5, high_demand_clear_ratio: 1.2, ..Settings::default() };
        let mut stock = Stock::default();
        stock.take_catalog(catalog());
        let mut on: BTreeSet<(AlertType, String)> = BTreeSet::new();
        let mut ids = Vec::new();
        for (call, facts) in (0..).zip(&calls) {
            for signal in stock.advance(facts, at(10 * call), &settings).signals {
                match signal {
                    Signal::Raise(sighting) => {
                        ids.push(sighting.id);
                        on.insert((sighting.alert_type, sighting.entity));
                    }
                    Signal::Clear { alert_type, entity, .. } => prop_assert!(on.remove(&(alert_type, entity)), "it was on"),
                }
            }
            for product in stock.products() {
                let is_on = |alert_type| on.contains(&(alert_type, format!("product:{}", product.product_id)));
                prop_assert_eq!(is_on(AlertType::HighDemand), product.is_high_demand);
                prop_assert_eq!(is_on(AlertType::OutOfStock), product.status == Status::OutOfStock);
                if product.status != Status::OutOfStock {
                    prop_assert_eq!(is_on(AlertType::LowStock), product.status == Status::LowStock);
                }
            }
        }
        let told = ids.len();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), told, "no two sightings have the same id");
    }
}
