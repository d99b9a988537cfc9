//! What is looked at, and how much of it is put into carts and bought.

use std::collections::BTreeMap;

use analytics::carts::CartsPartial;
use analytics::views::{ViewsPartial, ViewsWindow, WINDOW_KEYS, momentum, rising};
use analytics::{CategoryCounts, TopK};
use events::Minute;
use serde::Serialize;

use super::super::minutes::{Minutes, last_closed};
use super::{MinuteSales, MovedUnits, PerMinute, TOP, Window};

/// What was read for the views, and what follows from the part of it that no longer changes.
#[derive(Debug, Default)]
pub(in crate::watch) struct ViewsRead {
    /// The pages of each minute.
    pub(in crate::watch) minutes: Minutes<Vec<ViewsPartial>>,
    shown: Closed,
    complete: Closed,
    before: Closed,
}

/// The closed minutes of a window, added up.
#[derive(Debug, Default)]
struct Closed {
    /// Which minutes, and of which knowledge of them.
    of: Option<(Minute, Minute, u64)>,
    sum: ViewsWindow,
}

impl Closed {
    /// The window from one minute to another, both included. Only its open minutes are added each time.
    fn extended(
        &mut self,
        minutes: &Minutes<Vec<ViewsPartial>>,
        first: Minute,
        last: Minute,
        closed: Minute,
    ) -> ViewsWindow {
        let closed = closed.min(last);
        let of = Some((first, closed, minutes.changes()));
        if self.of != of {
            self.of = of;
            self.sum = ViewsWindow::default();
            add(&mut self.sum, minutes, first, closed);
        }
        let mut window = self.sum.clone();
        add(&mut window, minutes, first.max(closed.plus(1)), last);
        window
    }
}

fn add(window: &mut ViewsWindow, minutes: &Minutes<Vec<ViewsPartial>>, first: Minute, last: Minute) {
    for (minute, pages) in minutes.between(first, last) {
        pages.iter().for_each(|page| window.add(minute, page));
    }
}

#[derive(Debug, Default, Serialize)]
pub(in crate::watch) struct ViewsFigures {
    pub(in crate::watch) views: u64,
    pub(in crate::watch) searches: u64,
    pub(in crate::watch) filters: u64,
    pub(in crate::watch) compares: u64,
    /// Estimated.
    pub(in crate::watch) visitors: u64,
    pub(in crate::watch) views_per_minute: PerMinute<u64>,
    /// With the most views.
    pub(in crate::watch) top_products: Vec<ProductViews>,
    /// With the most momentum.
    pub(in crate::watch) rising: Vec<ProductViews>,
    pub(in crate::watch) top_searches: Vec<Searched>,
    pub(in crate::watch) top_without_result: Vec<Searched>,
    /// With the most views.
    pub(in crate::watch) categories: Vec<CategoryFunnel>,
    /// Of all categories.
    pub(in crate::watch) funnel: Funnel,
    pub(in crate::watch) sessions: Option<SessionFigures>,
}

/// A product, with its views in the window, the present minute included. How they moved is told by complete minutes: as many
/// as the window has, and as many before them; `None` where the former have no view of it.
#[derive(Debug, PartialEq, Serialize)]
pub(in crate::watch) struct ProductViews {
    pub(in crate::watch) product_id: u64,
    pub(in crate::watch) views: u64,
    pub(in crate::watch) views_before: u64,
    pub(in crate::watch) momentum: Option<f64>,
    /// Units; `None` where the job that counts them does not run.
    pub(in crate::watch) purchased: Option<i64>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(in crate::watch) struct Searched {
    pub(in crate::watch) query: String,
    pub(in crate::watch) count: u64,
}

/// From what was looked at to what was bought. Units are `None` where the job that counts them does not run.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(in crate::watch) struct Funnel {
    pub(in crate::watch) views: u64,
    /// Put into carts.
    pub(in crate::watch) units_added: Option<u64>,
    pub(in crate::watch) units_purchased: Option<u64>,
    /// Units added for each view; `None` where there was no view.
    pub(in crate::watch) view_to_cart_rate: Option<f64>,
    /// Units purchased for each that was added; above 1 where more was added before the window. `None` where none was added.
    pub(in crate::watch) cart_to_purchase_rate: Option<f64>,
}

impl Funnel {
    pub(in crate::watch) fn new(views: u64, units_added: Option<u64>, units_purchased: Option<u64>) -> Self {
        let rate = |part: Option<u64>, of: Option<u64>| match (part, of) {
            (Some(part), Some(of)) if of > 0 => Some(part as f64 / of as f64),
            _ => None,
        };
        Self {
            views,
            units_added,
            units_purchased,
            view_to_cart_rate: rate(units_added, Some(views)),
            cart_to_purchase_rate: rate(units_purchased, units_added),
        }
    }
}

#[derive(Debug, PartialEq, Serialize)]
pub(in crate::watch) struct CategoryFunnel {
    pub(in crate::watch) category: String,
    #[serde(flatten)]
    pub(in crate::watch) funnel: Funnel,
}

