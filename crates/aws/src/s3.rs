//! S3: logs of objects, with their marks in DynamoDB.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use crate::dynamo::MarksTable;
use crate::objects::{Created, Object, ObjectLog};
use crate::{Saved, Sequence, StoreError};

/// The metadata entry that tells where an object ends.
const LAST_SEQUENCE: &str = "last-sequence";

/// Logs of objects in one bucket.
#[derive(Clone, Debug)]
pub struct BucketLog {
    client: Client,
    bucket: String,
    marks: MarksTable,
}

impl BucketLog {
    /// Objects in `bucket`, marks in `marks`.
    #[must_use]
    pub fn new(client: Client, bucket: String, marks: MarksTable) -> Self {
        Self {
            client,
            bucket,
            marks,
        }
    }

    async fn last_sequence(&self, key: &str) -> Result<Sequence, StoreError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| {
            StoreError::new("HeadObject", format!("s3://{}/{key}", self.bucket), source)
        };
        let head = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await;
        let head = head.map_err(|error| failed(error.into()))?;
        let last = head.metadata().and_then(|metadata| metadata.get(LAST_SEQUENCE));
        let last =
            last.ok_or_else(|| failed(format!("the object has no metadata `{LAST_SEQUENCE}`").into()))?;
        Sequence::parse(last).map_err(|error| failed(error.into()))
    }
}

impl ObjectLog for BucketLog {
    async fn mark(&self, log: &str) -> Result<Option<Sequence>, StoreError> {
        self.marks.mark(log).await
    }

    async fn advance(&self, log: &str, from: Option<&Sequence>, to: &Sequence) -> Result<Saved, StoreError> {
        self.marks.advance(log, from, to).await
    }

    async fn create(&self, object: &Object, last: &Sequence) -> Result<Created, StoreError> {
        let mut put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(&object.key)
            .if_none_match("*");
        for (name, value) in &object.metadata {
            put = put.metadata(*name, value);
        }
        put = put
            .metadata(LAST_SEQUENCE, last.as_str())
            .content_type(object.content_type);
        match put.body(ByteStream::from(object.bytes.clone())).send().await {
            Ok(_) => Ok(Created::Now),
            Err(error)
                if error
                    .raw_response()
                    .is_some_and(|response| response.status().as_u16() == 412) =>
            {
                self.last_sequence(&object.key).await.map(Created::Before)
            }
            Err(error) => Err(StoreError::new(
                "PutObject",
                format!("s3://{}/{}", self.bucket, object.key),
                error,
            )),
        }
    }
}
