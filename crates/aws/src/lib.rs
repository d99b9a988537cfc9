//! Between AWS and the core: batches from Kinesis, exactly-once effects on DynamoDB and S3, configuration, telemetry.
//!
//! The two protocols that make effects exact, [`partials`] and [`objects`], are written against narrow ports, so that a
//! simulator can interrupt them anywhere; [`dynamo`] and [`s3`] are those ports on the real services.

pub mod alerts;
pub mod batch;
pub mod bucket;
pub mod config;
pub mod dynamo;
pub mod job;
pub mod journal;
mod lineage;
pub mod marks;
mod memory;
pub mod objects;
pub mod partials;
pub mod runtime;
pub mod s3;
mod sequence;
mod store;
pub mod sweep;
pub mod telemetry;

pub use lineage::{Lineage, ShardLineage};
pub use memory::Memory;
pub use sequence::{InvalidSequence, Sequence};
pub use store::{InvocationError, Saved, StoreError};

/// The SDK's configuration, from its own variables: region, credentials and, on a local stack, the endpoint.
pub async fn sdk_config() -> aws_config::SdkConfig {
    aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await
}
