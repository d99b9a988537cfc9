//! Distributions in basic arithmetic alone: no `exp`, `ln` or `pow` of a platform's library, whose last bits differ from one
//! machine to the next. Additions, products, quotients and square roots are the same everywhere (IEEE 754).

use crate::generator::dice::{scale, unit};

/// A number to divide by again and again. A multiplication takes the place of the division (Granlund and Montgomery 1994):
/// with m = ⌊(2^64 − 1) / d⌋, the quotient of n is ⌊m·(n + 1) / 2^64⌋ as long as d·(n + 1) ≤ 2^64.
#[derive(Clone, Copy, Debug)]
pub(super) struct Divisor {
    by: u64,
    reciprocal: u64,
}

impl Divisor {
    /// `by` is at least 1.
    pub(super) const fn new(by: u64) -> Self {
        Self {
            by,
            reciprocal: u64::MAX / by,
        }
    }

    /// The number to divide by.
    pub(super) const fn by(self) -> u64 {
        self.by
    }

    /// Quotient and rest of `n`, where (n + 1) times the divisor is at most 2^64.
    pub(super) fn divide(self, n: u64) -> (u64, u64) {
        debug_assert!(u128::from(self.by) * (u128::from(n) + 1) <= 1 << 64);
        let quotient = scale(n + 1, self.reciprocal);
        (quotient, n - quotient * self.by)
    }
}

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

/// Equally likely parts of the normal distribution.
const PARTS: usize = 64;

/// A log-normal distribution, near enough. The sum of three normal draws is normal, so the product of three log-normal draws
/// is log-normal; each is the middle of one of 64 equally likely parts, from a table.
#[derive(Clone, Debug)]
pub(super) struct LogNormal {
    median: f64,
    factors: Box<[f64; PARTS]>,
}

impl LogNormal {
    /// With the standard deviation of its logarithm.
    pub(super) fn new(median: f64, sigma: f64) -> Self {
        let deviation = sigma / 3.0_f64.sqrt();
        Self {
            median,
            factors: Box::new(normal_parts().map(|z| exp(deviation * z))),
        }
    }

    /// What `bits` of 2^64 fall on.
    pub(super) fn draw(&self, bits: u64) -> f64 {
        let factor = |shift: u32| self.factors[usize::try_from((bits >> shift) % PARTS as u64).unwrap_or(0)];
        self.median * factor(0) * (factor(20) * factor(40))
    }
}

/// The middles of equally likely parts of the normal distribution, stretched to a deviation of 1.
fn normal_parts() -> [f64; PARTS] {
    const STEP: f64 = 1.0 / 256.0;
    let density = |z: f64| exp(-z * z / 2.0) / std::f64::consts::TAU.sqrt();
    let (mut z, mut below) = (-6.0, 0.0);
    let mut parts = [0.0; PARTS];
    for (n, part) in parts.iter_mut().enumerate() {
        while below < (n as f64 + 0.5) / PARTS as f64 {
            below += STEP * density(z + STEP / 2.0);
            z += STEP;
        }
        *part = z;
    }
    let deviation = (parts.iter().map(|z| z * z).sum::<f64>() / PARTS as f64).sqrt();
    parts.map(|z| z / deviation)
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
    use crate::generator::dice::{Dice, Purpose};

    proptest! {
        #[test]
        fn a_division_is_a_division(by in 1..10_000_000_u64, n in 0..1_u64 << 40, times in 0..1_u64 << 16) {
            for n in [n, times * by, (times * by).saturating_sub(1)] {
                prop_assert_eq!(Divisor::new(by).divide(n), (n / by, n % by));
            }
        }

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
    fn prices_are_log_normal() {
        let (law, mut dice) = (LogNormal::new(100.0, 0.5), Dice::new(1, Purpose::Block, 0));
        let draws: Vec<f64> = (0..100_000)
            .map(|_| (law.draw(dice.bits()) / 100.0).ln() / 0.5)
            .collect();
        let moment = |n| draws.iter().map(|z: &f64| z.powi(n)).sum::<f64>() / draws.len() as f64;
        let (mean, variance, kurtosis) = (moment(1), moment(2), moment(4));
        assert!(
            mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03 && (kurtosis - 3.0).abs() < 0.2,
            "{mean} {variance} {kurtosis}"
        );
    }
}
