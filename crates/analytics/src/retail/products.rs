//! How products perform.
//!
//! Measures of sales are defined in [`super`].
//!
//! | term | definition |
//! |---|---|
//! | orders | number of orders with the product, where the caller's rows can tell: see [`ProductSales::add`] |
//! | net units | units − refunded units |
//! | margin | net − cost × net units, at today's cost; none where that is not known |
//! | margin rate | margin / net; none where net is 0 |
//! | conversion | orders / views; none without views; above 1 where products are bought that were not looked at |
//! | refund rate | refunded units / units; none where none were sold |
//! | category | the catalog's; of a product that it doesn't have, that of the latest row, of several on that day the greatest |
//! | rank in category | 1 + number of products of the category with more net; so ties share a rank |
//! | ABC class | by the share of all positive net that products with more net have: below 0.80 A, below 0.95 B, else C, and C where net ≤ 0 |
//! | trend | net of the latest 28 days / net of the 28 days before − 1; none where the latter is ≤ 0 |
//!
//! The classes are those of ABC analysis (Dickie 1951): few products make most of the revenue. As what counts is the
//! share before a product, the one that crosses a border is still in the better class, and products with equal net are
//! in the same.

use std::cmp::Reverse;

use foldhash::HashMap;

use super::{Overflow, SalesFigures, SalesRow, SalesSums, narrow, ratio};

/// How long each of the two periods is that the trend compares, and both together.
const TREND_DAYS: i64 = 28;
const BOTH_TREND_DAYS: i64 = 2 * TREND_DAYS;

/// A row of the sales facts, with its product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProductRow<'a> {
    /// What was bought, or brought back.
    pub product_id: i64,
    /// Its category then, as the caller spells it.
    pub category: &'a str,
    /// When, in days since 1970-01-01.
    pub day: i32,
    /// How much.
    pub sales: SalesRow,
}

/// What the catalog knows of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogEntry<'a> {
    /// Its category.
    pub category: &'a str,
    /// What a unit costs the shop, in minor units.
    pub cost_minor: i64,
}

/// What is known of a product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Product {
    sales: SalesSums,
    views: i128,
    /// Net of the latest 28 days.
    latest_minor: i128,
    /// Net of the 28 days before.
    before_minor: i128,
    /// Day and category of the latest row; of several on that day, the greatest.
    latest_row: Option<(i32, String)>,
}

impl Product {
    fn see_category(&mut self, day: i32, category: &str) {
        match &mut self.latest_row {
            None => self.latest_row = Some((day, category.to_owned())),
            Some((latest_day, latest)) if (day, category) > (*latest_day, latest.as_str()) => {
                *latest_day = day;
                category.clone_into(latest);
            }
            Some(_) => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        self.sales.merge(&other.sales);
        self.views += other.views;
        self.latest_minor += other.latest_minor;
        self.before_minor += other.before_minor;
        if let Some((day, category)) = &other.latest_row {
            self.see_category(*day, category);
        }
    }
}

/// Sales and views by product. Merging is associative and commutative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductSales {
    last_day: i32,
    products: HashMap<i64, Product>,
}

impl ProductSales {
    /// No sales yet. `last_day`, in days since 1970-01-01, ends the latest 28 days of the trend: the last complete day,
    /// as later ones would make every product fall. Sales after it count in all but the trend.
    #[must_use]
    pub fn new(last_day: i32) -> Self {
        Self {
            last_day,
            products: HashMap::default(),
        }
    }

    /// Counts a row. To count orders with the product, `is_first` must be true on one row of each order *and product*;
    /// where it is on every row, an order with two lines of a product counts as two.
    pub fn add(&mut self, row: &ProductRow<'_>) {
        let product = self.products.entry(row.product_id).or_default();
        product.sales.add(&row.sales);
        match i64::from(self.last_day) - i64::from(row.day) {
            0..TREND_DAYS => product.latest_minor += row.sales.net_minor(),
            TREND_DAYS..BOTH_TREND_DAYS => product.before_minor += row.sales.net_minor(),
            _ => {}
        }
        product.see_category(row.day, row.category);
    }

    /// Counts views of a product.
    pub fn add_views(&mut self, product_id: i64, views: i64) {
        self.products.entry(product_id).or_default().views += i128::from(views);
    }

    /// Adds what others have counted, with the same last day.
    pub fn merge(&mut self, mut other: Self) {
        debug_assert_eq!(self.last_day, other.last_day, "both trends end on the same day");
        if other.products.len() > self.products.len() {
            std::mem::swap(self, &mut other);
        }
        for (product_id, of_other) in other.products {
            self.products.entry(product_id).or_default().merge(&of_other);
        }
    }

