//! A shop of the shape that the generator's will have, until it does.
#![expect(missing_docs, reason = "the generator's shop has them")]

use events::{Country, Device, MS_PER_DAY, Timestamp};

#[derive(Clone, Debug)]
pub struct Shop {
    seed: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    pub product_id: u64,
    pub name: String,
    pub category: &'static str,
    pub brand: &'static str,
    pub price_minor: i64,
    pub cost_minor: i64,
    pub launched_on: Timestamp,
    pub initial_stock: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub user_id: u64,
    pub country: Country,
    pub device: Device,
    pub joined_on: Timestamp,
    pub activity: f64,
    pub tastes: Vec<&'static str>,
}

impl Shop {
    #[must_use]
    pub fn new(seed: u64, _users: u64, _products: u64) -> Self {
        Self { seed }
    }

    #[must_use]
    pub fn product(&self, product_id: u64) -> Product {
        let price_minor = self.draw(product_id, 10_000) + 99;
        Product {
            product_id,
            name: format!("Acme lamp {product_id}"),
            category: "home",
            brand: "Acme",
            price_minor,
            cost_minor: price_minor / 2,
            launched_on: self.day(product_id),
            initial_stock: self.draw(!product_id, 1_000),
        }
    }

    #[must_use]
    pub fn user(&self, user_id: u64) -> User {
        User {
            user_id,
            country: "US".parse().expect("an assigned code"),
            device: Device::ALL[usize::try_from(self.draw(user_id, 3)).unwrap_or(0)],
            joined_on: self.day(user_id),
            activity: 0.5,
            tastes: vec!["home", "books"],
        }
    }

    fn day(&self, id: u64) -> Timestamp {
        Timestamp::from_ms((10_000 + self.draw(id, 10_000)) * MS_PER_DAY).expect("before 2030")
    }

    fn draw(&self, id: u64, below: i64) -> i64 {
        let bits = (id ^ self.seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        i64::try_from(bits >> 33).unwrap_or(0) % below
    }
}
