//! The events of a run: event i is a function of (configuration, i) alone. No clock, no I/O.
//!
//! Events are planned in blocks of a hundred, each with exactly the mix, and several blocks are in flight side by side, as
//! lanes: event i belongs to lane i mod L, so that a visit spans many seconds. A run begins with one lane and doubles them
//! up to L, so that short runs hold the mix as well.

mod block;
mod catalog;
mod mix;
mod random;
mod visit;

use std::time::Duration;

use events::{Envelope, Event, Timestamp, Uuid};
use serde::{Deserialize, Serialize};

pub use self::mix::{Mix, MixError};

use crate::source::{Content, Record, Source};

use self::block::{BLOCK, BlockPlan};
use self::catalog::Catalog;
use self::random::{Dice, Purpose, hash};
use self::visit::Visit;

/// How long a block lasts at most; a visit takes about a quarter of it.
const BLOCK_SECONDS: u64 = 20;
/// Blocks in flight at most, whatever the rate: they are held in memory.
const MAX_LANES: u64 = 256;
/// No two lanes share a shopper, so that nobody is in two places; each has at least this many.
const SHOPPERS_PER_LANE: u64 = 128;

/// What the events of a run depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where chance comes from.
    pub seed: u64,
    /// When event 0 happens.
    pub start: Timestamp,
    /// Events a second; at least 1.
    pub rate: u64,
    /// How many shoppers there are.
    pub users: u64,
    /// How many products there are.
    pub products: u64,
    /// The shares of the streams.
    pub mix: Mix,
}

/// What makes a purchase anomalous. Never on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anomaly {
    /// Hundreds of one product.
    HighQuantity,
    /// Many times the product's price.
    HighValue,
}

impl Anomaly {
    /// All of them.
    pub const ALL: &[Self] = &[Self::HighQuantity, Self::HighValue];
}

/// An event and what only the generator knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Its place in the run.
    pub index: u64,
    /// When it is due, after the start of the run.
    pub due: Duration,
    /// The event.
    pub event: Event,
    /// Why it is anomalous, if it is.
    pub anomaly: Option<Anomaly>,
    /// For an event of a cart's life, its purchase included: how many the whole life has. Else 0.
    pub cart_steps: u32,
}

impl Config {
    /// How long after the start event `index` is due.
    #[must_use]
    pub fn due(&self, index: u64) -> Duration {
        let nanos = (u128::from(index) * 1_000_000_000).div_ceil(u128::from(self.rate.max(1)));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// When event `index` happens.
    #[must_use]
    pub fn occurred_at(&self, index: u64) -> Timestamp {
        let ms = u128::from(index) * 1_000 / u128::from(self.rate.max(1));
        self.start.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX))
    }

    /// How many blocks are in flight once the run is under way: a power of two.
    fn lanes(&self) -> u64 {
        let wanted = self.rate * BLOCK_SECONDS / BLOCK;
        let lanes = wanted.min(self.users / SHOPPERS_PER_LANE).clamp(1, MAX_LANES);
        1 << lanes.ilog2()
    }
}

/// Where an event lies: the block's lane and lanes, the index of the block's first event, the position within the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    lane: u64,
    lanes: u64,
    first: u64,
    position: u64,
}

impl Place {
    fn of(index: u64, max_lanes: u64) -> Self {
        let hundreds = index / BLOCK;
        // Waves of 1, 2, 4 … blocks begin at block 0, 1, 3, 7 …; from the wave of `max_lanes` on they stay that long.
        let (wave, lanes) = if hundreds + 1 < max_lanes {
            let lanes = 1 << (hundreds + 1).ilog2();
            ((lanes - 1) * BLOCK, lanes)
        } else {
            let steady = (max_lanes - 1) * BLOCK;
            let length = max_lanes * BLOCK;
            (steady + (index - steady) / length * length, max_lanes)
        };
        let lane = (index - wave) % lanes;
        Self {
            lane,
            lanes,
            first: wave + lane,
            position: (index - wave) / lanes,
        }
    }

    fn index(&self, position: u64) -> u64 {
        self.first + position * self.lanes
    }
}

/// Makes the events. Asking in order is fast, as a block is made once; any other order gives the same events.
pub struct Generator {
    config: Config,
    catalog: Catalog,
    max_lanes: u64,
    /// The block that each lane is in, by the index of its first event, with the events not yet taken.
    lanes: Vec<Option<(u64, Vec<Option<Planned>>)>>,
    /// How many events there are to be.
    count: u64,
    /// The event that `next_record` gives next.
    next: u64,
}

