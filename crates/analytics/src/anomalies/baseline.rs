//! What purchases of a country and a category usually cost, learned from all of them.

use std::collections::BTreeMap;

use events::Country;
use serde::{Deserialize, Serialize};

use super::{CategoryKey, PurchaseFact};

/// Buckets of a doubling: each is at most 1/16 of its lower bound wide, and its middle within 1/32 of all that is in it.
const BUCKETS_PER_DOUBLING: i64 = 16;
const BUCKET_BITS: u32 = BUCKETS_PER_DOUBLING.ilog2();
/// Amounts are told apart from 64 to 2^24 minor units; what is less or more counts as that.
const LEAST_MINOR: i64 = 64;
const MOST_MINOR: i64 = (1 << 24) - 1;

/// Categories, and pairs of a country and a category, with a baseline of their own. With these, all baselines together take 230 KB
/// when each bucket of each of them has been hit, and a third of that in a shop that sells everywhere.
const MAX_CATEGORIES: usize = 64;
const MAX_PAIRS: usize = 640;

/// How many amounts fell into each bucket of a logarithmic scale. Counts are exact, so merging is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// The bucket of the first count.
    first: usize,
    counts: Vec<u64>,
}

/// Where the middle of a distribution lies, and how far around it half of it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// The median, in minor units; within 1/32 of the exact one where amounts are told apart.
    pub median_minor: f64,
    /// The median absolute deviation from it, of natural logarithms; within 1/15 of the exact one.
    pub log_mad: f64,
    /// From so many purchases.
    pub samples: u64,
    /// From which ones.
    pub scope: Scope,
}

/// Which purchases a baseline is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of the country and the category.
    CountryAndCategory,
    /// Those of the category.
    Category,
    /// All.
    All,
}

impl Histogram {
    /// Counts an amount.
    pub fn insert(&mut self, amount_minor: i64) {
        self.add(bucket_of(amount_minor), 1);
    }

    /// Adds what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.buckets() {
            self.add(bucket, count);
        }
    }

    /// How many amounts there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The median, in minor units, and the median absolute deviation from it of natural logarithms. `None` of nothing.
    #[must_use]
    pub fn median_and_log_mad(&self) -> Option<(f64, f64)> {
        let half = self.count().div_ceil(2);
        let mut below = 0;
        let (middle, _) = self.buckets().find(|(_, count)| {
            below += count;
            below >= half && half > 0
        })?;
        let median = middle_of(middle);
        let mut deviations: Vec<(f64, u64)> = self
            .buckets()
            .filter(|(_, count)| *count > 0)
            .map(|(bucket, count)| ((middle_of(bucket) / median).ln().abs(), count))
            .collect();
        deviations.sort_unstable_by(|(one, _), (other, _)| one.total_cmp(other));
        let mut nearer = 0;
        let (mad, _) = deviations.into_iter().find(|(_, count)| {
            nearer += count;
            nearer >= half
        })?;
        Some((median, mad))
    }

    fn buckets(&self) -> impl Iterator<Item = (usize, u64)> {
        (self.first..).zip(self.counts.iter().copied())
    }

    /// Holds the buckets from the first to the last one that is hit, and no others: so equal contents are equal.
    fn add(&mut self, bucket: usize, count: u64) {
        if count == 0 {
            return;
        }
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if bucket < self.first {
            let missing = self.first - bucket;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = bucket;
        }
        let place = bucket - self.first;
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += count;
    }
}

/// Doublings are cut evenly, as floating-point numbers are: the highest bit and the four after it, in one number.
fn bucket_of(amount_minor: i64) -> usize {
    let amount = amount_minor.clamp(LEAST_MINOR, MOST_MINOR);
    let doublings = amount.ilog2() - BUCKET_BITS;
    let bucket = i64::from(doublings) * BUCKETS_PER_DOUBLING + (amount >> doublings);
    usize::try_from(bucket - first_bucket()).expect("the least amount is in bucket 0")
}

const fn first_bucket() -> i64 {
    let doublings = (LEAST_MINOR.ilog2() - BUCKET_BITS) as i64;
    doublings * BUCKETS_PER_DOUBLING + (LEAST_MINOR >> doublings)
}

