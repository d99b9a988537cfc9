//! The shop's orders a minute, and their value, against what that hour of the week usually brings.

use events::{MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, Minute, Timestamp};
use serde::{Deserialize, Serialize};

use super::Settings;
use super::finding::{Finding, Subject, derived_id, severity};
use crate::alerts::{AlertType, Evidence, Signal};

const HOURS_PER_WEEK: i64 = 168;
/// 1970-01-01 was a Thursday; weeks begin on Monday.
const MONDAY_BEFORE_EPOCH_MS: i64 = -3 * MS_PER_DAY;
/// Eight weeks of one hour of the week: from then on, what is older counts for less and less.
const MEMORY_MINUTES: u32 = 8 * 60;
/// Minutes spread by a tenth of their mean at least, or the smallest change would be unusual in a shop that never varies.
const LEAST_SPREAD: f64 = 0.1;

/// The mean of what was seen and how it spreads (Welford 1962), forgetting what is older than [`MEMORY_MINUTES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Level {
    minutes: u32,
    mean: f64,
    variance: f64,
}

impl Level {
    fn learn(&mut self, value: f64) {
        self.minutes = self.minutes.saturating_add(1);
        let weight = 1.0 / f64::from(self.minutes.min(MEMORY_MINUTES));
        let deviation = value - self.mean;
        self.mean += weight * deviation;
        self.variance = (1.0 - weight) * (self.variance + weight * deviation * deviation);
    }

    /// Orders that come independently spread by the root of their mean (Poisson), and never by less than a tenth of it.
    fn deviation(&self, unit: f64) -> f64 {
        let poisson = (self.mean.max(0.0) * unit).sqrt();
        self.variance
            .sqrt()
            .max(poisson)
            .max(self.mean * LEAST_SPREAD)
            .max(unit)
    }
}

/// One measure of the shop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Chart {
    hours: Vec<Level>,
    /// The moving average of deviations from the mean, in standard deviations.
    average: f64,
    is_out: bool,
}

impl Default for Chart {
    fn default() -> Self {
        Self {
            hours: (0..HOURS_PER_WEEK).map(|_| Level::default()).collect(),
            average: 0.0,
            is_out: false,
        }
    }
}

/// A minute as a control chart sees it.
struct Point {
    mean: f64,
    /// One standard deviation.
    deviation: f64,
    /// The moving average, in standard deviations of its own.
    score: f64,
}

impl Chart {
    /// Judges a minute and then learns from it. `unit` is what one order adds.
    fn observe(&mut self, hour: usize, value: f64, unit: f64, settings: &Settings) -> Option<Point> {
        let level = &mut self.hours[hour];
        if level.minutes < settings.rate_min_minutes {
            level.learn(value);
            return None;
        }
        let (mean, deviation) = (level.mean, level.deviation(unit));
        // A minute far out of range counts as one at its edge: no single minute is a trend, nor what is usual from then on.
        let most = settings.rate_limit * deviation;
        let tamed = value.clamp(mean - most, mean + most);
        level.learn(tamed);
        let lambda = settings.rate_lambda;
        self.average += lambda * ((tamed - mean) / deviation - self.average);
        Some(Point {
            mean,
            deviation,
            score: self.average / (lambda / (2.0 - lambda)).sqrt(),
        })
    }
}

/// Control charts of the shop's minutes: exponentially weighted moving averages (Roberts 1959) of the deviation from what the hour
/// of the week usually brings, within ±L·√(λ/(2 − λ)) standard deviations. About 6 KB in storage.
///
/// An hour of the week that is new is only learned from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RateMonitor {
    last_minute_ms: Option<i64>,
    orders: Chart,
    revenue: Chart,
}

