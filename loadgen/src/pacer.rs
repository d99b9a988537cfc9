//! Releases events when they are due, however the sink is doing: an open loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::control::Control;
use crate::sink::{Lanes, Record};
use crate::source::{Content, Source};

/// Events due since the last tick are released together: a timer each would cost more than making them.
const TICK: Duration = Duration::from_millis(1);
const NANOS: u128 = 1_000_000_000;

/// When events are due: event i is i/rate seconds after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    rate: u64,
    count: u64,
}

impl Schedule {
    /// `count` events, `rate` a second.
    #[must_use]
    pub fn new(rate: u64, count: Option<u64>) -> Self {
        Self {
            rate: rate.max(1),
            count: count.unwrap_or(u64::MAX),
        }
    }

    /// How many events are due when `elapsed` has passed.
    #[must_use]
    pub fn due_by(&self, elapsed: Duration) -> u64 {
        let due = elapsed.as_nanos() * u128::from(self.rate) / NANOS + 1;
        u64::try_from(due).unwrap_or(u64::MAX).min(self.count)
    }

    /// How long after the start event `index` is due.
    #[must_use]
    pub fn due_after(&self, index: u64) -> Duration {
        let nanos = (u128::from(index) * NANOS).div_ceil(u128::from(self.rate));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// How far the releasing has come.
#[derive(Clone, Debug, Default)]
pub struct Offered(Arc<AtomicU64>);

impl Offered {
    /// Events released so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Releases the events of the schedule into the lanes, until it ends or the run is stopped. A full queue holds the next
/// events up; they keep the time that they were due.
pub async fn release(
    source: &mut impl Source,
    lanes: &Lanes,
    control: &Control,
    started: Instant,
    offered: &Offered,
) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut next = 0;
    let mut waiting = source.next_record();
    while waiting.is_some() && !control.is_stopped() {
        tokio::select! {
            _ = ticks.tick() => {}
            () = control.stopped() => return,
        }
        while let Some(due) =
            waiting.take_if(|record| record.due <= started.elapsed() && !control.is_stopped())
        {
            waiting = source.next_record();
            let Content::Event(planned) = due.content else {
                continue;
            };
            let queue = lanes.queue(&planned.event);
            let record = Box::new(Record {
                planned,
                due: started + due.due,
            });
            // Counted first: what a lane has settled was offered, at any instant.
            offered.0.store(next + 1, Ordering::Relaxed);
            let sent = match queue.try_send(record) {
                Ok(()) => true,
                Err(TrySendError::Closed(_)) => false,
                Err(TrySendError::Full(record)) => tokio::select! {
                    sent = queue.send(record) => sent.is_ok(),
                    () = control.stopped() => false,
                },
            };
            if !sent {
                offered.0.store(next, Ordering::Relaxed);
                return;
            }
            next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_event_is_due_from_its_time_on(rate in 1..1_000_000_u64, index in 0..100_000_000_u64) {
            let schedule = Schedule::new(rate, None);
            let due = schedule.due_after(index);
            prop_assert!(schedule.due_by(due) > index);
            if let Some(before) = due.checked_sub(Duration::from_nanos(1)) {
                prop_assert!(schedule.due_by(before) <= index);
            }
        }
    }

    #[test]
    fn a_minute_at_500_a_second_is_30_000_events() {
        let schedule = Schedule::new(500, Some(30_000));
        assert_eq!(schedule.due_by(Duration::ZERO), 1);
        assert_eq!(schedule.due_by(Duration::from_secs(59)), 29_501);
        assert_eq!(schedule.due_by(Duration::from_mins(1)), 30_000);
        assert_eq!(schedule.due_by(Duration::from_secs(61)), 30_000);
    }
}
