//! Who shops.

use events::{Country, Device, Timestamp};

use super::products::{CATEGORIES, category_of_slot};
use super::{Shop, growth};
use crate::generator::dice::{Dice, Hundred, scale};

/// Where shoppers live, by weight.
const COUNTRIES: &[(&str, usize)] = &[
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
static DEVICES: Hundred<Device> = Hundred::new(DEVICE_PERCENTS);
pub(super) const DEVICE_PERCENTS: &[(Device, usize)] =
    &[(Device::Mobile, 65), (Device::Desktop, 32), (Device::Tablet, 3)];

/// Of a hundred shoppers, so many come most often; beyond each number, they come half as often as those before.
const ACTIVITY_BOUNDS: [u64; 3] = [5, 20, 50];

/// Categories that a shopper comes back to.
pub(super) const TASTES: usize = 3;
/// Products that a shopper buys again and again.
const FAVOURITES: u64 = 12;

/// A shopper.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// From 1, in the order of joining.
    pub user_id: u64,
    /// Where the shopper lives.
    pub country: Country,
    /// What the shopper mostly uses.
    pub device: Device,
    /// The day on which the shopper joined.
    pub joined_on: Timestamp,
    /// How often the shopper comes, against the most frequent ones: 0.125 to 1.
    pub activity: f64,
    /// Categories that the shopper prefers, each once.
    pub tastes: Vec<&'static str>,
}

/// What an event says of its shopper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::generator) struct Shopper {
    pub(in crate::generator) user_id: u64,
    pub(in crate::generator) country: Country,
    pub(in crate::generator) device: Device,
    /// Indices of categories; one may come twice.
    pub(in crate::generator) tastes: [u8; TASTES],
}

/// The countries with their weights.
pub(super) fn countries() -> impl Iterator<Item = (Country, usize)> {
    let country = |code: &str| code.parse().expect("the table holds assigned codes");
    COUNTRIES
        .iter()
        .map(move |(code, weight)| (country(code), *weight))
}

impl Shop {
    /// The user of an id from 1 to the number of users.
    #[must_use]
    pub fn user(&self, user_id: u64) -> User {
        let Shopper {
            country,
            device,
            tastes,
            ..
        } = self.shopper(user_id);
        let mut names: Vec<&'static str> = tastes
            .iter()
            .map(|taste| CATEGORIES[usize::from(*taste)].name)
            .collect();
        names.sort_unstable();
        names.dedup();
        User {
            user_id,
            country,
            device,
            joined_on: growth::came_on(self.users, user_id),
            activity: 1.0 / f64::from(1 << self.halvings(user_id)),
            tastes: names,
        }
    }

    pub(in crate::generator) fn shopper(&self, user_id: u64) -> Shopper {
        let bits = self.user_key.hash(user_id);
        let home = scale(bits, self.homes.len() as u64);
        let slots = self.taste_key.hash(user_id);
        Shopper {
            user_id,
            country: self.homes[usize::try_from(home).unwrap_or(0)],
            device: DEVICES.at(bits.rotate_left(16)),
            tastes: [slots, slots >> 8, slots >> 16].map(category_of_slot),
        }
    }

    /// How many times less often than the most frequent ones a shopper comes, as a power of two.
    fn halvings(&self, user_id: u64) -> u32 {
        let percent = scale(self.user_key.hash(user_id).rotate_left(32), 100);
        ACTIVITY_BOUNDS
            .iter()
            .map(|bound| u32::from(percent >= *bound))
            .sum()
    }

    /// How many users had joined by a time.
    pub(in crate::generator) fn users_at(&self, time: Timestamp) -> u64 {
        growth::there_at(self.users, time)
    }

    /// Whether a user who might come does, as the last bits of a draw decide: the active ones mostly, the others now and then.
    pub(in crate::generator) fn comes(&self, user_id: u64, bits: u64) -> bool {
        bits.trailing_zeros() >= self.halvings(user_id)
    }

    /// Another country than the shopper's, and another one for each `n` below 8.
    pub(in crate::generator) fn abroad(&self, shopper: &Shopper, n: usize) -> Country {
        let home = self
            .countries
            .iter()
            .position(|country| *country == shopper.country);
        // Steps that are coprime to the number of countries never meet home within eight.
        let at = home.unwrap_or(0) + 3 * (n + 1);
        self.countries[at % self.countries.len()]
    }

    /// One of the products that a shopper buys again and again: a category of taste, and 64 bits for the product in it.
    pub(in crate::generator) fn favourite(&self, shopper: &Shopper, dice: &mut Dice) -> (u8, u64) {
        let n = dice.skewed(FAVOURITES);
        let bits = self.taste_key.hash(!(shopper.user_id * FAVOURITES + n));
        let taste = usize::try_from(n).unwrap_or(0) % TASTES;
        (shopper.tastes[taste], bits)
    }
}
