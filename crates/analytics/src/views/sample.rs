//! Sessions over a window of any length, in bounded space.

use std::collections::BTreeMap;

/// A session's events within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    /// First event, in ms since the epoch.
    pub(super) first_ms: i64,
    /// Last event, in ms since the epoch.
    pub(super) last_ms: i64,
    /// Number of events.
    pub(super) events: u64,
    /// Number of them that are product views.
    pub(super) views: u64,
}

/// All sessions while they are at most `CAPACITY`, else those with the `CAPACITY` smallest keys: as keys are well mixed, a
/// fair sample, with all events of each (bottom-k, Cohen and Kaplan 2007). It depends on no order: once left out, a key
/// stays out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample<const CAPACITY: usize> {
    visits: BTreeMap<u64, Visit>,
    /// Keys from here on are left out.
    end: Option<u64>,
}

impl<const CAPACITY: usize> Sample<CAPACITY> {
    /// Adds a part of a session.
    pub(super) fn add(&mut self, key: u64, part: Visit) {
        if self.end.is_some_and(|end| key >= end) {
            return;
        }
        let visit = self.visits.entry(key).or_insert(Visit {
            events: 0,
            views: 0,
            ..part
        });
        visit.first_ms = visit.first_ms.min(part.first_ms);
        visit.last_ms = visit.last_ms.max(part.last_ms);
        visit.events += part.events;
        visit.views += part.views;
        if self.visits.len() > CAPACITY {
            self.end = self.visits.pop_last().map(|(key, _)| key);
        }
    }

    /// The sessions that are held.
    pub(super) fn visits(&self) -> impl ExactSizeIterator<Item = &Visit> {
        self.visits.values()
    }

    /// Number of all sessions: exact, or by the share of all keys that the sample spans, with a relative standard error of
    /// 1 / √`CAPACITY`.
    pub(super) fn count(&self) -> u64 {
        let held = self.visits.len() as u128;
        let all = self.end.map_or(held, |end| (held << 64) / u128::from(end).max(1));
        u64::try_from(all).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of<const CAPACITY: usize>(parts: &[(u64, i64)]) -> Sample<CAPACITY> {
        let mut sample = Sample::default();
        for (key, ms) in parts {
            let visit = Visit {
                first_ms: *ms,
                last_ms: *ms,
                events: 1,
                views: 1,
            };
            sample.add(*key, visit);
        }
        sample
    }

    #[test]
    fn more_sessions_than_there_is_room_for_are_estimated() {
        let spread = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let parts: Vec<(u64, i64)> = (1..=100_000).map(|n| (spread(n), 0)).collect();
        let count = of::<1_024>(&parts).count();
        assert!(count.abs_diff(100_000) < 10_000, "{count}");
    }

    proptest! {
        #[test]
        fn the_smallest_keys_are_kept_with_all_of_their_events_in_any_order(
            (parts, shuffled) in proptest::collection::vec((0..40_u64, 0..1_000_i64), 0..100)
                .prop_flat_map(|parts| (Just(parts.clone()), Just(parts).prop_shuffle())),
        ) {
            let (all, sample) = (of::<100>(&parts), of::<8>(&parts));
            prop_assert_eq!(all.count(), all.visits.len() as u64);
            prop_assert!(sample.visits.iter().eq(all.visits.iter().take(8)));
            prop_assert_eq!(of::<8>(&shuffled), sample);
        }
    }
}
