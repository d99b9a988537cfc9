//! A load generator for Kinesis that accounts for every event.
//!
//! ```text
//! args ─▶ plan ─▶ source ─▶ pacer ─▶ sink (lanes) ─▶ account ─▶ report, ledger
//! ```
//!
//! `generator`, `ledger`, `account`, `flow`, `pacer::Pacer`, `sink::packer` and `sink::outbox` read no clock and do no I/O;
//! what does is a thin shell around them.

pub mod account;
pub mod archive_writer;
pub mod args;
pub mod backfill;
pub mod catalog;
pub mod control;
pub mod deployment;
pub mod failure;
pub mod files;
pub mod flow;
pub mod freshness;
pub mod generator;
pub mod jobs;
pub mod ledger;
pub mod manual;
pub mod pacer;
pub mod plan;
pub mod profile;
pub mod progress;
pub mod realism;
pub mod replay;
pub mod report;
pub mod run;
pub mod sales;
pub mod schema;
pub mod shell;
pub mod sink;
pub mod source;
pub mod store;
pub mod threshold;
pub mod verify;
pub mod watch;
