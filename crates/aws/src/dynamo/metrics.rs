//! The table of metrics: pages of partial aggregates, the journal of what was touched, and minute figures.

use std::collections::BTreeSet;

use analytics::Partial;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use events::{MS_PER_DAY, Minute, Timestamp};
use serde::{Deserialize, Serialize};

use super::{BoxError, Item, put_if_mark, put_on_condition};
use crate::journal::{Journal, Note};
use crate::partials::{Page, PartialStore, Write};
use crate::{Saved, Sequence, StoreError};

/// The table of real-time metrics. Partition key `window`, as `sales#2026-11-22T17:30Z`; sort key `writer`, the stream, the
/// shard and the number of its page, as `transactions/shardId-000000000000#000000`.
#[derive(Clone, Debug)]
pub struct MetricsTable {
    pub(super) client: Client,
    pub(super) table: String,
    pub(super) retention_days: u32,
}

/// A page as an item.
#[derive(Serialize, Deserialize)]
struct PageItem {
    window: String,
    writer: String,
    mark: Sequence,
    arrived_at: Timestamp,
    /// Seconds since the epoch; DynamoDB deletes the item after that.
    expires_at: i64,
    /// The aggregate, see [`encode`].
    #[serde(with = "serde_bytes")]
    partial: Vec<u8>,
}

/// What tells how far a page has come.
#[derive(Deserialize)]
struct MarkItem {
    mark: Sequence,
}

/// The first byte of an aggregate tells how the others are to be read.
const ENCODING: u8 = 2;

/// An aggregate as bytes, a third of what it takes as a map of attributes: every KB of a write is paid for.
fn encode<P: Partial>(partial: &P) -> Result<Vec<u8>, BoxError> {
    Ok(postcard::to_extend(partial, vec![ENCODING])?)
}

fn decode<P: Partial>(bytes: &[u8]) -> Result<P, BoxError> {
    match bytes.split_first() {
        Some((&ENCODING, bytes)) => Ok(postcard::from_bytes(bytes)?),
        Some((other, _)) => Err(format!("it is encoding {other}, this program reads {ENCODING}").into()),
        None => Err("it is empty".into()),
    }
}

/// Page numbers sort as text does.
const PAGE_DIGITS: usize = 6;
const LAST_PAGE: usize = 999_999;

fn sort_key(writer: &str, page: usize) -> String {
    format!("{writer}#{page:0PAGE_DIGITS$}")
}

/// A note of the journal as an item: `window` is `carts-journal#<writer>`, `writer` the sequence number of the note.
#[derive(Serialize, Deserialize)]
struct NoteItem {
    window: String,
    writer: Sequence,
    minutes: BTreeSet<Minute>,
    noted_at: Timestamp,
    expires_at: i64,
}

fn journal(family: &str, writer: &str) -> String {
    format!("{family}-journal#{writer}")
}

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
    pub async fn read_window<P: Partial>(&self, window: &str) -> Result<Vec<Page<P>>, StoreError> {
        self.pages(window, self.query(window)).await
    }

    /// Up to where a writer has folded into a window: the mark of its last page.
    pub async fn read_mark(&self, window: &str, writer: &str) -> Result<Option<Sequence>, StoreError> {
        let (first, last) = (sort_key(writer, 0), sort_key(writer, LAST_PAGE));
        let query = self.query_writers(window, first, last).scan_index_forward(false);
        let found = query.projection_expression("mark").limit(1).send().await;
        let found = found.map_err(|error| self.query_failed(window, error.into()))?;
        let mark = found.items.into_iter().flatten().next();
        mark.map(|item| serde_dynamo::from_item(item).map(|MarkItem { mark }| mark))
            .transpose()
            .map_err(|error| self.query_failed(window, error.into()))
    }

    pub(super) fn query(&self, window: &str) -> QueryFluentBuilder {
        // `window` is a reserved word of DynamoDB's expressions.
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        let query = query.expression_attribute_names("#window", "window");
        query
            .expression_attribute_values(":window", AttributeValue::S(window.to_owned()))
            .key_condition_expression("#window = :window")
    }

    pub(super) fn query_writers(&self, window: &str, from: String, to: String) -> QueryFluentBuilder {
        self.query(window)
            .key_condition_expression("#window = :window AND writer BETWEEN :from AND :to")
            .expression_attribute_values(":from", AttributeValue::S(from))
            .expression_attribute_values(":to", AttributeValue::S(to))
    }

    async fn pages<P: Partial>(
        &self,
        window: &str,
        query: QueryFluentBuilder,
    ) -> Result<Vec<Page<P>>, StoreError> {
        let mut items = query.into_paginator().items().send();
        let mut pages = Vec::new();
        while let Some(item) = items.next().await {
            let page = item.map_err(BoxError::from).and_then(page_of);
            pages.push(page.map_err(|error| self.query_failed(window, error))?);
        }
        Ok(pages)
    }

    /// Begins to put an item; `subject` is what errors name.
    pub(super) fn put(
        &self,
        item: impl Serialize,
        subject: &str,
    ) -> Result<PutItemFluentBuilder, StoreError> {
        let item =
            serde_dynamo::to_item(item).map_err(|error| StoreError::new("encoding", subject, error))?;
        let put = self.client.put_item().table_name(&self.table);
        Ok(put.set_item(Some(item)))
    }

    pub(super) fn query_failed(&self, window: &str, source: BoxError) -> StoreError {
        StoreError::new("Query", format!("{window} in {}", self.table), source)
    }
}

