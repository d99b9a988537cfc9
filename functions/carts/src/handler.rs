//! Folding what happens to carts, and sweeping: who was left behind, who came back.

use std::collections::BTreeMap;

use analytics::alerts::{Policy, Signal};
use analytics::carts::{
    CartMinute, CartSettings, CartsPartial, OpenCarts, Swept as OpenCartsSwept, TopCarts,
};
use aws::alerts::{AlertStore, tell};
use aws::job::StreamJob;
use aws::journal::Journal;
use aws::partials::PartialStore;
use aws::sweep::{CheckpointStore, FiguresStore, Swept, Timing, sweep};
use aws::telemetry::Counts;
use aws::{Lineage, StoreError};
use events::{Minute, Stream, Timestamp};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

/// Figures of minutes that are put at the same time.
const PUTS_AHEAD: usize = 32;
const FAMILY: &str = <CartsPartial as analytics::Partial>::FAMILY;

/// What follows from a sweep.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Effects {
    /// The figures of the minutes that changed, by number since the epoch.
    minutes: BTreeMap<i64, CartMinute>,
    /// The carts that matter most; `None` before the first sweep.
    top: Option<TopCarts>,
    signals: Vec<Signal>,
}

/// What the function is set to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When carts are abandoned, forgotten, and told of.
    pub carts: CartSettings,
    /// When alerts belong together.
    pub policy: Policy,
    /// The streams that it reads, with their names.
    pub streams: Vec<(Stream, String)>,
    /// Days after which pages expire.
    pub pages_kept_days: u32,
}

/// The function: folds batches, and sweeps.
#[derive(Debug)]
pub struct Carts<S, L, C, A> {
    /// What it does with a batch.
    pub job: StreamJob<CartsPartial, S, L>,
    checkpoint: C,
    alerts: A,
    settings: Settings,
}

impl<S, L, C, A> Carts<S, L, C, A>
where
    S: PartialStore<CartsPartial> + Journal + FiguresStore,
    L: Lineage,
    C: CheckpointStore,
    A: AlertStore,
{
    /// Folds by `job`, keeps what it has to know longer in `checkpoint`, and tells of carts in `alerts`.
    pub fn new(job: StreamJob<CartsPartial, S, L>, checkpoint: C, alerts: A, settings: Settings) -> Self {
        Self {
            job,
            checkpoint,
            alerts,
            settings,
        }
    }

    /// Finds out what has become of carts until `now`.
    pub async fn sweep(&self, now: Timestamp) -> Result<Counts, StoreError> {
        let Settings {
            carts,
            streams,
            pages_kept_days,
            ..
        } = &self.settings;
        let timing = Timing {
            now_ms: now.as_ms(),
            pages_kept_days: *pages_kept_days,
        };
        let writers = self.job.writers(streams).await?;
        let mut counts = Counts::default();
        let advance = |open: &mut OpenCarts, facts: Vec<_>| {
            let idle = facts.is_empty();
            let swept = open.advance(facts.iter().map(|(id, fact)| (*id, fact)), now, carts);
            counts.add("Fate", &"abandoned", "Carts", swept.abandoned().count());
            counts.add("Fate", &"recovered", "Carts", swept.recovered().count());
            let idle = idle && swept == OpenCartsSwept::default();
            let signals = swept.signals(now, carts);
            let minutes = swept.minutes.into_iter();
            let minutes = minutes
                .map(|(minute, figures)| (minute.number(), figures))
                .collect();
            (!idle).then(|| Effects {
                minutes,
                top: open.top(),
                signals,
            })
        };
        let carry_out = async |effects: &Effects, generation| self.carry_out(effects, generation).await;
        let swept = sweep::<CartsPartial, _, _>(
            self.job.store(),
            &self.checkpoint,
            &writers,
            timing,
            advance,
            carry_out,
        )
        .await?;
        match swept {
            Swept::Done { facts } => counts.add("Sweep", &FAMILY, "Facts", facts),
            // Whoever was faster counts.
            Swept::Forestalled => counts = Counts::default(),
        }
        Ok(counts)
    }

    async fn carry_out(&self, effects: &Effects, generation: u64) -> Result<(), StoreError> {
        let store = self.job.store();
        let put = |(minute, figures): (&i64, &CartMinute)| {
            let (minute, figures) = (Minute::from_number(*minute), *figures);
            store.put_figures(FAMILY, minute, generation, figures)
        };
        // A sweep of a recording that is replayed at once changes thousands of minutes.
        let puts = stream::iter(&effects.minutes).map(put);
        puts.buffer_unordered(PUTS_AHEAD).try_collect::<()>().await?;
        if let Some(top) = &effects.top {
            store.put_latest(FAMILY, generation, top).await?;
        }
        tell(&self.alerts, &effects.signals, &self.settings.policy)
            .await
            .map(drop)
    }
}