/// The middle of a bucket, in minor units.
fn middle_of(bucket: usize) -> f64 {
    let bucket = i64::try_from(bucket).expect("there are some hundred buckets") + first_bucket();
    let doublings = bucket / BUCKETS_PER_DOUBLING - 1;
    let lowest = (bucket - doublings * BUCKETS_PER_DOUBLING) << doublings;
    let highest = lowest + (1 << doublings) - 1;
    f64::midpoint(lowest as f64, highest as f64)
}

/// What purchases usually cost, learned from the price of each purchase's main line. Merging is exact, associative and
/// commutative.
///
/// There is room for 64 categories and 640 pairs of a country and a category: those with the smallest keys, so that each of them
/// has all of its purchases, whatever came in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baselines {
    all: Histogram,
    categories: BTreeMap<CategoryKey, Histogram>,
    /// By a hash of both, with the category in its lower half.
    pairs: BTreeMap<u64, Histogram>,
}

impl Baselines {
    /// Learns from a purchase.
    pub fn learn(&mut self, purchase: &PurchaseFact) {
        let price = purchase.price_minor;
        self.all.insert(price);
        if let Some(histogram) = smallest(&mut self.categories, purchase.category, MAX_CATEGORIES) {
            histogram.insert(price);
        }
        let pair = pair_key(purchase.country, purchase.category);
        if let Some(histogram) = smallest(&mut self.pairs, pair, MAX_PAIRS) {
            histogram.insert(price);
        }
    }

    /// Adds what others have learned.
    pub fn merge(&mut self, other: &Self) {
        self.all.merge(&other.all);
        for (key, of_category) in &other.categories {
            if let Some(histogram) = smallest(&mut self.categories, *key, MAX_CATEGORIES) {
                histogram.merge(of_category);
            }
        }
        for (key, of_pair) in &other.pairs {
            if let Some(histogram) = smallest(&mut self.pairs, *key, MAX_PAIRS) {
                histogram.merge(of_pair);
            }
        }
    }

    /// What is usual in a country and a category; of the category where that has too few samples, or else of all; `None` where even
    /// those are fewer than `min_samples`.
    #[must_use]
    pub fn usual(&self, country: Country, category: CategoryKey, min_samples: u64) -> Option<Usual> {
        let pair = self.pairs.get(&pair_key(country, category));
        let scopes = [
            (Scope::CountryAndCategory, pair),
            (Scope::Category, self.categories.get(&category)),
            (Scope::All, Some(&self.all)),
        ];
        scopes.into_iter().find_map(|(scope, histogram)| {
            let histogram = histogram?;
            let samples = histogram.count();
            let (median_minor, log_mad) = histogram
                .median_and_log_mad()
                .filter(|_| samples >= min_samples.max(1))?;
            Some(Usual {
                median_minor,
                log_mad,
                samples,
                scope,
            })
        })
    }
}

/// The value of a key, if it is among the `most` smallest ones. A key that once is not never will be again.
fn smallest<K: Copy + Ord, V: Default>(map: &mut BTreeMap<K, V>, key: K, most: usize) -> Option<&mut V> {
    if !map.contains_key(&key) && map.len() >= most {
        let (largest, _) = map.last_key_value()?;
        if *largest < key {
            return None;
        }
        map.pop_last();
    }
    Some(map.entry(key).or_default())
}

