//! A load generator for Kinesis that accounts for every event.
//!
//! ```text
//! args ─▶ plan ─▶ generator ─▶ pacer ─▶ sink (lanes) ─▶ account ─▶ report, ledger
//! ```
//!
//! `generator`, `ledger`, `account`, `sink::batcher` and `sink::parcel` read no clock and do no I/O; what does is a thin
//! shell around them.

pub mod account;
pub mod args;
pub mod control;
pub mod deployment;
pub mod failure;
pub mod freshness;
pub mod generator;
pub mod ledger;
pub mod pacer;
pub mod plan;
pub mod profile;
pub mod progress;
pub mod realism;
pub mod report;
pub mod run;
pub mod sales;
pub mod shell;
pub mod sink;
pub mod source;
pub mod verify;
