//! The ports of the exactly-once protocols, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use analytics::Partial;
use aws::objects::{Created, Object, ObjectLog};
use aws::partials::{Page, PartialStore, Write};
use aws::{Lineage, Saved, Sequence, StoreError};

use crate::{Chaos, SimStream};

/// What a store makes sure of. All but `Whole` are broken on purpose, to see that the tests notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Everything.
    Whole,
    /// Writes take place whatever the mark is.
    NoConditionalMark,
    /// Objects are named by where their batch ends, too.
    KeyedByBatch,
    /// An object replaces the one of its key.
    Overwriting,
}

/// Pages by window, shard and number.
type Pages<P> = BTreeMap<(String, String, usize), Page<P>>;

/// A table of partials.
pub struct MemoryPartials<'a, P> {
    chaos: &'a Chaos,
    guard: Guard,
    pages: Arc<Mutex<Pages<P>>>,
}

impl<'a, P: Partial> MemoryPartials<'a, P> {
    /// An empty table.
    #[must_use]
    pub fn new(chaos: &'a Chaos, guard: Guard) -> Self {
        Self {
            chaos,
            guard,
            pages: Arc::default(),
        }
    }

    /// What a reader sees: each window with its pages merged.
    #[must_use]
    pub fn windows(&self) -> BTreeMap<String, P> {
        let mut windows: BTreeMap<String, P> = BTreeMap::new();
        for ((window, ..), page) in locked(&self.pages).iter() {
            windows.entry(window.clone()).or_default().merge(&page.partial);
        }
        windows
    }

    /// Every page as it is stored.
    #[must_use]
    pub fn pages(&self) -> Vec<Page<P>> {
        locked(&self.pages).values().cloned().collect()
    }
}

impl<P: Partial + Send + Sync + 'static> PartialStore<P> for MemoryPartials<'_, P> {
    async fn load(&self, window: &str, shard_id: &str) -> Result<Vec<Page<P>>, StoreError> {
        let (pages, window, shard_id) = (self.pages.clone(), window.to_owned(), shard_id.to_owned());
        let load = move || {
            let pages = locked(&pages);
            let own = pages
                .iter()
                .filter(|((of, by, _), _)| *of == window && *by == shard_id);
            own.map(|(_, page)| page.clone()).collect()
        };
        self.chaos.call(load).await
    }

    async fn save(&self, window: &str, write: &Write<P>) -> Result<Saved, StoreError> {
        let (pages, write, guard) = (self.pages.clone(), write.clone(), self.guard);
        let key = (window.to_owned(), write.page.shard_id.clone(), write.page.number);
        let save = move || {
            let mut pages = locked(&pages);
            if guard != Guard::NoConditionalMark
                && pages.get(&key).map(|page| &page.mark) != write.replaces.as_ref()
            {
                return Saved::Conflict;
            }
            pages.insert(key, write.page);
            Saved::Written
        };
        self.chaos.call(save).await
    }
}

/// An object with the record that it ends with.
pub type StoredObject = (Object, Sequence);

#[derive(Default)]
struct LogState {
    objects: BTreeMap<String, StoredObject>,
    marks: BTreeMap<String, Sequence>,
}

/// A bucket of objects, and a table of marks.
pub struct MemoryLog<'a> {
    chaos: &'a Chaos,
    guard: Guard,
    state: Arc<Mutex<LogState>>,
}

impl<'a> MemoryLog<'a> {
    /// An empty bucket and an empty table.
    #[must_use]
    pub fn new(chaos: &'a Chaos, guard: Guard) -> Self {
        Self {
            chaos,
            guard,
            state: Arc::default(),
        }
    }

    /// All objects, by key.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, StoredObject> {
        locked(&self.state).objects.clone()
    }
}

impl ObjectLog for MemoryLog<'_> {
    async fn mark(&self, log: &str) -> Result<Option<Sequence>, StoreError> {
        let (state, log) = (self.state.clone(), log.to_owned());
        self.chaos
            .call(move || locked(&state).marks.get(&log).cloned())
            .await
    }

    async fn advance(&self, log: &str, from: Option<&Sequence>, to: &Sequence) -> Result<Saved, StoreError> {
        let (state, log, from, to, guard) = (
            self.state.clone(),
            log.to_owned(),
            from.cloned(),
            to.clone(),
            self.guard,
        );
        let advance = move || {
            let marks = &mut locked(&state).marks;
            if guard != Guard::NoConditionalMark && marks.get(&log) != from.as_ref() {
                return Saved::Conflict;
            }
            marks.insert(log, to);
            Saved::Written
        };
        self.chaos.call(advance).await
    }

    async fn create(&self, object: &Object, last: &Sequence) -> Result<Created, StoreError> {
        let (state, mut object, last, guard) = (self.state.clone(), object.clone(), last.clone(), self.guard);
        let create = move || {
            if guard == Guard::KeyedByBatch {
                object.key = format!("{}-{last}", object.key);
            }
            let objects = &mut locked(&state).objects;
            match objects.get(&object.key) {
                Some((_, its_last)) if guard != Guard::Overwriting => Created::Before(its_last.clone()),
                _ => {
                    objects.insert(object.key.clone(), (object, last));
                    Created::Now
                }
            }
        };
        self.chaos.call(create).await
    }
}

/// A stream's lineage, as told by a service that can fail.
pub struct MemoryLineage<'a> {
    /// Who descends from whom.
    pub stream: &'a SimStream,
    /// What happens to the call.
    pub chaos: &'a Chaos,
}

impl Lineage for MemoryLineage<'_> {
    async fn ancestors(&self, _: &str, shard_id: &str) -> Result<Vec<String>, StoreError> {
        let shards = &self.stream.shards;
        let shard = shards
            .iter()
            .position(|shard| shard.id == shard_id)
            .expect("a shard of this stream");
        let ancestors: Vec<String> = self
            .stream
            .ancestors(shard)
            .into_iter()
            .map(|n| shards[n].id.clone())
            .collect();
        self.chaos.call(move || ancestors).await
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test thread panics while it holds this")
}
