//! Which of a run's events are settled.

use std::collections::VecDeque;

/// Events that are settled, by their place in the run. Its size depends on how far apart those in flight are.
#[derive(Clone, Debug, Default)]
pub(super) struct SettledEvents {
    /// All before this one are.
    all_before: u64,
    /// Whether those from there on are.
    later: VecDeque<bool>,
}

impl SettledEvents {
    /// Takes note that an event is settled.
    pub(super) fn insert(&mut self, index: u64) {
        let Some(place) = index.checked_sub(self.all_before) else {
            return;
        };
        let place = usize::try_from(place).expect("events in flight fit into memory");
        if place >= self.later.len() {
            self.later.resize(place + 1, false);
        }
        self.later[place] = true;
        while self.later.front() == Some(&true) {
            self.later.pop_front();
            self.all_before += 1;
        }
    }

    /// Whether an event is settled.
    pub(super) fn has(&self, index: u64) -> bool {
        let Some(place) = index.checked_sub(self.all_before) else {
            return true;
        };
        let place = usize::try_from(place).ok();
        place.and_then(|place| self.later.get(place)) == Some(&true)
    }

    /// Adds those of another worker.
    pub(super) fn merge(&mut self, other: &Self) {
        let later = (other.all_before..)
            .zip(&other.later)
            .filter_map(|(index, is_settled)| is_settled.then_some(index));
        (0..other.all_before)
            .chain(later)
            .for_each(|index| self.insert(index));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_settled_is_told_from_what_is_not(order in Just((0..100_u64).collect::<Vec<_>>()).prop_shuffle(), workers in 1..4_usize) {
            let mut settled = vec![SettledEvents::default(); workers];
            for (n, index) in order.iter().enumerate() {
                prop_assert!(!settled[n % workers].has(*index));
                settled[n % workers].insert(*index);
                prop_assert!(settled[n % workers].has(*index));
            }
            let mut all = SettledEvents::default();
            settled.iter().for_each(|own| all.merge(own));
            prop_assert!((0..100).all(|index| all.has(index)) && !all.has(100));
            prop_assert!(all.later.is_empty(), "{:?}", all.later);
        }
    }
}