#[derive(Debug, PartialEq, Serialize)]
pub(in crate::watch) struct SessionFigures {
    pub(in crate::watch) count: u64,
    pub(in crate::watch) mean_length_ms: f64,
    pub(in crate::watch) mean_pages: f64,
    pub(in crate::watch) bounce_rate: f64,
}

/// What other jobs know of the same minutes; `None` where they do not run, or cannot be read.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::watch) struct Purchased<'a> {
    pub(in crate::watch) sales: Option<&'a Minutes<MinuteSales>>,
    pub(in crate::watch) carts: Option<&'a Minutes<CartsPartial>>,
    pub(in crate::watch) moved: Option<&'a Minutes<MovedUnits>>,
    /// Units sold in the window.
    pub(in crate::watch) sold: Option<i64>,
}

impl ViewsFigures {
    pub(in crate::watch) fn of(read: &mut ViewsRead, others: Purchased<'_>, window: Window) -> Self {
        let ViewsRead {
            minutes,
            shown,
            complete,
            before,
        } = read;
        let closed = last_closed(window.now);
        let ends = |back: i64| window.now.plus(-back);
        let shown = shown.extended(minutes, window.first(), window.now, closed);
        let complete = complete.extended(minutes, ends(window.minutes), ends(1), closed);
        let before = before.extended(
            minutes,
            ends(2 * window.minutes),
            ends(window.minutes + 1),
            closed,
        );
        let sold = others.moved.map(|moved| sold_by_product(moved, window));
        let product = |product_id: u64, momentum: Option<f64>| ProductViews {
            product_id,
            views: shown.products.get(&product_id),
            views_before: before.products.get(&product_id),
            momentum,
            purchased: sold
                .as_ref()
                .map(|sold| sold.get(&product_id).copied().unwrap_or(0)),
        };
        let moved: BTreeMap<u64, f64> = momentum(&complete, &before, WINDOW_KEYS)
            .iter()
            .map(|trend| (trend.product_id, trend.momentum))
            .collect();
        let top = shown.products.top(TOP).into_iter();
        let added = others
            .carts
            .map(|carts| by_category(carts, window, |page| &page.added));
        let purchased = others
            .sales
            .map(|sales| by_category(sales, window, |minute| &minute.purchased));
        let category = |(category, views): (&String, u64)| {
            let of = |units: &Option<Units>| units.as_ref().map(|units| units.get(category));
            CategoryFunnel {
                category: category.clone(),
                funnel: Funnel::new(views, of(&added), of(&purchased)),
            }
        };
        Self {
            views: shown.totals.views,
            searches: shown.totals.searches,
            filters: shown.totals.filters,
            compares: shown.totals.compares,
            visitors: shown.visitors.count(),
            views_per_minute: PerMinute::of(minutes, window, |pages| {
                pages.iter().map(|page| page.totals.views).sum()
            }),
            top_products: top.map(|(id, _)| product(*id, moved.get(id).copied())).collect(),
            rising: rising(&complete, &before, TOP)
                .iter()
                .map(|trend| product(trend.product_id, Some(trend.momentum)))
                .collect(),
            top_searches: searched(&shown.searches.top(TOP)),
            top_without_result: searched(&shown.without_result.top(TOP)),
            categories: shown.categories.top(TOP).into_iter().map(category).collect(),
            funnel: Funnel::new(
                shown.totals.views,
                added.as_ref().map(Units::total),
                others.sold.map(positive),
            ),
            sessions: shown.session_figures().map(|figures| SessionFigures {
                count: figures.sessions,
                mean_length_ms: figures.mean_length_ms,
                mean_pages: figures.mean_pages,
                bounce_rate: figures.bounce_rate,
            }),
        }
    }
}

fn searched(top: &[(&String, u64)]) -> Vec<Searched> {
    let searched = |(query, count): &(&String, u64)| Searched {
        query: (*query).clone(),
        count: *count,
    };
    top.iter().map(searched).collect()
}

fn sold_by_product(moved: &Minutes<MovedUnits>, window: Window) -> BTreeMap<u64, i64> {
    let mut sold = BTreeMap::new();
    for (product_id, units) in moved
        .between(window.first(), window.now)
        .flat_map(|(_, moved)| moved)
    {
        *sold.entry(*product_id).or_default() += units.sold;
    }
    sold
}

/// Units by category in a window.
type Units = TopK<String, WINDOW_KEYS>;

fn by_category<T>(minutes: &Minutes<T>, window: Window, counts: impl Fn(&T) -> &CategoryCounts) -> Units {
    let mut units = Units::default();
    for (_, minute) in minutes.between(window.first(), window.now) {
        units.merge(counts(minute));
    }
    units
}

/// Quantities of valid events are never negative.
fn positive(units: i64) -> u64 {
    units.try_into().unwrap_or(0)
}
