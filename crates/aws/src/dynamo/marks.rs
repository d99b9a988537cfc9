//! The table of marks: how far somebody has come.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{BoxError, put_if_mark};
use crate::marks::Marks;
use crate::{Saved, Sequence, StoreError};

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
        let put = put.item("mark", AttributeValue::S(to.to_string()));
        put_if_mark(put, from, format!("the mark of {writer}")).await
    }
}
