//! DynamoDB: the tables of partial aggregates, of marks and of alerts.

mod alerts;
mod marks;
mod metrics;
mod results;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

pub use self::alerts::{AlertsTable, alert_of};
pub use self::marks::MarksTable;
pub use self::metrics::MetricsTable;

use crate::{Saved, Sequence, StoreError};

/// What may be wrong with an item.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// An item, by attribute.
pub type Item = std::collections::HashMap<String, AttributeValue>;

/// The guard of every write: the item has the very mark that the write was computed from, or does not exist yet.
async fn put_if_mark(
    put: PutItemFluentBuilder,
    mark: Option<&Sequence>,
    subject: String,
) -> Result<Saved, StoreError> {
    let put = match mark {
        None => put.condition_expression("attribute_not_exists(mark)"),
        Some(mark) => put
            .condition_expression("mark = :mark")
            .expression_attribute_values(":mark", AttributeValue::S(mark.to_string())),
    };
    put_on_condition(put, subject).await
}

/// Puts an item whose condition may not hold.
async fn put_on_condition(put: PutItemFluentBuilder, subject: String) -> Result<Saved, StoreError> {
    match put.send().await {
        Ok(_) => Ok(Saved::Written),
        Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
            Ok(Saved::Conflict)
        }
        Err(error) => Err(StoreError::new("PutItem", subject, error)),
    }
}
