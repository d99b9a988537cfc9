//! The table of alerts.

use analytics::alerts::{Alert, AlertType, Status};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use events::{MS_PER_DAY, Timestamp};
use serde::{Deserialize, Serialize};

use super::{BoxError, Item, put_on_condition};
use crate::alerts::AlertStore;
use crate::{Saved, StoreError};

/// The index of alerts by status, the latest seen last.
const BY_STATUS: &str = "by_status";

/// The table of alerts. Partition key `fingerprint`; the index `by_status` has the partition key `status` and the sort key
/// `last_seen`.
#[derive(Clone, Debug)]
pub struct AlertsTable {
    client: Client,
    table: String,
    retention_days: u32,
}

/// An alert as an item.
#[derive(Serialize, Deserialize)]
struct AlertItem {
    #[serde(flatten)]
    alert: Alert,
    /// Seconds since the epoch; DynamoDB deletes the item after that.
    expires_at: i64,
}

impl AlertsTable {
    /// Items are kept for `retention_days` after they were last seen.
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
        let query = self.by_status(status, from, to).scan_index_forward(false);
        self.read(query, limit).await
    }

    /// The open alerts that expire and were last seen before a time, the ones unseen for longest first, at most `limit` of them.
    pub async fn unseen_since(&self, time: Timestamp, limit: usize) -> Result<Vec<Alert>, StoreError> {
        let epoch = Timestamp::from_ms(0).expect("the epoch is within the calendar");
        let mut query = self.by_status(Status::Open, epoch, time);
        let lasting = AlertType::ALL.into_iter().filter(|alert_type| alert_type.lasts());
        let mut names = Vec::new();
        for (n, alert_type) in lasting.enumerate() {
            let name = format!(":lasting{n}");
            query =
                query.expression_attribute_values(&name, AttributeValue::S(alert_type.as_str().to_owned()));
            names.push(name);
        }
        let query = query.filter_expression(format!("NOT alert_type IN ({})", names.join(", ")));
        self.read(query, limit).await
    }

    fn by_status(&self, status: Status, from: Timestamp, to: Timestamp) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.table).index_name(BY_STATUS);
        query
            .key_condition_expression("#status = :status AND last_seen BETWEEN :from AND :to")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", AttributeValue::S(status.as_str().to_owned()))
            .expression_attribute_values(":from", AttributeValue::S(from.to_string()))
            .expression_attribute_values(":to", AttributeValue::S(to.to_string()))
    }

    async fn read(&self, query: QueryFluentBuilder, limit: usize) -> Result<Vec<Alert>, StoreError> {
        let failed =
            |source: BoxError| StoreError::new("Query", format!("{BY_STATUS} of {}", self.table), source);
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
    let AlertItem { alert, .. } = serde_dynamo::from_item(item)?;
    Ok(alert)
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
        let item = AlertItem {
            alert: alert.clone(),
            expires_at: alert.last_seen.plus_ms(kept_ms).as_ms().div_euclid(1_000),
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
