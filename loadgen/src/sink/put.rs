//! One call to `PutRecords`, and what its answer says.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::put_records::{PutRecordsError, PutRecordsOutput};
use bytes::Bytes;
use tokio::time::timeout;

use super::body::body;
use super::entry::Entry;
use super::outbox::{Answer, Call};

/// What an entry is refused with when its shard has no throughput left.
pub const THROTTLED: &str = "ProvisionedThroughputExceededException";

/// Error codes that say "not now": the same call may work later. Any other refusal would be repeated word for word.
const RETRYABLE_CODES: &[&str] = &[
    "KMSThrottlingException",
    "LimitExceededException",
    THROTTLED,
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Where a record is.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// The shard that holds it.
    pub shard_id: String,
    /// Its place in the shard.
    pub sequence_number: String,
}

/// One attempt with all that a call holds.
pub async fn put(
    client: &Client,
    stream_name: &str,
    call: &Call<Entry>,
    call_timeout: Duration,
) -> Answer<Place> {
    let body = Bytes::from(body(stream_name, call.items.iter().map(|pending| &pending.item)));
    let sending = client
        .put_records()
        .stream_name(stream_name)
        // The body that holds them takes the place of the SDK's, and is then signed.
        .set_records(Some(Vec::new()))
        .customize()
        .mutate_request(move |request| {
            request
                .headers_mut()
                .insert("content-length", body.len().to_string());
            *request.body_mut() = body.clone().into();
        })
        .send();
    match timeout(call_timeout, sending).await {
        Err(_) => Answer::Lost {
            code: "NoAnswerInTime".to_owned(),
        },
        Ok(Ok(output)) => Answer::Each(results(output)),
        Ok(Err(error)) => refusal(&error),
    }
}

/// A 200 is not success: each entry has its own result.
fn results(output: PutRecordsOutput) -> Vec<Result<Place, String>> {
    output
        .records
        .into_iter()
        .map(
            |entry| match (entry.error_code, entry.sequence_number, entry.shard_id) {
                (None, Some(sequence_number), Some(shard_id)) => Ok(Place {
                    shard_id,
                    sequence_number,
                }),
                (code, ..) => Err(code.unwrap_or_else(|| "MalformedAnswer".to_owned())),
            },
        )
        .collect()
}

/// What an error says about the records: the one place that decides whether they may have been taken, and whether to try
/// again.
fn refusal(error: &SdkError<PutRecordsError, HttpResponse>) -> Answer<Place> {
    match error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or("UnknownError").to_owned();
            if answer.raw().status().is_server_error() {
                // A service that failed inside may have failed after it took the records.
                return Answer::Lost { code };
            }
            let again = RETRYABLE_CODES.contains(&code.as_str());
            Answer::Refused { code, again }
        }
        SdkError::ConstructionFailure(_) => Answer::Refused {
            code: "InvalidRequest".to_owned(),
            again: false,
        },
        _ if never_sent(error) => Answer::Refused {
            code: "Unreachable".to_owned(),
            again: true,
        },
        _ => Answer::Lost {
            code: "NoAnswer".to_owned(),
        },
    }
}

/// Whether an error came before a connection.
fn never_sent(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && matches!(
                io.kind(),
                ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable
            )
        {
            return true;
        }
        next = error.source();
    }
    false
}
