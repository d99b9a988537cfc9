//! The ports of the exactly-once protocols, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use analytics::Partial;
use analytics::alerts::{Alert, Sighting};
use aws::alerts::{AlertStore, FindingsStore, Verdict};
use aws::journal::{Journal, Note};
use aws::marks::Marks;
use aws::objects::{Created, Object, ObjectLog};
use aws::partials::{Page, PartialStore, Write};
use aws::sweep::{CheckpointStore, FiguresStore};
use aws::{Lineage, Saved, Sequence, StoreError};
use events::Minute;
use serde::Serialize;
use serde::de::DeserializeOwned;

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

/// Pages by window, writer and number.
type Pages<P> = BTreeMap<(String, String, usize), Page<P>>;

/// Notes by family and writer, and by sequence number.
type Notes = BTreeMap<(String, String), BTreeMap<Sequence, Note>>;

/// Figures, and the generation that they are of, by minute; `None` for the latest.
type Figures = BTreeMap<Option<Minute>, (u64, serde_json::Value)>;

/// A table of partials, with its journal, and with figures of minutes.
pub struct MemoryPartials<'a, P> {
    chaos: &'a Chaos,
    guard: Guard,
    pages: Arc<Mutex<Pages<P>>>,
    notes: Arc<Mutex<Notes>>,
    figures: Arc<Mutex<Figures>>,
    verdicts: Arc<Mutex<BTreeMap<(Minute, String), Verdict>>>,
}

impl<'a, P: Partial> MemoryPartials<'a, P> {
    /// An empty table.
    #[must_use]
    pub fn new(chaos: &'a Chaos, guard: Guard) -> Self {
        Self {
            chaos,
            guard,
            pages: Arc::default(),
            notes: Arc::default(),
            figures: Arc::default(),
            verdicts: Arc::default(),
        }
    }

    /// Every page as it is stored, with its window.
    #[must_use]
    pub fn pages(&self) -> Vec<(String, Page<P>)> {
        let pages = locked(&self.pages);
        pages
            .iter()
            .map(|((window, ..), page)| (window.clone(), page.clone()))
            .collect()
    }

    /// Removes the pages of a window, as their expiry does.
    pub fn expire(&self, window: &str) {
        locked(&self.pages).retain(|(of, ..), _| of != window);
    }
}

impl<P: Partial> PartialStore<P> for MemoryPartials<'_, P> {
    async fn load(&self, window: &str, writer: &str, from: usize) -> Result<Vec<Page<P>>, StoreError> {
        let (pages, window, writer) = (self.pages.clone(), window.to_owned(), writer.to_owned());
        let load = move || {
            let pages = locked(&pages);
            let own = pages
                .iter()
                .filter(|((of, by, number), _)| *of == window && *by == writer && *number >= from);
            own.map(|(_, page)| page.clone()).collect()
        };
        self.chaos.call(load).await
    }

    async fn save(&self, window: &str, write: &Write<P>) -> Result<Saved, StoreError> {
        let (pages, write, guard) = (self.pages.clone(), write.clone(), self.guard);
        let key = (window.to_owned(), write.page.writer.clone(), write.page.number);
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

impl<P: Partial> Journal for MemoryPartials<'_, P> {
    async fn note(&self, family: &str, writer: &str, note: &Note) -> Result<(), StoreError> {
        let (notes, key, note) = (
            self.notes.clone(),
            (family.to_owned(), writer.to_owned()),
            note.clone(),
        );
        let save = move || {
            let notes = &mut locked(&notes);
            notes.entry(key).or_default().entry(note.last).or_insert(note);
        };
        self.chaos.call(save).await
    }

    async fn notes(
        &self,
        family: &str,
        writer: &str,
        after: Option<&Sequence>,
    ) -> Result<Vec<Note>, StoreError> {
        let (notes, key, after) = (
            self.notes.clone(),
            (family.to_owned(), writer.to_owned()),
            after.copied(),
        );
        let load = move || {
            let notes = locked(&notes);
            let of_writer = notes.get(&key).into_iter().flatten();
            of_writer
                .filter(|(last, _)| after.as_ref().is_none_or(|after| *last > after))
                .map(|(_, note)| note.clone())
                .collect()
        };
        self.chaos.call(load).await
    }
}

