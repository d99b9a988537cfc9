//! A run: the facts, then the tables that are made of them, then compaction; and an alert for as long as a gate is closed.

use analytics::alerts::{AlertType, Evidence, Policy, Severity, Sighting, Signal};
use aws::StoreError;
use aws::alerts::{AlertStore, tell};
use aws::bucket::Objects;
use aws::telemetry::Counts;
use events::{Timestamp, Uuid};
use serde::Serialize;

use crate::analysis::{Analysed, Analysis, AnalysisError};
use crate::athena::{AthenaAnalysis, AthenaError, Queries};
use crate::compaction::{self, Compacted, Compaction, CompactionError};
use crate::etl::{Ended, Etl, EtlError, HeldBack, Progress, Rebuilt};
use crate::{Request, state};

/// What the alert of closed gates of facts is about.
const FACTS: &str = "warehouse:facts";
/// What the alert of a closed gate of the analytical tables is about.
const TABLES: &str = "warehouse:tables";
/// What the alert of archive objects that cannot be compacted is about.
const ARCHIVE: &str = "warehouse:archive";
/// The share of a run's time after which no day of facts is begun any more: the tables take the rest.
const TIME_FOR_FACTS: f64 = 0.6;
/// The share after which no hour is compacted any more.
const TIME_FOR_COMPACTION: f64 = 0.9;

/// A run failed. What is published stays.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// On the way to the facts.
    #[error(transparent)]
    Etl(#[from] EtlError),
    /// On the way to the tables.
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    /// On the way to the tables, by Athena.
    #[error(transparent)]
    Athena(#[from] AthenaError),
    /// When all was published.
    #[error(transparent)]
    Compaction(#[from] CompactionError),
    /// Alerts could not be told.
    #[error(transparent)]
    Alerts(StoreError),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Facts and tables are those of the archive.
    Published,
    /// There are objects or days left to do; the next run goes on. Tables are as they were.
    Unfinished,
    /// A gate is closed; what it guards is as it was.
    HeldBack,
    /// Another run was faster.
    Forestalled,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// Archive objects that it was the first to look at.
    pub new_objects: usize,
    /// Those that are left to do.
    pub unseen_objects: usize,
    /// Days whose facts it published, `YYYY-MM-DD`.
    pub published_days: Vec<String>,
    /// Days of all tables of facts that are left to do, those held back among them.
    pub pending_days: usize,
    /// What the gates object to.
    pub objections: Vec<Objection>,
    /// What it compacted, once it had published.
    pub compacted: Compacted,
}

/// Why something is not published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Objection {
    /// A day of facts, such as `fact_sales dt=2026-11-24`, `tables` for all that are made of them, or `compaction`.
    pub of: String,
    /// What doesn't add up.
    pub why: String,
}

impl Report {
    fn new(outcome: Outcome, rebuilt: &Rebuilt) -> Self {
        let objection = |held_back: &HeldBack| Objection {
            of: format!("{} dt={}", held_back.table.as_str(), date(held_back.day)),
            why: held_back.why.clone(),
        };
        Self {
            outcome,
            new_objects: rebuilt.objects,
            unseen_objects: rebuilt.unseen,
            published_days: rebuilt.days.iter().copied().map(date).collect(),
            pending_days: rebuilt.pending,
            objections: rebuilt.held_back.iter().map(objection).collect(),
            compacted: Compacted::default(),
        }
    }

    /// What it comes to as metrics.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let outcome = match self.outcome {
            Outcome::Published => "published",
            Outcome::Unfinished => "unfinished",
            Outcome::HeldBack => "held_back",
            Outcome::Forestalled => "forestalled",
        };
        for (metric, n) in [
            ("Runs", 1),
            ("ObjectsTaken", self.new_objects),
            ("DaysPublished", self.published_days.len()),
            ("DaysPending", self.pending_days),
            ("GatesClosed", self.objections.len()),
            ("HoursCompacted", self.compacted.hours_written),
        ] {
            counts.add("Outcome", &outcome, metric, n);
        }
        counts
    }
}

/// What makes the tables of the facts.
#[derive(Debug)]
pub enum Engine<Q> {
    /// This function.
    Embedded,
    /// Athena, for more facts than a function goes through.
    Athena(Q),
}

/// What the function is set to.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// When alerts belong together.
    pub policy: Policy,
    /// When the archive is compacted.
    pub compaction: compaction::Settings,
}

/// The function.
#[derive(Debug)]
pub struct Batch<B, A, Q> {
    bucket: B,
    alerts: A,
    engine: Engine<Q>,
    settings: Settings,
}

impl<B: Objects, A: AlertStore, Q: Queries> Batch<B, A, Q> {
    /// Of the archive in `bucket`, and into it; tells of closed gates in `alerts`.
    pub const fn new(bucket: B, alerts: A, engine: Engine<Q>, settings: Settings) -> Self {
        Self {
            bucket,
            alerts,
            engine,
            settings,
        }
    }

