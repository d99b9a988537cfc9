//! What a warm environment remembers of the windows that it wrote to. It is never trusted: see [`crate::partials`].

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use crate::partials::Known;

/// Event ids that are remembered, some 10 MB of them. Beyond that, the windows unused for longest are forgotten.
const MAX_IDS: usize = 262_144;
/// Windows that are remembered, few as their ids may be: some 20 KB each with their last pages.
const MAX_WINDOWS: usize = 1_024;

/// A window of a writer.
pub(crate) type Key = (String, String);

/// The windows that were written to of late.
#[derive(Debug)]
pub struct Memory<P>(Mutex<State<P>>);

#[derive(Debug)]
struct State<P> {
    windows: BTreeMap<Key, Remembered<P>>,
    ids: usize,
    clock: u64,
}

#[derive(Debug)]
struct Remembered<P> {
    known: Known<P>,
    used: u64,
}

impl<P> Default for Memory<P> {
    fn default() -> Self {
        Self(Mutex::new(State {
            windows: BTreeMap::new(),
            ids: 0,
            clock: 0,
        }))
    }
}

impl<P> Memory<P> {
    /// What is remembered of a window, and forgets it.
    pub(crate) fn take(&self, key: &Key) -> Option<Known<P>> {
        let mut state = self.state();
        let Remembered { known, .. } = state.windows.remove(key)?;
        state.ids -= known.seen.len();
        Some(known)
    }

    /// Remembers a window.
    pub(crate) fn put(&self, key: Key, known: Known<P>) {
        let mut state = self.state();
        state.clock += 1;
        state.ids += known.seen.len();
        let used = state.clock;
        let before = state.windows.insert(key, Remembered { known, used });
        state.ids -= before.map_or(0, |before| before.known.seen.len());
        while (state.ids > MAX_IDS && state.windows.len() > 1) || state.windows.len() > MAX_WINDOWS {
            let oldest = state.windows.iter().min_by_key(|(_, window)| window.used);
            let oldest = oldest.expect("there are windows").0.clone();
            let forgotten = state.windows.remove(&oldest).expect("it was just found");
            state.ids -= forgotten.known.seen.len();
        }
    }

    fn state(&self) -> MutexGuard<'_, State<P>> {
        self.0.lock().expect("nothing panics while it holds this")
    }
}

#[cfg(test)]
mod tests {
    use events::Uuid;

    use super::*;

    fn known(ids: usize) -> Known<()> {
        Known {
            seen: (0..ids as u128).map(Uuid::from_u128).collect(),
            last: None,
        }
    }

    fn key(window: &str) -> Key {
        (window.to_owned(), "shard".to_owned())
    }

    #[test]
    fn what_was_not_used_for_longest_is_forgotten_first() {
        let memory = Memory::default();
        for window in ["a", "b", "c"] {
            memory.put(key(window), known(MAX_IDS / 3));
        }
        let a = memory.take(&key("a")).unwrap();
        memory.put(key("a"), a);
        memory.put(key("d"), known(MAX_IDS / 3));
        let kept = ["a", "b", "c", "d"].map(|window| memory.take(&key(window)).is_some());
        assert_eq!(kept, [true, false, true, true]);
    }

    #[test]
    fn one_window_is_remembered_whatever_its_size() {
        let memory = Memory::default();
        memory.put(key("a"), known(MAX_IDS + 1));
        assert!(memory.take(&key("a")).is_some());
        assert!(memory.take(&key("a")).is_none());
    }
}
