//! Athena.

use std::time::Duration;

use aws::StoreError;
use aws_sdk_athena::Client;
use aws_sdk_athena::types::{QueryExecutionContext, QueryExecutionState};

use super::Queries;

/// How long a query is left alone at first, and in the end.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

/// A workgroup of Athena, and a database of which it is asked.
#[derive(Clone, Debug)]
pub struct Athena {
    client: Client,
    workgroup: String,
    database: String,
    bucket: String,
}

impl Athena {
    /// What is unloaded goes to `bucket`.
    #[must_use]
    pub fn new(client: Client, workgroup: String, database: String, bucket: String) -> Self {
        Self {
            client,
            workgroup,
            database,
            bucket,
        }
    }

    /// Waits for a query's end.
    async fn wait(&self, id: &str, to: &str) -> Result<(), StoreError> {
        let [mut pause, longest] = PAUSES;
        loop {
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(longest);
            let got = self
                .client
                .get_query_execution()
                .query_execution_id(id)
                .send()
                .await;
            let got = got.map_err(|error| StoreError::new("GetQueryExecution", to, error))?;
            let status = got.query_execution().and_then(|query| query.status());
            let Some((status, state)) = status.and_then(|status| Some((status, status.state()?))) else {
                return Err(StoreError::new(
                    "GetQueryExecution",
                    to,
                    "the answer has no state",
                ));
            };
            match state {
                QueryExecutionState::Succeeded => return Ok(()),
                QueryExecutionState::Queued | QueryExecutionState::Running => {}
                ended => {
                    let reason = status.state_change_reason().unwrap_or("for no reason given");
                    return Err(StoreError::new("UNLOAD", to, format!("{ended}: {reason}")));
                }
            }
        }
    }
}

impl Queries for Athena {
    /// The prefix has 32 to 128 characters: a statement that is sent again with the same one is still run once.
    async fn unload(&self, select: &str, prefix: &str) -> Result<(), StoreError> {
        let to = format!("s3://{}/{prefix}", self.bucket);
        let statement =
            format!("UNLOAD (\n{select}) TO '{to}' WITH (format = 'PARQUET', compression = 'ZSTD')");
        let database = QueryExecutionContext::builder().database(&self.database).build();
        let start = self
            .client
            .start_query_execution()
            .query_string(statement)
            .client_request_token(prefix)
            .query_execution_context(database)
            .work_group(&self.workgroup);
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            StoreError::new("StartQueryExecution", to.as_str(), error)
        };
        let started = start.send().await.map_err(|error| failed(error.into()))?;
        let id = started
            .query_execution_id()
            .ok_or_else(|| failed("the answer has no id".into()))?;
        self.wait(id, &to).await
    }
}
