//! What one or more runs sent, as their ledgers tell.

use std::collections::{BTreeMap, BTreeSet};

use events::{Minute, Timestamp, Uuid};

use super::sales::SalesCells;
use super::{EventCells, add_up};
use crate::failure::Failure;
use crate::generator::Anomaly;
use crate::ledger::{CartFacts, Carts, FaultFacts, Ledger, REPLAY, UnitsFacts};

/// What one or more runs sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    pub(super) minutes: BTreeSet<Minute>,
    pub(super) events: EventCells,
    pub(super) sales: SalesCells,
    /// Product views by minute and category.
    pub(super) categories: BTreeMap<(Minute, String), u64>,
    pub(super) product_views: BTreeMap<u64, u64>,
    pub(super) product_units: BTreeMap<u64, UnitsFacts>,
    pub(super) carts: Carts,
    pub(super) cart_minutes: BTreeMap<Minute, CartFacts>,
    /// The anomalous purchases.
    pub(super) anomalies: BTreeMap<Anomaly, BTreeSet<Uuid>>,
    pub(super) arrived_from: Option<Timestamp>,
    pub(super) arrived_to: Option<Timestamp>,
    pub(super) uncertain: u64,
    pub(super) possible_duplicates: u64,
    pub(super) faults: FaultFacts,
}

impl Sent {
    /// Of ledgers of different runs.
    pub(super) fn of(ledgers: &[Ledger]) -> Result<Self, Failure> {
        let mut sent = Self::default();
        let mut runs = BTreeSet::new();
        for ledger in ledgers {
            let run = &ledger.run;
            if run.sink != "kinesis" {
                return Err(Failure::usage(format!(
                    "a ledger's events went to {}: only those that went to kinesis can be found again",
                    run.sink
                )));
            }
            // Of a recording, the ids say which events it holds.
            let ids = ledger
                .streams
                .values()
                .fold(0_u128, |sum, count| sum.wrapping_add(count.event_id_sum.0));
            let recording = (run.mix == REPLAY).then_some(ids);
            if !runs.insert((run.seed, run.start, recording)) {
                return Err(Failure::usage(format!(
                    "two ledgers have the seed {} and the start {}: they hold the same events, which count once; give one of them",
                    run.seed, run.start
                )));
            }
            sent.add(ledger);
        }
        if sent.minutes.is_empty() && sent.faults.bad.is_empty() {
            return Err(Failure::usage(
                "the ledgers hold no acknowledged record: there is nothing to compare",
            ));
        }
        Ok(sent)
    }

    fn add(&mut self, ledger: &Ledger) {
        let run = &ledger.run;
        self.arrived_from = Some(
            self.arrived_from
                .map_or(run.sent_from, |from| from.min(run.sent_from)),
        );
        self.arrived_to = Some(self.arrived_to.map_or(run.sent_to, |to| to.max(run.sent_to)));
        self.uncertain += ledger.uncertain;
        self.possible_duplicates += ledger.possible_duplicates;
        self.carts.merge(&ledger.carts);
        self.faults.merge(&ledger.faults);
        for facts in &ledger.minutes {
            let minute = facts.minute;
            self.minutes.insert(minute);
            for (event_type, count) in &facts.events {
                self.events
                    .entry((minute, *event_type))
                    .or_default()
                    .merge(*count);
            }
            for (country, sales) in &facts.countries {
                self.sales.entry((minute, *country)).or_default().merge(sales);
            }
            let categories = facts.categories.iter();
            add_up(
                &mut self.categories,
                categories.map(|(category, views)| ((minute, category.clone()), *views)),
            );
        }
        let views = ledger.product_views.iter();
        add_up(
            &mut self.product_views,
            views.map(|(product_id, views)| (*product_id, *views)),
        );
        for (product_id, units) in &ledger.product_units {
            self.product_units.entry(*product_id).or_default().merge(*units);
        }
        for (minute, carts) in &ledger.cart_minutes {
            self.cart_minutes.entry(*minute).or_default().merge(carts);
        }
        for anomaly in &ledger.anomalies {
            self.anomalies
                .entry(anomaly.kind)
                .or_default()
                .insert(anomaly.event_id);
        }
    }
}
