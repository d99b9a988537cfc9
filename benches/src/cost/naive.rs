//! The same jobs as one would write them first: a counter updated for each event, and an object for each batch.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use analytics::Partial;
use analytics::anomalies::AnomaliesPartial;
use analytics::carts::CartsPartial;
use analytics::inventory::InventoryPartial;
use analytics::sales::SalesPartial;
use analytics::views::ViewsPartial;
use aws_lambda_events::event::kinesis::KinesisEvent;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use events::{Event, Stream, lines_total_minor};

use super::functions::{JOBS, resource, sdk_config, warehouse};
use super::meter::Meter;
use super::proxy::Proxy;
use super::template::Template;

/// One job.
struct Naive {
    job: &'static str,
    memory_mb: u32,
    dynamo: aws_sdk_dynamodb::Client,
    s3: aws_sdk_s3::Client,
    _proxy: Proxy,
}

/// All of them.
pub(crate) struct NaiveFunctions {
    jobs: Vec<(Naive, &'static [Stream])>,
    meter: Arc<Mutex<Meter>>,
}

impl NaiveFunctions {
    /// Starts all, against the services of a local stack.
    pub(crate) async fn start(
        services: SocketAddr,
        template: &Template,
        meter: Arc<Mutex<Meter>>,
    ) -> anyhow::Result<Self> {
        let mut jobs = Vec::new();
        for (job, streams) in JOBS {
            let proxy = Proxy::start(job, services, Arc::clone(&meter)).await?;
            let sdk = sdk_config(proxy.address).await;
            let naive = Naive {
                job,
                memory_mb: template.memory_mb(job)?,
                dynamo: aws_sdk_dynamodb::Client::new(&sdk),
                s3: aws_sdk_s3::Client::new(&sdk),
                _proxy: proxy,
            };
            jobs.push((naive, streams));
        }
        Ok(Self { jobs, meter })
    }

    /// Hands a batch to every job that reads its stream.
    pub(crate) async fn batch(&self, stream: Stream, number: usize, text: &Bytes) -> anyhow::Result<()> {
        for (job, _) in self.jobs.iter().filter(|(_, streams)| streams.contains(&stream)) {
            let began = Instant::now();
            let event: KinesisEvent = serde_json::from_slice(text)?;
            if job.job == "archive" {
                job.store(stream, number, event).await?;
            } else {
                job.count(event).await?;
            }
            let mut meter = self.meter.lock().expect("nothing panics while it holds this");
            meter.bill.invocation(job.job, job.memory_mb, began.elapsed());
        }
        Ok(())
    }
}

impl Naive {
    async fn count(&self, event: KinesisEvent) -> anyhow::Result<()> {
        for record in event.records {
            let event = Event::parse(&record.kinesis.data)?;
            if !counts(self.job, &event) {
                continue;
            }
            let window = format!("naive-{}#{}", self.job, event.envelope.occurred_at.minute());
            let number = |number: i128| AttributeValue::N(number.to_string());
            self.dynamo
                .update_item()
                .table_name(resource("metrics"))
                .key("window", AttributeValue::S(window))
                .key("writer", AttributeValue::S(event.envelope.country.to_string()))
                .update_expression("ADD events :one, amount_minor :amount")
                .expression_attribute_values(":one", number(1))
                .expression_attribute_values(":amount", number(lines_total_minor(event.lines())))
                .send()
                .await?;
        }
        Ok(())
    }

    async fn store(&self, stream: Stream, number: usize, event: KinesisEvent) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        for record in event.records {
            lines.extend_from_slice(&record.kinesis.data);
            lines.push(b'\n');
        }
        let key = format!("naive/{stream}/{number}.ndjson");
        let put = self.s3.put_object().bucket(warehouse()).key(key);
        put.body(ByteStream::from(lines)).send().await?;
        Ok(())
    }
}

fn counts(job: &str, event: &Event) -> bool {
    match job {
        "sales" => SalesPartial::counts(event),
        "views" => ViewsPartial::counts(event),
        "carts" => CartsPartial::counts(event),
        "anomalies" => AnomaliesPartial::counts(event),
        _ => InventoryPartial::counts(event),
    }
}
