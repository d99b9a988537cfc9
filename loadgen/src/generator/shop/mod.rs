//! The shop: its users and its products, as functions of (seed, id). There is no table of them: any one is computed on demand,
//! the same in every run and on every thread.

mod growth;
mod numbers;
mod products;
mod users;

use events::Country;

pub use self::products::Product;
pub use self::users::User;

pub(in crate::generator) use self::products::{BRANDS, CATEGORIES, Category, Offer, category_of_slot};
pub(in crate::generator) use self::users::Shopper;

use self::products::Ranks;
use super::dice::{Key, Purpose};

pub(in crate::generator) use self::growth::there_at as users_at;

/// A shop with so many users and products.
#[derive(Clone, Debug)]
pub struct Shop {
    seed: u64,
    users: u64,
    products: u64,
    user_key: Key,
    taste_key: Key,
    product_key: Key,
    countries: Vec<Country>,
    /// Each country as often as its weight says.
    homes: Vec<Country>,
    ranks: Ranks,
}

impl Shop {
    /// The shop of a seed. Users and products are numbered from 1; there is at least one of each.
    #[must_use]
    pub fn new(seed: u64, users: u64, products: u64) -> Self {
        let (users, products) = (users.max(1), products.max(1));
        Self {
            seed,
            users,
            products,
            user_key: Key::new(seed, Purpose::User),
            taste_key: Key::new(seed, Purpose::Favourite),
            product_key: Key::new(seed, Purpose::Product),
            countries: users::countries().map(|(country, _)| country).collect(),
            homes: users::countries()
                .flat_map(|(country, weight)| std::iter::repeat_n(country, weight))
                .collect(),
            ranks: Ranks::new(seed, products),
        }
    }

    /// How many users there are.
    #[must_use]
    pub const fn users(&self) -> u64 {
        self.users
    }

    /// How many products there are.
    #[must_use]
    pub const fn products(&self) -> u64 {
        self.products
    }
}

#[cfg(test)]
mod tests;
