//! The table of marks: how far somebody has come.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use events::MS_PER_DAY;

use super::{BoxError, put_if_mark};
use crate::marks::Marks;
use crate::telemetry::now_ms;
use crate::{Saved, Sequence, StoreError};

/// The table of marks. Partition key `writer`.
#[derive(Clone, Debug)]
pub struct MarksTable {
    client: Client,
    table: String,
    kept_days: Option<u32>,
}

impl MarksTable {
    /// The table of that name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self {
            client,
            table,
            kept_days: None,
        }
    }

    /// The same, with marks that are kept for so many days after they were moved last.
    #[must_use]
    pub fn kept_for(self, days: u32) -> Self {
        Self {
            kept_days: Some(days),
            ..self
        }
    }
}

impl Marks for MarksTable {
    async fn mark(&self, writer: &str) -> Result<Option<Sequence>, StoreError> {
        let failed = |source: BoxError| StoreError::new("GetItem", format!("the mark of {writer}"), source);
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

    async fn advance(
        &self,
        writer: &str,
        from: Option<&Sequence>,
        to: &Sequence,
    ) -> Result<Saved, StoreError> {
        let put = self.client.put_item().table_name(&self.table);
        let put = put.item("writer", AttributeValue::S(writer.to_owned()));
        let mut put = put.item("mark", AttributeValue::S(to.to_string()));
        if let Some(days) = self.kept_days {
            let expires_at = (now_ms() + i64::from(days) * MS_PER_DAY).div_euclid(1_000);
            put = put.item("expires_at", AttributeValue::N(expires_at.to_string()));
        }
        put_if_mark(put, from, format!("the mark of {writer}")).await
    }
}
