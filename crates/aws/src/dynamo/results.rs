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

/// A minute's figures as an item: `window` is `carts-figures#2026-11-22`, `writer` the minute.
#[derive(Serialize, Deserialize)]
struct FiguresItem<F> {
    window: String,
    writer: Minute,
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
                let item: Result<FiguresItem<F>, BoxError> = item
                    .map_err(BoxError::from)
                    .and_then(|item| Ok(serde_dynamo::from_item(item)?));
                let item = item.map_err(|error| self.query_failed(&window, error))?;
                found.insert(item.writer, item.figures);
            }
        }
        Ok(found)
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
        let window = day(family, minute);
        let item = FiguresItem {
            window: window.clone(),
            writer: minute,
            generation,
            figures,
            expires_at: self.expires_at(),
        };
        let item = serde_dynamo::to_item(item)
            .map_err(|error| StoreError::new("encoding", window.as_str(), error))?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(generation) OR generation < :generation")
            .expression_attribute_values(":generation", AttributeValue::N(generation.to_string()));
        match put_on_condition(put, window).await? {
            Saved::Written | Saved::Conflict => Ok(()),
        }
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
        let item = serde_dynamo::to_item(item)
            .map_err(|error| StoreError::new("encoding", window.as_str(), error))?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(as_of) OR as_of <= :as_of")
            .expression_attribute_values(":as_of", AttributeValue::S(as_of.to_string()));
        match put_on_condition(put, window).await? {
            Saved::Written | Saved::Conflict => Ok(()),
        }
    }
}
