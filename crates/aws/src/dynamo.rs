//! DynamoDB: the table of partial aggregates, and the table of marks.

use std::collections::HashMap;

use analytics::Partial;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use events::{MS_PER_DAY, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::partials::{Page, PartialStore, Write};
use crate::{Saved, Sequence, StoreError};

/// The table of real-time metrics. Partition key `window`, as `sales#2026-11-22T17:30Z`; sort key `writer`, the shard and
/// the number of its page.
#[derive(Clone, Debug)]
pub struct MetricsTable {
    client: Client,
    table: String,
    retention_days: u32,
}

/// A page as an item.
#[derive(Serialize, Deserialize)]
struct PageItem<P> {
    window: String,
    writer: String,
    mark: Sequence,
    arrived_at: Timestamp,
    /// Seconds since the epoch; DynamoDB deletes the item after that.
    expires_at: i64,
    partial: P,
}

/// Page numbers sort as text does.
const PAGE_DIGITS: usize = 6;

impl MetricsTable {
    /// Items are kept for `retention_days` after the last record that was folded into them.
    #[must_use]
    pub fn new(client: Client, table: String, retention_days: u32) -> Self {
        Self {
            client,
            table,
            retention_days,
        }
    }

    /// All pages of a window, of all shards: what a reader merges.
    pub async fn read_window<P: Partial + DeserializeOwned>(
        &self,
        window: &str,
    ) -> Result<Vec<Page<P>>, StoreError> {
        self.query(window, None).await
    }

    async fn query<P: Partial + DeserializeOwned>(
        &self,
        window: &str,
        shard_id: Option<&str>,
    ) -> Result<Vec<Page<P>>, StoreError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| {
            StoreError::new("Query", format!("{window} in {}", self.table), source)
        };
        // `window` is a reserved word of DynamoDB's expressions.
        let mut query = self.client.query().table_name(&self.table).consistent_read(true);
        query = query.expression_attribute_names("#window", "window");
        query = query.expression_attribute_values(":window", AttributeValue::S(window.to_owned()));
        query = match shard_id {
            None => query.key_condition_expression("#window = :window"),
            Some(shard_id) => query
                .key_condition_expression("#window = :window AND begins_with(writer, :shard)")
                .expression_attribute_values(":shard", AttributeValue::S(format!("{shard_id}#"))),
        };
        let mut items = query.into_paginator().items().send();
        let mut pages = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| failed(error.into()))?;
            pages.push(page_of(item).map_err(failed)?);
        }
        Ok(pages)
    }
}

fn page_of<P: DeserializeOwned>(
    item: HashMap<String, AttributeValue>,
) -> Result<Page<P>, Box<dyn std::error::Error + Send + Sync>> {
    let item: PageItem<P> = serde_dynamo::from_item(item)?;
    let (shard_id, number) = item
        .writer
        .split_once('#')
        .ok_or_else(|| format!("writer `{}` names no page", item.writer))?;
    Ok(Page {
        shard_id: shard_id.to_owned(),
        number: number.parse()?,
        mark: item.mark,
        arrived_at: item.arrived_at,
        partial: item.partial,
    })
}

impl<P: Partial + Serialize + DeserializeOwned + Send + Sync> PartialStore<P> for MetricsTable {
    async fn load(&self, window: &str, shard_id: &str) -> Result<Vec<Page<P>>, StoreError> {
        self.query(window, Some(shard_id)).await
    }

    async fn save(&self, window: &str, write: &Write<P>) -> Result<Saved, StoreError> {
        let page = &write.page;
        let subject = || format!("{window} by {}", page.shard_id);
        let kept_ms = i64::from(self.retention_days) * MS_PER_DAY;
        let item = PageItem {
            window: window.to_owned(),
            writer: format!("{}#{:0PAGE_DIGITS$}", page.shard_id, page.number),
            mark: page.mark.clone(),
            arrived_at: page.arrived_at,
            expires_at: page.arrived_at.plus_ms(kept_ms).as_ms().div_euclid(1_000),
            partial: page.partial.clone(),
        };
        let item =
            serde_dynamo::to_item(item).map_err(|error| StoreError::new("encoding", subject(), error))?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item));
        put_if_mark(put, write.replaces.as_ref(), subject()).await
    }
}

/// The table of marks. Partition key `writer`.
#[derive(Clone, Debug)]
pub struct MarksTable {
    client: Client,
    table: String,
}

impl MarksTable {
    /// The table of that name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// A writer's mark.
    pub async fn mark(&self, writer: &str) -> Result<Option<Sequence>, StoreError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| {
            StoreError::new("GetItem", format!("the mark of {writer}"), source)
        };
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true);
        let got = get
            .key("writer", AttributeValue::S(writer.to_owned()))
            .send()
            .await
            .map_err(|error| failed(error.into()))?;
        let Some(item) = got.item else { return Ok(None) };
        let mark = item.get("mark").and_then(|mark| mark.as_s().ok());
        let mark = mark.ok_or_else(|| failed("the item has no text `mark`".into()))?;
        Sequence::parse(mark)
            .map(Some)
            .map_err(|error| failed(error.into()))
    }

    /// Moves a writer's mark, if it still is `from`.
    pub async fn advance(
        &self,
        writer: &str,
        from: Option<&Sequence>,
        to: &Sequence,
    ) -> Result<Saved, StoreError> {
        let put = self.client.put_item().table_name(&self.table);
        let put = put.item("writer", AttributeValue::S(writer.to_owned()));
        let put = put.item("mark", AttributeValue::S(to.to_string()));
        put_if_mark(put, from, format!("the mark of {writer}")).await
    }
}

/// The guard of every write: the item has the very mark that the write was computed from, or does not exist yet.
async fn put_if_mark(
    put: PutItemFluentBuilder,
    mark: Option<&Sequence>,
    subject: String,
) -> Result<Saved, StoreError> {
    let put = match mark {
        None => put.condition_expression("attribute_not_exists(mark)"),
        Some(mark) => put
            .condition_expression("mark = :mark")
            .expression_attribute_values(":mark", AttributeValue::S(mark.to_string())),
    };
    match put.send().await {
        Ok(_) => Ok(Saved::Written),
        Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
            Ok(Saved::Conflict)
        }
        Err(error) => Err(StoreError::new("PutItem", subject, error)),
    }
}
