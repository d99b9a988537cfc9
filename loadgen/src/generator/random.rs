//! Where chance comes from: `ChaCha` for plans, a hash for entities. Both are fixed functions of their arguments, so a new
//! version of a random-number crate can't change the events of a seed.

use events::Uuid;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Keeps the draws for one purpose apart from those for another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Block = 1,
    Shopper = 2,
    Product = 3,
    EventId = 4,
}

/// A stream of draws.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream numbered `stream` of a seed.
    pub(super) fn new(seed: u64, purpose: Purpose, stream: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = purpose as u8;
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream);
        Self(rng)
    }

    /// A number from 0 to `n` − 1; 0 for `n` = 0.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        scale(self.0.next_u64(), n)
    }

    /// An index into `n` things.
    pub(super) fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).saturating_add(1).max(0).unsigned_abs();
        low.saturating_add_unsigned(self.below(span))
    }

    /// A number from 0 to `n` − 1, small ones more often: half of the draws fall into the first quarter.
    pub(super) fn skewed(&mut self, n: u64) -> u64 {
        let u = self.0.next_u64() >> 32;
        scale(u * u, n)
    }

    /// True `percent` times in a hundred.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`, which is not empty.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// Puts `items` into a random order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.index(end + 1));
        }
    }

    /// A random UUID (version 4).
    pub(super) fn uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// 64 even bits for an entity.
pub(super) fn hash(seed: u64, purpose: Purpose, id: u64) -> u64 {
    mix(mix(mix(seed) ^ purpose as u64) ^ id)
}

/// `u` of 2^64 as a part of `n`.
pub(super) fn scale(u: u64, n: u64) -> u64 {
    ((u128::from(u) * u128::from(n)) >> 64) as u64
}

/// The finalizer of `SplitMix64`: a bijection in which every bit depends on every bit.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_within_bounds() {
        let mut dice = Dice::new(1, Purpose::Block, 0);
        for _ in 0..1_000 {
            assert!(dice.below(7) < 7);
            assert!((-2..=3).contains(&dice.between(-2, 3)));
            assert!(dice.skewed(1_000) < 1_000);
        }
        assert_eq!(dice.below(0), 0);
    }

    #[test]
    fn streams_purposes_and_seeds_differ() {
        let first = |seed, purpose, stream| Dice::new(seed, purpose, stream).below(u64::MAX);
        let reference = first(1, Purpose::Block, 0);
        assert_eq!(reference, first(1, Purpose::Block, 0));
        assert_ne!(reference, first(2, Purpose::Block, 0));
        assert_ne!(reference, first(1, Purpose::Shopper, 0));
        assert_ne!(reference, first(1, Purpose::Block, 1));
        assert_ne!(hash(1, Purpose::Shopper, 0), hash(1, Purpose::Product, 0));
    }
}