impl<P: Partial> MemoryPartials<'_, P> {
    /// The figures of all minutes.
    #[must_use]
    pub fn figures<F: DeserializeOwned>(&self) -> BTreeMap<Minute, F> {
        let figures = locked(&self.figures);
        figures
            .iter()
            .filter_map(|(minute, (_, figures))| Some(((*minute)?, deserialized(figures))))
            .collect()
    }

    /// What was so after the latest sweep.
    #[must_use]
    pub fn latest<F: DeserializeOwned>(&self) -> Option<F> {
        let figures = locked(&self.figures);
        figures.get(&None).map(|(_, latest)| deserialized(latest))
    }

    async fn put(
        &self,
        minute: Option<Minute>,
        generation: u64,
        figures: impl Serialize,
    ) -> Result<(), StoreError> {
        let (all, guard) = (self.figures.clone(), self.guard);
        let figures = serde_json::to_value(figures).expect("figures have names");
        let put = move || {
            let all = &mut locked(&all);
            let stored = all.get(&minute).map_or(0, |(stored, _)| *stored);
            if guard == Guard::NoConditionalMark || stored < generation {
                all.insert(minute, (generation, figures));
            }
        };
        self.chaos.call(put).await
    }
}

fn deserialized<F: DeserializeOwned>(figures: &serde_json::Value) -> F {
    F::deserialize(figures).expect("figures are of one kind")
}

impl<P: Partial> FiguresStore for MemoryPartials<'_, P> {
    async fn put_figures<F: Serialize + Send>(
        &self,
        _: &str,
        minute: Minute,
        generation: u64,
        figures: F,
    ) -> Result<(), StoreError> {
        self.put(Some(minute), generation, figures).await
    }

    async fn put_latest<F: Serialize + Send>(
        &self,
        _: &str,
        generation: u64,
        latest: F,
    ) -> Result<(), StoreError> {
        self.put(None, generation, latest).await
    }
}

impl<P: Partial> MemoryPartials<'_, P> {
    /// All findings that hold, by minute, rule and id.
    #[must_use]
    pub fn findings(&self) -> BTreeMap<(Minute, String), Sighting> {
        let verdicts = locked(&self.verdicts);
        let holding = verdicts.iter().filter(|(_, verdict)| verdict.holds);
        holding
            .map(|(key, verdict)| (key.clone(), verdict.finding.clone()))
            .collect()
    }
}

impl<P: Partial> FindingsStore for MemoryPartials<'_, P> {
    async fn put_verdict(&self, _: &str, minute: Minute, verdict: Verdict) -> Result<(), StoreError> {
        let (verdicts, guard) = (self.verdicts.clone(), self.guard);
        let key = (
            minute,
            format!("{}#{}", verdict.finding.alert_type, verdict.finding.id),
        );
        self.chaos
            .call(move || {
                let mut verdicts = locked(&verdicts);
                let is_later = |stored: &Verdict| stored.as_of > verdict.as_of;
                if guard == Guard::NoConditionalMark || !verdicts.get(&key).is_some_and(is_later) {
                    verdicts.insert(key, verdict);
                }
            })
            .await
    }
}

/// A checkpoint's bytes with their version, and the generation that is carried out.
type CheckpointState = (Option<(Vec<u8>, u64)>, Option<u64>);

/// A checkpoint.
pub struct MemoryCheckpoint<'a> {
    chaos: &'a Chaos,
    guard: Guard,
    state: Arc<Mutex<CheckpointState>>,
}

impl<'a> MemoryCheckpoint<'a> {
    /// None yet.
    #[must_use]
    pub fn new(chaos: &'a Chaos, guard: Guard) -> Self {
        Self {
            chaos,
            guard,
            state: Arc::default(),
        }
    }
}

