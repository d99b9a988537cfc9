//! Sales per minute and country, from the stream of transactions.

mod handler;

pub use handler::Sales;