    /// Brings facts and tables up to date, then compacts. Yesterday, as of `now`, is the last complete day; `time_used` tells the
    /// share of the run's time that has passed.
    pub async fn run(
        &self,
        request: &Request,
        now: Timestamp,
        time_used: impl Fn() -> f64,
    ) -> Result<Report, RunError> {
        let mut report = self.publish(request, now, &time_used).await?;
        if report.outcome == Outcome::Published {
            let compaction = Compaction::new(&self.bucket, self.settings.compaction);
            let is_time_up = || time_used() > TIME_FOR_COMPACTION;
            // Whoever is faster compacts.
            if let compaction::Ended::Done(compacted) = compaction.run(now, is_time_up).await? {
                let unusable = &compacted.unusable;
                let is_known = compacted.hours_left == 0 || !unusable.is_empty();
                if is_known {
                    self.gate(ARCHIVE, unusable.len(), now).await?;
                }
                let of = "compaction".to_owned();
                let objection = |why: &String| Objection {
                    of: of.clone(),
                    why: why.clone(),
                };
                report.objections.extend(unusable.iter().map(objection));
                report.compacted = compacted;
            }
        }
        Ok(report)
    }

    async fn publish(
        &self,
        request: &Request,
        now: Timestamp,
        time_used: &impl Fn() -> f64,
    ) -> Result<Report, RunError> {
        let etl = Etl::new(&self.bucket, now.day() - 1);
        let is_time_up = || time_used() > TIME_FOR_FACTS;
        let rebuilt = match etl.run(request.days.clone(), is_time_up).await {
            Ok(Ended::Done(rebuilt)) => rebuilt,
            Ok(Ended::Forestalled) => return Ok(Report::new(Outcome::Forestalled, &Rebuilt::default())),
            Err(error) => {
                if let EtlError::Object { .. } = error {
                    self.gate(FACTS, 1, now).await?;
                }
                return Err(error.into());
            }
        };
        if !rebuilt.held_back.is_empty() {
            self.gate(FACTS, rebuilt.held_back.len(), now).await?;
            return Ok(Report::new(Outcome::HeldBack, &rebuilt));
        }
        // A day that an earlier run held back may be among those that are left: the gate is not known to be open.
        if rebuilt.pending > 0 || rebuilt.unseen > 0 {
            return Ok(Report::new(Outcome::Unfinished, &rebuilt));
        }
        self.gate(FACTS, 0, now).await?;
        match self.analyse(now.day() - 1).await {
            Ok(Analysed::Published) => {
                self.gate(TABLES, 0, now).await?;
                Ok(Report::new(Outcome::Published, &rebuilt))
            }
            Ok(Analysed::Pending) => Ok(Report::new(Outcome::Unfinished, &rebuilt)),
            Ok(Analysed::Forestalled) => Ok(Report::new(Outcome::Forestalled, &rebuilt)),
            Ok(Analysed::HeldBack(why)) => {
                self.gate(TABLES, 1, now).await?;
                let mut report = Report::new(Outcome::HeldBack, &rebuilt);
                let of = "tables".to_owned();
                report.objections.push(Objection { of, why });
                Ok(report)
            }
            Err(error) => {
                let is_fault = matches!(
                    error,
                    RunError::Analysis(AnalysisError::Store(_)) | RunError::Athena(AthenaError::Store(_))
                );
                if !is_fault {
                    self.gate(TABLES, 1, now).await?;
                }
                Err(error)
            }
        }
    }

    async fn analyse(&self, as_of_day: i32) -> Result<Analysed, RunError> {
        let before = self.version_of_facts().await?;
        let analysed = match &self.engine {
            Engine::Embedded => Analysis::new(&self.bucket).run(as_of_day).await?,
            Engine::Athena(queries) => AthenaAnalysis::new(&self.bucket, queries).run(as_of_day).await?,
        };
        // Facts that another run has replaced meanwhile don't add up, and nothing is wrong with them.
        let is_held_back = matches!(analysed, Analysed::HeldBack(_));
        if is_held_back && self.version_of_facts().await? != before {
            return Ok(Analysed::Forestalled);
        }
        Ok(analysed)
    }

    async fn version_of_facts(&self) -> Result<Option<String>, RunError> {
        let (_, version) = state::load::<Progress>(&self.bucket)
            .await
            .map_err(EtlError::from)?;
        Ok(version)
    }

    /// Tells that a gate is closed, or that it is open again.
    async fn gate(&self, entity: &str, objections: usize, now: Timestamp) -> Result<(), RunError> {
        let entity = entity.to_owned();
        let signal = if objections == 0 {
            Signal::Clear {
                alert_type: AlertType::GateClosed,
                entity,
                at: now,
            }
        } else {
            Signal::Raise(Sighting {
                // Of one alert, no two at the same time.
                id: Uuid::from_u128(now.as_ms().unsigned_abs().into()),
                alert_type: AlertType::GateClosed,
                entity,
                severity: Severity::Critical,
                evidence: Evidence {
                    value: objections as f64,
                    ..Evidence::default()
                },
                seen_at: now,
            })
        };
        let told = tell(&self.alerts, &[signal], &self.settings.policy).await;
        told.map(drop).map_err(RunError::Alerts)
    }
}

fn date(day: i32) -> String {
    Timestamp::of_day(day).map_or_else(|| format!("day {day}"), Timestamp::date)
}
