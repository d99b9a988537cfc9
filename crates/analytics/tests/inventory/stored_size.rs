//! How large a stock of 250,000 products is stored.

use analytics::inventory::{InventoryFact, Settings, Stock};

use super::{at, fact};

const PRODUCTS: u64 = 250_000;

/// Every product sold, some came back, and a third of them ran low.
fn large(id_step: u64) -> Stock {
    let mut stock = Stock::default();
    let id = |n: u64| n * id_step;
    stock.take_catalog((0..PRODUCTS).map(|n| (id(n), 20_000)));
    let sold: Vec<InventoryFact> = (0..PRODUCTS)
        .map(|n| {
            let units = if n % 3 == 0 { 19_500 } else { 9_000 };
            fact(i64::try_from(n % 1_000).unwrap(), n % 50 == 0, &[(id(n), units)])
        })
        .collect();
    let back: Vec<InventoryFact> = (0..PRODUCTS).map(|n| fact(10, true, &[(id(n), 100)])).collect();
    stock.advance(&sold, at(1_001), &Settings::default());
    stock.advance(&back, at(1_001), &Settings::default());
    stock
}

#[test]
fn a_quarter_million_products_are_stored_in_12_mb() {
    for id_step in [1, 1 << 44] {
        let size = postcard::to_allocvec(&large(id_step)).unwrap().len();
        println!("ids {id_step} apart: {size} bytes");
        assert!(size < 12_000_000, "{size} bytes");
    }
}
