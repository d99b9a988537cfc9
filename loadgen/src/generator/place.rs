//! Where an event lies: in which block, and where in it.
//!
//! Several blocks are in flight side by side, as lanes: within a wave, event i belongs to lane i mod L, so that a visit spans
//! many seconds. A run begins with one lane and doubles them up to the maximum, so that short runs hold the mix as well.

/// A block and its place in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the block; below 0 before the run.
    pub(super) ordinal: i64,
    /// Which of the wave's blocks it is.
    pub(super) lane: u64,
    /// How many there are.
    pub(super) lanes: u64,
}

/// How a run is cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Events in a block.
    pub(super) block: u64,
    /// Blocks side by side once the run is under way: a power of two.
    pub(super) lanes: u64,
}

/// The places of a run's events, in order.
///
/// Waves of 1, 2, 4 … blocks follow each other until there are as many as lanes; from then on they stay that long. Within a
/// wave, the events go round the lanes.
#[derive(Clone, Debug)]
pub(super) struct Places {
    layout: Layout,
    /// The first block of the wave.
    first: i64,
    /// How many blocks are in it.
    lanes: u64,
    /// Its events so far.
    taken: u64,
}

impl Places {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            first: 0,
            lanes: 1,
            taken: 0,
        }
    }

    /// Where the next event lies.
    pub(super) fn next(&mut self) -> Place {
        if self.taken == self.lanes * self.layout.block {
            self.first += signed(self.lanes);
            self.lanes = (self.lanes * 2).min(self.layout.lanes);
            self.taken = 0;
        }
        let lane = self.taken & (self.lanes - 1);
        self.taken += 1;
        Place {
            ordinal: self.first + signed(lane),
            lane,
            lanes: self.lanes,
        }
    }
}

impl Places {
    /// The place of a block.
    pub(super) fn of(&self, ordinal: i64) -> Place {
        self.layout.of(ordinal)
    }

    /// Up to which block, this one excluded, all should be planned by now. The next wave's blocks are planned over the
    /// course of this wave: all at once, at its first events, they would hold those up.
    pub(super) fn planned_by_now(&self) -> i64 {
        let next_lanes = (self.lanes * 2).min(self.layout.lanes);
        let events = self.lanes * self.layout.block;
        self.first + signed(self.lanes + self.taken * next_lanes / events)
    }
}

impl Layout {
    /// The place of a block.
    pub(super) fn of(self, ordinal: i64) -> Place {
        match u64::try_from(ordinal) {
            Ok(blocks) if blocks + 1 < self.lanes => {
                let lanes = 1 << (blocks + 1).ilog2();
                Place {
                    ordinal,
                    lane: blocks + 1 - lanes,
                    lanes,
                }
            }
            _ => {
                let lane = (ordinal + 1 - signed(self.lanes)).rem_euclid(signed(self.lanes));
                Place {
                    ordinal,
                    lane: lane.unsigned_abs(),
                    lanes: self.lanes,
                }
            }
        }
    }
}

impl Place {
    /// How many blocks of its lane came before it, about.
    pub(super) fn round(&self) -> i64 {
        self.ordinal.div_euclid(signed(self.lanes))
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_block_has_its_events_and_each_lane_one_block_at_a_time(block in 1..200_u64, lanes in 0..5_u32) {
            let layout = Layout { block, lanes: 1 << lanes };
            let mut left: HashMap<i64, u64> = HashMap::new();
            let mut current: HashMap<u64, i64> = HashMap::new();
            let mut places = Places::new(layout);
            for _ in 0..block * 100 {
                let place = places.next();
                prop_assert_eq!(layout.of(place.ordinal), place);
                prop_assert!(place.lane < place.lanes);
                if !left.contains_key(&place.ordinal) {
                    let before = current.insert(place.lane, place.ordinal);
                    prop_assert!(before.is_none_or(|before| left[&before] == 0), "a lane has two blocks at a time");
                }
                *left.entry(place.ordinal).or_insert(block) -= 1;
            }
            prop_assert!(left.values().filter(|events| **events > 0).count() as u64 <= layout.lanes);
        }
    }
}
