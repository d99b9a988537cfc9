//! Carts, from the streams of cart events and of transactions: what happens to them, minute by minute, and, found out by a
//! sweep, what becomes of them.

mod handler;

pub use handler::{Carts, Effects, Settings};
