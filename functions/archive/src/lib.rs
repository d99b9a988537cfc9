//! Every event of the three streams to Parquet, and what is no event to quarantine.

mod handler;

pub use handler::Archive;
