//! A block: visits that are on at the same time, step by step, and who is on them.

use events::{Body, JsonWriter, Refund, Timestamp};

use super::anomaly::{self, Anomaly};
use super::dice::{Dice, Key, Purpose, scale};
use super::order::refund;
use super::outline::{Ending, Outline, outlines};
use super::place::{Layout, Place};
use super::shop::Shop;
use super::visit::Visit;
use super::{Config, Moment};
use crate::source::Record;

/// The length of a block on the clock that orders its steps.
const BLOCK_TICKS: u64 = 1 << 32;
/// Users that might come for each visit of a block; who comes depends on how active they are.
pub(super) const USERS_PER_VISIT: u64 = 4;

/// Who might come, at a time.
const CANDIDATES: usize = 32;

/// Tells most numbers that have not been seen before from all that have: a Bloom filter.
#[derive(Default)]
struct Known([u64; 16]);

impl Known {
    /// Whether the number is surely new; from now on, it isn't.
    fn is_new(&mut self, number: u64) -> bool {
        let place = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
        let (word, bit) = (&mut self.0[(place / 64) as usize], 1 << (place % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

/// What all blocks of a run have in common.
#[derive(Debug)]
pub(super) struct World {
    pub(super) config: Config,
    pub(super) shop: Shop,
    pub(super) layout: Layout,
    pub(super) mean_purchases: f64,
    /// Sets the ids of this run's sessions, carts and transactions apart from those of a run of the same shop at another time.
    pub(super) ids: u128,
    /// The anomalies that each block has room for.
    pub(super) kinds: Vec<Anomaly>,
    pub(super) event_key: Key,
    pub(super) visit_key: Key,
}

/// Memory that serves again and again.
#[derive(Default)]
pub(super) struct Memory {
    /// Visits that are over: places for the next ones.
    #[expect(clippy::vec_box, reason = "a visit is moved as a pointer")]
    visits: Vec<Box<Visit>>,
    pub(super) writer: JsonWriter,
}

/// A block's visits in outline, and the day that they are on.
struct Cast {
    outlines: Vec<Outline>,
    dice: Dice,
    day: Timestamp,
    /// Products that are for sale on it.
    for_sale: u64,
}

/// A block under way.
pub(super) struct Block {
    place: Place,
    cast: Cast,
    shoppers: Vec<u64>,
    /// Whose turn it is, event by event.
    turns: Vec<u16>,
    next: usize,
    visits: Vec<Option<Box<Visit>>>,
}

impl Cast {
    fn new(world: &World, place: &Place) -> Self {
        let Config { seed, traffic, .. } = world.config;
        let mut dice = Dice::new(seed, Purpose::Block, place.ordinal);
        let left_tenths = u32::try_from(dice.between(3, 6)).unwrap_or(3);
        let quota = traffic.quota(place.ordinal, left_tenths);
        let rate = world.config.anomaly_rate;
        let injected = anomaly::of_block(
            seed,
            place.ordinal,
            quota.purchases,
            world.mean_purchases,
            rate,
            &world.kinds,
        );
        let day = world.config.about(place);
        Self {
            outlines: outlines(quota, &injected, &mut dice),
            dice,
            day,
            for_sale: world.shop.products_at(day),
        }
    }

    /// Who is on the first `count` visits: different people, and none of them on a visit of another block of the wave. Each
    /// block draws from another slice of the lane's users, so that hardly anybody is back soon.
    fn shoppers(&self, world: &World, place: &Place, count: usize) -> Vec<u64> {
        let mut dice = Dice::new(world.config.seed, Purpose::Shoppers, place.ordinal);
        let users = world.shop.users_at(self.day);
        let own = users.saturating_sub(place.lane).div_ceil(place.lanes).max(1);
        let wanted = (self.outlines.len() as u64).max(1) * USERS_PER_VISIT;
        let slices = (own / wanted).max(1);
        let slice = place
            .round()
            .rem_euclid(i64::try_from(slices).unwrap_or(i64::MAX))
            .unsigned_abs();
        let in_slice = own / slices;
        let candidate = |bits: u64| 1 + place.lane + place.lanes * (slice + slices * scale(bits, in_slice));
        // Those who come, of so many who might, are found without a branch: nobody can guess who does.
        let (mut coming, mut left) = ([0; CANDIDATES], 0);
        let mut shoppers: Vec<u64> = Vec::with_capacity(count);
        let mut known = Known::default();
        for outline in &self.outlines[..count] {
            let user_id = match shoppers.last() {
                Some(same) if outline.follows() => *same,
                _ => loop {
                    while left == 0 {
                        for _ in 0..CANDIDATES {
                            // Who it is stands in the first bits, whether that one comes in the last ones.
                            let bits = dice.bits();
                            coming[left] = candidate(bits);
                            left += usize::from(world.shop.comes(coming[left], bits));
                        }
                    }
                    left -= 1;
                    let user_id = coming[left];
                    if known.is_new(user_id) || !shoppers.contains(&user_id) {
                        break user_id;
                    }
                },
            };
            shoppers.push(user_id);
        }
        shoppers
    }

    fn visit(&self, world: &World, place: &Place, n: usize, user_id: u64, memory: &mut Memory) -> Box<Visit> {
        let number = place
            .ordinal
            .wrapping_mul(1 << 16)
            .wrapping_add_unsigned(n as u64);
        let (shopper, dice) = (world.shop.shopper(user_id), world.visit_key.dice(number));
        let over = memory.visits.pop();
        let mut visit = over.unwrap_or_else(|| Box::new(Visit::blank(world, shopper)));
        visit.begin(world, &self.outlines[n], shopper, self.for_sale, dice);
        visit
    }
}

impl Block {
    pub(super) fn new(world: &World, place: Place) -> Self {
        let mut cast = Cast::new(world, &place);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a quarter of the ticks at most"
        )]
        let visit_ticks = (BLOCK_TICKS as f64 * world.config.visit_share(&place)) as u64;
        let turns = turns(&cast.outlines, visit_ticks, &mut cast.dice);
        let shoppers = cast.shoppers(world, &place, cast.outlines.len());
        let visits = cast.outlines.iter().map(|_| None).collect();
        Self {
            place,
            cast,
            shoppers,
            turns,
            next: 0,
            visits,
        }
    }

    /// The number of the block.
    pub(super) fn ordinal(&self) -> i64 {
        self.place.ordinal
    }

    /// The block's next event, which is the run's `index`-th. There must be one left.
    pub(super) fn take(&mut self, world: &World, moment: &Moment, memory: &mut Memory) -> Record {
        let n = usize::from(self.turns[self.next]);
        self.next += 1;
        let visit = match &mut self.visits[n] {
            Some(visit) => visit,
            none => {
                if let Ending::GiveBack { order } = self.cast.outlines[n].ending {
                    return self.give_back(world, moment, order, memory);
                }
                none.insert(self.cast.visit(world, &self.place, n, self.shoppers[n], memory))
            }
        };
        let record = visit.take(world, moment, &mut memory.writer);
        if visit.is_over() {
            memory.visits.extend(self.visits[n].take());
        }
        record
    }

    /// Gives back an order of days ago. It is made once more, as it was made then.
    fn give_back(&self, world: &World, moment: &Moment, order: u32, memory: &mut Memory) -> Record {
        let then = world.config.refunded(&self.place, world.layout);
        let cast = Cast::new(world, &then);
        let buyers = cast
            .outlines
            .iter()
            .filter(|outline| outline.ending == Ending::Buy)
            .count();
        let n = (order as usize).min(buyers - 1);
        let user_id = cast.shoppers(world, &then, n + 1)[n];
        let mut visit = cast.visit(world, &then, n, user_id, memory);
        let (bought, dice) = visit.take_all(world);
        let Body::Purchase(sale) = &bought else {
            unreachable!("who buys ends with a purchase")
        };
        let body = Body::Refund(Refund {
            refunded_transaction_id: sale.transaction_id,
            sale: refund(sale, dice, world.ids),
        });
        let record = visit.after_the_visit(world, moment, body, &mut memory.writer);
        memory.visits.push(visit);
        record
    }
}

/// Interleaves the visits: their starts are spread over the block, and each keeps its own order. Visits that follow each other
/// share the time of one.
///
/// The block's time is cut into slots, one or two for each event. Whose turns fall into one slot have them one after the other, so
/// that counting puts all in order; comparing them would be a coin toss each for the processor.
fn turns(outlines: &[Outline], visit_ticks: u64, dice: &mut Dice) -> Vec<u16> {
    let latest_start = BLOCK_TICKS - visit_ticks;
    let mut order: Vec<u64> = (0..outlines.len() as u64).collect();
    dice.shuffle(&mut order);
    let events: u32 = outlines.iter().map(Outline::events).sum();
    let slot_bits = 1 + events.max(1).ilog2();
    let mut slots = Vec::with_capacity(events as usize);
    let mut ends = vec![0; 1 << slot_bits];
    let mut group_start = 0;
    for (n, outline) in (0..).zip(outlines) {
        let (start, length) = match outline.injected {
            Some(injected) => {
                let length = visit_ticks / u64::from(injected.kind.purchases());
                if injected.member == 0 {
                    group_start = start_of(order[usize::from(n)], outlines.len(), latest_start, dice);
                }
                (group_start + u64::from(injected.member) * length, length)
            }
            None => (
                start_of(order[usize::from(n)], outlines.len(), latest_start, dice),
                visit_ticks,
            ),
        };
        for _ in 0..outline.events() {
            let slot = (start + dice.below(length)) >> (BLOCK_TICKS.ilog2() - slot_bits);
            let slot = usize::try_from(slot).unwrap_or(0);
            ends[slot] += 1;
            slots.push((slot, n));
        }
    }
    let mut sum = 0;
    for end in &mut ends {
        sum += *end;
        *end = sum;
    }
    let mut turns = vec![0; slots.len()];
    for (slot, n) in slots.into_iter().rev() {
        let end: &mut usize = &mut ends[slot];
        *end -= 1;
        turns[*end] = n;
    }
    turns
}

fn start_of(place: u64, visits: usize, latest: u64, dice: &mut Dice) -> u64 {
    (place * latest + dice.below(latest)) / visits as u64
}
