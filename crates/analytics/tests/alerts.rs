//! The laws of an alert's life, and its documented example.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "alerts/common.rs"]
mod common;
#[path = "alerts/example.rs"]
mod example;
#[path = "alerts/laws.rs"]
mod laws;
#[path = "alerts/messages.rs"]
mod messages;
