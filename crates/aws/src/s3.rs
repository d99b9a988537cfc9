//! S3: logs of objects, with their marks in DynamoDB; and the checkpoints of sweeps.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use crate::bucket::{Bucket, Objects as _, PRECONDITION_FAILED, status};
use crate::dynamo::MarksTable;
use crate::marks::Marks;
use crate::objects::{Created, Object, ObjectLog};
use crate::sweep::CheckpointStore;
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

impl Marks for BucketLog {
    async fn mark(&self, log: &str) -> Result<Option<Sequence>, StoreError> {
        self.marks.mark(log).await
    }

    async fn advance(&self, log: &str, from: Option<&Sequence>, to: &Sequence) -> Result<Saved, StoreError> {
        self.marks.advance(log, from, to).await
    }
}

impl ObjectLog for BucketLog {
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
            Err(error) if status(&error) == Some(PRECONDITION_FAILED) => {
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

/// A checkpoint as an object; beside it an object of a few bytes that tells what is carried out.
#[derive(Clone, Debug)]
pub struct CheckpointObject {
    bucket: Bucket,
    key: String,
}

impl CheckpointObject {
    /// The checkpoint of a job.
    #[must_use]
    pub fn new(client: Client, bucket: String, job: &str) -> Self {
        Self {
            bucket: Bucket::new(client, bucket),
            key: format!("state/{job}"),
        }
    }

    fn carried_out_key(&self) -> String {
        format!("{}.carried-out", self.key)
    }
}

impl CheckpointStore for CheckpointObject {
    async fn load(&self) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        let object = self.bucket.get(&self.key).await?;
        Ok(object.map(|(bytes, version)| (bytes.into(), version)))
    }

    async fn save(&self, bytes: Vec<u8>, replaces: Option<&str>) -> Result<Saved, StoreError> {
        let stored = self.bucket.put(&self.key, bytes.into(), replaces).await?;
        Ok(stored.map_or(Saved::Conflict, |_| Saved::Written))
    }

    async fn carried_out(&self) -> Result<Option<u64>, StoreError> {
        let key = self.carried_out_key();
        let Some((bytes, _)) = self.bucket.get(&key).await? else {
            return Ok(None);
        };
        let generation = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.parse().ok());
        generation
            .map(Some)
            .ok_or_else(|| StoreError::new("GetObject", key, "what is carried out is not a number"))
    }

    async fn note_carried_out(&self, generation: u64) -> Result<(), StoreError> {
        let bytes = generation.to_string().into_bytes();
        self.bucket.replace(&self.carried_out_key(), bytes.into()).await
    }
}
