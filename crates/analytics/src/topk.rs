//! The most frequent keys of a stream in bounded space, mergeably.

use std::borrow::Borrow;
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// At most `CAPACITY` keys with how often each was seen: a Misra–Gries summary, merged as in Agarwal et al.,
/// *Mergeable Summaries* (2012).
///
/// Exact, and independent of any order, while no more than `CAPACITY` different keys were seen. Past that, for every key,
/// `get(key) ≤ true count ≤ get(key) + error()`, and `error() ≤ total() / (CAPACITY + 1)`, with the smallest capacity that
/// took part in a merge.
///
/// Stored as the total, the error, and the keys in ascending order, each as its step from the one before, with its count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopK<K, const CAPACITY: usize> {
    counts: BTreeMap<K, u64>,
    error: u64,
    total: u64,
}

impl<K: Ord + Clone, const CAPACITY: usize> TopK<K, CAPACITY> {
    /// Counts `key` `n` times.
    pub fn add<Q>(&mut self, key: &Q, n: u64)
    where
        K: Borrow<Q>,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        self.total += n;
        self.count(key, n);
        self.shrink();
    }

    /// Adds what another summary has counted, of whatever capacity.
    pub fn merge<const OTHER: usize>(&mut self, other: &TopK<K, OTHER>) {
        self.total += other.total;
        self.error += other.error;
        for (key, n) in &other.counts {
            self.count::<K>(key, *n);
        }
        self.shrink();
    }

    /// How often `key` was seen at least; 0 for a key that is not held.
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> u64
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.counts.get(key).copied().unwrap_or_default()
    }

    /// By how much any count may be too low.
    #[must_use]
    pub const fn error(&self) -> u64 {
        self.error
    }

    /// How often any key was seen: exact.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The keys that are held, in ascending order, with how often each was seen at least.
    pub fn iter(&self) -> impl Iterator<Item = (&K, u64)> {
        self.counts.iter().map(|(key, n)| (key, *n))
    }

    /// The `k` most frequent keys with their counts: the largest count first, then the smallest key.
    #[must_use]
    pub fn top(&self, k: usize) -> Vec<(&K, u64)> {
        let mut ranked: Vec<(&K, u64)> = self.iter().collect();
        if k < ranked.len() {
            ranked.select_nth_unstable_by(k, by_rank);
            ranked.truncate(k);
        }
        ranked.sort_unstable_by(by_rank);
        ranked
    }

    fn count<Q>(&mut self, key: &Q, n: u64)
    where
        K: Borrow<Q>,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(count) = self.counts.get_mut(key) {
            *count += n;
        } else if n > 0 {
            self.counts.insert(key.to_owned(), n);
        }
    }

    /// Takes the largest count that has no room off every count. At least `CAPACITY + 1` counts lose that much, hence the
    /// bound of the error; and what is taken off was added before, so shrinking costs no more than adding did.
    fn shrink(&mut self) {
        if self.counts.len() <= CAPACITY {
            return;
        }
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let (_, excess, _) = counts.select_nth_unstable_by_key(CAPACITY, |n| Reverse(*n));
        let excess = *excess;
        self.counts.retain(|_, n| {
            *n = n.saturating_sub(excess);
            *n > 0
        });
        self.error += excess;
    }
}

/// The larger count first, then the smaller key.
fn by_rank<K: Ord>((a, a_count): &(&K, u64), (b, b_count): &(&K, u64)) -> Ordering {
    b_count.cmp(a_count).then_with(|| a.cmp(b))
}

/// A key that is stored as its step from the one before it.
pub trait Key: Ord + Clone + Default {
    /// What is stored.
    type Step: Serialize + DeserializeOwned;

    /// The step to this key from a smaller one.
    fn step_from(&self, before: &Self) -> Self::Step;

    /// The key that lies a step after `before`; `None` where there is none.
    fn after(before: &Self, step: Self::Step) -> Option<Self>;
}

/// The step is the difference.
impl Key for u64 {
    type Step = u64;

    fn step_from(&self, before: &Self) -> u64 {
        self - before
    }

    fn after(before: &Self, step: u64) -> Option<Self> {
        before.checked_add(step)
    }
}

/// The step is the number of bytes that both begin with, and the rest.
impl Key for String {
    type Step = (usize, String);

