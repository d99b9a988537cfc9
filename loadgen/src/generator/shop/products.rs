//! What there is to buy. A product's rank in popularity decides its category, and a rank's number is its product's.

use events::{Line, Timestamp};

use super::numbers::{Divisor, LogNormal, PowerLaw};
use super::{Shop, growth};
use crate::generator::dice::{Purpose, hash, scale};

/// A kind of product.
#[derive(Clone, Copy, Debug)]
pub(in crate::generator) struct Category {
    pub(in crate::generator) name: &'static str,
    /// Of 64 products, how many are of it.
    slots: u64,
    /// The price that half of its products are below, in minor units.
    median_minor: f64,
    /// The standard deviation of the logarithm of its prices.
    sigma: f64,
    /// What its products are called.
    nouns: [&'static str; 4],
}

const fn category(
    name: &'static str,
    slots: u64,
    median_minor: f64,
    sigma: f64,
    nouns: [&'static str; 4],
) -> Category {
    Category {
        name,
        slots,
        median_minor,
        sigma,
        nouns,
    }
}

/// Prices are log-normal within a category; over all of them, a unit comes to about 45 dollars.
pub(in crate::generator) const CATEGORIES: &[Category] = &[
    category(
        "groceries",
        8,
        450.0,
        0.6,
        ["coffee", "olive oil", "granola", "tea"],
    ),
    category("fashion", 8, 2_500.0, 0.6, ["shirt", "jacket", "jeans", "dress"]),
    category(
        "beauty",
        6,
        1_500.0,
        0.6,
        ["serum", "shampoo", "lipstick", "perfume"],
    ),
    category("home", 5, 3_000.0, 0.7, ["lamp", "rug", "vase", "pillow"]),
    category(
        "books",
        5,
        1_300.0,
        0.4,
        ["novel", "atlas", "cookbook", "biography"],
    ),
    category(
        "electronics",
        5,
        5_500.0,
        0.8,
        ["headphones", "speaker", "camera", "charger"],
    ),
    category("toys", 4, 2_000.0, 0.6, ["puzzle", "blocks", "doll", "kite"]),
    category(
        "health",
        4,
        1_500.0,
        0.5,
        ["vitamins", "thermometer", "brace", "scale"],
    ),
    category("sports", 4, 3_500.0, 0.8, ["ball", "mat", "racket", "bottle"]),
    category("kitchen", 3, 3_500.0, 0.7, ["pan", "knife", "kettle", "blender"]),
    category(
        "shoes",
        3,
        6_000.0,
        0.5,
        ["sneakers", "boots", "sandals", "loafers"],
    ),
    category("pets", 3, 1_800.0, 0.6, ["leash", "bed", "food", "bowl"]),
    category("garden", 2, 4_500.0, 0.7, ["hose", "spade", "planter", "grill"]),
    category("phones", 2, 22_000.0, 0.6, ["phone", "case", "tablet", "watch"]),
    category(
        "computers",
        1,
        38_000.0,
        0.6,
        ["laptop", "monitor", "keyboard", "printer"],
    ),
    category("furniture", 1, 18_000.0, 0.7, ["chair", "desk", "shelf", "sofa"]),
];

const SLOTS: u64 = 64;
/// Odd, so that stepping by it meets every slot once: neighbouring ranks are of different categories.
const SLOT_STEP: u64 = 27;

pub(in crate::generator) const BRANDS: &[&str] = &[
    "Acme",
    "Globex",
    "Initech",
    "Umbrella",
    "Hooli",
    "Stark",
    "Wayne",
    "Tyrell",
    "Soylent",
    "Vandelay",
    "Wonka",
    "Cyberdyne",
];

/// Prices end in 99, and nothing is cheaper.
const PRICE_STEP_MINOR: i64 = 100;
/// What a product costs the shop, in percent of its price: at least this, and up to so many more.
const COST_PERCENT: i64 = 45;
const COST_SPREAD_PERCENT: u64 = 30;
/// Of the most popular product, so many are in stock; of the others less, in proportion to the root of their rank.
const STOCK_OF_FIRST: f64 = 200_000.0;
const LEAST_STOCK: i64 = 20;

/// A product, with what the shop knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// From 1, in the order of launching.
    pub product_id: u64,
    /// What it is called.
    pub name: String,
    /// What kind of product it is.
    pub category: &'static str,
    /// Who makes it.
    pub brand: &'static str,
    /// Its price, in minor units.
    pub price_minor: i64,
    /// What it costs the shop, in minor units.
    pub cost_minor: i64,
    /// The day from which it was for sale.
    pub launched_on: Timestamp,
    /// How many are in stock at first.
    pub initial_stock: i64,
}

/// What an event says of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::generator) struct Offer {
    pub(in crate::generator) product_id: u64,
    /// Its index.
    pub(in crate::generator) category: u8,
    pub(in crate::generator) price_minor: i64,
}