impl RateMonitor {
    /// Judges a closed minute by its number of orders and the value of their goods, in minor units, and then learns from it. Minutes
    /// come in order: one that is not after the last one changes nothing. A minute without orders in a shop that is open is a minute
    /// like any other; one that nobody tells of is unknown.
    ///
    /// Raises an alert when a measure leaves its limits, and clears it when it is back.
    pub fn observe(
        &mut self,
        minute: Minute,
        orders: u64,
        value_minor: i64,
        settings: &Settings,
    ) -> Vec<Signal> {
        let Some(start) = minute.start() else {
            return Vec::new();
        };
        if self.last_minute_ms.is_some_and(|last| start.as_ms() <= last) {
            return Vec::new();
        }
        self.last_minute_ms = Some(start.as_ms());
        let hour = hour_of_week(start);
        let value_of_one = (self.revenue.hours[hour].mean / self.orders.hours[hour].mean.max(1.0)).max(1.0);
        let measures = [
            (Subject::Orders, &mut self.orders, orders as f64, 1.0),
            (
                Subject::Revenue,
                &mut self.revenue,
                value_minor as f64,
                value_of_one,
            ),
        ];
        let signal = |(subject, chart, value, unit): (Subject, &mut Chart, f64, f64)| {
            let point = chart.observe(hour, value, unit, settings)?;
            let was_out = std::mem::replace(&mut chart.is_out, point.score.abs() > settings.rate_limit);
            match (was_out, chart.is_out) {
                (false, true) => Some(Signal::Raise(
                    finding(subject, start, value, &point, settings).into(),
                )),
                (true, false) => Some(Signal::Clear {
                    alert_type: AlertType::UnusualRate,
                    entity: subject.to_string(),
                    at: start,
                }),
                _ => None,
            }
        };
        measures.into_iter().filter_map(signal).collect()
    }
}

fn finding(subject: Subject, start: Timestamp, value: f64, point: &Point, settings: &Settings) -> Finding {
    let side = settings.rate_limit * point.deviation * point.score.signum();
    Finding {
        id: derived_id(AlertType::UnusualRate, subject, &start.to_string()),
        rule: AlertType::UnusualRate,
        subject,
        severity: severity(point.score.abs() / settings.rate_limit),
        evidence: Evidence {
            value,
            baseline: Some(point.mean),
            limit: Some((point.mean + side).max(0.0)),
            score: Some(point.score),
            event_ids: Vec::new(),
        },
        seen_at: start.plus_ms(MS_PER_MINUTE - 1),
    }
}

