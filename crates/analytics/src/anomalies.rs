//! Anomalous purchases: what is kept of a purchase, the rules that judge it, and the baselines that they judge by.
//!
//! | rule | looks at | finds |
//! |---|---|---|
//! | high quantity | a purchase | more units than any household buys |
//! | high value | a purchase | more money than an order may come to unseen |
//! | unusual value | a purchase | a price far above what its category costs in its country |
//! | card testing | a shopper's tiny orders | several of them within minutes |
//! | velocity | a shopper's other orders | many of them within minutes |
//! | country hopping | a shopper's orders | several countries within minutes |
//! | unusual rate | the shop's minutes | orders or their value leave the range of that hour of the week |
//!
//! A purchase has at most one finding of its own: the first of the three rules that it breaks. All but the rate are functions
//! of a set of purchases, so late and shuffled arrival changes nothing once all are there.

mod baseline;
mod finding;
mod groups;
mod purchase;
mod rate;
mod settings;

use events::{Event, EventType, Uuid};
use serde::{Deserialize, Serialize};

pub use self::baseline::{Baselines, Histogram, Scope, Usual};
pub use self::finding::{Finding, Subject};
pub use self::groups::{by_user, detect};
pub use self::purchase::{CategoryKey, PurchaseFact, judge};
pub use self::rate::RateMonitor;
pub use self::settings::Settings;

use crate::{EventIds, Facts, Partial};

/// A page of this many purchases takes about 9 KB, and stays below 300 KB when the last record brings thousands more.
const PURCHASES_PER_PAGE: usize = 256;

/// A page of a minute's purchases, as the rules look at them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct AnomaliesPartial {
    event_ids: EventIds,
    purchases: Vec<PurchaseFact>,
}

/// A page as it is stored: each id once.
#[derive(Deserialize)]
struct Stored {
    event_ids: EventIds,
    purchases: Vec<PurchaseFact>,
}

impl TryFrom<Stored> for AnomaliesPartial {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored {
            event_ids,
            mut purchases,
        } = stored;
        if event_ids.len() != purchases.len() {
            return Err(format!(
                "a page holds {} ids of {} purchases",
                event_ids.len(),
                purchases.len()
            ));
        }
        if purchases.iter().any(|purchase| purchase.time().is_none()) {
            return Err("a page holds a purchase outside the calendar".to_owned());
        }
        for (purchase, event_id) in purchases.iter_mut().zip(event_ids.as_slice()) {
            purchase.event_id = *event_id;
        }
        Ok(Self { event_ids, purchases })
    }
}

impl Partial for AnomaliesPartial {
    const FAMILY: &'static str = "anomalies";

    fn counts(event: &Event) -> bool {
        event.event_type() == EventType::Purchase
    }

    fn fold(&mut self, event: &Event) {
        if let Some(purchase) = PurchaseFact::of(event) {
            self.event_ids.push(purchase.event_id);
            self.purchases.push(purchase);
        }
    }

    fn event_ids(&self) -> &[Uuid] {
        self.event_ids.as_slice()
    }

    fn is_full(&self) -> bool {
        self.purchases.len() >= PURCHASES_PER_PAGE
    }

    fn merge(&mut self, other: &Self) {
        self.event_ids.extend(&other.event_ids);
        self.purchases.extend_from_slice(&other.purchases);
    }
}

impl Facts for AnomaliesPartial {
    type Fact = PurchaseFact;

    fn facts(&self) -> &[PurchaseFact] {
        &self.purchases
    }
}
