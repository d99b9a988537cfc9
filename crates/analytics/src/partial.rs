//! What every aggregate has in common, so that one protocol can store them all.

use events::{Event, Uuid};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// So many events come to about 700 bytes.
const EVENTS_BELOW_A_PAGE_OF_THEIR_OWN: usize = 24;

/// A part of a minute's aggregate: what one writer has folded into one stored page.
///
/// Merging is associative and commutative, with `Default` as its neutral element. A page is stored as bytes without field
/// names, so every field is always written.
pub trait Partial: Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The prefix of the windows' names in the store.
    const FAMILY: &'static str;

    /// Whether an event counts in this aggregate. It does so in the minute in which it occurred.
    fn counts(event: &Event) -> bool;

    /// Folds in an event that counts. The caller sees to it that none comes twice.
    fn fold(&mut self, event: &Event);

    /// The events that are folded in.
    fn event_ids(&self) -> &[Uuid];

    /// Whether the page has grown as large as it may; what follows belongs on the next page.
    fn is_full(&self) -> bool;

    /// Whether the next batch goes on with the page. A store bills what is written again as if it were new, so a batch gets a
    /// page of its own unless what the page holds is less than what another page costs: its key and mark, and the bytes up to
    /// the next KB.
    fn is_reopened(&self) -> bool {
        self.event_ids().len() < EVENTS_BELOW_A_PAGE_OF_THEIR_OWN
    }

    /// Adds what another partial holds.
    fn merge(&mut self, other: &Self);
}

/// A partial that keeps what it folded one by one, so that whoever read it before can go on from there.
pub trait Facts: Partial {
    /// What is kept of an event.
    type Fact;

    /// The facts, one for each of [`Partial::event_ids`], in the same order: that of folding. A page only grows at its end.
    fn facts(&self) -> &[Self::Fact];
}
