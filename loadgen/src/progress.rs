//! Tells on the standard error how a run is doing: one line that is redrawn on a terminal, a line now and then elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use events::{EventType, Stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::account::Account;
use crate::flow::{Flow, Standing};

/// How often the line is redrawn on a terminal, and written elsewhere.
const REDRAW: Duration = Duration::from_millis(500);
const REWRITE: Duration = Duration::from_secs(5);
/// Throttled shards that a line names.
const MOST_SHARDS: usize = 3;
/// Below this, being late is the tick's and the scheduler's.
const WORTH_TELLING: Duration = Duration::from_millis(500);

/// What there is to tell.
#[derive(Clone, Debug)]
pub struct Progress {
    /// When the run started.
    pub started: Instant,
    /// What became of the records.
    pub standing: Arc<Standing>,
}

/// The numbers of one line.
#[derive(Clone, Debug, Default, PartialEq)]
struct Line {
    total: u64,
    views: u64,
    carts: u64,
    transactions: u64,
    failed: u64,
    rate: f64,
    behind: Duration,
    /// Shards that refused entries for want of throughput, and how many, since the last line; the most first.
    throttled: Vec<(String, u64)>,
}

/// Entries that each shard has throttled so far.
type Throttled = BTreeMap<(Stream, String), u64>;

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            total,
            views,
            carts,
            transactions,
            failed,
            rate,
            behind,
            throttled,
        } = self;
        write!(
            f,
            "Total: {total} | Rate: {rate:.0}/s | Views: {views} | Cart: {carts} | Txns: {transactions}"
        )?;
        if *failed > 0 {
            write!(f, " | Failed: {failed}")?;
        }
        if *behind >= WORTH_TELLING {
            write!(f, " | Behind: {:.1} s", behind.as_secs_f64())?;
        }
        if !throttled.is_empty() {
            let named = throttled.iter().take(MOST_SHARDS);
            let named: Vec<String> = named
                .map(|(shard, entries)| format!("{shard} +{entries}"))
                .collect();
            write!(f, " | Throttled: {}", named.join(", "))?;
            if throttled.len() > MOST_SHARDS {
                write!(f, " and {} shards more", throttled.len() - MOST_SHARDS)?;
            }
        }
        Ok(())
    }
}

impl Progress {
    /// Tells until it is dropped.
    pub async fn tell(self, on_terminal: bool) {
        let bar = on_terminal.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.with_style(
                ProgressStyle::with_template("{spinner} {msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            )
        });
        let mut ticks = interval(if on_terminal { REDRAW } else { REWRITE });
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.tick().await;
        let (mut before, mut before_at, mut throttled) = (0, self.started, Throttled::new());
        loop {
            ticks.tick().await;
            let now = Instant::now();
            let elapsed = now.saturating_duration_since(self.started);
            let mut line = self
                .standing
                .read(|account, flow| Line::new(elapsed, account, flow, &mut throttled));
            line.rate = (line.total - before) as f64 / now.saturating_duration_since(before_at).as_secs_f64();
            (before, before_at) = (line.total, now);
            match &bar {
                Some(bar) => {
                    bar.set_message(line.to_string());
                    bar.tick();
                }
                None => eprintln!("{line}"),
            }
        }
    }
}

impl Line {
    /// The line of this instant, but for the rate. `throttled` is what was throttled up to the line before.
    fn new(elapsed: Duration, account: &Account, flow: &Flow, throttled: &mut Throttled) -> Self {
        let mut line = Self {
            total: account.acknowledged_total(),
            failed: account.failed_total(),
            behind: flow
                .waiting_since
                .map_or(Duration::ZERO, |due| elapsed.saturating_sub(due)),
            ..Self::default()
        };
        for (event_type, count) in &account.events_by_type {
            *of_stream(&mut line, *event_type) += count;
        }
        for (stream, shards) in &account.shards {
            for (shard_id, count) in shards.iter().filter(|(_, count)| count.throttled > 0) {
                let before = throttled.entry((*stream, shard_id.clone())).or_default();
                let more = count.throttled - std::mem::replace(before, count.throttled);
                line.throttled
                    .extend((more > 0).then(|| (format!("{stream} {shard_id}"), more)));
            }
        }
        line.throttled
            .sort_by_key(|(_, entries)| std::cmp::Reverse(*entries));
        line
    }
}

fn of_stream(line: &mut Line, event_type: EventType) -> &mut u64 {
    match event_type.stream() {
        Stream::ProductViews => &mut line.views,
        Stream::CartEvents => &mut line.carts,
        Stream::Transactions => &mut line.transactions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_is_told_as_it_happens() {
        let (mut account, mut before) = (Account::new(None), Throttled::new());
        let line = |account: &Account, before: &mut Throttled| {
            Line::new(Duration::ZERO, account, &Flow::default(), before).throttled
        };
        account.shard(Stream::CartEvents, "shard-1").throttled = 5;
        account.shard(Stream::CartEvents, "shard-2").records = 5;
        assert_eq!(
            line(&account, &mut before),
            [("cart-events shard-1".to_owned(), 5)]
        );
        assert_eq!(line(&account, &mut before), []);
        account.shard(Stream::CartEvents, "shard-1").throttled = 7;
        assert_eq!(
            line(&account, &mut before),
            [("cart-events shard-1".to_owned(), 2)]
        );
    }

    #[test]
    fn a_line_tells_trouble_only_when_there_is_some() {
        let fine = Line {
            total: 10,
            views: 6,
            carts: 3,
            transactions: 1,
            rate: 499.7,
            ..Line::default()
        };
        assert_eq!(
            fine.to_string(),
            "Total: 10 | Rate: 500/s | Views: 6 | Cart: 3 | Txns: 1"
        );
        let poor = Line {
            failed: 2,
            behind: Duration::from_millis(1_540),
            throttled: ["a", "b", "c", "d"].map(|shard| (shard.to_owned(), 7)).into(),
            ..fine
        };
        assert_eq!(
            poor.to_string(),
            "Total: 10 | Rate: 500/s | Views: 6 | Cart: 3 | Txns: 1 | Failed: 2 | Behind: 1.5 s | Throttled: a +7, b +7, \
             c +7 and 1 shards more"
        );
    }
}
