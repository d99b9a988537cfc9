//! What is usual, as the sweep learns it.

use std::collections::BTreeMap;

use analytics::alerts::{AlertType, Signal};
use analytics::anomalies::{Baselines, PurchaseFact, RateMonitor, Settings, judge};
use events::{MS_PER_MINUTE, Minute, Timestamp};
use serde::{Deserialize, Serialize};

/// A minute is judged when it is over for so long: most of what is late has come.
const GRACE_MINUTES: i64 = 2;
/// Minutes without any purchase after which they are judged as such.
const SILENCE_MINUTES: i64 = 5;
/// The longest gap between purchases that is told to the monitor as minutes without any.
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
        let late = unjudged
            .into_iter()
            .filter_map(|purchase| judge(purchase, &self.baselines, settings));
        let late = late.filter(|finding| finding.rule == AlertType::UnusualValue);
        let mut signals: Vec<Signal> = late.map(|finding| Signal::Raise(finding.into())).collect();
        let closed = self.closed_until(now);
        let still_open = self.open.split_off(&(closed + 1));
        let with_orders = std::mem::replace(&mut self.open, still_open);
        let first = with_orders.keys().next().copied();
        if let Some(from) = self.judged.map(|judged| judged + 1).or(first) {
            // After a longer gap, the shop, or what feeds it, was closed.
            let from = from.max(closed - LONGEST_GAP_MINUTES);
            for minute in from..=closed {
                let (orders, value_minor) = with_orders.get(&minute).copied().unwrap_or_default();
                signals.extend(self.monitor.observe(
                    Minute::from_number(minute),
                    orders,
                    value_minor,
                    settings,
                ));
                self.judged = Some(minute);
            }
        }
        signals
    }

    /// The last minute that can be judged: it is over, and later ones have been seen, so that a backlog that is being worked off
    /// is not taken for a lull. When nothing at all has come for some minutes, that is a lull, or as bad.
    fn closed_until(&self, now: Timestamp) -> i64 {
        let now = now.minute().number();
        let newest = self.open.keys().next_back().copied().unwrap_or(i64::MIN);
        (newest.saturating_sub(1))
            .max(now - SILENCE_MINUTES)
            .min(now - GRACE_MINUTES - 1)
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

    #[test]
    fn silence_is_judged_when_it_has_lasted_and_a_backlog_is_not_silence() {
        let minute = |n: i64, orders: i64| -> Vec<PurchaseFact> {
            let purchases = 0..orders;
            purchases
                .map(|order| PurchaseFact {
                    occurred_at_ms: n * MS_PER_MINUTE,
                    ..purchase(u128::try_from(n * 1_000 + order).unwrap(), 1_000)
                })
                .collect()
        };
        let judged_at = |learned: &mut Learned, purchases: &[PurchaseFact], now: i64| {
            let now = Timestamp::from_ms(now * MS_PER_MINUTE).unwrap();
            learned.advance(purchases, now, &Settings::default());
            learned.judged
        };
        let mut learned = Learned::default();
        let first: Vec<PurchaseFact> = (0..=10).flat_map(|n| minute(n, 20)).collect();
        assert_eq!(judged_at(&mut learned, &first, 11), Some(8));
        // Minutes later the first half of the next one arrives: it is not over for whoever works off a backlog.
        assert_eq!(judged_at(&mut learned, &minute(11, 10), 14), Some(10));
        // Nothing comes any more: minutes without orders are minutes like others.
        assert_eq!(judged_at(&mut learned, &[], 30), Some(25));
    }
}
