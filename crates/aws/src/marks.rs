//! Marks: how far somebody has come, by a name.

use crate::{Saved, Sequence, StoreError};

/// Where marks are kept.
pub trait Marks: Sync {
    /// A mark; `None` before it is first set.
    fn mark(&self, name: &str) -> impl Future<Output = Result<Option<Sequence>, StoreError>> + Send;

    /// Moves a mark, if it still is `from`.
    fn advance(
        &self,
        name: &str,
        from: Option<&Sequence>,
        to: &Sequence,
    ) -> impl Future<Output = Result<Saved, StoreError>> + Send;
}

impl<M: Marks> Marks for &M {
    fn mark(&self, name: &str) -> impl Future<Output = Result<Option<Sequence>, StoreError>> + Send {
        (**self).mark(name)
    }

    fn advance(
        &self,
        name: &str,
        from: Option<&Sequence>,
        to: &Sequence,
    ) -> impl Future<Output = Result<Saved, StoreError>> + Send {
        (**self).advance(name, from, to)
    }
}