impl Offer {
    /// The name of its category.
    pub(in crate::generator) fn category(self) -> &'static str {
        CATEGORIES[usize::from(self.category)].name
    }

    /// So many of it at its price.
    pub(in crate::generator) fn line(self, quantity: i64) -> Line {
        Line {
            product_id: self.product_id,
            category: self.category().into(),
            quantity,
            unit_price_minor: self.price_minor,
        }
    }
}

/// The category of each slot.
const CATEGORY_OF_SLOT: [u8; 64] = {
    let mut table = [0; 64];
    let mut slot = 0;
    while slot < table.len() {
        let mut place = slot as u64 * SLOT_STEP % SLOTS;
        let mut category = 0_u8;
        while place >= CATEGORIES[category as usize].slots {
            place -= CATEGORIES[category as usize].slots;
            category += 1;
        }
        table[slot] = category;
        slot += 1;
    }
    table
};

/// The category of a slot; any number is one.
pub(in crate::generator) fn category_of_slot(slot: u64) -> u8 {
    CATEGORY_OF_SLOT[usize::try_from(slot % SLOTS).unwrap_or(0)]
}

/// How ranks, categories and product ids belong together.
#[derive(Clone, Debug)]
pub(super) struct Ranks {
    products: Divisor,
    /// id − 1 = (rank × step + shift) mod products.
    step: u64,
    shift: u64,
    /// The inverse of `step` mod products.
    back: u64,
    shelves: Vec<Shelf>,
}

/// A category's products.
#[derive(Clone, Debug)]
struct Shelf {
    /// Its slots in order, and how many they are.
    slots: Vec<u64>,
    count: Divisor,
    /// The popularity within it.
    law: PowerLaw,
    /// In steps.
    prices: LogNormal,
}

impl Ranks {
    pub(super) fn new(seed: u64, products: u64) -> Self {
        let bits = hash(seed, Purpose::Catalog, 0);
        let mut step = 1 + scale(bits, products);
        while gcd(step, products) != 1 {
            step += 1;
        }
        let shelves = CATEGORIES.iter().zip(0..).map(|(category, n)| {
            let slots: Vec<u64> = (0..SLOTS).filter(|slot| category_of_slot(*slot) == n).collect();
            let in_last_cycle = slots.iter().filter(|slot| **slot < products % SLOTS).count() as u64;
            let count = slots.len() as u64;
            let law = PowerLaw::new(products / SLOTS * count + in_last_cycle);
            let prices = LogNormal::new(category.median_minor / PRICE_STEP_MINOR as f64, category.sigma);
            Shelf {
                count: Divisor::new(count),
                slots,
                law,
                prices,
            }
        });
        let shelves = shelves.collect();
        Self {
            products: Divisor::new(products),
            step: step % products,
            shift: scale(hash(seed, Purpose::Catalog, 1), products),
            back: inverse(step, products),
            shelves,
        }
    }

