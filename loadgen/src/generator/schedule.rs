//! When events are due: at a steady rate, in stages, or by the calendar of a shop.

use std::time::Duration;

use events::{MS_PER_HOUR, Timestamp};

use super::calendar;

const HOUR_S: f64 = 3_600.0;

/// How the rate changes over a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Curve {
    /// It doesn't.
    #[default]
    Steady,
    /// One stage after the other; the end of the last one goes on.
    Stages(Vec<Stage>),
    /// By hour, weekday, month and sales day.
    Calendar,
}

/// A part of a run in which the rate is steady or changes evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// How long it is.
    pub lasts: Duration,
    /// The rate at its start, as a multiple of the run's.
    pub from: f64,
    /// The rate at its end.
    pub to: f64,
}

/// The times of events. Event i is due when the integral of the rate has come to i.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    rate: f64,
    start: Timestamp,
    by_calendar: bool,
    segments: Vec<Segment>,
    /// Where the last answer was found.
    at: usize,
}

/// A stretch of time with a linear rate.
#[derive(Clone, Copy, Debug)]
struct Segment {
    begins_s: f64,
    lasts_s: f64,
    events_before: f64,
    events_after: f64,
    /// Events a second at its start and its end.
    from: f64,
    to: f64,
}

impl Segment {
    /// The segment after it.
    fn then(&self, lasts_s: f64, from: f64, to: f64) -> Self {
        Self {
            begins_s: self.begins_s + self.lasts_s,
            lasts_s,
            events_before: self.events_after,
            events_after: self.events_after + f64::midpoint(from, to) * lasts_s,
            from,
            to,
        }
    }

    /// When `n` events of it have come, after its start: the root of from·t + (to − from)·t² / (2·lasts) = n.
    fn when(&self, n: f64) -> f64 {
        if n <= 0.0 {
            return 0.0;
        }
        let rise = self.to - self.from;
        if rise.abs() < f64::EPSILON {
            return n / self.from;
        }
        let slope = rise / self.lasts_s;
        let root = (self.from * self.from + 2.0 * slope * n).max(0.0).sqrt();
        2.0 * n / (self.from + root)
    }
}

/// Before everything else.
const NOTHING: Segment = Segment {
    begins_s: 0.0,
    lasts_s: 0.0,
    events_before: 0.0,
    events_after: 0.0,
    from: 0.0,
    to: 0.0,
};

impl Schedule {
    pub(super) fn new(rate: f64, start: Timestamp, curve: &Curve) -> Self {
        let stages: &[Stage] = match curve {
            Curve::Stages(stages) => stages,
            Curve::Steady | Curve::Calendar => &[],
        };
        let mut segments = vec![NOTHING];
        for stage in stages {
            let next = last(&segments).then(stage.lasts.as_secs_f64(), rate * stage.from, rate * stage.to);
            segments.push(next);
        }
        let by_calendar = *curve == Curve::Calendar;
        if !by_calendar {
            let goes_on = stages.last().map_or(rate, |stage| rate * stage.to);
            segments.push(last(&segments).then(f64::INFINITY, goes_on, goes_on));
        }
        Self {
            rate,
            start,
            by_calendar,
            segments,
            at: 0,
        }
    }

    /// How long after the start event `index` is due, in nanoseconds; `u64::MAX` if it never is. Fast when asked in order.
    pub(super) fn due_ns(&mut self, index: u64) -> u64 {
        let wanted = index as f64;
        if self.segments[self.at].events_before > wanted {
            self.at = 0;
        }
        loop {
            let segment = &self.segments[self.at];
            if wanted < segment.events_after {
                let seconds = segment.begins_s + segment.when(wanted - segment.events_before);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it saturates in 584 years"
                )]
                return (seconds * 1e9 + 0.5) as u64;
            }
            if self.at + 1 == self.segments.len() {
                if !self.by_calendar {
                    return u64::MAX;
                }
                self.add_hour();
            }
            self.at += 1;
        }
    }

    /// The same as a duration.
    pub(super) fn due(&mut self, index: u64) -> Duration {
        Duration::from_nanos(self.due_ns(index))
    }

    /// The rest of an hour, at that hour's rate.
    fn add_hour(&mut self) {
        let before = last(&self.segments);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole hours of a few thousand years"
        )]
        let begins = self
            .start
            .plus_ms(((before.begins_s + before.lasts_s) * 1_000.0).round() as i64);
        let left_ms = MS_PER_HOUR - begins.as_ms().rem_euclid(MS_PER_HOUR);
        let rate = self.rate * calendar::weight(begins);
        let next = before.then(left_ms as f64 * HOUR_S / MS_PER_HOUR as f64, rate, rate);
        self.segments.push(next);
    }
}

