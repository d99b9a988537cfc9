//! Purchases that are not as usual, from the stream of transactions. What is usual is learned by a sweep.

mod changes;
mod handler;
mod history;
mod learning;

pub use handler::{Anomalies, Settings};
pub use learning::Learned;