/// From 0, Monday 00:00 UTC, to 167.
fn hour_of_week(time: Timestamp) -> usize {
    let hours = (time.as_ms() - MONDAY_BEFORE_EPOCH_MS).div_euclid(MS_PER_HOUR);
    usize::try_from(hours.rem_euclid(HOURS_PER_WEEK)).expect("a remainder of 168 is not negative")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE_MINOR: i64 = 13_000;

    fn minute(n: i64) -> Minute {
        Timestamp::parse("2026-03-02T00:00:00Z").unwrap().minute().plus(n)
    }

    /// So many orders a minute, of the same value each; what was raised and cleared, with the minute.
    fn run(
        monitor: &mut RateMonitor,
        from: i64,
        orders: impl IntoIterator<Item = u64>,
    ) -> Vec<(i64, bool, String)> {
        let settings = Settings::default();
        let signals = |(n, orders): (i64, u64)| {
            let value = i64::try_from(orders).unwrap() * PRICE_MINOR;
            let signals = monitor.observe(minute(n), orders, value, &settings);
            signals.into_iter().map(move |signal| match signal {
                Signal::Raise(sighting) => (n, true, sighting.entity),
                Signal::Clear { entity, .. } => (n, false, entity),
            })
        };
        (from..)
            .zip(orders)
            .map(signals)
            .collect::<Vec<_>>()
            .into_iter()
            .flatten()
            .collect()
    }

    /// Around a mean, by a fifth of it at most.
    fn steady(mean: u64, minutes: usize) -> impl Iterator<Item = u64> {
        (0..7)
            .cycle()
            .map(move |n| mean + mean * (n * 3 % 7) / 30 - mean / 10)
            .take(minutes)
    }

    #[test]
    fn an_outage_is_told_once_and_its_end_too() {
        let mut monitor = RateMonitor::default();
        assert_eq!(run(&mut monitor, 0, steady(300, 40)), []);
        let signals = run(&mut monitor, 40, std::iter::repeat_n(0, 6));
        let told: Vec<_> = signals
            .iter()
            .map(|(n, raised, entity)| (*n, *raised, entity.as_str()))
            .collect();
        assert_eq!(told, [(41, true, "shop:orders"), (41, true, "shop:revenue")]);
        let signals = run(&mut monitor, 46, steady(300, 14));
        assert_eq!(signals.len(), 2);
        assert!(signals.iter().all(|(_, raised, _)| !raised));
    }

    #[test]
    fn one_odd_minute_is_no_trend_and_two_are() {
        let mut monitor = RateMonitor::default();
        let calm: Vec<u64> = steady(300, 30).collect();
        assert_eq!(run(&mut monitor, 0, calm.clone()), []);
        assert_eq!(
            run(&mut monitor, 30, [100_000].into_iter().chain(steady(300, 9))),
            []
        );
        assert_eq!(run(&mut monitor, 40, [100_000, 100_000]).len(), 2);
    }

    #[test]
    fn nothing_fires_before_an_hour_of_the_week_has_its_minutes() {
        let mut monitor = RateMonitor::default();
        assert_eq!(run(&mut monitor, 0, [10, 500].into_iter().cycle().take(15)), []);
        let mut monitor = RateMonitor::default();
        assert_eq!(run(&mut monitor, 0, steady(300, 14)), []);
        assert_eq!(run(&mut monitor, 14, [3_000]), []);
        // The next hour is new again: ten times as many orders are no surprise there.
        assert_eq!(run(&mut monitor, 60, steady(3_000, 15)), []);
    }

    #[test]
    fn each_hour_of_the_week_has_its_own_usual() {
        let mut monitor = RateMonitor::default();
        let week = i64::from(7 * 24 * 60);
        for from in [0, week] {
            assert_eq!(run(&mut monitor, from, steady(20, 60)), []);
            assert_eq!(run(&mut monitor, from + 60, steady(900, 60)), []);
        }
        let signals = run(&mut monitor, 2 * week, steady(900, 5));
        assert_eq!(
            signals.len(),
            2,
            "nobody orders so much at that hour: {signals:?}"
        );
    }

    #[test]
    fn a_minute_told_again_or_late_changes_nothing() {
        let mut monitor = RateMonitor::default();
        run(&mut monitor, 0, steady(300, 20));
        let before = monitor.clone();
        run(&mut monitor, 5, steady(9_000, 15));
        assert_eq!(monitor, before);
    }

    #[test]
    fn evidence_says_what_was_usual_and_what_would_have_been_tolerated() {
        let settings = Settings::default();
        let mut monitor = RateMonitor::default();
        for n in 0..30 {
            monitor.observe(minute(n), 400, 400 * PRICE_MINOR, &settings);
        }
        monitor.observe(minute(30), 4_000, 400 * PRICE_MINOR, &settings);
        let signals = monitor.observe(minute(31), 4_000, 400 * PRICE_MINOR, &settings);
        let [Signal::Raise(sighting)] = &signals[..] else {
            panic!("{signals:?}")
        };
        assert_eq!(
            (sighting.alert_type, sighting.entity.as_str()),
            (AlertType::UnusualRate, "shop:orders")
        );
        assert!((sighting.evidence.value - 4_000.0).abs() < f64::EPSILON);
        let (baseline, limit) = (
            sighting.evidence.baseline.unwrap(),
            sighting.evidence.limit.unwrap(),
        );
        assert!(
            (400.0..410.0).contains(&baseline) && (limit / baseline) < 1.6,
            "{baseline} {limit}"
        );
        assert!(sighting.evidence.score.unwrap() > settings.rate_limit);
        assert_eq!(sighting.id.get_version_num(), 8);
    }

    #[test]
    fn it_survives_storage_in_little_space() {
        let mut monitor = RateMonitor::default();
        run(&mut monitor, 0, steady(300, 8 * 24 * 60));
        let stored = postcard::to_allocvec(&monitor).unwrap();
        assert!(stored.len() < 7_000, "{}", stored.len());
        assert_eq!(postcard::from_bytes::<RateMonitor>(&stored).unwrap(), monitor);
    }

    #[test]
    fn weeks_begin_on_monday() {
        let hour = |text| hour_of_week(Timestamp::parse(text).unwrap());
        assert_eq!(hour("2026-03-02T00:59:59Z"), 0);
        assert_eq!(hour("2026-03-08T23:00:00Z"), 167);
        assert_eq!(hour("1969-12-29T01:00:00Z"), 1);
    }
}
