//! Stock, from the stream of transactions and the catalog: what is sold and given back, minute by minute, and, kept by a
//! sweep, what there is of each product and what runs out.

mod catalog;
mod handler;

pub use catalog::{BucketCatalog, Catalog, Part};
pub use handler::{Inventory, Settings};
