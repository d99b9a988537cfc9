//! What shoppers look at and for, per minute of event time and over longer windows.
//!
//! | measure | definition |
//! |---|---|
//! | views, searches, filters, compares | number of events of the type |
//! | products, categories | product views by product, by category |
//! | compared | how often a product was put side by side with others |
//! | searches | searches by query, in lower case, without space around it, cut to 64 bytes |
//! | without result | those of them that found nothing |
//! | filters | uses by `name=value`, in the same form |
//! | visitors | different users, estimated |
//! | session length | from a session's first to its last event in the window, in ms |
//! | pages | a session's product views in the window |
//! | bounce rate | share of the sessions that have exactly one event in the window |

mod sample;
mod sessions;
mod trends;
mod window;

pub use trends::{MIN_VIEWS, Trending, momentum, rising};
pub use window::{SessionFigures, ViewsWindow, WINDOW_KEYS};

use events::{Body, Event, Filter, Search, Stream, Uuid};
use serde::{Deserialize, Serialize};

use crate::text::normal;
use crate::{CategoryCounts, Distinct, EventIds, Partial, TopK};
use sessions::Sessions;

/// A page of this many events takes about 14 KB.
const EVENTS_PER_PAGE: usize = 512;

/// More than a page has views, unless its last record brings a thousand.
const PRODUCTS: usize = 2_048;
/// One event may compare any number of products.
const COMPARED: usize = 512;
/// A quarter of the events are searches.
const QUERIES: usize = 512;
/// Few searches find nothing.
const QUERIES_WITHOUT_RESULT: usize = 128;
/// A shop's filters and their values are few.
const FILTERS: usize = 256;

/// Number of events by type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewTotals {
    /// Product views.
    pub views: u64,
    /// Searches.
    pub searches: u64,
    /// Uses of filters.
    pub filters: u64,
    /// Comparisons of products.
    pub compares: u64,
}

impl ViewTotals {
    /// Adds other totals.
    pub fn merge(&mut self, other: &Self) {
        self.views += other.views;
        self.searches += other.searches;
        self.filters += other.filters;
        self.compares += other.compares;
    }
}

/// A page of what was looked at in a minute, with the events that it counts. Pages of several minutes, or many of one, are
/// read through a [`ViewsWindow`], which has room for the keys of them all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ViewsPartial {
    /// Events by type.
    pub totals: ViewTotals,
    /// Views by product.
    pub products: TopK<u64, PRODUCTS>,
    /// Comparisons by product.
    pub compared: TopK<u64, COMPARED>,
    /// Views by category.
    pub categories: CategoryCounts,
    /// Searches by query.
    pub searches: TopK<String, QUERIES>,
    /// Searches that found nothing, by query.
    pub without_result: TopK<String, QUERIES_WITHOUT_RESULT>,
    /// Uses of filters by `name=value`.
    pub filters: TopK<String, FILTERS>,
    /// Who was there.
    pub visitors: Distinct,
    sessions: Sessions,
    event_ids: EventIds,
}

impl ViewsPartial {
    fn search(&mut self, search: &Search) {
        self.totals.searches += 1;
        let query = normal(&search.query);
        self.searches.add(&*query, 1);
        if search.results == 0 {
            self.without_result.add(&*query, 1);
        }
    }

    fn filter(&mut self, filter: &Filter) {
        self.totals.filters += 1;
        for (name, value) in &filter.filters {
            let used = format!("{}={}", name.trim(), value.trim());
            self.filters.add(&*normal(&used), 1);
        }
    }
}

impl Partial for ViewsPartial {
    const FAMILY: &'static str = "views";

    fn counts(event: &Event) -> bool {
        event.stream() == Stream::ProductViews
    }

    fn fold(&mut self, event: &Event) {
        match &event.body {
            Body::ProductView(view) => {
                self.totals.views += 1;
                self.products.add(&view.product_id, 1);
                self.categories.add_view(&view.category);
            }
            Body::Search(search) => self.search(search),
            Body::Filter(filter) => self.filter(filter),
            Body::Compare(compare) => {
                self.totals.compares += 1;
                compare.product_ids.iter().for_each(|id| self.compared.add(id, 1));
            }
            _ => return,
        }
        let envelope = &event.envelope;
        let is_view = matches!(event.body, Body::ProductView(_));
        self.sessions
            .note(envelope.session_id, envelope.occurred_at, is_view);
        self.visitors.insert(envelope.user_id);
        self.event_ids.push(envelope.event_id);
    }

    fn event_ids(&self) -> &[Uuid] {
        self.event_ids.as_slice()
    }

    fn is_full(&self) -> bool {
        self.event_ids.len() >= EVENTS_PER_PAGE
    }

    fn merge(&mut self, other: &Self) {
        self.totals.merge(&other.totals);
        self.products.merge(&other.products);
        self.compared.merge(&other.compared);
        self.categories.merge(&other.categories);
        self.searches.merge(&other.searches);
        self.without_result.merge(&other.without_result);
        self.filters.merge(&other.filters);
        self.visitors.merge(&other.visitors);
        self.sessions.merge(&other.sessions);
        self.event_ids.extend(&other.event_ids);
    }
}
