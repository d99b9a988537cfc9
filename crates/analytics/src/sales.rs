//! Sales per minute of event time, in all, per country and per category.
//!
//! | measure | definition |
//! |---|---|
//! | orders | number of purchases |
//! | units | Σ quantity over their lines |
//! | gross | Σ quantity × unit price over their lines |
//! | discount, shipping, tax | Σ over the purchases |
//! | refunds | number of refunds, in the minute in which they were made |
//! | refunded units, refunded | Σ quantity, and Σ quantity × unit price − discount: the goods, not shipping or tax |
//! | net revenue | gross − discount − refunded (net sales as retail analytics has it) |
//! | buyers | different users who purchased, estimated |
//! | purchased | units by category, in the form in which views and carts count categories; purchases only |

use std::collections::BTreeMap;

use events::{Country, Event, EventType, Sale, Uuid, lines_total_minor};
use serde::{Deserialize, Serialize};

use crate::{CategoryCounts, Distinct, EventIds, Partial};

/// A page of this many events takes about 5 KB.
const EVENTS_PER_PAGE: usize = 256;

/// What was sold and refunded; amounts in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Number of purchases.
    pub orders: i64,
    /// Units purchased.
    pub units: i64,
    /// Price of the goods purchased.
    pub gross_minor: i64,
    /// Taken off the goods' price.
    pub discount_minor: i64,
    /// Paid for shipping.
    pub shipping_minor: i64,
    /// Taxes paid.
    pub tax_minor: i64,
    /// Number of refunds.
    pub refunds: i64,
    /// Units given back.
    pub refunded_units: i64,
    /// Price of the goods given back, net of their discount.
    pub refunded_minor: i64,
}

impl Totals {
    /// Counts a purchase.
    pub fn add_sale(&mut self, sale: &Sale) {
        self.orders += 1;
        self.units += units(sale);
        self.gross_minor += goods_minor(sale);
        self.discount_minor += sale.discount_minor;
        self.shipping_minor += sale.shipping_minor;
        self.tax_minor += sale.tax_minor;
    }

    /// Counts a refund.
    pub fn add_refund(&mut self, sale: &Sale) {
        self.refunds += 1;
        self.refunded_units += units(sale);
        self.refunded_minor += goods_minor(sale) - sale.discount_minor;
    }

    /// Adds other totals.
    pub fn merge(&mut self, other: &Self) {
        self.orders += other.orders;
        self.units += other.units;
        self.gross_minor += other.gross_minor;
        self.discount_minor += other.discount_minor;
        self.shipping_minor += other.shipping_minor;
        self.tax_minor += other.tax_minor;
        self.refunds += other.refunds;
        self.refunded_units += other.refunded_units;
        self.refunded_minor += other.refunded_minor;
    }

    /// Gross less discounts and refunds, in minor units; negative where more came back than was sold.
    #[must_use]
    pub const fn net_revenue_minor(&self) -> i64 {
        self.gross_minor - self.discount_minor - self.refunded_minor
    }
}

fn units(sale: &Sale) -> i64 {
    sale.lines.iter().map(|line| line.quantity).sum()
}

fn goods_minor(sale: &Sale) -> i64 {
    i64::try_from(lines_total_minor(&sale.lines)).expect("a valid sale is at most MAX_AMOUNT_MINOR")
}

/// Sales of one country, or of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sales {
    /// The sums.
    pub totals: Totals,
    /// Who bought.
    pub buyers: Distinct,
}

impl Sales {
    /// Adds other sales; a buyer in both counts once.
    pub fn merge(&mut self, other: &Self) {
        self.totals.merge(&other.totals);
        self.buyers.merge(&other.buyers);
    }
}

/// A page of a minute's sales by country and category, with the events that it counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SalesPartial {
    /// Sales by the shopper's country.
    pub countries: BTreeMap<Country, Sales>,
    /// Units purchased by category.
    pub purchased: CategoryCounts,
    event_ids: EventIds,
}

impl SalesPartial {
    /// The sales of all countries together.
    #[must_use]
    pub fn all_countries(&self) -> Sales {
        let mut all = Sales::default();
        self.countries.values().for_each(|sales| all.merge(sales));
        all
    }
}

impl Partial for SalesPartial {
    const FAMILY: &'static str = "sales";

    fn counts(event: &Event) -> bool {
        event.sale().is_some()
    }

    fn fold(&mut self, event: &Event) {
        let Some(sale) = event.sale() else { return };
        let sales = self.countries.entry(event.envelope.country).or_default();
        if event.event_type() == EventType::Refund {
            sales.totals.add_refund(sale);
        } else {
            sales.totals.add_sale(sale);
            sales.buyers.insert(event.envelope.user_id);
            sale.lines.iter().for_each(|line| self.purchased.add_units(line));
        }
        self.event_ids.push(event.envelope.event_id);
    }

    fn event_ids(&self) -> &[Uuid] {
        self.event_ids.as_slice()
    }

    fn is_full(&self) -> bool {
        self.event_ids.len() >= EVENTS_PER_PAGE
    }

    fn merge(&mut self, other: &Self) {
        for (country, sales) in &other.countries {
            self.countries.entry(*country).or_default().merge(sales);
        }
        self.purchased.merge(&other.purchased);
        self.event_ids.extend(&other.event_ids);
    }
}
