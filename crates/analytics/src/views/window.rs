//! Pages of any number of minutes, read together.

use events::Minute;

use super::sample::{Sample, Visit};
use super::{ViewTotals, ViewsPartial};
use crate::{Distinct, TopK};

/// Keys of each kind that a window holds: more than shoppers come to in an hour, so that it is exact in practice.
pub const WINDOW_KEYS: usize = 65_536;

/// Sessions that a window holds, about 15 MB of them; with more, their figures are of a sample of this size, and off by some
/// 0.2 %.
const WINDOW_SESSIONS: usize = 262_144;

/// What was looked at over a window, for readers: not stored. The same whatever the order in which pages are added,
/// while no kind of keys outgrows it; past that, the summaries' bounds hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewsWindow {
    /// Events by type.
    pub totals: ViewTotals,
    /// Views by product.
    pub products: TopK<u64, WINDOW_KEYS>,
    /// Comparisons by product.
    pub compared: TopK<u64, WINDOW_KEYS>,
    /// Views by category.
    pub categories: TopK<String, WINDOW_KEYS>,
    /// Searches by query.
    pub searches: TopK<String, WINDOW_KEYS>,
    /// Searches that found nothing, by query.
    pub without_result: TopK<String, WINDOW_KEYS>,
    /// Uses of filters by `name=value`.
    pub filters: TopK<String, WINDOW_KEYS>,
    /// Who was there.
    pub visitors: Distinct,
    sessions: Sample<WINDOW_SESSIONS>,
}

/// The sessions of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SessionFigures {
    /// Number of sessions.
    pub sessions: u64,
    /// Mean time from a session's first to its last event in the window, in ms.
    pub mean_length_ms: f64,
    /// Mean number of product views.
    pub mean_pages: f64,
    /// Share of the sessions with exactly one event in the window, 0 to 1.
    pub bounce_rate: f64,
}

impl ViewsWindow {
    /// Adds a page of a minute; each page once.
    pub fn add(&mut self, minute: Minute, page: &ViewsPartial) {
        self.totals.merge(&page.totals);
        self.products.merge(&page.products);
        self.compared.merge(&page.compared);
        self.categories.merge(&page.categories);
        self.searches.merge(&page.searches);
        self.without_result.merge(&page.without_result);
        self.filters.merge(&page.filters);
        self.visitors.merge(&page.visitors);
        // The years of the contract, 0 to 9999, begin with a minute: only a page without events can lie outside.
        let Some(start) = minute.start() else { return };
        for (key, session) in page.sessions.iter() {
            let visit = Visit {
                first_ms: start.as_ms() + i64::from(session.first_ms),
                last_ms: start.as_ms() + i64::from(session.last_ms),
                events: session.events.into(),
                views: session.views.into(),
            };
            self.sessions.add(key, visit);
        }
    }

    /// The sessions' figures; `None` where there was no session.
    #[must_use]
    pub fn session_figures(&self) -> Option<SessionFigures> {
        let held = self.sessions.visits().len();
        if held == 0 {
            return None;
        }
        // Summed as integers, so that no order of addition shows.
        let mean = |of: fn(&Visit) -> i64| {
            self.sessions.visits().map(of).map(i128::from).sum::<i128>() as f64 / held as f64
        };
        Some(SessionFigures {
            sessions: self.sessions.count(),
            mean_length_ms: mean(|visit| visit.last_ms - visit.first_ms),
            mean_pages: mean(|visit| visit.views.cast_signed()),
            bounce_rate: mean(|visit| (visit.events == 1).into()),
        })
    }
}
