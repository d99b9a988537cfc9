//! What is usual, as the sweep learns it.

use std::collections::BTreeMap;

use analytics::alerts::{AlertType, Signal};
use analytics::anomalies::{Baselines, PurchaseFact, RateMonitor, Settings, judge};
use aws::sweep::State;
use events::{MS_PER_MINUTE, Minute, Timestamp};
use serde::{Deserialize, Serialize};

/// A minute is judged when it is over for so long: most of what is late has come.
const GRACE_MINUTES: i64 = 2;
/// When no sweep has brought a purchase for so many minutes, those without any are judged as such.
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
    /// The time of the last sweep that brought a purchase.
    brought_at: Option<Timestamp>,
}

impl State for Learned {
    const ENCODING: u8 = 3;
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
        if !purchases.is_empty() {
            self.brought_at = Some(now);
        }
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
        let Some(closed) = self.closed_until(now) else {
            return signals;
        };
        let still_open = self.open.split_off(&(closed + 1));
        let with_orders = std::mem::replace(&mut self.open, still_open);
        let first = with_orders.keys().next().copied();
        let Some(mut from) = self.judged.map(|judged| judged + 1).or(first) else {
            return signals;
        };
        let none = (closed, (0, 0));
        for (until, of_until) in with_orders.into_iter().chain([none]) {
            // After a longer gap, the shop, or what feeds it, was closed.
            for minute in from.max(until - LONGEST_GAP_MINUTES)..=until {
                let (orders, value_minor) = if minute == until { of_until } else { (0, 0) };
                signals.extend(self.monitor.observe(
                    Minute::from_number(minute),
                    orders,
                    value_minor,
                    settings,
                ));
                self.judged = Some(minute);
            }
            from = from.max(until + 1);
        }
        signals
    }

    /// The last minute that can be judged: it is over, and later ones have been seen, so that a backlog that is being worked off
    /// is not taken for a lull. When no sweep has brought anything at all for some minutes, that is a lull, or as bad.
    fn closed_until(&self, now: Timestamp) -> Option<i64> {
        let silent_ms = self.brought_at.map_or(0, |at| now.as_ms() - at.as_ms());
        let now = now.minute().number();
        let silent = silent_ms >= SILENCE_MINUTES * MS_PER_MINUTE;
        let silent_until = silent.then_some(now - SILENCE_MINUTES);
        let seen_until = self.open.keys().next_back().map(|newest| newest - 1);
        let closed = silent_until.max(seen_until)?;
        Some(closed.min(now - GRACE_MINUTES - 1))
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

    /// Orders that are placed in a minute, evenly over it.
    fn minute(n: i64, orders: i64) -> impl Iterator<Item = PurchaseFact> {
        (0..orders).map(move |order| PurchaseFact {
            occurred_at_ms: n * MS_PER_MINUTE + order * MS_PER_MINUTE / orders,
            ..purchase(u128::try_from(n * 1_000 + order).unwrap(), 1_000)
        })
    }

    /// A shop that is open for so many minutes.
    fn shop(minutes: i64) -> Vec<PurchaseFact> {
        (0..minutes).flat_map(|n| minute(n, 20 + n % 3)).collect()
    }

    /// What is learned by a sweep each minute, when each purchase comes at a time that follows from its own, and what is told.
    fn swept(
        purchases: &[PurchaseFact],
        arrives_ms: impl Fn(i64) -> i64,
        minutes: std::ops::RangeInclusive<i64>,
    ) -> (Learned, Vec<(i64, Signal)>) {
        let (mut learned, mut told) = (Learned::default(), Vec::new());
        let mut purchases = purchases.iter().peekable();
        for now in minutes {
            let now_ms = now * MS_PER_MINUTE;
            let mut brought = Vec::new();
            while let Some(purchase) =
                purchases.next_if(|purchase| arrives_ms(purchase.occurred_at_ms) <= now_ms)
            {
                brought.push(purchase);
            }
            let now_at = Timestamp::from_ms(now_ms).unwrap();
            let signals = learned.advance(brought, now_at, &Settings::default());
            told.extend(signals.into_iter().map(|signal| (now, signal)));
        }
        assert!(purchases.next().is_none(), "some have not come");
        (learned, told)
    }

    #[test]
    fn silence_is_judged_when_it_has_lasted_and_a_backlog_is_not_silence() {
        let judged_at = |learned: &mut Learned, purchases: &[PurchaseFact], now: i64| {
            let now = Timestamp::from_ms(now * MS_PER_MINUTE).unwrap();
            learned.advance(purchases, now, &Settings::default());
            learned.judged
        };
        let mut learned = Learned::default();
        assert_eq!(judged_at(&mut learned, &shop(11), 11), Some(8));
        // Minutes later the first half of the next one arrives: it is not over for whoever works off a backlog.
        let half: Vec<PurchaseFact> = minute(11, 20).take(10).collect();
        assert_eq!(judged_at(&mut learned, &half, 14), Some(10));
        // However old it is, as long as something comes.
        let other_half: Vec<PurchaseFact> = minute(11, 20).skip(10).collect();
        assert_eq!(judged_at(&mut learned, &other_half, 40), Some(10));
        assert_eq!(judged_at(&mut learned, &[], 44), Some(10));
        // Nothing comes any more: minutes without orders are minutes like others.
        assert_eq!(judged_at(&mut learned, &[], 45), Some(40));
    }

    #[test]
    fn a_lag_that_is_caught_up_leaves_the_same_as_no_lag() {
        // It grows for an hour to half an hour, and is gone three hours after it began.
        let lag_ms = |ms: i64| {
            let minutes = (ms - 60 * MS_PER_MINUTE).clamp(0, 180 * MS_PER_MINUTE);
            (minutes / 2).min((180 * MS_PER_MINUTE - minutes) / 4)
        };
        let longest = (0..300).map(|n| lag_ms(n * MS_PER_MINUTE)).max();
        assert_eq!(longest, Some(30 * MS_PER_MINUTE));
        let lagging = swept(&shop(300), |ms| ms + lag_ms(ms), 1..=300);
        assert_eq!(lagging, swept(&shop(300), |ms| ms, 1..=300));
        assert_eq!(lagging.1, []);
    }

    #[test]
    fn a_first_start_far_behind_learns_what_was_there_and_no_lull() {
        let (at_once, told) = swept(&shop(150), |_| 0, 5_000..=5_004);
        assert_eq!(told, []);
        let (without_lag, _) = swept(&shop(150), |ms| ms, 1..=152);
        assert_eq!(
            (at_once.judged, at_once.monitor),
            (Some(148), without_lag.monitor)
        );
    }

    #[test]
    fn a_lull_is_told_after_some_minutes() {
        let (_, told) = swept(&shop(40), |ms| ms, 1..=50);
        let (now, Signal::Raise(sighting)) = &told[0] else {
            panic!("{told:?}")
        };
        // Two minutes without orders, the first of which began at 40, and five to wait.
        assert_eq!((*now, sighting.entity.as_str()), (46, "shop:orders"));
    }
}