fn page_of<P: Partial>(item: Item) -> Result<Page<P>, BoxError> {
    let item: PageItem = serde_dynamo::from_item(item)?;
    let (writer, number) = item
        .writer
        .split_once('#')
        .ok_or_else(|| format!("writer `{}` names no page", item.writer))?;
    Ok(Page {
        writer: writer.to_owned(),
        number: number.parse()?,
        mark: item.mark,
        arrived_at: item.arrived_at,
        partial: decode(&item.partial)?,
    })
}

impl<P: Partial> PartialStore<P> for MetricsTable {
    async fn load(&self, window: &str, writer: &str, from: usize) -> Result<Vec<Page<P>>, StoreError> {
        let (first, last) = (sort_key(writer, from), sort_key(writer, LAST_PAGE));
        self.pages(window, self.query_writers(window, first, last)).await
    }

    async fn save(&self, window: &str, write: &Write<P>) -> Result<Saved, StoreError> {
        let page = &write.page;
        let subject = || format!("{window} by {}", page.writer);
        let kept_ms = i64::from(self.retention_days) * MS_PER_DAY;
        let item = PageItem {
            window: window.to_owned(),
            writer: sort_key(&page.writer, page.number),
            mark: page.mark,
            arrived_at: page.arrived_at,
            expires_at: page.arrived_at.plus_ms(kept_ms).as_ms().div_euclid(1_000),
            partial: encode(&page.partial).map_err(|error| StoreError::new("encoding", subject(), error))?,
        };
        let put = self.put(item, &subject())?;
        put_if_mark(put, write.replaces.as_ref(), subject()).await
    }
}

impl Journal for MetricsTable {
    async fn note(&self, family: &str, writer: &str, note: &Note) -> Result<(), StoreError> {
        let window = journal(family, writer);
        let item = NoteItem {
            window: window.clone(),
            writer: note.last,
            minutes: note.minutes.clone(),
            noted_at: note.noted_at,
            expires_at: self.expires_at(),
        };
        let put = self.put(item, &window)?;
        let put = put.condition_expression("attribute_not_exists(writer)");
        match put_on_condition(put, window).await? {
            Saved::Written | Saved::Conflict => Ok(()),
        }
    }

    async fn notes(
        &self,
        family: &str,
        writer: &str,
        after: Option<&Sequence>,
    ) -> Result<Vec<Note>, StoreError> {
        let window = journal(family, writer);
        let before_all = Sequence::before_all();
        let query = self
            .query(&window)
            .key_condition_expression("#window = :window AND writer > :after")
            .expression_attribute_values(
                ":after",
                AttributeValue::S(after.unwrap_or(&before_all).to_string()),
            );
        let mut items = query.into_paginator().items().send();
        let mut notes = Vec::new();
        while let Some(item) = items.next().await {
            let note: Result<NoteItem, BoxError> = item
                .map_err(BoxError::from)
                .and_then(|item| Ok(serde_dynamo::from_item(item)?));
            let note = note.map_err(|error| self.query_failed(&window, error))?;
            notes.push(Note {
                last: note.writer,
                minutes: note.minutes,
                noted_at: note.noted_at,
            });
        }
        Ok(notes)
    }
}
