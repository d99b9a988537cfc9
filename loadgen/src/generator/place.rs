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

impl Layout {
    /// The block that event `index` lies in.
    pub(super) fn place(self, index: u64) -> Place {
        let blocks = index / self.block;
        // Waves of 1, 2, 4 … blocks begin at block 0, 1, 3, 7 …; from the wave of all lanes on they stay that long.
        if blocks + 1 < self.lanes {
            let lanes = 1 << (blocks + 1).ilog2();
            let lane = (index - (lanes - 1) * self.block) % lanes;
            Place {
                ordinal: signed(lanes - 1 + lane),
                lane,
                lanes,
            }
        } else {
            let steady = (self.lanes - 1) * self.block;
            let wave = (index - steady) / (self.lanes * self.block);
            let lane = (index - steady) % self.lanes;
            Place {
                ordinal: signed(self.lanes - 1 + wave * self.lanes + lane),
                lane,
                lanes: self.lanes,
            }
        }
    }

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
            for index in 0..block * 100 {
                let place = layout.place(index);
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
