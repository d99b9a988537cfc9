//! Purchases that are not as they should be, and which of them are. Nothing of this is on the wire.

use serde::{Deserialize, Serialize};

use super::dice::{Purpose, hash, unit};

/// What makes a purchase anomalous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anomaly {
    /// Hundreds of one product.
    HighQuantity,
    /// Many times the product's price.
    HighValue,
    /// One of several orders of a shopper within a visit's time.
    Velocity,
    /// One of several orders of a shopper within a visit's time, each of a dollar or two: somebody tries stolen cards.
    CardTesting,
    /// One of several orders of a shopper within a visit's time, each from another country, none of them the shopper's own.
    CountryHopping,
}

impl Anomaly {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::HighQuantity,
        Self::HighValue,
        Self::Velocity,
        Self::CardTesting,
        Self::CountryHopping,
    ];

    /// The name in ledgers and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HighQuantity => "high_quantity",
            Self::HighValue => "high_value",
            Self::Velocity => "velocity",
            Self::CardTesting => "card_testing",
            Self::CountryHopping => "country_hopping",
        }
    }

    /// How many purchases make it up.
    #[must_use]
    pub const fn purchases(self) -> u32 {
        match self {
            Self::HighQuantity | Self::HighValue => 1,
            Self::Velocity | Self::CardTesting => 6,
            Self::CountryHopping => 3,
        }
    }
}

impl std::fmt::Display for Anomaly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// An injected anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injected {
    /// Which one.
    pub kind: Anomaly,
    /// The purchases that belong together have the same number; 63 bits.
    pub group: u64,
    /// Which of them it is, from 0.
    pub member: u32,
}

/// The kinds that a block of so many purchases has room for.
pub(super) fn kinds_within(purchases: u32) -> Vec<Anomaly> {
    let fits = |kind: &Anomaly| kind.purchases() <= purchases;
    Anomaly::ALL.iter().copied().filter(fits).collect()
}

/// The anomalies that begin in a block of `purchases`, where `rate` of all purchases are to be anomalous, as many of each of
/// the `kinds`. The groups of a kind are spread evenly, each at a random place of its stretch, so their number is exact to one.
pub(super) fn of_block(
    seed: u64,
    block: i64,
    purchases: u32,
    mean_purchases: f64,
    rate: f64,
    kinds: &[Anomaly],
) -> Vec<Injected> {
    let mut found = Vec::new();
    let mut free = purchases;
    if rate <= 0.0 {
        return found;
    }
    for &kind in kinds {
        let groups_per_block = rate * mean_purchases / (kinds.len() as f64 * f64::from(kind.purchases()));
        let from = block as f64 * groups_per_block;
        let to = (block + 1) as f64 * groups_per_block;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "blocks and groups are far below 2^53"
        )]
        for n in from.floor() as i64..=to.floor() as i64 {
            let bits = hash(seed, Purpose::Anomaly, n.cast_unsigned() << 3 | kind as u64);
            let place = n as f64 + unit(bits);
            if (from..to).contains(&place) && kind.purchases() <= free {
                free -= kind.purchases();
                let group = bits >> 1;
                found.extend((0..kind.purchases()).map(|member| Injected { kind, group, member }));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn as_many_as_asked_for_of_each_kind() {
        let mut counts: BTreeMap<Anomaly, u32> = BTreeMap::new();
        for block in -5_000..5_000 {
            for injected in of_block(42, block, 10, 10.0, 0.02, Anomaly::ALL) {
                *counts.entry(injected.kind).or_default() += 1;
            }
        }
        // 2 % of 100,000 purchases, a fifth of them of each kind, but for the odd block that has no room for two groups.
        for (kind, count) in &counts {
            assert!(count.abs_diff(400) <= 12, "{kind}: {count}");
        }
        assert_eq!(counts.len(), Anomaly::ALL.len());
        assert!((0..1_000).all(|block| of_block(42, block, 10, 10.0, 0.0, Anomaly::ALL).is_empty()));
    }

    #[test]
    fn a_block_has_room_for_them_or_they_are_left_out() {
        for block in 0..1_000 {
            assert!(of_block(42, block, 3, 10.0, 0.9, Anomaly::ALL).len() <= 3);
        }
    }
}
