//! What a deployment holds, for those who read it: its metrics table and its warehouse bucket.

use std::collections::BTreeMap;

use analytics::Partial;
use analytics::alerts::{Sighting, Signal};
use analytics::anomalies::AnomaliesPartial;
use analytics::inventory::{InventoryPartial, Stock};
use analytics::sales::{Sales, SalesPartial};
use aws::StoreError;
use aws::dynamo::MetricsTable;
use aws::job::window;
use aws::s3::CheckpointObject;
use aws::sweep;
use aws_config::retry::RetryConfig;
use events::{Country, Minute, Stream};
use serde::de::DeserializeOwned;

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
        let mut merged = SalesPartial::default();
        let pages = self.pages::<SalesPartial>(minute).await?;
        pages.iter().for_each(|page| merged.merge(page));
        Ok(merged.countries)
    }

    /// A minute's pages of a family, of all shards.
    pub async fn pages<P: Partial>(&self, minute: Minute) -> Result<Vec<P>, Failure> {
        let pages = self.metrics.read_window::<P>(&window(P::FAMILY, minute)).await;
        let pages = pages.map_err(|error| unread(&error))?;
        Ok(pages.into_iter().map(|page| page.partial).collect())
    }

    /// What a family's sweep says of the minutes from one to another, both included.
    pub async fn figures<F: DeserializeOwned>(
        &self,
        family: &str,
        from: Minute,
        to: Minute,
    ) -> Result<BTreeMap<Minute, F>, Failure> {
        let figures = self.metrics.figures(family, from, to).await;
        figures.map_err(|error| unread(&error))
    }

    /// What was found in a minute's purchases.
    pub async fn findings(&self, minute: Minute) -> Result<Vec<Sighting>, Failure> {
        let findings = self.metrics.findings(AnomaliesPartial::FAMILY, minute).await;
        findings.map_err(|error| unread(&error))
    }

    /// The stock of all products; `None` before the first sweep.
    pub async fn stock(&self) -> Result<Option<Stock>, Failure> {
        let (s3, bucket) = (self.s3.clone(), self.warehouse.clone());
        let checkpoint = CheckpointObject::new(s3, bucket, InventoryPartial::FAMILY);
        let loaded = sweep::load::<Stock, Vec<Signal>>(&checkpoint).await;
        let loaded =
            loaded.map_err(|error| Failure::run(format!("cannot read the stock: {}", causes(&error))))?;
        Ok(loaded.map(|(checkpoint, _)| checkpoint.state))
    }
}

fn unread(error: &StoreError) -> Failure {
    Failure::run(format!("cannot read the metrics: {}", causes(error)))
}
