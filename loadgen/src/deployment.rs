//! What a deployment holds, for those who read it: its metrics table and its warehouse bucket.

use std::collections::BTreeMap;

use analytics::Partial;
use analytics::sales::{Sales, SalesPartial};
use aws::dynamo::MetricsTable;
use aws_config::retry::RetryConfig;
use events::{Country, Minute, Stream};

use crate::failure::{Failure, causes};
use crate::sink::preflight::Aws;

/// Retention matters to writers only.
const NO_WRITES_DAYS: u32 = 0;

/// A deployment, by the names that its stage gives.
#[derive(Debug)]
pub struct Deployment {
    /// Objects.
    pub s3: aws_sdk_s3::Client,
    /// The bucket of the warehouse.
    pub warehouse: String,
    metrics: MetricsTable,
}

impl Deployment {
    /// Finds the deployment of a stage, or fails with what is missing.
    pub async fn open(aws: &Aws, stage: &str) -> Result<Self, Failure> {
        let stream = format!("globalmart-{stage}-{}", Stream::Transactions);
        let account = aws.account_of(&aws.kinesis(), &stream).await?;
        let dynamo =
            aws_sdk_dynamodb::config::Builder::from(&aws.config).retry_config(RetryConfig::standard());
        let s3 = aws_sdk_s3::config::Builder::from(&aws.config).retry_config(RetryConfig::standard());
        let table = format!("globalmart-{stage}-metrics");
        Ok(Self {
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            warehouse: format!("globalmart-{stage}-warehouse-{account}"),
            metrics: MetricsTable::new(
                aws_sdk_dynamodb::Client::from_conf(dynamo.build()),
                table,
                NO_WRITES_DAYS,
            ),
        })
    }

    /// The metrics table.
    #[must_use]
    pub const fn metrics(&self) -> &MetricsTable {
        &self.metrics
    }

    /// A minute's sales by country, of all shards together.
    pub async fn sales(&self, minute: Minute) -> Result<BTreeMap<Country, Sales>, Failure> {
        let pages = self
            .metrics
            .read_window::<SalesPartial>(&sales_window(minute))
            .await;
        let pages =
            pages.map_err(|error| Failure::run(format!("cannot read the metrics: {}", causes(&error))))?;
        let mut merged = SalesPartial::default();
        pages.iter().for_each(|page| merged.merge(&page.partial));
        Ok(merged.countries)
    }
}

/// The name of a minute's window in the metrics table.
#[must_use]
pub fn sales_window(minute: Minute) -> String {
    format!("{}#{minute}", SalesPartial::FAMILY)
}
