//! What every aggregate has in common, so that one protocol can store them all.

use events::{Event, Uuid};

/// A part of a window's aggregate: what one writer has folded into one stored page.
///
/// Merging is associative and commutative, with `Default` as its neutral element.
pub trait Partial: Clone + Default {
    /// The prefix of the windows' names in the store.
    const FAMILY: &'static str;

    /// Folds in one event. The caller sees to it that no event comes twice.
    fn fold(&mut self, event: &Event);

    /// The events that are folded in, where the aggregate counts every one of them once however often it was sent.
    fn event_ids(&self) -> &[Uuid];

    /// Whether the page has grown to the size that a store takes in one write; what follows belongs on the next page.
    fn is_full(&self) -> bool;

    /// Adds what another partial holds.
    fn merge(&mut self, other: &Self);
}