    fn step_from(&self, before: &Self) -> Self::Step {
        let equal = self.bytes().zip(before.bytes()).take_while(|(a, b)| a == b);
        let (shared, rest) = self.split_at(self.floor_char_boundary(equal.count()));
        (shared.len(), rest.to_owned())
    }

    fn after(before: &Self, (shared, rest): Self::Step) -> Option<Self> {
        before.get(..shared).map(|shared| format!("{shared}{rest}"))
    }
}

impl<K: Key, const CAPACITY: usize> Serialize for TopK<K, CAPACITY> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let first = K::default();
        let before = std::iter::once(&first).chain(self.counts.keys());
        let steps: Vec<(K::Step, u64)> = before
            .zip(&self.counts)
            .map(|(before, (key, n))| (key.step_from(before), *n))
            .collect();
        (self.total, self.error, steps).serialize(serializer)
    }
}

impl<'de, K: Key, const CAPACITY: usize> Deserialize<'de> for TopK<K, CAPACITY> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (total, error, steps): (u64, u64, Vec<(K::Step, u64)>) = Deserialize::deserialize(deserializer)?;
        let mut counts = BTreeMap::new();
        let mut before = K::default();
        for (step, n) in steps {
            let key = K::after(&before, step)
                .ok_or_else(|| D::Error::custom("a key is not a step after the one before it"))?;
            before.clone_from(&key);
            if counts.insert(key, n).is_some() {
                return Err(D::Error::custom("a key is counted twice"));
            }
        }
        let mut summary = Self { counts, error, total };
        // Pages may have been stored when the capacity was larger.
        summary.shrink();
        Ok(summary)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: usize = 8;

    fn of<const CAPACITY: usize>(added: &[(u64, u64)]) -> TopK<u64, CAPACITY> {
        let mut summary = TopK::default();
        added.iter().for_each(|(key, n)| summary.add(key, *n));
        summary
    }

    fn true_counts(added: &[(u64, u64)]) -> BTreeMap<u64, u64> {
        let mut counts = BTreeMap::new();
        for (key, n) in added {
            *counts.entry(*key).or_default() += n;
        }
        counts
    }

    /// What holds of every summary of `added`.
    fn check<const CAPACITY: usize>(summary: &TopK<u64, CAPACITY>, added: &[(u64, u64)], smallest: u64) {
        let total: u64 = added.iter().map(|(_, n)| n).sum();
        assert_eq!(summary.total(), total);
        assert!(summary.iter().count() <= CAPACITY);
        assert!(summary.error() <= total / (smallest + 1), "{summary:?}");
        for (key, n) in true_counts(added) {
            let low = summary.get(&key);
            assert!(
                low <= n && n <= low + summary.error(),
                "{key}: {n} in {summary:?}"
            );
        }
        assert!(summary.iter().all(|(_, n)| n > 0));
    }

    /// Keys as a shop has them: a few often, many once.
    fn added(keys: u64) -> impl Strategy<Value = Vec<(u64, u64)>> {
        let key = prop_oneof![0..4.min(keys), 0..keys];
        proptest::collection::vec((key, prop_oneof![5 => Just(1), 1 => 0..20_u64]), 0..300)
    }

    /// Merges the parts in an order that `turns` decides: always two neighbours, the right one into the left or back.
    fn merged(mut parts: Vec<TopK<u64, SMALL>>, turns: &[usize]) -> TopK<u64, SMALL> {
        for turn in turns.iter().cycle() {
            if parts.len() == 1 {
                break;
            }
            let mut into = parts.remove(turn % parts.len());
            let from = parts.remove(turn / 7 % parts.len());
            into.merge(&from);
            parts.push(into);
        }
        parts.pop().unwrap_or_default()
    }

    fn split(added: &[(u64, u64)], parts: usize) -> Vec<TopK<u64, SMALL>> {
        let of_part = |part| {
            added
                .iter()
                .skip(part)
                .step_by(parts)
                .copied()
                .collect::<Vec<_>>()
        };
        (0..parts).map(|part| of(&of_part(part))).collect()
    }

    #[test]
    fn the_top_is_by_count_and_then_by_key() {
        let summary = of::<SMALL>(&[(5, 2), (9, 7), (1, 2), (3, 1), (9, 1)]);
        assert_eq!(summary.top(3), [(&9, 8), (&1, 2), (&5, 2)]);
        assert_eq!(summary.top(9).len(), 4);
        assert_eq!(summary.top(0), []);
        assert_eq!((summary.get(&9), summary.get(&7)), (8, 0));
    }

    #[test]
    fn a_frequent_key_survives_any_number_of_rare_ones() {
        let mut summary = TopK::<u64, SMALL>::default();
        for n in 0..10_000 {
            summary.add(&(1_000 + n), 1);
            if n % 4 == 0 {
                summary.add(&7, 1);
            }
        }
        assert_eq!(summary.top(1)[0].0, &7);
    }

    #[test]
    fn what_was_stored_with_a_larger_capacity_is_read_within_bounds() {
        let added: Vec<(u64, u64)> = (1..=30).map(|key| (key, key)).collect();
        let stored = postcard::to_allocvec(&of::<64>(&added)).unwrap();
        check(
            &postcard::from_bytes::<TopK<u64, SMALL>>(&stored).unwrap(),
            &added,
            8,
        );
    }

    #[test]
    fn bytes_that_are_no_summary_are_refused() {
        let bytes = |steps: &[(u64, u64)]| postcard::to_allocvec(&(9_u64, 0_u64, steps)).unwrap();
        for steps in [[(1, 1), (0, 1)], [(1, 1), (u64::MAX, 1)]] {
            assert!(postcard::from_bytes::<TopK<u64, SMALL>>(&bytes(&steps)).is_err());
        }
        let texts = |shared: usize| {
            let steps = [((0, "é".to_owned()), 1), ((shared, "z".to_owned()), 1)];
            postcard::to_allocvec(&(2, 0, steps.as_slice())).unwrap()
        };
        assert!(postcard::from_bytes::<TopK<String, SMALL>>(&texts(2)).is_ok());
        for shared in [1, 3] {
            assert!(postcard::from_bytes::<TopK<String, SMALL>>(&texts(shared)).is_err());
        }
    }

    proptest! {
        #[test]
        fn counts_are_low_by_no_more_than_the_error(added in added(60)) {
            check(&of::<SMALL>(&added), &added, 8);
        }

        #[test]
        fn bounds_hold_after_any_split_and_order_of_merging(
            added in added(60), parts in 1..8_usize, turns in proptest::collection::vec(0..50_usize, 1..8),
        ) {
            check(&merged(split(&added, parts), &turns), &added, 8);
        }

        #[test]
        fn within_its_capacity_any_split_and_order_gives_the_true_counts(
            mut added in added(8), parts in 1..8_usize, turns in proptest::collection::vec(0..50_usize, 1..8),
        ) {
            let whole = of::<SMALL>(&added);
            prop_assert_eq!(whole.error(), 0);
            let exact: BTreeMap<u64, u64> = true_counts(&added).into_iter().filter(|(_, n)| *n > 0).collect();
            prop_assert_eq!(whole.iter().map(|(key, n)| (*key, n)).collect::<BTreeMap<_, _>>(), exact);
            prop_assert_eq!(&merged(split(&added, parts), &turns), &whole);
            added.reverse();
            prop_assert_eq!(of::<SMALL>(&added), whole);
        }

        #[test]
        fn small_summaries_merge_into_a_large_one(added in added(60), parts in 1..8_usize) {
            let mut large = TopK::<u64, 64>::default();
            let small = split(&added, parts);
            small.iter().for_each(|part| large.merge(part));
            check(&large, &added, 8);
            prop_assert_eq!(large.error(), small.iter().map(TopK::error).sum::<u64>());
        }

        #[test]
        fn numbers_survive_storage(added in added(u64::MAX)) {
            let summary = of::<SMALL>(&added);
            let stored = postcard::to_allocvec(&summary).unwrap();
            prop_assert_eq!(postcard::from_bytes::<TopK<u64, SMALL>>(&stored).unwrap(), summary);
        }

        #[test]
        fn texts_survive_storage(texts in proptest::collection::vec("[aéè€₭𝄞]{0,4}", 0..20)) {
            let mut summary = TopK::<String, SMALL>::default();
            texts.iter().for_each(|text| summary.add(text.as_str(), 1));
            let stored = postcard::to_allocvec(&summary).unwrap();
            prop_assert_eq!(postcard::from_bytes::<TopK<String, SMALL>>(&stored).unwrap(), summary);
        }
    }
}
