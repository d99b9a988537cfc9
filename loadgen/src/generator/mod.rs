//! The events of a run: a function of its configuration. No clock, no I/O.
//!
//! Events are planned in blocks, each with exactly the traffic that is asked for: so many visits of each outcome, so many
//! views, cart events and transactions. Several blocks are in flight side by side, and a visit is a state machine that takes
//! a step whenever its turn comes. Whatever is needed of a shopper, a product or an order of days ago is computed anew, so
//! memory holds the visits in progress and nothing else.

mod anomaly;
mod block;
mod calendar;
mod dice;
mod faults;
mod mix;
mod order;
mod outline;
mod path;
mod place;
mod schedule;
pub mod shop;
mod traffic;
mod visit;

use std::collections::VecDeque;
use std::time::Duration;

use events::{Event, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::anomaly::{Anomaly, Injected};
pub use self::faults::FaultRates;
pub use self::mix::{Mix, MixError};
pub use self::schedule::{Curve, Stage};
pub use self::traffic::{Funnel, FunnelError, Traffic};

use self::anomaly::kinds_within;
use self::block::{Block, Memory, USERS_PER_VISIT, World};
use self::dice::{Dice, Key, Purpose};
use self::faults::{Pending, bad_record};
use self::place::{Layout, Place, Places};
use self::schedule::Schedule;
use self::shop::Shop;
use crate::source::{Keep, Record, Source};

/// Blocks in flight at most, whatever the rate: they are held in memory.
const MAX_LANES: u64 = 256;
/// Visits of blocks in flight at most, for the same reason.
const MAX_VISITS: u64 = 131_072;
/// In some ten microseconds.
const VISITS_PLANNED_AT_ONCE: u32 = 256;
/// After how many days orders come back, each as often as the others.
const REFUND_DAYS: [f64; 8] = [1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 21.0];
const SECONDS_PER_DAY: f64 = 86_400.0;
const NS_PER_MS: u64 = 1_000_000;
/// A little more than the longest of them.
const REFUNDED_WITHIN_MS: i64 = 30 * events::MS_PER_DAY;
const YEAR_MS: i64 = 366 * events::MS_PER_DAY;

/// What the events of a run depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where chance comes from.
    pub seed: u64,
    /// When the first event is due.
    pub start: Timestamp,
    /// Records a second, on average; more than 0.
    pub rate: f64,
    /// How the rate changes.
    pub curve: Curve,
    /// How many users there are.
    pub users: u64,
    /// How many products there are.
    pub products: u64,
    /// How visits end and what they consist of.
    pub traffic: Traffic,
    /// How long a visit takes once the run is under way; shorter ones at first.
    pub visit: Duration,
    /// The share of purchases that are anomalous, from 0 to 1.
    pub anomaly_rate: f64,
    /// Products that everybody wants.
    pub sale: Option<FlashSale>,
    /// What goes wrong.
    pub faults: FaultRates,
}

/// A few products that everybody wants.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlashSale {
    /// How many; at least 1.
    pub products: u32,
    /// The share of looks that go to them, from 0 to 1.
    pub share: f64,
}

/// Where a run ends; without either, it doesn't.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// Records at most.
    pub records: Option<u64>,
    /// All records due before this.
    pub duration: Option<Duration>,
}

/// An event and what only the generator knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Its place among the events of the run.
    pub index: u64,
    /// The event.
    pub event: Event,
    /// Why it is anomalous, if it is.
    pub anomaly: Option<Injected>,
    /// It happened long before it is sent.
    pub late: bool,
    /// For an event of a cart's life, its purchase included: how many the whole life has. Else 0. `None` where nobody knows what
    /// else there is: in a recording.
    pub cart_steps: Option<u32>,
}

impl Config {
    /// When a record is due, after the start.
    #[must_use]
    pub fn due(&self, index: u64) -> Duration {
        Schedule::new(self.rate, self.start, &self.curve).due(index)
    }

