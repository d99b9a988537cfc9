//! Which products are looked at much, and which more than before.

use std::cmp::Reverse;

use super::ViewsWindow;

/// A product with fewer views than this is not said to rise.
pub const MIN_VIEWS: u64 = 10;

/// How a product's views went from one window to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trending {
    /// The product.
    pub product_id: u64,
    /// Its views in the window, at least.
    pub views: u64,
    /// By how much `views` may be too low.
    pub error: u64,
    /// Its views in the window before, at least.
    pub views_before: u64,
    /// How far the views moved, in standard deviations of chance: √2 · (√(views + 3/8) − √(before + 3/8)), the difference of
    /// two Poisson counts after Anscombe's transform (1948). From 1 to 5 views is 1.6, from 100 to 500 is 17.5.
    pub momentum: f64,
}

impl Trending {
    fn of(product_id: u64, views: u64, now: &ViewsWindow, before: &ViewsWindow) -> Self {
        let views_before = before.products.get(&product_id);
        let steady = |count: u64| (count as f64 + 0.375).sqrt();
        Self {
            product_id,
            views,
            error: now.products.error(),
            views_before,
            momentum: std::f64::consts::SQRT_2 * (steady(views) - steady(views_before)),
        }
    }
}

/// The `k` products with the most views in `now`, with what became of them since `before`, a window of the same length.
#[must_use]
pub fn momentum(now: &ViewsWindow, before: &ViewsWindow, k: usize) -> Vec<Trending> {
    let top = now.products.top(k).into_iter();
    top.map(|(id, views)| Trending::of(*id, views, now, before))
        .collect()
}

/// The `k` products with the largest positive momentum since `before`, a window of the same length, of those that have at
/// least [`MIN_VIEWS`] views in `now`. Of equal ones, the product with more views comes first, then that with the smaller id.
#[must_use]
pub fn rising(now: &ViewsWindow, before: &ViewsWindow, k: usize) -> Vec<Trending> {
    let mut products: Vec<Trending> = now
        .products
        .iter()
        .filter(|(_, views)| *views >= MIN_VIEWS)
        .map(|(id, views)| Trending::of(*id, views, now, before))
        .filter(|product| product.momentum > 0.0)
        .collect();
    products.sort_by(|a, b| {
        let tie = |product: &Trending| (Reverse(product.views), product.product_id);
        b.momentum
            .total_cmp(&a.momentum)
            .then_with(|| tie(a).cmp(&tie(b)))
    });
    products.truncate(k);
    products
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(views: &[(u64, u64)]) -> ViewsWindow {
        let mut window = ViewsWindow::default();
        views.iter().for_each(|(id, n)| window.products.add(id, *n));
        window
    }

    fn ids(products: &[Trending]) -> Vec<u64> {
        products.iter().map(|product| product.product_id).collect()
    }

    #[test]
    fn the_top_goes_by_views_and_rising_by_how_far_they_moved() {
        let now = window(&[
            (1, 300),
            (2, 120),
            (3, 40),
            (4, MIN_VIEWS - 1),
            (5, 20),
            (7, MIN_VIEWS),
        ]);
        let before = window(&[(1, 400), (2, 110), (3, 4), (6, 900)]);
        let top = momentum(&now, &before, 3);
        assert_eq!(ids(&top), [1, 2, 3]);
        let of_second = (top[1].views, top[1].views_before, top[1].error);
        assert_eq!(of_second, (120, 110, 0));
        // 1 and 6 fall, 4 has too few views.
        assert_eq!(ids(&rising(&now, &before, 9)), [3, 5, 7, 2]);
        assert_eq!(ids(&rising(&now, &before, 1)), [3]);
    }

    #[test]
    fn products_that_rise_alike_are_ordered_by_their_ids() {
        let now = window(&[(9, 50), (3, 50), (5, 50)]);
        assert_eq!(ids(&rising(&now, &ViewsWindow::default(), 9)), [3, 5, 9]);
    }

    #[test]
    fn momentum_counts_standard_deviations_of_chance() {
        let of =
            |now: u64, before: u64| momentum(&window(&[(1, now)]), &window(&[(1, before)]), 1)[0].momentum;
        assert!(of(50, 50).abs() < 1e-12);
        assert!((of(50, 80) + of(80, 50)).abs() < 1e-12);
        assert!((of(5, 1) - 1.62).abs() < 0.01, "{}", of(5, 1));
        assert!((of(500, 100) - 17.47).abs() < 0.01, "{}", of(500, 100));
    }
}
