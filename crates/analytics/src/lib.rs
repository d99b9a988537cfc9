//! The rules of the business, as folds: from events to aggregates that merge.
//!
//! No I/O, no clock, no AWS. A fold is exact whatever the order and the split of its input: partials that were folded
//! apart merge into what one fold over everything gives.

pub mod alerts;
pub mod anomalies;
pub mod carts;
mod categories;
mod distinct;
mod hash;
mod ids;
pub mod inventory;
mod partial;
mod range;
pub mod retail;
pub mod sales;
mod text;
mod topk;
pub mod views;

pub use categories::CategoryCounts;
pub use distinct::Distinct;
pub use ids::EventIds;
pub use partial::{Facts, Partial};
pub use range::OutOfRange;
pub use topk::TopK;
