//! The jobs that a deployment runs. Which ones is a parameter of its template, so whoever reads its results is told.

use std::collections::BTreeSet;
use std::str::FromStr;

use events::EventType;

/// A job, on the streams or on what came of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// Sales by minute and country.
    Sales,
    /// What people look at.
    Views,
    /// Carts, and what becomes of them.
    Carts,
    /// Purchases that are not as usual.
    Anomalies,
    /// What is in stock.
    Inventory,
    /// Parquet files of all events.
    Archive,
    /// The star schema and the analytical tables, of those files.
    Batch,
}

impl Job {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Sales,
        Self::Views,
        Self::Carts,
        Self::Anomalies,
        Self::Inventory,
        Self::Archive,
        Self::Batch,
    ];

    /// Its name, which is also the prefix of its windows in the table of metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sales => "sales",
            Self::Views => "views",
            Self::Carts => "carts",
            Self::Anomalies => "anomalies",
            Self::Inventory => "inventory",
            Self::Archive => "archive",
            Self::Batch => "batch",
        }
    }

    /// Whether it counts events of a type in the table of metrics.
    #[must_use]
    pub const fn counts(self, event_type: EventType) -> bool {
        use EventType as Type;
        match self {
            Self::Sales | Self::Inventory => matches!(event_type, Type::Purchase | Type::Refund),
            Self::Anomalies => matches!(event_type, Type::Purchase),
            Self::Views => matches!(
                event_type,
                Type::ProductView | Type::Search | Type::Filter | Type::Compare
            ),
            Self::Carts => matches!(
                event_type,
                Type::CartAdd | Type::CartUpdate | Type::CartRemove | Type::CartCheckout | Type::Purchase
            ),
            Self::Archive | Self::Batch => false,
        }
    }
}

/// Some of the jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jobs(BTreeSet<Job>);

impl Jobs {
    /// Whether a job is among them.
    #[must_use]
    pub fn has(&self, job: Job) -> bool {
        self.0.contains(&job)
    }

    /// Each of them, in the order of [`Job::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = Job> + '_ {
        self.0.iter().copied()
    }
}

impl FromStr for Jobs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let job = |name: &str| {
            let known = Job::ALL.iter().find(|job| job.as_str() == name.trim());
            known.copied().ok_or_else(|| {
                let names: Vec<&str> = Job::ALL.iter().map(|job| job.as_str()).collect();
                format!(
                    "`{}` is no job: jobs are {}, with commas between them",
                    name.trim(),
                    names.join(", ")
                )
            })
        };
        text.split(',').map(job).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_named_with_commas_between() {
        let jobs: Jobs = "sales, archive".parse().unwrap();
        assert_eq!(jobs.iter().collect::<Vec<_>>(), [Job::Sales, Job::Archive]);
        assert!(jobs.has(Job::Sales) && !jobs.has(Job::Views));
        for text in ["", "sale", "sales,"] {
            let error = text.parse::<Jobs>().unwrap_err();
            assert!(error.contains("jobs are sales, views"), "{error}");
        }
    }
}
