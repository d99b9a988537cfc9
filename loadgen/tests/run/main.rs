//! `loadgen run`, in process against a Kinesis that fails on purpose, and as a program; `replay`, `backfill` and `catalog`.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail like the tests")]

mod bucket;
mod cli;
mod delivery;
mod history;
mod packing;
mod replay;
mod schedule;
mod support;
