//! How users and products come to the shop over the years. Numbers are given in order of arrival, so who is there on a day
//! is a prefix of them. An eighth is there from the start; the rest comes ever faster until all are there.

use events::{MS_PER_DAY, Timestamp};

/// 1990-01-01T00:00:00Z: the shop opens.
const OPENING_MS: i64 = 631_152_000_000;
/// Days from then to 2025-01-01, when everybody and everything is there.
const DAYS: u64 = 12_784;

/// How many of `all` are there at a time; at least an eighth, and never none.
pub(in crate::generator) fn there_at(all: u64, time: Timestamp) -> u64 {
    let day = time.as_ms().saturating_sub(OPENING_MS).div_euclid(MS_PER_DAY);
    there_on(all, u64::try_from(day).unwrap_or(0).min(DAYS)).max(1)
}

/// The day on which number `n` of `all` came, n from 1.
pub(super) fn came_on(all: u64, n: u64) -> Timestamp {
    let founders = all / 8;
    let later = all - founders;
    // The inverse of `there_on`, to within a day, and then exactly.
    let mut day = (n.saturating_sub(founders) * DAYS * DAYS / later.max(1))
        .isqrt()
        .min(DAYS);
    while day > 0 && there_on(all, day - 1) >= n {
        day -= 1;
    }
    while day < DAYS && there_on(all, day) < n {
        day += 1;
    }
    let ms = OPENING_MS + i64::try_from(day).unwrap_or(0) * MS_PER_DAY;
    Timestamp::from_ms(ms).expect("between 1990 and 2025")
}

fn there_on(all: u64, day: u64) -> u64 {
    let founders = all / 8;
    founders + (all - founders) * day * day / (DAYS * DAYS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn who_came_by_a_day_is_there_on_it(all in 1_000..10_000_000_u64, part in 0..1_000_u64) {
            let n = 1 + part * (all - 1) / 999;
            let came = came_on(all, n);
            prop_assert!(there_at(all, came) >= n);
            if came.as_ms() > OPENING_MS {
                prop_assert!(there_at(all, came.plus_ms(-1)) < n);
            }
        }
    }

    #[test]
    fn an_eighth_opens_the_shop_and_all_are_there_by_2025() {
        let at = |text| there_at(80_000, Timestamp::parse(text).unwrap());
        assert_eq!(at("1970-01-01T00:00:00Z"), 10_000);
        assert_eq!(at("1990-01-01T00:00:00Z"), 10_000);
        assert!((40_000..50_000).contains(&at("2014-01-01T00:00:00Z")));
        assert_eq!(at("2024-12-30T00:00:00Z"), 79_978);
        assert_eq!(at("2025-01-01T00:00:00Z"), 80_000);
        assert_eq!(at("2026-11-23T00:00:00Z"), 80_000);
    }
}
