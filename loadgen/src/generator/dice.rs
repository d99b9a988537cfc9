//! Where chance comes from: hashes of (seed, purpose, number), and a stream of draws from each. Both are fixed functions in
//! whole numbers, so no version of a random-number crate and no processor changes the events of a seed.

use events::Uuid;

/// Keeps the draws for one purpose apart from those for another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Block = 1,
    Visit = 2,
    Shoppers = 3,
    EventId = 4,
    User = 5,
    Product = 6,
    Favourite = 7,
    Anomaly = 8,
    Fault = 9,
    Catalog = 10,
    Ids = 11,
}

/// `SplitMix64` (Steele, Lea and Flood 2014): a counter that is hashed.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of draws.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The stream numbered `n` of a seed.
    pub(super) fn new(seed: u64, purpose: Purpose, n: i64) -> Self {
        Key::new(seed, purpose).dice(n)
    }

    /// 64 even bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        finalize(self.0)
    }

    /// A number from 0 to `n` − 1; 0 for `n` = 0.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        scale(self.bits(), n)
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

    /// A number from 0 to 1, 1 excluded.
    pub(super) fn unit(&mut self) -> f64 {
        unit(self.bits())
    }

    /// A number from 0 to `n` − 1, small ones more often: half of the draws fall into the first quarter.
    pub(super) fn skewed(&mut self, n: u64) -> u64 {
        let u = self.bits() >> 32;
        scale(u * u, n)
    }

    /// True `percent` times in a hundred.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// True with this probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of `choices`, which is not empty.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        Self::choice(self.bits(), choices)
    }

    /// The one of `choices`, which is not empty, that `bits` of 2^64 fall on.
    pub(super) fn choice<T: Copy>(bits: u64, choices: &[T]) -> T {
        choices[usize::try_from(scale(bits, choices.len() as u64)).unwrap_or(0)]
    }

    /// Puts `items` into a random order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.index(end + 1));
        }
    }

    /// A random UUID (version 4), another one for each `key`.
    pub(super) fn uuid(&mut self, key: u128) -> Uuid {
        let (high, low) = (self.bits(), self.bits());
        with_version((u128::from(high) << 64 | u128::from(low)) ^ key, 4)
    }
}

/// A UUID of these bits, but for those that tell its version and that it is one of RFC 9562.
pub(super) fn with_version(bits: u128, version: u8) -> Uuid {
    const VERSION: u128 = 0xF << 76;
    const VARIANT: u128 = 0b11 << 62;
    Uuid::from_u128(bits & !VERSION & !VARIANT | u128::from(version) << 76 | 0b10 << 62)
}

/// 64 even bits for a thing with a number.
pub(super) fn hash(seed: u64, purpose: Purpose, n: u64) -> u64 {
    Key::new(seed, purpose).hash(n)
}

/// What the hashes of all things of a kind have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key(u64);

impl Key {
    pub(super) fn new(seed: u64, purpose: Purpose) -> Self {
        Self(mix(mix(seed) ^ purpose as u64))
    }

    /// 64 even bits for a thing with a number.
    pub(super) fn hash(self, n: u64) -> u64 {
        mix(self.0 ^ n)
    }

    /// Its draws.
    pub(super) fn dice(self, n: i64) -> Dice {
        Dice(self.hash(n.cast_unsigned()))
    }
}

/// `u` of 2^64 as a part of `n`.
pub(super) fn scale(u: u64, n: u64) -> u64 {
    ((u128::from(u) * u128::from(n)) >> 64) as u64
}

/// `bits` of 2^64 as a number from 0 to 1, 1 excluded.
pub(super) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Choices with weights that add up to a hundred: one of them in each place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hundred<T>([T; 100]);

impl<T: Copy> Hundred<T> {
    /// Each choice, as often as its percentage says.
    pub(super) const fn new(choices: &[(T, usize)]) -> Self {
        let mut places = [choices[0].0; 100];
        let (mut place, mut n) = (0, 0);
        while n < choices.len() {
            let end = place + choices[n].1;
            while place < end {
                places[place] = choices[n].0;
                place += 1;
            }
            n += 1;
        }
        assert!(place == 100, "the percentages add up to a hundred");
        Self(places)
    }

    /// The choice that `bits` of 2^64 fall on.
    pub(super) fn at(&self, bits: u64) -> T {
        self.0[usize::try_from(scale(bits, 100)).unwrap_or(0)]
    }
}

fn mix(x: u64) -> u64 {
    finalize(x.wrapping_add(GAMMA))
}

/// A bijection in which every bit depends on every bit.
fn finalize(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_the_published_ones() {
        // The first outputs of SplitMix64 for the state 1234567, as its reference implementation prints them.
        let mut dice = Dice(1_234_567);
        assert_eq!(
            [dice.bits(), dice.bits(), dice.bits()],
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn choices_follow_their_weights() {
        const THREE: Hundred<usize> = Hundred::new(&[(0, 10), (1, 20), (2, 70)]);
        let mut dice = Dice::new(1, Purpose::Block, 0);
        let mut counts = [0_u32; 3];
        for _ in 0..100_000 {
            counts[THREE.at(dice.bits())] += 1;
        }
        for (count, expected) in counts.iter().zip([10_000, 20_000, 70_000_u32]) {
            assert!(count.abs_diff(expected) < 600, "{counts:?}");
        }
    }
}