    /// The products that were sold, given back or viewed, by product id, with what the catalog knows of them. Fails if
    /// a sum does not fit its column.
    pub fn performance<'c>(
        self,
        catalog: impl Fn(i64) -> Option<CatalogEntry<'c>>,
    ) -> Result<Vec<ProductPerformance>, Overflow> {
        let mut products: Vec<(i64, Product)> = self.products.into_iter().collect();
        products.sort_unstable_by_key(|(product_id, _)| *product_id);
        let mut rows = Vec::with_capacity(products.len());
        for (product_id, product) in products {
            rows.push(ProductPerformance::of(product_id, product, catalog(product_id))?);
        }
        rank_in_categories(&mut rows);
        classify(&mut rows);
        Ok(rows)
    }
}

/// How much of the revenue products like this one make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AbcClass {
    /// The products of the first 80 %.
    A,
    /// Those of the next 15 %.
    B,
    /// The others.
    C,
}

impl AbcClass {
    /// The name that tables have.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }
}

/// A product's row.
#[derive(Clone, Debug, PartialEq)]
pub struct ProductPerformance {
    /// The product.
    pub product_id: i64,
    /// Its category; `None` if it was only viewed and the catalog doesn't have it.
    pub category: Option<String>,
    /// What was sold of it and given back.
    pub sales: SalesFigures,
    /// Units sold and kept.
    pub net_units: i64,
    /// How often it was looked at.
    pub views: i64,
    /// What the shop earned with it, in minor units.
    pub margin_minor: Option<i64>,
    /// Of net revenue, the share that is margin.
    pub margin_rate: Option<f64>,
    /// Orders a view.
    pub conversion: Option<f64>,
    /// Of the units sold, the share that came back.
    pub refund_rate: Option<f64>,
    /// 1 for the product with the most net revenue in its category; those without a category are ranked together.
    pub rank_in_category: usize,
    /// By net revenue among all products.
    pub abc: AbcClass,
    /// Change of net revenue from the 28 days before the latest 28 days to those.
    pub trend: Option<f64>,
}

impl ProductPerformance {
    /// What is known of a product by itself, as if it were the only one.
    fn of(product_id: i64, product: Product, catalog: Option<CatalogEntry<'_>>) -> Result<Self, Overflow> {
        let of = format_args!("product {product_id}");
        let sales = product.sales.figures(of)?;
        let net_units = narrow(
            "net_units",
            of,
            product.sales.units - product.sales.refunded_units,
        )?;
        let margin = |entry: CatalogEntry<'_>| {
            let cost_minor = i128::from(entry.cost_minor) * i128::from(net_units);
            narrow("margin_minor", of, product.sales.net_minor() - cost_minor)
        };
        let margin_minor = catalog.map(margin).transpose()?;
        let from_row = product.latest_row.map(|(_, category)| category);
        let change_minor = product.latest_minor - product.before_minor;
        Ok(Self {
            product_id,
            category: catalog.map(|entry| entry.category.to_owned()).or(from_row),
            net_units,
            views: narrow("views", of, product.views)?,
            margin_minor,
            margin_rate: margin_minor
                .and_then(|margin_minor| ratio(margin_minor.into(), sales.net_minor.into())),
            conversion: ratio(sales.orders.into(), product.views),
            refund_rate: ratio(sales.refunded_units.into(), sales.units.into()),
            rank_in_category: 1,
            abc: AbcClass::C,
            trend: ratio(change_minor, product.before_minor.max(0)),
            sales,
        })
    }
}

/// Ranks the products of each category.
fn rank_in_categories(rows: &mut [ProductPerformance]) {
    let mut by_category: Vec<&mut ProductPerformance> = rows.iter_mut().collect();
    by_category.sort_by(|a, b| {
        (&a.category, Reverse(a.sales.net_minor)).cmp(&(&b.category, Reverse(b.sales.net_minor)))
    });
    for of_category in by_category.chunk_by_mut(|a, b| a.category == b.category) {
        let mut better = 0;
        for equals in of_category.chunk_by_mut(|a, b| a.sales.net_minor == b.sales.net_minor) {
            equals
                .iter_mut()
                .for_each(|row| row.rank_in_category = better + 1);
            better += equals.len();
        }
    }
}

/// Classifies all products.
fn classify(rows: &mut [ProductPerformance]) {
    let mut earning: Vec<&mut ProductPerformance> =
        rows.iter_mut().filter(|row| row.sales.net_minor > 0).collect();
    earning.sort_by_key(|row| Reverse(row.sales.net_minor));
    let total_minor: i128 = earning.iter().map(|row| i128::from(row.sales.net_minor)).sum();
    let mut better_minor = 0;
    for equals in earning.chunk_by_mut(|a, b| a.sales.net_minor == b.sales.net_minor) {
        let class = if 100 * better_minor < 80 * total_minor {
            AbcClass::A
        } else if 100 * better_minor < 95 * total_minor {
            AbcClass::B
        } else {
            AbcClass::C
        };
        for row in equals {
            row.abc = class;
            better_minor += i128::from(row.sales.net_minor);
        }
    }
}
