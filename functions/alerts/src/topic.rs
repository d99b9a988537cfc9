//! Where messages go.

use analytics::alerts::Message;
use aws::StoreError;
use aws_sdk_sns::Client;

/// A topic that delivers a message once though it is sent again, within minutes, with the same id.
pub trait Topic: Sync {
    /// Publishes a message.
    fn publish(&self, message: &Message) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl<T: Topic> Topic for &T {
    fn publish(&self, message: &Message) -> impl Future<Output = Result<(), StoreError>> + Send {
        (**self).publish(message)
    }
}

/// A FIFO topic of SNS.
#[derive(Clone, Debug)]
pub struct SnsTopic {
    client: Client,
    arn: String,
}

impl SnsTopic {
    /// The topic of that ARN.
    #[must_use]
    pub fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }
}

impl Topic for SnsTopic {
    async fn publish(&self, message: &Message) -> Result<(), StoreError> {
        let subject = || format!("{} to {}", message.deduplication_id, self.arn);
        let body = serde_json::to_string(&message.body);
        let body = body.map_err(|error| StoreError::new("encoding", subject(), error))?;
        let publish = self
            .client
            .publish()
            .topic_arn(&self.arn)
            .subject(&message.subject)
            .message(body);
        let publish = publish
            .message_group_id(&message.group_id)
            .message_deduplication_id(&message.deduplication_id);
        let done = publish.send().await;
        done.map(drop)
            .map_err(|error| StoreError::new("Publish", subject(), error))
    }
}
