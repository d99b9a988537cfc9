//! How far the warehouse has come: what a run leaves to the next one.

use std::collections::{BTreeMap, BTreeSet};

use aws::bucket::Versions;
use serde::{Deserialize, Serialize};
use warehouse::star::DayTotals;

use super::day::Facts;
use crate::state::State;

/// What is known of the archive and of the published days. Days are counted from 1970-01-01.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Of `fact_sales`.
    pub(crate) sales: FactsProgress,
    /// Of `fact_product_views`.
    pub(crate) views: FactsProgress,
    /// The catalog's objects, with the versions that the dimensions have taken.
    pub(crate) catalog: Versions,
}

/// How far a table of facts has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FactsProgress {
    /// Its archive's objects, by key.
    pub(crate) objects: BTreeMap<String, Archived>,
    /// Days with events that their file doesn't have yet.
    pub(crate) pending: BTreeSet<i32>,
    /// What the published days hold.
    pub(crate) days: BTreeMap<i32, Published>,
}

/// An object of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Archived {
    /// Which version of it was looked at.
    pub(crate) version: String,
    /// On which days its events happened.
    pub(crate) days: Vec<i32>,
}

/// A published day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Published {
    /// Purchases and refunds, or views.
    pub(crate) events: u64,
    /// Lines of the former, or products of the latter.
    pub(crate) rows: u64,
    /// What sales come to, refunds negative: Σ net.
    pub(crate) net_minor: i128,
}

impl From<&DayTotals> for Published {
    fn from(totals: &DayTotals) -> Self {
        Self {
            events: totals.purchases + totals.refunds,
            rows: totals.rows,
            net_minor: totals.net_minor,
        }
    }
}

impl Progress {
    /// Of one table.
    pub(super) const fn of(&self, facts: Facts) -> &FactsProgress {
        match facts {
            Facts::Sales => &self.sales,
            Facts::Views => &self.views,
        }
    }

    /// Of one table, to be changed.
    pub(super) const fn of_mut(&mut self, facts: Facts) -> &mut FactsProgress {
        match facts {
            Facts::Sales => &mut self.sales,
            Facts::Views => &mut self.views,
        }
    }

    /// Days that are pending, of all tables.
    pub(crate) fn pending_days(&self) -> usize {
        self.sales.pending.len() + self.views.pending.len()
    }
}

impl State for Progress {
    const KEY: &'static str = "state/batch";
    const ENCODING: u8 = 1;
}
