//! Folding what is sold and given back, and sweeping: what there is, and what runs out.

use std::sync::{Mutex, MutexGuard};

use analytics::alerts::{Policy, Signal};
use analytics::inventory::{self, InventoryPartial, Stock};
use aws::alerts::{AlertStore, tell};
use aws::job::StreamJob;
use aws::journal::Journal;
use aws::partials::PartialStore;
use aws::sweep::{CheckpointStore, Swept, Timing, sweep};
use aws::telemetry::Counts;
use aws::{Lineage, StoreError};
use events::{Stream, Timestamp};

use crate::catalog::{Catalog, Part};

/// What the function is set to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When stock is low and demand is high.
    pub inventory: inventory::Settings,
    /// When alerts belong together.
    pub policy: Policy,
    /// The name of the stream of transactions.
    pub transactions: String,
    /// Days after which pages expire.
    pub pages_kept_days: u32,
}

/// The function: folds batches, and sweeps.
#[derive(Debug)]
pub struct Inventory<S, L, C, K, A> {
    /// What it does with a batch.
    pub job: StreamJob<InventoryPartial, S, L>,
    checkpoint: C,
    catalog: K,
    alerts: A,
    settings: Settings,
    /// The catalog that the state has taken in, as far as this environment knows. Taking it in again changes nothing.
    taken: Mutex<Vec<Part>>,
}

impl<S, L, C, K, A> Inventory<S, L, C, K, A>
where
    S: PartialStore<InventoryPartial> + Journal,
    L: Lineage,
    C: CheckpointStore,
    K: Catalog,
    A: AlertStore,
{
    /// Folds by `job`, keeps the stock in `checkpoint`, learns of products from `catalog`, and tells of conditions in `alerts`.
    pub fn new(
        job: StreamJob<InventoryPartial, S, L>,
        checkpoint: C,
        catalog: K,
        alerts: A,
        settings: Settings,
    ) -> Self {
        Self {
            job,
            checkpoint,
            catalog,
            alerts,
            settings,
            taken: Mutex::default(),
        }
    }

    /// Brings the stock up to date.
    pub async fn sweep(&self, now: Timestamp) -> Result<Counts, StoreError> {
        let Settings {
            inventory,
            transactions,
            pages_kept_days,
            ..
        } = &self.settings;
        let timing = Timing {
            now_ms: now.as_ms(),
            pages_kept_days: *pages_kept_days,
        };
        let writers = [(Stream::Transactions, transactions.clone())];
        let writers = self.job.writers(&writers).await?;
        let news = self.new_catalog().await?;
        let mut counts = Counts::default();
        let advance = |stock: &mut Stock, facts: Vec<_>| {
            if let Some((_, products)) = &news {
                stock.take_catalog(products.iter().copied());
            }
            let advanced = stock.advance(facts.iter().map(|(_, fact)| fact), now, inventory);
            let is_idle = facts.is_empty() && news.is_none() && advanced.signals.is_empty();
            counts.add("Sweep", &"inventory", "ProductsMoved", advanced.moved.len());
            counts.add("Sweep", &"inventory", "Signals", advanced.signals.len());
            (!is_idle).then_some(advanced.signals)
        };
        let carry_out = async |signals: &Vec<Signal>, _| {
            tell(&self.alerts, signals, &self.settings.policy).await.map(drop)
        };
        let swept = sweep::<InventoryPartial, _, _>(
            self.job.store(),
            &self.checkpoint,
            &writers,
            timing,
            advance,
            carry_out,
        )
        .await?;
        match swept {
            Swept::Done { facts } => {
                counts.add("Sweep", &"inventory", "Facts", facts);
                if let Some((parts, _)) = news {
                    *self.taken() = parts;
                }
            }
            // Whoever was faster counts.
            Swept::Forestalled => counts = Counts::default(),
        }
        Ok(counts)
    }

    /// The catalog, if it is not the one that was taken in last.
    async fn new_catalog(&self) -> Result<Option<(Vec<Part>, Vec<(u64, i64)>)>, StoreError> {
        let parts = self.catalog.parts().await?;
        if parts == *self.taken() {
            return Ok(None);
        }
        let mut products = Vec::new();
        for part in &parts {
            products.extend(self.catalog.initial_stock(part).await?);
        }
        Ok(Some((parts, products)))
    }

    fn taken(&self) -> MutexGuard<'_, Vec<Part>> {
        self.taken.lock().expect("nothing panics while it holds this")
    }
}