impl CheckpointStore for MemoryCheckpoint<'_> {
    async fn load(&self) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        let state = self.state.clone();
        let load = move || {
            let stored = locked(&state).0.clone();
            stored.map(|(bytes, version)| (bytes, version.to_string()))
        };
        self.chaos.call(load).await
    }

    async fn save(&self, bytes: Vec<u8>, replaces: Option<&str>) -> Result<Saved, StoreError> {
        let (state, guard, replaces) = (self.state.clone(), self.guard, replaces.map(str::to_owned));
        let save = move || {
            let stored = &mut locked(&state).0;
            let version = stored.as_ref().map(|(_, version)| *version);
            if guard != Guard::NoConditionalMark && version.map(|version| version.to_string()) != replaces {
                return Saved::Conflict;
            }
            *stored = Some((bytes, version.unwrap_or(0) + 1));
            Saved::Written
        };
        self.chaos.call(save).await
    }

    async fn carried_out(&self) -> Result<Option<u64>, StoreError> {
        let state = self.state.clone();
        self.chaos.call(move || locked(&state).1).await
    }

    async fn note_carried_out(&self, generation: u64) -> Result<(), StoreError> {
        let state = self.state.clone();
        self.chaos.call(move || locked(&state).1 = Some(generation)).await
    }
}

/// A table of alerts.
pub struct MemoryAlerts<'a> {
    chaos: &'a Chaos,
    guard: Guard,
    alerts: Arc<Mutex<BTreeMap<String, Alert>>>,
}

impl<'a> MemoryAlerts<'a> {
    /// An empty table.
    #[must_use]
    pub fn new(chaos: &'a Chaos, guard: Guard) -> Self {
        Self {
            chaos,
            guard,
            alerts: Arc::default(),
        }
    }

    /// All alerts, by fingerprint.
    #[must_use]
    pub fn alerts(&self) -> BTreeMap<String, Alert> {
        locked(&self.alerts).clone()
    }
}

impl AlertStore for MemoryAlerts<'_> {
    async fn load(&self, fingerprint: &str) -> Result<Option<Alert>, StoreError> {
        let (alerts, fingerprint) = (self.alerts.clone(), fingerprint.to_owned());
        self.chaos
            .call(move || locked(&alerts).get(&fingerprint).cloned())
            .await
    }

    async fn save(&self, alert: &Alert, replaces: Option<u64>) -> Result<Saved, StoreError> {
        let (alerts, alert, guard) = (self.alerts.clone(), alert.clone(), self.guard);
        let save = move || {
            let alerts = &mut locked(&alerts);
            let version = alerts.get(&alert.fingerprint).map(|stored| stored.version);
            if guard != Guard::NoConditionalMark && version != replaces {
                return Saved::Conflict;
            }
            alerts.insert(alert.fingerprint.clone(), alert);
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

impl Marks for MemoryLog<'_> {
    async fn mark(&self, log: &str) -> Result<Option<Sequence>, StoreError> {
        let (state, log) = (self.state.clone(), log.to_owned());
        self.chaos
            .call(move || locked(&state).marks.get(&log).copied())
            .await
    }

    async fn advance(&self, log: &str, from: Option<&Sequence>, to: &Sequence) -> Result<Saved, StoreError> {
        let (state, log, from, to, guard) =
            (self.state.clone(), log.to_owned(), from.copied(), *to, self.guard);
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
}

impl ObjectLog for MemoryLog<'_> {
    async fn create(&self, object: &Object, last: &Sequence) -> Result<Created, StoreError> {
        let (state, mut object, last, guard) = (self.state.clone(), object.clone(), *last, self.guard);
        let create = move || {
            if guard == Guard::KeyedByBatch {
                object.key = format!("{}-{last}", object.key);
            }
            let objects = &mut locked(&state).objects;
            match objects.get(&object.key) {
                Some((_, its_last)) if guard != Guard::Overwriting => Created::Before(*its_last),
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

    async fn shards(&self, _: &str) -> Result<Vec<String>, StoreError> {
        let shards = self.stream.shards.iter().map(|shard| shard.id.clone()).collect();
        self.chaos.call(move || shards).await
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test thread panics while it holds this")
}
