//! The rules of the business, as folds: from events to aggregates that merge.
//!
//! No I/O, no clock, no AWS. A fold is exact whatever the order and the split of its input: partials that were folded
//! apart merge into what one fold over everything gives.

mod distinct;
mod partial;
pub mod sales;

pub use distinct::Distinct;
pub use partial::Partial;
