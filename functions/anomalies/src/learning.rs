//! What is usual, as the sweep learns it.

use std::collections::BTreeMap;

use analytics::alerts::{AlertType, Signal};
use analytics::anomalies::{Baselines, PurchaseFact, RateMonitor, Settings, judge};
use events::{MS_PER_MINUTE, Minute, Timestamp};
use serde::{Deserialize, Serialize};

/// A minute is judged when it is over for so long: most of what is late has come.
const GRACE_MINUTES: i64 = 2;
/// The longest gap between purchases that is told to the monitor as minutes without any. A longer one means that the shop, or
/// what feeds it, was closed.
const LONGEST_GAP_MINUTES: i64 = 60;

/// What is usual.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// Prices, by country and category.
    pub baselines: Baselines,
    monitor: RateMonitor,
    /// Orders and their goods' value in minutes that are not judged yet, by number since the epoch.
    open: BTreeMap<i64, (u64, i64)>,
    judged: Option<i64>,
}

impl Learned {
    /// Learns from purchases, each of which is handed in once, and judges the minutes that are over. A purchase that comes
    /// after its minute was judged is learned from all the same.
    ///
    /// Of a purchase that came before it was known what its like usually costs, nobody could tell whether it cost too much.
    /// That is made up for here, against what is known now.
    pub fn advance<'a>(
        &mut self,
        purchases: impl IntoIterator<Item = &'a PurchaseFact>,
        now: Timestamp,
        settings: &Settings,
    ) -> Vec<Signal> {
        let mut unjudged = Vec::new();
        let purchases: Vec<&PurchaseFact> = purchases.into_iter().collect();
        for purchase in &purchases {
            let PurchaseFact {
                country, category, ..
            } = purchase;
            let min_samples = settings.unusual_value_min_samples;
            if self.baselines.usual(*country, *category, min_samples).is_none() {
                unjudged.push(*purchase);
            }
        }
        for purchase in purchases {
            self.baselines.learn(purchase);
            let minute = purchase.occurred_at_ms.div_euclid(MS_PER_MINUTE);
            if self.judged.is_none_or(|judged| minute > judged) {
                let (orders, value_minor) = self.open.entry(minute).or_default();
                *orders += 1;
                *value_minor += purchase.goods_minor;
            }
        }
        let closed_before = now.minute().number() - GRACE_MINUTES;
        let still_open = self.open.split_off(&closed_before);
        let late = unjudged
            .into_iter()
            .filter_map(|purchase| judge(purchase, &self.baselines, settings));
        let late = late.filter(|finding| finding.rule == AlertType::UnusualValue);
        let mut signals: Vec<Signal> = late.map(|finding| Signal::Raise(finding.into())).collect();
        for (minute, (orders, value_minor)) in std::mem::replace(&mut self.open, still_open) {
            let last = self.judged.unwrap_or(minute);
            if minute - last <= LONGEST_GAP_MINUTES {
                for empty in last + 1..minute {
                    signals.extend(self.monitor.observe(Minute::from_number(empty), 0, 0, settings));
                }
            }
            let judged = Minute::from_number(minute);
            signals.extend(self.monitor.observe(judged, orders, value_minor, settings));
            self.judged = Some(minute);
        }
        signals
    }
}

#[cfg(test)]
mod tests {
    use events::{Country, Uuid};

    use super::*;

    fn purchase(n: u128, price_minor: i64) -> PurchaseFact {
        PurchaseFact {
            event_id: Uuid::from_u128(n),
            occurred_at_ms: i64::try_from(n).unwrap(),
            user_id: 1,
            country: Country::all().next().unwrap(),
            goods_minor: price_minor,
            total_minor: price_minor,
            units: 1,
            category: analytics::anomalies::CategoryKey::of("books"),
            price_minor,
        }
    }

    fn raised(learned: &mut Learned, purchases: &[PurchaseFact]) -> Vec<Uuid> {
        let now = Timestamp::from_ms(MS_PER_MINUTE).unwrap();
        let signals = learned.advance(purchases, now, &Settings::default());
        let ids = signals.into_iter().filter_map(|signal| match signal {
            Signal::Raise(sighting) => Some(sighting.id),
            Signal::Clear { .. } => None,
        });
        ids.collect()
    }

    #[test]
    fn what_came_before_a_baseline_is_judged_when_there_is_one_and_never_again() {
        let mut learned = Learned::default();
        let mut purchases: Vec<PurchaseFact> = (0..100)
            .map(|n| purchase(n, 1_000 + i64::try_from(n).unwrap()))
            .collect();
        purchases.insert(3, purchase(1_000, 500_000));
        assert_eq!(raised(&mut learned, &purchases), [Uuid::from_u128(1_000)]);
        // From now on the stream's own judgement has what it needs.
        assert!(raised(&mut learned, &[purchase(2_000, 500_000)]).is_empty());
    }
}