    /// The most records a second that a run comes to which lasts so long; without a limit, a year.
    #[must_use]
    pub fn peak_rate(&self, lasts: Option<Duration>) -> u64 {
        let lasts_ms = lasts.map_or(YEAR_MS, |lasts| {
            i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX).min(YEAR_MS)
        });
        let multiple = match &self.curve {
            Curve::Steady => 1.0,
            Curve::Stages(stages) => stages
                .iter()
                .map(|stage| stage.from.max(stage.to))
                .fold(0.0, f64::max),
            Curve::Calendar => calendar::peak(self.start, self.start.plus_ms(lasts_ms)),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate times a thousand at most"
        )]
        let rate = (self.rate * multiple).ceil() as u64;
        rate
    }

    /// The same shop with so many purchases, about, from its start until `to`, by the calendar; and where that ends.
    #[must_use]
    pub fn with_orders(self, orders: u64, to: Timestamp) -> (Self, Limit) {
        let events =
            orders as f64 * f64::from(self.traffic.block_events()) / self.traffic.mean_purchases().max(1.0);
        let rate = events / calendar::weighted_seconds(self.start, to).max(1.0);
        let ms = to.as_ms().saturating_sub(self.start.as_ms());
        let duration = Some(Duration::from_millis(ms.max(0).unsigned_abs()));
        (
            Self {
                rate,
                curve: Curve::Calendar,
                ..self
            },
            Limit {
                records: None,
                duration,
            },
        )
    }

    fn layout(&self) -> Layout {
        let block = u64::from(self.traffic.block_events());
        let visits = u64::from(self.traffic.visits()).max(1);
        // A visit takes a quarter of its block.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number, bounded below"
        )]
        let wanted = (self.rate * self.visit.as_secs_f64() * 4.0 / block as f64) as u64;
        // No two lanes share a shopper, so that nobody is in two places.
        let most = (shop::users_at(self.users, self.start) / (visits * USERS_PER_VISIT))
            .min(MAX_LANES)
            .min(MAX_VISITS / visits);
        let lanes = wanted.min(most).max(1);
        Layout {
            block,
            lanes: 1 << lanes.ilog2(),
        }
    }

    /// How many users there must be by the time of the first refunded order, and how many there are, if that is fewer.
    #[must_use]
    pub fn short_of_users(&self) -> Option<(u64, u64)> {
        let needed = 2 * u64::from(self.traffic.visits());
        let there = shop::users_at(self.users, self.start.plus_ms(-REFUNDED_WITHIN_MS));
        (there < needed).then_some((needed, there))
    }

    /// How much of a block a visit takes, at most a quarter.
    fn visit_share(&self, place: &Place) -> f64 {
        let block_s = f64::from(self.traffic.block_events()) * place.lanes as f64 / self.rate;
        (self.visit.as_secs_f64() / block_s).min(0.25)
    }

    /// How many events lie between the first and the last one of a visit, at most.
    pub(crate) fn longest_visit(&self) -> u64 {
        let Layout { block, lanes } = self.layout();
        block * lanes
    }

    /// The time of a block at the mean rate: near enough to know which day it is.
    fn about(&self, place: &Place) -> Timestamp {
        let seconds = place.ordinal as f64 * f64::from(self.traffic.block_events()) / self.rate;
        #[expect(clippy::cast_possible_truncation, reason = "the calendar ends before 2^63 ms")]
        self.start.plus_ms((seconds * 1_000.0) as i64)
    }

    /// The block whose orders come back in the block at `place`. Blocks of the same remainder have the same delay, so no order
    /// comes back twice.
    fn refunded(&self, place: &Place, layout: Layout) -> Place {
        let classes = i64::try_from(REFUND_DAYS.len()).unwrap_or(i64::MAX);
        let class = usize::try_from(place.ordinal.rem_euclid(classes)).unwrap_or(0);
        let blocks_a_day = self.rate * SECONDS_PER_DAY / f64::from(self.traffic.block_events());
        #[expect(clippy::cast_possible_truncation, reason = "blocks of three weeks")]
        let rounds = (REFUND_DAYS[class] * blocks_a_day / classes as f64).round() as i64;
        layout.of(place.ordinal - rounds.max(1) * classes)
    }
}

/// An event's place in the run, and what is to be kept of it.
struct Moment {
    index: u64,
    due: Duration,
    now: Timestamp,
    keep: Keep,
}

/// What sets the ids of a run apart.
fn ids(seed: u64, start: Timestamp) -> u128 {
    let key = Key::new(seed, Purpose::Ids);
    let start_ms = start.as_ms().cast_unsigned();
    u128::from(key.hash(start_ms)) << 64 | u128::from(key.hash(!start_ms))
}