/// The upper half mixes both, so that no country is left out as a whole; a different pair has a different key.
fn pair_key(country: Country, category: CategoryKey) -> u64 {
    let country = country
        .as_str()
        .bytes()
        .fold(0, |sum, byte| sum << 8 | u64::from(byte));
    let mixed = (country << 32 | u64::from(category.bits())).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ mixed >> 32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(amounts: &[i64]) -> Histogram {
        let mut histogram = Histogram::default();
        amounts.iter().for_each(|amount| histogram.insert(*amount));
        histogram
    }

    /// The lower middle of an odd or even number of values.
    fn lower_median(mut values: Vec<f64>) -> f64 {
        values.sort_unstable_by(f64::total_cmp);
        values[(values.len() - 1) / 2]
    }

    proptest! {
        #[test]
        fn a_buckets_middle_is_near_all_that_is_in_it(amount in LEAST_MINOR..=MOST_MINOR) {
            let error = middle_of(bucket_of(amount)) / amount as f64 - 1.0;
            prop_assert!(error.abs() <= 1.0 / 32.0, "{amount}: {error}");
            prop_assert!(bucket_of(amount) >= bucket_of(amount - 1));
        }

        #[test]
        fn median_and_deviation_are_within_their_bounds(amounts in proptest::collection::vec(LEAST_MINOR..2_000_000_i64, 1..200)) {
            let (median, mad) = of(&amounts).median_and_log_mad().unwrap();
            let exact = lower_median(amounts.iter().map(|amount| *amount as f64).collect());
            prop_assert!((median / exact - 1.0).abs() <= 1.0 / 32.0, "{median} for {exact}");
            let exact_mad = lower_median(amounts.iter().map(|amount| (*amount as f64 / exact).ln().abs()).collect());
            prop_assert!((mad - exact_mad).abs() <= 1.0 / 15.0, "{mad} for {exact_mad}");
        }

        #[test]
        fn merging_is_counting_in_one_go(amounts in proptest::collection::vec(0..100_000_000_i64, 0..100), cut in 0..100_usize) {
            let (left, right) = amounts.split_at(cut.min(amounts.len()));
            let mut merged = of(right);
            merged.merge(&of(left));
            prop_assert_eq!(merged.count(), amounts.len() as u64);
            prop_assert_eq!(merged, of(&amounts));
        }

        #[test]
        fn the_smallest_keys_are_kept_with_all_that_they_have(keys in proptest::collection::vec((0..40_u32, any::<bool>()), 0..200)) {
            let count = |keys: &mut dyn Iterator<Item = u32>| {
                let mut map: BTreeMap<u32, u32> = BTreeMap::new();
                keys.for_each(|key| smallest(&mut map, key, 8).into_iter().for_each(|n| *n += 1));
                map
            };
            let whole = count(&mut keys.iter().map(|(key, _)| *key));
            for (key, n) in &whole {
                prop_assert_eq!(*n as usize, keys.iter().filter(|(other, _)| other == key).count());
            }
            let mut merged = count(&mut keys.iter().filter(|(_, left)| *left).map(|(key, _)| *key));
            for (key, n) in count(&mut keys.iter().filter(|(_, left)| !*left).map(|(key, _)| *key)) {
                smallest(&mut merged, key, 8).into_iter().for_each(|sum| *sum += n);
            }
            prop_assert_eq!(merged, whole);
        }
    }

    #[test]
    fn nothing_has_no_median_and_extremes_have_buckets() {
        assert_eq!(Histogram::default().median_and_log_mad(), None);
        assert_eq!(bucket_of(i64::MIN), 0);
        assert_eq!(bucket_of(i64::MAX), bucket_of(MOST_MINOR));
    }

    #[test]
    fn the_fullest_baselines_stay_below_an_item() {
        let mut full = Histogram::default();
        (0..=bucket_of(MOST_MINOR)).for_each(|bucket| full.add(bucket, 100));
        let mut baselines = Baselines {
            all: full.clone(),
            ..Baselines::default()
        };
        let categories: Vec<CategoryKey> = (0..1_000).map(|n| CategoryKey::of(&n.to_string())).collect();
        for category in &categories {
            if let Some(histogram) = smallest(&mut baselines.categories, *category, MAX_CATEGORIES) {
                *histogram = full.clone();
            }
            for country in Country::all().take(10) {
                if let Some(histogram) =
                    smallest(&mut baselines.pairs, pair_key(country, *category), MAX_PAIRS)
                {
                    *histogram = full.clone();
                }
            }
        }
        assert_eq!(
            (baselines.categories.len(), baselines.pairs.len()),
            (MAX_CATEGORIES, MAX_PAIRS)
        );
        let size = postcard::to_allocvec(&baselines).unwrap().len();
        assert!(size < 230_000, "{size}");
    }
}