fn last(segments: &[Segment]) -> Segment {
    segments.last().copied().unwrap_or(NOTHING)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> Timestamp {
        Timestamp::parse("2026-11-22T17:30:00Z").unwrap()
    }

    fn count(rate: f64, curve: &Curve, lasts: Duration) -> u64 {
        let mut schedule = Schedule::new(rate, start(), curve);
        (0..1_000_000)
            .find(|index| schedule.due(*index) >= lasts)
            .unwrap()
    }

    #[test]
    fn a_minute_at_500_a_second_is_30_000_events() {
        let mut schedule = Schedule::new(500.0, start(), &Curve::Steady);
        assert_eq!(schedule.due(0), Duration::ZERO);
        assert_eq!(schedule.due(1), Duration::from_millis(2));
        assert_eq!(schedule.due(30_000), Duration::from_mins(1));
        assert_eq!(count(500.0, &Curve::Steady, Duration::from_mins(1)), 30_000);
    }

    #[test]
    fn stages_follow_each_other_and_the_last_goes_on() {
        let stage = |lasts, from, to| Stage {
            lasts: Duration::from_secs(lasts),
            from,
            to,
        };
        let curve = Curve::Stages(vec![
            stage(10, 0.0, 2.0),
            stage(10, 0.0, 0.0),
            stage(10, 3.0, 3.0),
        ]);
        assert_eq!(count(100.0, &curve, Duration::from_secs(10)), 1_000);
        assert_eq!(count(100.0, &curve, Duration::from_secs(20)), 1_000);
        assert_eq!(count(100.0, &curve, Duration::from_secs(30)), 4_000);
        assert_eq!(count(100.0, &curve, Duration::from_secs(40)), 7_000);
    }

    #[test]
    fn nobody_shops_at_night() {
        let mut schedule = Schedule::new(10.0, start(), &Curve::Calendar);
        let mut by_hour = [0_u32; 24];
        for index in 0.. {
            let due = schedule.due(index);
            if due >= Duration::from_hours(24) {
                break;
            }
            let seconds = 17 * 3_600 + 1_800 + due.as_secs();
            by_hour[usize::try_from(seconds / 3_600 % 24).unwrap()] += 1;
        }
        assert_eq!(by_hour.iter().max(), Some(&by_hour[20]));
        assert!(by_hour[20] > 50 * by_hour[2] && by_hour[2] > 0, "{by_hour:?}");
    }

    proptest! {
        #[test]
        fn times_never_decrease_whatever_the_order_of_asking(
            rate in 0.01..1e6_f64,
            stages in proptest::collection::vec((1..100_u64, 0.1..10.0_f64, 0.1..10.0_f64), 0..4),
            calendar: bool,
            index in 0..1_000_000_u64,
        ) {
            let stages = stages.into_iter().map(|(lasts, from, to)| Stage { lasts: Duration::from_secs(lasts), from, to });
            // Days at most: hours are made one by one.
            let rate = if calendar { rate.max(1.0) } else { rate };
            let curve = if calendar { Curve::Calendar } else { Curve::Stages(stages.collect()) };
            let mut schedule = Schedule::new(rate, start(), &curve);
            let due = schedule.due(index);
            prop_assert!(due <= schedule.due(index + 1));
            prop_assert_eq!(due, schedule.due(index));
        }
    }
}
