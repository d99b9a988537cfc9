//! Views by category and minute, and by product: the metrics against the ledgers.

use std::collections::BTreeMap;

use analytics::views::{ViewsPartial, ViewsWindow};
use events::{EventType, Minute};

use super::report::{Check, cells_check, signed};
use super::{Sent, TypeCells, add_up, read_minutes, type_checks};
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::jobs::Job;

/// What the metrics say of some minutes.
#[derive(Default)]
pub(super) struct Counted {
    types: TypeCells,
    categories: BTreeMap<(Minute, String), u64>,
    products: BTreeMap<u64, u64>,
    /// By how much a category's or a product's views may be too low: 0 where they are exact.
    too_low_by: u64,
}

/// Compares the minutes of the ledgers.
pub(super) async fn compare(deployment: &Deployment, sent: &Sent) -> Result<Vec<Check>, Failure> {
    let mut total = Counted::default();
    for minute in read_minutes(deployment, sent, counted).await? {
        total.add(minute);
    }
    Ok(checks(sent, &total))
}

/// What a minute's pages say.
pub(super) fn counted(minute: Minute, pages: &[ViewsPartial]) -> Counted {
    let mut window = ViewsWindow::default();
    pages.iter().for_each(|page| window.add(minute, page));
    Counted::of(minute, &window)
}

impl Counted {
    fn of(minute: Minute, window: &ViewsWindow) -> Self {
        let totals = &window.totals;
        let types = [
            (EventType::ProductView, totals.views),
            (EventType::Search, totals.searches),
            (EventType::Filter, totals.filters),
            (EventType::Compare, totals.compares),
        ];
        let mut counted = Self {
            too_low_by: window.categories.error() + window.products.error(),
            ..Self::default()
        };
        add_up(
            &mut counted.types,
            types.map(|(event_type, n)| ((minute, event_type), n)),
        );
        let categories = window.categories.iter();
        add_up(
            &mut counted.categories,
            categories.map(|(category, n)| ((minute, category.clone()), n)),
        );
        let products = window.products.iter();
        add_up(
            &mut counted.products,
            products.map(|(product_id, n)| (*product_id, n)),
        );
        counted
    }

    pub(super) fn add(&mut self, other: Self) {
        add_up(&mut self.types, other.types);
        add_up(&mut self.categories, other.categories);
        add_up(&mut self.products, other.products);
        self.too_low_by += other.too_low_by;
    }
}

pub(super) fn checks(sent: &Sent, counted: &Counted) -> Vec<Check> {
    let mut checks = type_checks(Job::Views, &sent.events, &counted.types);
    checks.push(sum_check(
        "views by category",
        &sent.categories,
        &counted.categories,
    ));
    checks.push(cells_check(
        "views minutes × categories equal".to_owned(),
        &sent.categories,
        &counted.categories,
    ));
    checks.push(sum_check(
        "views by product",
        &sent.product_views,
        &counted.products,
    ));
    checks.push(cells_check(
        "views products equal".to_owned(),
        &sent.product_views,
        &counted.products,
    ));
    if counted.too_low_by > 0 {
        let name = "views by category and product are bounds only: there were too many to count, some are too low by up to";
        checks.push(Check::new(name.to_owned(), 0, signed(counted.too_low_by)));
    }
    checks
}

fn sum_check<K: Ord>(name: &str, expected: &BTreeMap<K, u64>, found: &BTreeMap<K, u64>) -> Check {
    let sum = |cells: &BTreeMap<K, u64>| signed(cells.values().sum::<u64>());
    Check::new(name.to_owned(), sum(expected), sum(found))
}

#[cfg(test)]
mod tests {
    use analytics::Partial;
    use events::{Body, Event, ProductView};

    use super::super::tests::{at, differing, envelope};
    use super::*;
    use crate::ledger::Count;

    fn view(n: u128, product_id: u64, category: &str) -> Event {
        Event {
            envelope: envelope(n, 0),
            body: Body::ProductView(ProductView {
                product_id,
                category: category.to_owned().into(),
                price_minor: 100,
            }),
        }
    }

    fn counted(views: &[Event]) -> Counted {
        let mut page = ViewsPartial::default();
        views.iter().for_each(|view| page.fold(view));
        super::counted(at(0).minute(), &[page])
    }

    fn sent(products: &[(u64, u64)], categories: &[(&str, u64)]) -> Sent {
        let minute = at(0).minute();
        let events = products.iter().map(|(_, n)| n).sum();
        let count = Count {
            events,
            ..Count::default()
        };
        Sent {
            events: [((minute, EventType::ProductView), count)].into(),
            categories: categories
                .iter()
                .map(|(category, n)| ((minute, (*category).to_owned()), *n))
                .collect(),
            product_views: products.iter().copied().collect(),
            ..Sent::default()
        }
    }

    #[test]
    fn the_same_views_are_equal_and_others_are_not() {
        let counted = counted(&[view(1, 7, "shoes"), view(2, 7, "shoes"), view(3, 8, "hats")]);
        let same = sent(&[(7, 2), (8, 1)], &[("shoes", 2), ("hats", 1)]);
        assert_eq!(differing(checks(&same, &counted)), []);
        let other_product = sent(&[(7, 1), (8, 2)], &[("shoes", 2), ("hats", 1)]);
        assert_eq!(
            differing(checks(&other_product, &counted)),
            [("views products equal".to_owned(), -2)]
        );
        let one_more = sent(&[(7, 3), (8, 1)], &[("shoes", 3), ("hats", 1)]);
        let names: Vec<String> = differing(checks(&one_more, &counted))
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            [
                "views product_view events",
                "views minutes × types equal",
                "views by category",
                "views minutes × categories equal",
                "views by product",
                "views products equal"
            ]
        );
    }

    #[test]
    fn figures_that_are_no_longer_exact_say_so() {
        let views: Vec<Event> = (0..3_000_u32)
            .map(|n| view(n.into(), n.into(), "shoes"))
            .collect();
        let products: Vec<(u64, u64)> = (0..3_000).map(|n| (n, 1)).collect();
        let different = differing(checks(&sent(&products, &[("shoes", 3_000)]), &counted(&views)));
        let bounds = |(name, too_low_by): &(String, i64)| name.contains("bounds only") && *too_low_by > 0;
        assert!(different.iter().any(bounds), "{different:?}");
    }
}
