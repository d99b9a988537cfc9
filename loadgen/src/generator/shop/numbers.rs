//! Distributions in basic arithmetic alone: no `exp`, `ln` or `pow` of a platform's library, whose last bits differ from one
//! machine to the next. Additions, products, quotients and square roots are the same everywhere (IEEE 754).

use crate::generator::dice::unit;

/// A power law over the ranks 0 to n − 1: rank r has a weight of about (r + 1)^−1.1. Log-rank against log-sales has a slope of
/// −0.7 to −1.1 over the head in real shops; categories side by side, each with best sellers of its own, make it flatter.
///
/// The inverse of the continuous distribution function: with M = (n + 1)^(−1/10), (1 − u·(1 − M))^−10 lies between 1 and n + 1.
/// The exponent is chosen so that 10 = 1 / (1.1 − 1) is a whole number.
#[derive(Clone, Copy, Debug)]
pub(super) struct PowerLaw {
    ranks: u64,
    /// 1 − M.
    spread: f64,
}

impl PowerLaw {
    pub(super) fn new(ranks: u64) -> Self {
        let ranks = ranks.max(1);
        Self {
            ranks,
            spread: 1.0 - 1.0 / root((ranks + 1) as f64),
        }
    }

    /// The rank that `bits` of 2^64 fall on.
    pub(super) fn rank(&self, bits: u64) -> u64 {
        let base = 1.0 - unit(bits) * self.spread;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and ranks + 1"
        )]
        let rank = (1.0 / power(base)) as u64;
        rank.clamp(1, self.ranks) - 1
    }
}

/// x^10.
fn power(x: f64) -> f64 {
    let square = x * x;
    let fourth = square * square;
    fourth * fourth * square
}

const ROOT: i32 = 10;

/// x^(1/10) for x ≥ 1, by Newton's method from above, which comes down to it.
fn root(x: f64) -> f64 {
    let mut guess = x.sqrt();
    loop {
        let ninth = power(guess) / guess;
        let next = guess - (guess * ninth - x) / (f64::from(ROOT) * ninth);
        if next >= guess {
            return guess;
        }
        guess = next;
    }
}

/// A draw from the normal distribution, near enough: the sum of twelve even draws less six (Irwin–Hall), within ±6.
pub(super) fn normal(bits: [u64; 3]) -> f64 {
    let parts = bits.into_iter().flat_map(|bits| {
        [
            bits & 0xFFFF,
            bits >> 16 & 0xFFFF,
            bits >> 32 & 0xFFFF,
            bits >> 48,
        ]
    });
    let sum: u64 = parts.sum();
    // Each draw is the middle of its 65,536th.
    (sum + 6) as f64 / 65_536.0 - 6.0
}

/// 1/n! from n = 9 down to 0.
const TAYLOR: [f64; 10] = [
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

/// e^x for |x| < 700, to ten digits: 2^k · e^r by the Taylor series of e^r.
pub(super) fn exp(x: f64) -> f64 {
    const SHIFT: i64 = 1_100;
    // Cutting off a positive number rounds it down.
    #[expect(clippy::cast_possible_truncation, reason = "|k| is at most 1,010")]
    let k = (x * std::f64::consts::LOG2_E + 0.5 + SHIFT as f64) as i64 - SHIFT;
    let r = x - k as f64 * std::f64::consts::LN_2;
    let power = TAYLOR.iter().fold(0.0, |sum, coefficient| sum * r + coefficient);
    power * f64::from_bits((1_023 + k).cast_unsigned() << 52)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_functions_are_the_librarys(x in -20.0..20.0_f64, large in 1.0..1e7_f64) {
            prop_assert!((exp(x) / x.exp() - 1.0).abs() < 1e-10);
            prop_assert!((root(large) / large.powf(0.1) - 1.0).abs() < 1e-12);
        }

        #[test]
        fn every_rank_can_come_and_no_other(ranks in 1..300_000_u64, bits: u64) {
            prop_assert!(PowerLaw::new(ranks).rank(bits) < ranks);
            prop_assert_eq!(PowerLaw::new(ranks).rank(0), 0);
            prop_assert_eq!(PowerLaw::new(ranks).rank(u64::MAX), ranks - 1);
        }
    }

    #[test]
    fn a_power_law_has_its_slope() {
        let law = PowerLaw::new(10_000);
        let mut counts = vec![0_u32; 10_000];
        for n in 0..1_000_000_u64 {
            let bits = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            counts[usize::try_from(law.rank(bits)).unwrap()] += 1;
        }
        let slope = (f64::from(counts[999]) / f64::from(counts[9])).ln() / 100_f64.ln();
        assert!((-1.2..-1.0).contains(&slope), "{slope}");
    }

    #[test]
    fn normal_draws_have_mean_0_and_deviation_1() {
        let mut dice = crate::generator::dice::Dice::new(1, crate::generator::dice::Purpose::Block, 0);
        let draws: Vec<f64> = (0..100_000)
            .map(|_| normal([dice.bits(), dice.bits(), dice.bits()]))
            .collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / draws.len() as f64;
        assert!(
            mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03,
            "{mean} {variance}"
        );
    }
}