impl Source for Generator {
    fn next_record(&mut self) -> Option<Record> {
        if self.next >= self.count {
            return None;
        }
        let planned = self.event(self.next);
        self.next += 1;
        let mut json = Vec::with_capacity(512);
        planned.event.to_json(&mut json);
        Some(Record {
            stream: planned.event.stream(),
            user_id: planned.event.envelope.user_id,
            due: planned.due,
            json,
            content: Content::Event(planned),
        })
    }
}

impl Generator {
    /// A generator of a run's events.
    #[must_use]
    pub fn new(config: Config, count: Option<u64>) -> Self {
        let max_lanes = config.lanes();
        let lanes = (0..max_lanes).map(|_| None).collect();
        Self {
            config,
            catalog: Catalog::new(config.seed),
            max_lanes,
            lanes,
            count: count.unwrap_or(u64::MAX),
            next: 0,
        }
    }

    /// Event `index` of the run.
    pub fn event(&mut self, index: u64) -> Planned {
        let place = Place::of(index, self.max_lanes);
        let (lane, position) = (
            usize::try_from(place.lane).unwrap_or(0),
            usize::try_from(place.position).unwrap_or(0),
        );
        let ready = self.lanes[lane]
            .as_mut()
            .filter(|(first, _)| *first == place.first)
            .and_then(|(_, events)| events[position].take());
        ready.unwrap_or_else(|| {
            let mut events: Vec<Option<Planned>> = self.block(&place).into_iter().map(Some).collect();
            let wanted = events[position].take().expect("a block was just made whole");
            self.lanes[lane] = Some((place.first, events));
            wanted
        })
    }

    /// All events of a block.
    fn block(&self, place: &Place) -> Vec<Planned> {
        let dice = &mut Dice::new(self.config.seed, Purpose::Block, place.first);
        let BlockPlan { visits: plans, turns } = BlockPlan::new(self.config.mix, dice);
        let shoppers = self.shoppers(place, plans.len(), dice);
        let mut visits: Vec<(Visit<'_>, usize)> = plans
            .iter()
            .zip(shoppers)
            .map(|(steps, id)| {
                let shopper = self.catalog.shopper(id);
                (
                    Visit::new(&self.catalog, self.config.products, shopper, steps, dice),
                    0,
                )
            })
            .collect();
        let mut events = Vec::with_capacity(turns.len());
        for (position, turn) in turns.into_iter().enumerate() {
            let (visit, taken) = &mut visits[turn];
            let steps = &plans[turn];
            let step = steps[*taken];
            *taken += 1;
            let body = visit.take(step, steps.get(*taken).copied(), dice);
            let index = place.index(position as u64);
            let occurred_at = self.config.occurred_at(index);
            let envelope = Envelope {
                event_id: event_id(self.config.seed, index, occurred_at),
                occurred_at,
                user_id: visit.shopper.user_id,
                session_id: visit.session_id,
                country: visit.shopper.country,
                device: visit.shopper.device,
            };
            let cart_steps = if step.is_of_cart() {
                steps.iter().filter(|step| step.is_of_cart()).count()
            } else {
                0
            };
            events.push(Planned {
                index,
                due: self.config.due(index),
                event: Event { envelope, body },
                anomaly: visit.anomaly.filter(|_| step == block::Step::Buy),
                cart_steps: u32::try_from(cart_steps).unwrap_or(u32::MAX),
            });
        }
        events
    }

    /// Different shoppers, all of the lane's own: nobody is on two visits at a time.
    fn shoppers(&self, place: &Place, visits: usize, dice: &mut Dice) -> Vec<u64> {
        let own = (self.config.users - place.lane).div_ceil(place.lanes);
        let mut chosen = Vec::with_capacity(visits);
        while chosen.len() < visits {
            let id = 1 + place.lane + place.lanes * dice.below(own);
            if !chosen.contains(&id) {
                chosen.push(id);
            }
        }
        chosen
    }
}

/// A UUID (version 7) of the time, with bits of the seed and the index.
fn event_id(seed: u64, index: u64, occurred_at: Timestamp) -> Uuid {
    let ms = u64::try_from(occurred_at.as_ms()).unwrap_or(0);
    let mut bits = [0; 10];
    bits[..8].copy_from_slice(&hash(seed, Purpose::EventId, index).to_be_bytes());
    bits[8..].copy_from_slice(&hash(!seed, Purpose::EventId, index).to_be_bytes()[..2]);
    uuid::Builder::from_unix_timestamp_millis(ms, &bits).into_uuid()
}

#[cfg(test)]
mod tests;
