//! Alerts on their way: from changes of their table to messages, and quiet ones to their end.

mod handler;
mod topic;

pub use handler::{AlertMessages, OpenAlerts};
pub use topic::{SnsTopic, Topic};