/// Makes the records of a run, in order.
pub struct Generator {
    world: World,
    places: Places,
    schedule: Schedule,
    limit: Limit,
    /// The limit's duration, in nanoseconds; what is due by then is no more.
    ends_ns: u64,
    /// The block that each lane is in.
    lanes: Vec<Option<Block>>,
    /// The blocks that come next, in their order.
    ahead: VecDeque<Block>,
    /// Up to which block, this one excluded, all are planned.
    planned: i64,
    planned_at_once: u32,
    memory: Memory,
    pending: Pending,
    /// What a bad record looks like; only where there are to be such.
    last: Option<Record>,
    /// Records and events so far.
    records: u64,
    events: u64,
}

impl Generator {
    /// A generator of a run's records.
    #[must_use]
    pub fn new(config: Config, limit: Limit) -> Self {
        let layout = config.layout();
        Self {
            places: Places::new(layout),
            schedule: Schedule::new(config.rate, config.start, &config.curve),
            limit,
            ends_ns: limit.duration.map_or(u64::MAX, |duration| {
                u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
            }),
            lanes: (0..layout.lanes).map(|_| None).collect(),
            ahead: VecDeque::new(),
            planned: 0,
            planned_at_once: (VISITS_PLANNED_AT_ONCE / config.traffic.visits().max(1)).clamp(1, 8),
            memory: Memory::default(),
            pending: Pending::default(),
            last: None,
            records: 0,
            events: 0,
            world: World {
                shop: Shop::new(config.seed, config.users, config.products),
                layout,
                mean_purchases: config.traffic.mean_purchases(),
                kinds: kinds_within(config.traffic.least_purchases()),
                ids: ids(config.seed, config.start),
                event_key: Key::new(config.seed, Purpose::EventId),
                visit_key: Key::new(config.seed, Purpose::Visit),
                config,
            },
        }
    }

    /// The shop's next event, due so long after the start.
    fn record(&mut self, due_ns: u64, keep: Keep) -> Record {
        let index = self.events;
        self.events += 1;
        let place = self.places.next();
        if place.lane == 0 {
            self.plan_ahead();
        }
        let lane = &mut self.lanes[usize::try_from(place.lane).unwrap_or(0)];
        let block = match lane {
            Some(current) if current.ordinal() == place.ordinal => current,
            _ => {
                let next = self.ahead.pop_front();
                lane.insert(next.expect("a wave's blocks are planned before it begins"))
            }
        };
        let now = self
            .world
            .config
            .start
            .plus_ms((due_ns / NS_PER_MS).cast_signed());
        let moment = Moment {
            index,
            due: Duration::from_nanos(due_ns),
            now,
            keep,
        };
        block.take(&self.world, &moment, &mut self.memory)
    }

    fn plan_ahead(&mut self) {
        if self.planned >= self.places.planned_by_now() {
            return;
        }
        // Several at once, where that takes no time to speak of: the code for it is at hand then.
        for _ in 0..self.planned_at_once {
            let place = self.places.of(self.planned);
            self.ahead.push_back(Block::new(&self.world, place));
            self.planned += 1;
        }
    }

    /// Lets go wrong what is to go wrong.
    fn with_faults(&mut self, at: u64, due_ns: u64) -> Record {
        let FaultRates { bad, duplicate, .. } = self.world.config.faults;
        let due = Duration::from_nanos(due_ns);
        if let Some(again) = self.pending.take(at) {
            return Record { due, ..again };
        }
        let seed = self.world.config.seed;
        let mut dice = Dice::new(seed, Purpose::Fault, at.cast_signed());
        if dice.chance(bad)
            && let Some(like) = &self.last
            && let Some(record) = bad_record(seed, at, due, like, &mut dice)
        {
            return record;
        }
        let record = self.record(due_ns, Keep::ALL);
        if dice.chance(duplicate) {
            self.pending.repeat(at, &record, &mut dice);
        }
        self.last = Some(record.clone());
        record
    }
}

impl Source for Generator {
    #[inline]
    fn next_record(&mut self, keep: Keep) -> Option<Record> {
        let at = self.records;
        if self.limit.records.is_some_and(|records| at >= records) {
            return None;
        }
        let due_ns = self.schedule.due_ns(at);
        if due_ns >= self.ends_ns {
            return None;
        }
        self.records += 1;
        let faults = self.world.config.faults;
        if faults.bad > 0.0 || faults.duplicate > 0.0 {
            let mut record = self.with_faults(at, due_ns);
            record.content = record.content.filter(|_| keep.any());
            return Some(record);
        }
        Some(self.record(due_ns, keep))
    }

    #[inline]
    fn recycle(&mut self, json: Vec<u8>) {
        self.memory.writer.recycle(json);
    }
}

#[cfg(test)]
mod tests;
