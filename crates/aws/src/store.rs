//! What both exactly-once protocols say of a store, and how an invocation fails.

use std::error::Error;

use crate::batch::BatchError;

/// How a conditional write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is stored.
    Written,
    /// Something else was written since the read that it builds on. Nothing is stored; read again.
    Conflict,
}

/// A store did not do what it was asked to. The invocation fails, its batch comes again, and the marks make that harmless.
#[derive(Debug, thiserror::Error)]
#[error("{operation} of {subject} failed")]
pub struct StoreError {
    /// What was tried, as the service calls it.
    pub operation: &'static str,
    /// On what.
    pub subject: String,
    /// What the service or the way to it said.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// From what an SDK call returned, or from what was wrong with its answer.
    pub fn new(
        operation: &'static str,
        subject: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            operation,
            subject: subject.into(),
            source: source.into(),
        }
    }
}

/// A batch could not be dealt with whole. It comes again; what of it is done stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// It is no batch of events.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A service did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How often a conditional write is tried anew before the invocation gives up. Only a dead invocation's late write can
/// come in between, so twice would do.
pub(crate) const MAX_CONFLICTS: usize = 8;

/// What to say when even that was not enough.
#[derive(Debug, thiserror::Error)]
#[error("another writer was faster {MAX_CONFLICTS} times in a row: does a second mapping read this stream?")]
pub(crate) struct TooManyConflicts;
