//! What is kept of a purchase, and the rules that judge one by itself.

use events::{Body, Country, Event, Timestamp, Uuid, lines_total_minor};
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Subject, severity};
use super::{Baselines, Scope, Settings};
use crate::alerts::{AlertType, Evidence};

/// What stands for a category: a hash (FNV-1a, folded to 32 bits) of its name, so that a purchase takes the same space whatever
/// is sold. Two names that share one, one pair in four billion, share a baseline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CategoryKey(u32);

impl CategoryKey {
    /// Of a category's name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let [low, high] = [hash & u64::from(u32::MAX), hash >> 32];
        Self(u32::try_from(low ^ high).expect("both are halves of 64 bits"))
    }

    pub(super) const fn bits(self) -> u32 {
        self.0
    }
}

/// What the rules need to know of a purchase; amounts in minor units. About 27 bytes in storage, beside its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseFact {
    /// Its event. Stored with the page's ids.
    #[serde(skip)]
    pub event_id: Uuid,
    /// When it occurred, in milliseconds since 1970.
    pub occurred_at_ms: i64,
    /// Who bought.
    pub user_id: u64,
    /// Where from.
    pub country: Country,
    /// Σ quantity × unit price over its lines.
    pub goods_minor: i64,
    /// What was paid, shipping and taxes included.
    pub total_minor: i64,
    /// Σ quantity over its lines.
    pub units: i64,
    /// The category of the line that comes to most.
    pub category: CategoryKey,
    /// The unit price of that line.
    pub price_minor: i64,
}

impl PurchaseFact {
    /// Of a purchase; `None` of any other event.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let Body::Purchase(sale) = &event.body else {
            return None;
        };
        let value = |line: &events::Line| i128::from(line.quantity) * i128::from(line.unit_price_minor);
        // The same line, in whatever order they are given.
        let main = sale.lines.iter().max_by_key(|line| {
            (
                value(line),
                line.unit_price_minor,
                CategoryKey::of(&line.category),
            )
        });
        let goods_minor = lines_total_minor(&sale.lines);
        Some(Self {
            event_id: event.envelope.event_id,
            occurred_at_ms: event.envelope.occurred_at.as_ms(),
            user_id: event.envelope.user_id,
            country: event.envelope.country,
            goods_minor: i64::try_from(goods_minor).expect("a valid sale is at most MAX_AMOUNT_MINOR"),
            total_minor: sale.total_minor,
            units: sale.lines.iter().map(|line| line.quantity).sum(),
            category: main.map_or_else(CategoryKey::default, |line| CategoryKey::of(&line.category)),
            price_minor: main.map_or(0, |line| line.unit_price_minor),
        })
    }

    pub(super) fn time(&self) -> Option<Timestamp> {
        Timestamp::from_ms(self.occurred_at_ms)
    }

    pub(super) fn occurred_at(&self) -> Timestamp {
        self.time()
            .expect("the time of an event, and of a page that was read, is in the calendar")
    }

    fn finding(&self, rule: AlertType, times_limit: f64, mut evidence: Evidence) -> Finding {
        evidence.event_ids.push(self.event_id);
        Finding {
            id: self.event_id,
            rule,
            subject: Subject::User(self.user_id),
            severity: severity(times_limit),
            evidence,
            seen_at: self.occurred_at(),
        }
    }

    fn beyond(&self, rule: AlertType, value: i64, limit: i64) -> Option<Finding> {
        let times_limit = value as f64 / limit as f64;
        let evidence = || Evidence {
            value: value as f64,
            limit: Some(limit as f64),
            score: Some(times_limit),
            ..Evidence::default()
        };
        (value > limit).then(|| self.finding(rule, times_limit, evidence()))
    }
}

/// What is wrong with a purchase by itself: the first that holds of high quantity, high value, unusual value. `baselines` must
/// not have learned from it. The finding's id is the purchase's.
#[must_use]
pub fn judge(purchase: &PurchaseFact, baselines: &Baselines, settings: &Settings) -> Option<Finding> {
    let high_quantity = || {
        purchase.beyond(
            AlertType::HighQuantity,
            purchase.units,
            settings.high_quantity_units,
        )
    };
    let high_value = || {
        purchase.beyond(
            AlertType::HighValue,
            purchase.goods_minor,
            settings.high_value_minor,
        )
    };
    high_quantity()
        .or_else(high_value)
        .or_else(|| unusual_value(purchase, baselines, settings))
}

/// The price of the main line against those that its category usually has. Order values and prices are log-normal, so the robust
/// score 0.6745·(x − median) / MAD (Iglewicz and Hoaglin 1993) is taken of logarithms. The price tells an order that is worth too
/// much from one of many things: sums of lines spread far more. Only upwards: tiny orders are for card testing to judge.
fn unusual_value(purchase: &PurchaseFact, baselines: &Baselines, settings: &Settings) -> Option<Finding> {
    /// The MAD of a normal distribution, in standard deviations.
    const MAD_OF_NORMAL: f64 = 0.6745;

    let usual = baselines.usual(
        purchase.country,
        purchase.category,
        settings.unusual_value_min_samples,
    )?;
    let least_mad = match usual.scope {
        Scope::CountryAndCategory | Scope::Category => settings.unusual_value_mad_floor,
        // A dear category is no anomaly among all the cheap ones.
        Scope::All => 2.0 * settings.unusual_value_mad_floor,
    };
    let spread = usual.log_mad.max(least_mad) / MAD_OF_NORMAL;
    let price = purchase.price_minor.max(1) as f64;
    let score = (price / usual.median_minor).ln() / spread;
    let limit = settings.unusual_value_score;
    let evidence = || Evidence {
        value: price,
        baseline: Some(usual.median_minor),
        limit: Some(usual.median_minor * (limit * spread).exp()),
        score: Some(score),
        event_ids: Vec::new(),
    };
    (score > limit).then(|| purchase.finding(AlertType::UnusualValue, score / limit, evidence()))
}
