//! S3: logs of objects, with their marks in DynamoDB; and the checkpoints of sweeps.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;

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

/// A checkpoint as an object, whose version is its `ETag`; beside it an object of a few bytes that tells what is carried out.
#[derive(Clone, Debug)]
pub struct CheckpointObject {
    client: Client,
    bucket: String,
    key: String,
}

impl CheckpointObject {
    /// The checkpoint of a job.
    #[must_use]
    pub fn new(client: Client, bucket: String, job: &str) -> Self {
        Self {
            client,
            bucket,
            key: format!("state/{job}"),
        }
    }

    fn failed(
        &self,
        operation: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError::new(operation, format!("s3://{}/{}", self.bucket, self.key), source)
    }
}

impl CheckpointObject {
    async fn get(&self, key: &str) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        let got = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await;
        let object = match got {
            Ok(object) => object,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetObjectError::is_no_such_key) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(self.failed("GetObject", error)),
        };
        let version = object.e_tag().map(str::to_owned);
        let version = version.ok_or_else(|| self.failed("GetObject", "the answer has no ETag"))?;
        let bytes = object.body.collect().await;
        let bytes = bytes.map_err(|error| self.failed("GetObject", error))?;
        Ok(Some((bytes.to_vec(), version)))
    }

    fn carried_out_key(&self) -> String {
        format!("{}.carried-out", self.key)
    }
}

impl CheckpointStore for CheckpointObject {
    async fn load(&self) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        self.get(&self.key).await
    }

    async fn save(&self, bytes: Vec<u8>, replaces: Option<&str>) -> Result<Saved, StoreError> {
        let put = self.client.put_object().bucket(&self.bucket).key(&self.key);
        let put = match replaces {
            None => put.if_none_match("*"),
            Some(version) => put.if_match(version),
        };
        match put.body(ByteStream::from(bytes)).send().await {
            Ok(_) => Ok(Saved::Written),
            Err(error) if matches!(status(&error), Some(PRECONDITION_FAILED | CONFLICT)) => {
                Ok(Saved::Conflict)
            }
            Err(error) => Err(self.failed("PutObject", error)),
        }
    }

    async fn carried_out(&self) -> Result<Option<u64>, StoreError> {
        let Some((bytes, _)) = self.get(&self.carried_out_key()).await? else {
            return Ok(None);
        };
        let generation = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.parse().ok());
        generation
            .map(Some)
            .ok_or_else(|| self.failed("GetObject", "what is carried out is not a number"))
    }

    async fn note_carried_out(&self, generation: u64) -> Result<(), StoreError> {
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(self.carried_out_key());
        let body = ByteStream::from(generation.to_string().into_bytes());
        put.body(body)
            .send()
            .await
            .map(drop)
            .map_err(|error| self.failed("PutObject", error))
    }
}

/// Somebody else's object is there.
const PRECONDITION_FAILED: u16 = 412;
/// Somebody else is writing the object just now.
const CONFLICT: u16 = 409;

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}
