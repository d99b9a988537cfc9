//! What holds for users and products.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::users::{DEVICE_PERCENTS, TASTES};
use super::*;
use crate::generator::dice::Dice;

fn shop() -> Shop {
    Shop::new(42, 100_000, 10_000)
}

#[test]
fn users_and_products_are_the_same_each_time() {
    let other_seed = Shop::new(43, 100_000, 10_000);
    for id in [1, 2, 9_999] {
        assert_eq!(shop().user(id), shop().user(id));
        assert_eq!(shop().product(id), shop().product(id));
    }
    assert!((1..100).any(|id| shop().product(id).price_minor != other_seed.product(id).price_minor));
}

#[test]
fn users_follow_the_weights() {
    let shop = shop();
    let (mut devices, mut countries, mut activity) = (BTreeMap::new(), HashSet::new(), 0.0);
    for id in 1..=100_000 {
        let user = shop.user(id);
        *devices.entry(user.device).or_insert(0_u64) += 1;
        countries.insert(user.country);
        activity += user.activity;
        assert!((1..=TASTES).contains(&user.tastes.len()));
    }
    for (device, percent) in DEVICE_PERCENTS {
        assert!(
            devices[device].abs_diff(*percent as u64 * 1_000) < 600,
            "{devices:?}"
        );
    }
    assert_eq!(countries.len(), shop.countries.len());
    assert!((0.25..0.275).contains(&(activity / 100_000.0)), "{activity}");
}

#[test]
fn who_hops_is_never_at_home_and_nowhere_twice() {
    let shop = shop();
    for id in 1..1_000 {
        let shopper = shop.shopper(id);
        let mut seen = HashSet::from([shopper.country]);
        assert!((0..8).all(|n| seen.insert(shop.abroad(&shopper, n))));
    }
}

proptest! {
    #[test]
    fn each_rank_has_a_product_and_each_product_a_rank(seed: u64, products in 1_000..250_000_u64, rank: u64) {
        let shop = Shop::new(seed, 10_000, products);
        let offer = shop.offer_at(rank);
        prop_assert!((1..=products).contains(&offer.product_id));
        prop_assert_eq!(shop.offer(offer.product_id), offer);
        let product = shop.product(offer.product_id);
        prop_assert_eq!(product.category, offer.category());
        prop_assert_eq!(product.price_minor, offer.price_minor);
        prop_assert!(0 < product.cost_minor && product.cost_minor < product.price_minor);
    }

    #[test]
    fn what_is_drawn_from_a_category_is_of_it_and_for_sale(
        seed: u64, products in 1_000..250_000_u64, slot: u64, bits: u64, share in 1..8_u64,
    ) {
        let shop = Shop::new(seed, 10_000, products);
        let category = category_of_slot(slot % 64);
        let offer = shop.offer_in(category, bits, products);
        prop_assert_eq!(offer.category, category);
        let for_sale = products / share;
        prop_assert!(shop.offer_in(category, bits, for_sale).product_id <= for_sale);
    }
}

#[test]
fn prices_are_log_normal_within_a_category_and_a_unit_comes_to_45_dollars() {
    let shop = shop();
    let mut dice = Dice::new(1, Purpose::Block, 0);
    let mut sum = 0;
    for _ in 0..100_000 {
        let category = category_of_slot(dice.bits() % 64);
        sum += shop.offer_in(category, dice.bits(), shop.products()).price_minor;
    }
    assert!((4_000..5_500).contains(&(sum / 100_000)), "{sum}");

    let fashion = CATEGORIES
        .iter()
        .position(|category| category.name == "fashion")
        .unwrap();
    let mut logs: Vec<f64> = (1..=10_000)
        .map(|id| shop.offer(id))
        .filter(|offer| usize::from(offer.category) == fashion)
        .map(|offer| (offer.price_minor as f64).ln())
        .collect();
    logs.sort_by(f64::total_cmp);
    let (n, mean) = (logs.len() as f64, logs.iter().sum::<f64>() / logs.len() as f64);
    let sigma = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / n).sqrt();
    assert!(
        (mean - 2_500_f64.ln()).abs() < 0.1 && (sigma - 0.6).abs() < 0.05,
        "{mean} {sigma}"
    );
}
