//! Units sold and given back by product, and what is in stock: the metrics and the sweep's state against the ledgers.

use std::collections::BTreeMap;

use analytics::inventory::{InventoryPartial, ProductStock};

use super::report::{Check, cells_check, signed};
use super::{Sent, read_minutes};
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::ledger::UnitsFacts;

/// Units by product.
pub(super) type Units = BTreeMap<u64, UnitsFacts>;

/// Compares the minutes of the ledgers and, if these are of all runs that there were, the stock.
pub(super) async fn compare(
    deployment: &Deployment,
    sent: &Sent,
    all_runs: bool,
) -> Result<Vec<Check>, Failure> {
    let minutes = read_minutes(deployment, sent, |_, pages| moved(pages)).await?;
    let mut counted = Units::new();
    for (product_id, units) in minutes.into_iter().flatten() {
        counted.entry(product_id).or_default().merge(units);
    }
    let mut checks = unit_checks("inventory", &sent.product_units, &counted);
    if all_runs {
        let stock = deployment.stock().await?.unwrap_or_default();
        let products: Vec<ProductStock> = stock.products().collect();
        checks.extend(stock_checks(&sent.product_units, &products));
    }
    Ok(checks)
}

/// What a minute's pages moved.
pub(super) fn moved(pages: &[InventoryPartial]) -> Units {
    let mut units = Units::new();
    for (product_id, moved) in pages.iter().flat_map(InventoryPartial::products) {
        units.entry(product_id).or_default().merge(UnitsFacts {
            sold: moved.sold,
            returned: moved.returned,
        });
    }
    units
}

pub(super) fn unit_checks(place: &str, expected: &Units, found: &Units) -> Vec<Check> {
    let check = |name: &str, of: fn(&UnitsFacts) -> i64| {
        let sum = |units: &Units| units.values().map(of).sum();
        Check::new(format!("{place} {name}"), sum(expected), sum(found))
    };
    vec![
        check("units sold", |units| units.sold),
        check("units returned", |units| units.returned),
        cells_check(format!("{place} products equal"), expected, found),
    ]
}

/// What is in stock is what the catalog gave, less what the ledgers say.
fn stock_checks(expected: &Units, products: &[ProductStock]) -> Vec<Check> {
    let found = products
        .iter()
        .map(|product| {
            let (sold, returned) = (product.sold, product.returned);
            (product.product_id, UnitsFacts { sold, returned })
        })
        .filter(|(_, units)| *units != UnitsFacts::default())
        .collect();
    let mut checks = unit_checks("inventory stock", expected, &found);
    let known = || products.iter().filter(|product| product.initial.is_some());
    let is_right = |product: &&ProductStock| {
        let units = expected.get(&product.product_id).copied().unwrap_or_default();
        product.on_hand
            == product
                .initial
                .map(|initial| initial - units.sold + units.returned)
    };
    checks.push(Check::new(
        "inventory stock products with on hand = initial − sold + returned".to_owned(),
        signed(known().count()),
        signed(known().filter(is_right).count()),
    ));
    checks
}

#[cfg(test)]
mod tests {
    use analytics::inventory::{InventoryFact, ProductUnits, Settings, Stock};

    use super::super::tests::{at, differing};
    use super::*;

    fn units<const N: usize>(of: [(u64, i64, i64); N]) -> Units {
        of.map(|(product_id, sold, returned)| (product_id, UnitsFacts { sold, returned }))
            .into()
    }

    fn stock(moved: &[(u64, i64, bool)]) -> Vec<ProductStock> {
        let facts: Vec<InventoryFact> = moved
            .iter()
            .map(|(product_id, units, is_refund)| InventoryFact {
                occurred_at: at(0),
                is_refund: *is_refund,
                lines: vec![ProductUnits {
                    product_id: *product_id,
                    units: *units,
                }],
            })
            .collect();
        let settings = Settings::default();
        let mut stock = Stock::default();
        stock.take_catalog([(7, 100), (8, 100), (9, 100)]);
        stock.advance(&facts, at(0), &settings);
        stock.products().collect()
    }

    #[test]
    fn the_same_units_are_equal_and_others_are_not() {
        let expected = units([(7, 3, 0), (8, 2, 1)]);
        assert_eq!(differing(unit_checks("inventory", &expected, &expected)), []);
        assert_eq!(
            differing(unit_checks(
                "inventory",
                &expected,
                &units([(7, 2, 0), (8, 3, 1)])
            )),
            [("inventory products equal".to_owned(), -2)]
        );
        assert_eq!(
            differing(unit_checks(
                "inventory",
                &expected,
                &units([(7, 3, 0), (8, 2, 2)])
            )),
            [
                ("inventory units returned".to_owned(), 1),
                ("inventory products equal".to_owned(), -1)
            ]
        );
    }

    #[test]
    fn the_stock_is_what_the_ledgers_leave_of_it() {
        let swept = stock(&[(7, 3, false), (8, 2, false), (8, 1, true), (6, 1, false)]);
        let expected = units([(6, 1, 0), (7, 3, 0), (8, 2, 1)]);
        assert_eq!(differing(stock_checks(&expected, &swept)), []);
        let known = stock_checks(&expected, &swept).pop().unwrap();
        assert_eq!((known.expected, known.found), (3, 3));
        assert_eq!(
            differing(stock_checks(&units([(6, 1, 0), (7, 3, 0), (8, 1, 0)]), &swept)),
            [
                ("inventory stock units sold".to_owned(), 1),
                ("inventory stock units returned".to_owned(), 1),
                ("inventory stock products equal".to_owned(), -1)
            ]
        );
        assert_eq!(
            differing(stock_checks(&units([(6, 1, 0), (7, 1, 0), (8, 4, 1)]), &swept)),
            [
                ("inventory stock products equal".to_owned(), -2),
                (
                    "inventory stock products with on hand = initial − sold + returned".to_owned(),
                    -2
                )
            ]
        );
    }

    #[test]
    fn a_stock_that_was_never_swept_differs() {
        assert_eq!(differing(stock_checks(&units([(7, 3, 0)]), &[])).len(), 2);
    }
}
