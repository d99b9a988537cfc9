//! Sales by minute and country: the metrics against the ledgers.

use std::collections::BTreeMap;

use events::{Country, Minute};
use futures::{StreamExt, TryStreamExt, stream};

use super::report::{Check, cells_check};
use super::{CONCURRENT_READS, Sent};
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::ledger::SalesFacts;

/// Sales by minute and country.
pub(super) type SalesCells = BTreeMap<(Minute, Country), SalesFacts>;
/// One of the sums of sales.
type Measure = fn(&SalesFacts) -> i64;

/// Compares the minutes of the ledgers.
pub(super) async fn compare(deployment: &Deployment, sent: &Sent) -> Result<Vec<Check>, Failure> {
    let counted = read(deployment, sent).await?;
    Ok(checks("sales", &sent.sales, &counted))
}

/// The metrics' sums of the minutes in question.
async fn read(deployment: &Deployment, sent: &Sent) -> Result<SalesCells, Failure> {
    let minutes: Vec<_> = stream::iter(&sent.minutes)
        .map(|minute| async move {
            deployment
                .sales(*minute)
                .await
                .map(|countries| (*minute, countries))
        })
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await?;
    let cells = minutes.into_iter().flat_map(|(minute, countries)| {
        countries.into_iter().map(move |(country, sales)| {
            let totals = sales.totals;
            let facts = SalesFacts {
                orders: totals.orders,
                units: totals.units,
                gross_minor: totals.gross_minor,
                discount_minor: totals.discount_minor,
                shipping_minor: totals.shipping_minor,
                tax_minor: totals.tax_minor,
                refunds: totals.refunds,
                refunded_units: totals.refunded_units,
                refunded_minor: totals.refunded_minor,
            };
            ((minute, country), facts)
        })
    });
    Ok(cells.collect())
}

/// A sum of each measure, and how many cells agree in all of them.
pub(super) fn checks(job: &str, expected: &SalesCells, found: &SalesCells) -> Vec<Check> {
    let measures: [(&str, Measure); 9] = [
        ("orders", |of| of.orders),
        ("units", |of| of.units),
        ("gross_minor", |of| of.gross_minor),
        ("discount_minor", |of| of.discount_minor),
        ("shipping_minor", |of| of.shipping_minor),
        ("tax_minor", |of| of.tax_minor),
        ("refunds", |of| of.refunds),
        ("refunded_units", |of| of.refunded_units),
        ("refunded_minor", |of| of.refunded_minor),
    ];
    let mut checks: Vec<Check> = measures
        .iter()
        .map(|(name, of)| {
            let sum = |cells: &SalesCells| cells.values().map(of).sum();
            Check::new(format!("{job} {name}"), sum(expected), sum(found))
        })
        .collect();
    checks.push(cells_check(
        format!("{job} minutes × countries equal"),
        expected,
        found,
    ));
    checks
}

#[cfg(test)]
mod tests {
    use events::Timestamp;

    use super::*;

    #[test]
    fn a_cent_in_the_wrong_minute_is_found() {
        let minute = Timestamp::from_ms(0).unwrap().minute();
        let cells = |minute: Minute, tax_minor| {
            let facts = SalesFacts {
                orders: 1,
                tax_minor,
                ..SalesFacts::default()
            };
            SalesCells::from([((minute, "US".parse().unwrap()), facts)])
        };
        let different = |found| {
            let checks = checks("sales", &cells(minute, 7), &found);
            let different = checks.into_iter().filter(|check| check.difference != 0);
            different
                .map(|check| (check.name, check.difference))
                .collect::<Vec<_>>()
        };
        let equal = |difference| ("sales minutes × countries equal".to_owned(), difference);
        assert_eq!(different(cells(minute, 7)), []);
        assert_eq!(
            different(cells(minute, 8)),
            [("sales tax_minor".to_owned(), 1), equal(-1)]
        );
        assert_eq!(different(cells(minute.plus(1), 7)), [equal(-2)]);
    }
}
