//! The table of alerts.

use std::cmp::Reverse;

use analytics::alerts::{Alert, Status};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use events::{MS_PER_DAY, Timestamp};
use serde::Serialize;

use super::{BoxError, Item, put_on_condition};
use crate::alerts::AlertStore;
use crate::{Saved, StoreError};

/// The index of alerts by listing, the latest seen last.
const BY_LISTING: &str = "by_listing";

/// The table of alerts. Partition key `fingerprint`; the index `by_listing` has the partition key `listing` and the sort key
/// `last_seen`.
#[derive(Clone, Debug)]
pub struct AlertsTable {
    client: Client,
    table: String,
    retention_days: u32,
}

/// An alert as an item.
#[derive(Serialize)]
struct AlertItem<'a> {
    #[serde(flatten)]
    alert: &'a Alert,
    listing: Listing,
    /// Seconds since the epoch; DynamoDB deletes the item after that. A condition that lasts may be silent for longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

/// Where the index lists an alert.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Listing {
    /// Open, until it is quiet for long: looked through each minute, so nothing else is among them.
    Open,
    /// Open, until it is cleared.
    Lasting,
    Resolved,
}

impl Listing {
    fn of(alert: &Alert) -> Self {
        match (alert.status, alert.alert_type.lasts()) {
            (Status::Open, false) => Self::Open,
            (Status::Open, true) => Self::Lasting,
            (Status::Resolved, _) => Self::Resolved,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Lasting => "lasting",
            Self::Resolved => "resolved",
        }
    }
}

impl AlertsTable {
    /// Items are kept for `retention_days` after they were last seen, and for as long as their condition lasts.
    #[must_use]
    pub fn new(client: Client, table: String, retention_days: u32) -> Self {
        Self {
            client,
            table,
            retention_days,
        }
    }

    /// The alerts of a status that were last seen between two times, the latest first, at most `limit` of them.
    pub async fn latest(
        &self,
        status: Status,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<Alert>, StoreError> {
        let listings: &[Listing] = match status {
            Status::Open => &[Listing::Open, Listing::Lasting],
            Status::Resolved => &[Listing::Resolved],
        };
        let mut alerts = Vec::new();
        for listing in listings {
            let query = self.listed(*listing, from, to).scan_index_forward(false);
            alerts.extend(self.read(query, limit).await?);
        }
        alerts.sort_by_key(|alert| Reverse(alert.last_seen));
        alerts.truncate(limit);
        Ok(alerts)
    }

    /// The open alerts that expire and were last seen before a time, the ones unseen for longest first, at most `limit` of them.
    pub async fn unseen_since(&self, time: Timestamp, limit: usize) -> Result<Vec<Alert>, StoreError> {
        let epoch = Timestamp::from_ms(0).expect("the epoch is within the calendar");
        self.read(self.listed(Listing::Open, epoch, time), limit).await
    }

    fn listed(&self, listing: Listing, from: Timestamp, to: Timestamp) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.table).index_name(BY_LISTING);
        query
            .key_condition_expression("listing = :listing AND last_seen BETWEEN :from AND :to")
            .expression_attribute_values(":listing", AttributeValue::S(listing.as_str().to_owned()))
            .expression_attribute_values(":from", AttributeValue::S(from.to_string()))
            .expression_attribute_values(":to", AttributeValue::S(to.to_string()))
    }

    async fn read(&self, query: QueryFluentBuilder, limit: usize) -> Result<Vec<Alert>, StoreError> {
        let failed =
            |source: BoxError| StoreError::new("Query", format!("{BY_LISTING} of {}", self.table), source);
        let mut items = query.into_paginator().items().send();
        let mut alerts = Vec::new();
        while alerts.len() < limit
            && let Some(item) = items.next().await
        {
            let alert = item.map_err(BoxError::from).and_then(alert_of);
            alerts.push(alert.map_err(failed)?);
        }
        Ok(alerts)
    }
}

/// The alert that an item, also one of the table's stream, holds.
pub fn alert_of(item: Item) -> Result<Alert, BoxError> {
    Ok(serde_dynamo::from_item(item)?)
}

impl AlertStore for AlertsTable {
    async fn load(&self, fingerprint: &str) -> Result<Option<Alert>, StoreError> {
        let failed = |source: BoxError| StoreError::new("GetItem", fingerprint, source);
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true);
        let got = get
            .key("fingerprint", AttributeValue::S(fingerprint.to_owned()))
            .send()
            .await
            .map_err(|error| failed(error.into()))?;
        got.item.map(alert_of).transpose().map_err(failed)
    }

    async fn save(&self, alert: &Alert, replaces: Option<u64>) -> Result<Saved, StoreError> {
        let kept_ms = i64::from(self.retention_days) * MS_PER_DAY;
        let listing = Listing::of(alert);
        let expires_at = alert.last_seen.plus_ms(kept_ms).as_ms().div_euclid(1_000);
        let item = AlertItem {
            alert,
            listing,
            expires_at: (!matches!(listing, Listing::Lasting)).then_some(expires_at),
        };
        let item = serde_dynamo::to_item(item)
            .map_err(|error| StoreError::new("encoding", alert.fingerprint.as_str(), error))?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item));
        let put = match replaces {
            None => put.condition_expression("attribute_not_exists(fingerprint)"),
            Some(version) => put
                .condition_expression("version = :version")
                .expression_attribute_values(":version", AttributeValue::N(version.to_string())),
        };
        put_on_condition(put, alert.fingerprint.clone()).await
    }
}
