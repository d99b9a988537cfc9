//! Tells on the standard error how a run is doing: one line that is redrawn on a terminal, a line now and then elsewhere.

use std::time::Duration;

use events::{EventType, Stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::pacer::{Offered, Schedule};
use crate::sink::SharedAccount;

/// How often the line is redrawn on a terminal, and written elsewhere.
const REDRAW: Duration = Duration::from_millis(500);
const REWRITE: Duration = Duration::from_secs(5);
/// Below this, being late is the tick's and the scheduler's.
const WORTH_TELLING: Duration = Duration::from_millis(500);

/// What there is to tell.
#[derive(Clone, Debug)]
pub struct Progress {
    /// When the run started.
    pub started: Instant,
    /// What is due.
    pub schedule: Schedule,
    /// What was released.
    pub offered: Offered,
    /// What became of it.
    pub accounts: Vec<SharedAccount>,
}

/// The numbers of one line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Line {
    views: u64,
    carts: u64,
    transactions: u64,
    failed: u64,
    rate: f64,
    behind: Duration,
}

impl Line {
    fn total(&self) -> u64 {
        self.views + self.carts + self.transactions
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            views,
            carts,
            transactions,
            failed,
            rate,
            behind,
        } = self;
        let total = self.total();
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
        let (mut before, mut before_at) = (0, self.started);
        loop {
            ticks.tick().await;
            let now = Instant::now();
            let mut line = self.line(now);
            line.rate =
                (line.total() - before) as f64 / now.saturating_duration_since(before_at).as_secs_f64();
            (before, before_at) = (line.total(), now);
            match &bar {
                Some(bar) => {
                    bar.set_message(line.to_string());
                    bar.tick();
                }
                None => eprintln!("{line}"),
            }
        }
    }

    fn line(&self, now: Instant) -> Line {
        let mut line = Line::default();
        for account in &self.accounts {
            let account = account.lock();
            for (event_type, count) in &account.acknowledged {
                *of_stream(&mut line, *event_type) += count;
            }
            line.failed += account.failed_total();
        }
        let (elapsed, offered) = (now.saturating_duration_since(self.started), self.offered.get());
        if self.schedule.due_by(elapsed) > offered {
            line.behind = elapsed.saturating_sub(self.schedule.due_after(offered));
        }
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
    fn a_line_tells_trouble_only_when_there_is_some() {
        let fine = Line {
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
            ..fine
        };
        assert_eq!(
            poor.to_string(),
            "Total: 10 | Rate: 500/s | Views: 6 | Cart: 3 | Txns: 1 | Failed: 2 | Behind: 1.5 s"
        );
    }
}
