//! Who shops, and what there is to buy: functions of (seed, id), so there is no table of them.

use events::{Country, Device, Line};

use super::random::{Purpose, hash, scale};

/// Where shoppers live, by weight.
const COUNTRIES: &[(&str, u64)] = &[
    ("US", 300),
    ("GB", 95),
    ("DE", 90),
    ("FR", 65),
    ("CA", 50),
    ("JP", 50),
    ("AU", 40),
    ("IT", 38),
    ("ES", 35),
    ("BR", 35),
    ("IN", 30),
    ("NL", 28),
    ("MX", 25),
    ("PL", 20),
    ("KR", 18),
    ("SE", 16),
    ("CH", 14),
    ("BE", 13),
    ("AT", 12),
    ("DK", 10),
    ("NO", 10),
    ("TR", 10),
    ("PT", 9),
    ("FI", 8),
    ("IE", 8),
    ("CZ", 8),
    ("SG", 8),
    ("AE", 8),
    ("AR", 8),
    ("ZA", 7),
    ("SA", 7),
    ("NZ", 7),
    ("RO", 6),
    ("GR", 6),
    ("CL", 6),
    ("CO", 6),
    ("IL", 6),
    ("HU", 5),
];

/// What shoppers use, in percent.
const DEVICES: &[(Device, u64)] = &[(Device::Mobile, 65), (Device::Desktop, 32), (Device::Tablet, 3)];

/// Categories with their lowest and highest price, in minor units.
const CATEGORIES: &[(&str, i64, i64)] = &[
    ("electronics", 1_999, 149_999),
    ("computers", 4_999, 249_999),
    ("phones", 9_999, 139_999),
    ("home", 999, 39_999),
    ("kitchen", 899, 49_999),
    ("garden", 799, 59_999),
    ("furniture", 4_999, 129_999),
    ("fashion", 1_299, 24_999),
    ("shoes", 2_499, 21_999),
    ("beauty", 499, 11_999),
    ("health", 599, 8_999),
    ("sports", 999, 44_999),
    ("toys", 699, 14_999),
    ("books", 499, 5_999),
    ("groceries", 99, 4_999),
    ("pets", 399, 9_999),
];

/// A shopper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shopper {
    pub(super) user_id: u64,
    pub(super) country: Country,
    pub(super) device: Device,
}

/// Something to buy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Product {
    pub(super) id: u64,
    pub(super) category: &'static str,
    pub(super) price_minor: i64,
}

impl Product {
    /// So many of it at its price.
    pub(super) fn line(self, quantity: i64) -> Line {
        Line {
            product_id: self.id,
            category: self.category.into(),
            quantity,
            unit_price_minor: self.price_minor,
        }
    }
}

/// All shoppers and products of a seed.
pub(super) struct Catalog {
    seed: u64,
    countries: Vec<(Country, u64)>,
}

impl Catalog {
    pub(super) fn new(seed: u64) -> Self {
        let country = |code: &str| code.parse().expect("the table holds assigned codes");
        Self {
            seed,
            countries: COUNTRIES
                .iter()
                .map(|(code, weight)| (country(code), *weight))
                .collect(),
        }
    }

    /// The shopper of an id.
    pub(super) fn shopper(&self, user_id: u64) -> Shopper {
        let bits = hash(self.seed, Purpose::Shopper, user_id);
        Shopper {
            user_id,
            country: weighted(&self.countries, bits),
            device: weighted(DEVICES, bits.rotate_left(32)),
        }
    }

    /// The product of an id.
    pub(super) fn product(&self, product_id: u64) -> Product {
        let bits = hash(self.seed, Purpose::Product, product_id);
        let (category, low, high) =
            CATEGORIES[usize::try_from(scale(bits, CATEGORIES.len() as u64)).unwrap_or(0)];
        // The square of an even draw: most products are cheap for their category.
        let u = bits & 0xFFFF_FFFF;
        let raised = scale(u * u, high.abs_diff(low) + 1);
        Product {
            id: product_id,
            category,
            price_minor: low.saturating_add_unsigned(raised),
        }
    }
}

/// The choice that `bits` of 2^64 fall on.
fn weighted<T: Copy>(choices: &[(T, u64)], bits: u64) -> T {
    let mut rest = scale(bits, choices.iter().map(|(_, weight)| weight).sum());
    for (choice, weight) in choices {
        match rest.checked_sub(*weight) {
            None => return *choice,
            Some(left) => rest = left,
        }
    }
    choices[0].0
}

/// The category names, for searches and filters.
pub(super) fn category_names() -> impl ExactSizeIterator<Item = &'static str> {
    CATEGORIES.iter().map(|(name, _, _)| *name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn shoppers_and_products_are_the_same_each_time() {
        let (one, other) = (Catalog::new(7), Catalog::new(7));
        for id in [1, 2, 10_000_000] {
            assert_eq!(one.shopper(id), other.shopper(id));
            assert_eq!(one.product(id), other.product(id));
        }
        assert!((1..100).any(|id| one.product(id) != Catalog::new(8).product(id)));
    }

    #[test]
    fn shoppers_follow_the_weights() {
        let catalog = Catalog::new(42);
        let mut devices = BTreeMap::new();
        let mut countries = BTreeMap::new();
        for id in 1..=100_000 {
            let shopper = catalog.shopper(id);
            *devices.entry(shopper.device).or_insert(0_u64) += 1;
            *countries.entry(shopper.country).or_insert(0_u64) += 1;
        }
        for (device, percent) in DEVICES {
            assert!(
                devices[device].abs_diff(percent * 1_000) < 600,
                "{device}: {}",
                devices[device]
            );
        }
        assert_eq!(countries.len(), COUNTRIES.len());
    }

    #[test]
    fn prices_lie_within_their_category() {
        let catalog = Catalog::new(42);
        for id in 1..=10_000 {
            let product = catalog.product(id);
            let (_, low, high) = CATEGORIES
                .iter()
                .find(|(name, ..)| *name == product.category)
                .unwrap();
            assert!((*low..=*high).contains(&product.price_minor), "{product:?}");
        }
    }
}
