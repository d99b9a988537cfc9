//! The loop of a function: invocation after invocation, each counted and, if it fails, logged.

use aws_lambda_events::event::kinesis::{KinesisEvent, KinesisEventRecord};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use crate::dynamo::MarksTable;
use crate::telemetry::{Counts, log_failure};
use crate::{InvocationError, Lineage, ShardLineage};

/// What invokes a function that both folds a stream and sweeps.
#[derive(Debug)]
pub enum Trigger {
    /// A batch of records.
    Batch(KinesisEvent),
    /// The minute is over.
    Schedule,
}

impl<'de> Deserialize<'de> for Trigger {
    /// In one pass over what may be megabytes of records.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Either {
            #[serde(rename = "Records")]
            records: Option<Vec<KinesisEventRecord>>,
            #[serde(rename = "detail-type")]
            detail_type: Option<String>,
        }
        match Either::deserialize(deserializer)? {
            Either {
                records: Some(records),
                ..
            } => {
                let mut batch = KinesisEvent::default();
                batch.records = records;
                Ok(Self::Batch(batch))
            }
            Either {
                detail_type: Some(_), ..
            } => Ok(Self::Schedule),
            Either { .. } => Err(D::Error::custom(
                "neither a batch of records nor a scheduled event",
            )),
        }
    }
}

/// Serves invocations until the environment ends.
pub async fn serve<E: DeserializeOwned>(
    function: &str,
    handle: impl AsyncFn(E) -> Result<Counts, InvocationError>,
) -> Result<(), lambda_runtime::Error> {
    let handle = &handle;
    lambda_runtime::run(service_fn(|event: LambdaEvent<E>| async move {
        let counts = Box::pin(handle(event.payload)).await.inspect_err(log_failure)?;
        counts.emit(function);
        Ok::<_, lambda_runtime::Error>(())
    }))
    .await
}

/// The lineage of shards, as Kinesis tells it.
#[must_use]
pub fn lineage(sdk: &aws_config::SdkConfig) -> impl Lineage {
    ShardLineage::new(aws_sdk_kinesis::Client::new(sdk))
}

/// The table of marks of that name.
#[must_use]
pub fn marks(sdk: &aws_config::SdkConfig, table: String) -> MarksTable {
    MarksTable::new(aws_sdk_dynamodb::Client::new(sdk), table)
}
