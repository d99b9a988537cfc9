//! What sweeps and detectors leave in the table of metrics: figures of minutes, and findings.

use std::collections::BTreeMap;

use analytics::alerts::Sighting;
use aws_sdk_dynamodb::types::AttributeValue;
use events::{MS_PER_DAY, Minute, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::metrics::MetricsTable;
use super::{BoxError, put_on_condition};
use crate::alerts::{FindingsStore, Verdict};
use crate::sweep::FiguresStore;
use crate::telemetry::now_ms;
use crate::{Saved, Sequence, StoreError};

/// A sweep's figures as an item. Of a minute: `window` is `carts-figures#2026-11-22`, `writer` the minute. What is so after
/// the latest sweep: `carts-figures#latest` and `all`.
#[derive(Serialize, Deserialize)]
struct FiguresItem<W, F> {
    window: String,
    writer: W,
    /// Of the sweep that they are from: later ones replace earlier ones, never the other way round.
    generation: u64,
    figures: F,
    expires_at: i64,
}

/// A finding as an item: `window` is `anomalies-findings#2026-11-22T17:30Z`, `writer` its id.
#[derive(Serialize, Deserialize)]
struct FindingItem {
    window: String,
    writer: String,
    finding: Sighting,
    holds: bool,
    as_of: Sequence,
    expires_at: i64,
}

fn day(family: &str, minute: Minute) -> String {
    let date = minute.start().map(Timestamp::date).unwrap_or_default();
    format!("{family}-figures#{date}")
}

fn latest(family: &str) -> String {
    format!("{family}-figures#latest")
}

fn findings(family: &str, minute: Minute) -> String {
    format!("{family}-findings#{minute}")
}

impl MetricsTable {
    /// The figures of the minutes from one to another, both included, as far as there are any.
    pub async fn figures<F: DeserializeOwned>(
        &self,
        family: &str,
        from: Minute,
        to: Minute,
    ) -> Result<BTreeMap<Minute, F>, StoreError> {
        const MINUTES_PER_DAY: i64 = 24 * 60;
        let mut found = BTreeMap::new();
        let days = from.number().div_euclid(MINUTES_PER_DAY)..=to.number().div_euclid(MINUTES_PER_DAY);
        for number in days {
            let window = day(family, Minute::from_number(number * MINUTES_PER_DAY));
            let query = self.query_writers(&window, from.to_string(), to.to_string());
            let mut items = query.into_paginator().items().send();
            while let Some(item) = items.next().await {
                let item: Result<FiguresItem<Minute, F>, BoxError> = item
                    .map_err(BoxError::from)
                    .and_then(|item| Ok(serde_dynamo::from_item(item)?));
                let item = item.map_err(|error| self.query_failed(&window, error))?;
                found.insert(item.writer, item.figures);
            }
        }
        Ok(found)
    }

    /// What was so after the latest sweep; `None` before the first.
    pub async fn latest<F: DeserializeOwned>(&self, family: &str) -> Result<Option<F>, StoreError> {
        let window = latest(family);
        let found = self.query(&window).send().await;
        let found = found.map_err(|error| self.query_failed(&window, error.into()))?;
        let item = found.items.unwrap_or_default().pop();
        let item: Option<FiguresItem<String, F>> = item
            .map(serde_dynamo::from_item)
            .transpose()
            .map_err(|error| self.query_failed(&window, error.into()))?;
        Ok(item.map(|item| item.figures))
    }

    /// What was found in a minute.
    pub async fn findings(&self, family: &str, minute: Minute) -> Result<Vec<Sighting>, StoreError> {
        let window = findings(family, minute);
        let mut items = self.query(&window).into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(item) = items.next().await {
            let item: Result<FindingItem, BoxError> = item
                .map_err(BoxError::from)
                .and_then(|item| Ok(serde_dynamo::from_item(item)?));
            let item = item.map_err(|error| self.query_failed(&window, error))?;
            found.extend(item.holds.then_some(item.finding));
        }
        Ok(found)
    }

    /// Puts figures, unless those of a later generation, or these, are there.
    async fn put_generation(
        &self,
        item: FiguresItem<impl Serialize, impl Serialize>,
    ) -> Result<(), StoreError> {
        let (window, generation) = (item.window.clone(), item.generation);
        let put = self
            .put(item, &window)?
            .condition_expression("attribute_not_exists(generation) OR generation < :generation")
            .expression_attribute_values(":generation", AttributeValue::N(generation.to_string()));
        match put_on_condition(put, window).await? {
            Saved::Written | Saved::Conflict => Ok(()),
        }
    }

    pub(super) fn expires_at(&self) -> i64 {
        (now_ms() + i64::from(self.retention_days) * MS_PER_DAY).div_euclid(1_000)
    }
}

impl FiguresStore for MetricsTable {
    async fn put_figures<F: Serialize + Send>(
        &self,
        family: &str,
        minute: Minute,
        generation: u64,
        figures: F,
    ) -> Result<(), StoreError> {
        let item = FiguresItem {
            window: day(family, minute),
            writer: minute,
            generation,
            figures,
            expires_at: self.expires_at(),
        };
        self.put_generation(item).await
    }

    async fn put_latest<F: Serialize + Send>(
        &self,
        family: &str,
        generation: u64,
        latest: F,
    ) -> Result<(), StoreError> {
        let item = FiguresItem {
            window: self::latest(family),
            writer: "all",
            generation,
            figures: latest,
            expires_at: self.expires_at(),
        };
        self.put_generation(item).await
    }
}

impl FindingsStore for MetricsTable {
    async fn put_verdict(&self, family: &str, minute: Minute, verdict: Verdict) -> Result<(), StoreError> {
        let Verdict {
            finding,
            holds,
            as_of,
        } = verdict;
        let window = findings(family, minute);
        let item = FindingItem {
            window: window.clone(),
            writer: format!("{}#{}", finding.alert_type, finding.id),
            finding: Sighting {
                evidence: finding.evidence.bounded(),
                ..finding
            },
            holds,
            as_of,
            expires_at: self.expires_at(),
        };
        let put = self
            .put(item, &window)?
            .condition_expression("attribute_not_exists(as_of) OR as_of <= :as_of")
            .expression_attribute_values(":as_of", AttributeValue::S(as_of.to_string()));
        match put_on_condition(put, window).await? {
            Saved::Written | Saved::Conflict => Ok(()),
        }
    }
}