    fn rank_in(&self, category: u8, bits: u64) -> u64 {
        let Shelf {
            slots, count, law, ..
        } = &self.shelves[usize::from(category)];
        let (cycle, place) = count.divide(law.rank(bits));
        cycle * SLOTS + slots[usize::try_from(place).unwrap_or(0)]
    }

    fn id_of(&self, rank: u64) -> u64 {
        1 + self.products.divide(rank * self.step + self.shift).1
    }

    fn rank_of(&self, id: u64) -> u64 {
        let products = self.products.by();
        self.products
            .divide((id - 1 + products - self.shift) * self.back)
            .1
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The number that undoes a multiplication by `a` mod `n`, by Euler's algorithm for coprime numbers.
fn inverse(a: u64, n: u64) -> u64 {
    let modulus = i128::from(n);
    let (mut old_rest, mut rest) = (i128::from(a), modulus);
    let (mut old_factor, mut factor) = (1_i128, 0_i128);
    while rest != 0 {
        let quotient = old_rest / rest;
        (old_rest, rest) = (rest, old_rest - quotient * rest);
        (old_factor, factor) = (factor, old_factor - quotient * factor);
    }
    u64::try_from(old_factor.rem_euclid(modulus)).unwrap_or(0)
}

impl Shop {
    /// The product of an id from 1 to the number of products.
    #[must_use]
    pub fn product(&self, product_id: u64) -> Product {
        let Offer {
            category,
            price_minor,
            ..
        } = self.offer(product_id);
        let bits = hash(self.seed, Purpose::Catalog, 2 + product_id);
        let Category { name, nouns, .. } = CATEGORIES[usize::from(category)];
        let brand = BRANDS[usize::try_from(scale(bits, BRANDS.len() as u64)).unwrap_or(0)];
        let noun = nouns[usize::try_from(bits >> 32 & 3).unwrap_or(0)];
        let cost_percent =
            COST_PERCENT + i64::try_from(scale(bits.rotate_left(16), COST_SPREAD_PERCENT)).unwrap_or(0);
        let rank = self.ranks.rank_of(product_id);
        #[expect(clippy::cast_possible_truncation, reason = "at most STOCK_OF_FIRST")]
        let stock = (STOCK_OF_FIRST / ((rank + 1) as f64).sqrt()) as i64;
        Product {
            product_id,
            name: format!("{brand} {noun} {product_id}"),
            category: name,
            brand,
            price_minor,
            cost_minor: price_minor * cost_percent / 100,
            launched_on: growth::came_on(self.products, product_id),
            initial_stock: stock.max(LEAST_STOCK),
        }
    }

    pub(in crate::generator) fn offer(&self, product_id: u64) -> Offer {
        let category = category_of_slot(self.ranks.rank_of(product_id));
        self.priced(product_id, category)
    }

    /// How many products were for sale at a time.
    pub(in crate::generator) fn products_at(&self, time: Timestamp) -> u64 {
        growth::there_at(self.products, time)
    }

    /// A product of a category, popular ones more often; of the first `for_sale` only.
    pub(in crate::generator) fn offer_in(&self, category: u8, bits: u64, for_sale: u64) -> Offer {
        let product_id = self.ranks.id_of(self.ranks.rank_in(category, bits));
        if product_id <= for_sale {
            self.priced(product_id, category)
        } else {
            // Not launched yet: one that is stands in for it.
            self.offer(1 + product_id % for_sale)
        }
    }

    /// The product at a rank of popularity, 0 the most popular.
    pub(in crate::generator) fn offer_at(&self, rank: u64) -> Offer {
        let rank = rank % self.products;
        self.priced(self.ranks.id_of(rank), category_of_slot(rank))
    }

    fn priced(&self, product_id: u64, category: u8) -> Offer {
        let bits = self.product_key.hash(product_id);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "at most a median times e^(5 sigma): millions"
        )]
        let steps = self.ranks.shelves[usize::from(category)].prices.draw(bits) as i64;
        Offer {
            product_id,
            category,
            price_minor: (steps + 1) * PRICE_STEP_MINOR - 1,
        }
    }
}
