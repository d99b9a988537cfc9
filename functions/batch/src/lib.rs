//! Batch analytics: from the day files of `fact_sales` to the analytical tables.
//!
//! [`read_sales`] goes through the facts once and keeps all aggregates, [`read_customers`] only those of customers, of
//! a few columns. Files are shared out among threads; a file's rows are held a batch at a time, so memory grows with
//! customers, products, countries and days, never with rows. From the aggregates, [`tables`] makes the tables as
//! Parquet bytes. What is computed is defined in [`analytics::retail`]; the queries of `infra/athena/batch` come to the
//! same.

pub mod analysis;
pub mod athena;
mod buyers;
mod catalog;
pub mod compaction;
mod error;
pub mod etl;
mod facts;
mod handler;
mod orders;
mod parallel;
mod request;
mod snapshot;
mod state;
pub mod tables;

pub use catalog::Catalog;
pub use error::{FileError, FileProblem};
pub use facts::{FactFile, SalesFacts, read_customers, read_sales};
pub use handler::{Batch, Engine, Objection, Outcome, Report, RunError, Settings};
pub use request::Request;
pub use snapshot::Snapshot;
