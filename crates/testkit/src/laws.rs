//! What must hold of every job that folds a stream into a table of partials, over histories of everything that goes wrong.

use std::collections::BTreeMap;
use std::fmt::Debug;

use analytics::Partial;
use aws::job::{StreamJob, window};
use aws::partials::Page;
use events::{Event, Stream, Uuid};
use serde::{Deserialize, Serialize};

use crate::{Chaos, Guard, MemoryLineage, MemoryPartials, SimStream, deliver, histories};

/// An aggregate on pages of three events, so that a history fills many; batches go on with those of one event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SmallPages<P>(pub P);

impl<P: Partial> Partial for SmallPages<P> {
    const FAMILY: &'static str = P::FAMILY;

    fn counts(event: &Event) -> bool {
        P::counts(event)
    }

    fn fold(&mut self, event: &Event) {
        self.0.fold(event);
    }

    fn event_ids(&self) -> &[Uuid] {
        self.0.event_ids()
    }

    fn is_full(&self) -> bool {
        self.event_ids().len() >= 3
    }

    fn is_reopened(&self) -> bool {
        self.event_ids().len() < 2
    }

    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }
}

/// Goes through seeded histories of the streams, with the table at the end as if each event had come once; after three
/// replays of everything bit for bit the same; and going wrong somewhere without the conditional mark. `seen` is what a
/// reader makes of a window.
pub fn exactly_once<P: Partial + PartialEq + Debug, R: PartialEq + Debug>(
    streams: &[Stream],
    seen: impl Fn(&P) -> R,
) {
    let mut broken = 0;
    for seed in 0..histories() {
        let streams: Vec<SimStream> = streams
            .iter()
            .map(|&stream| SimStream::of(stream, seed))
            .collect();
        let expected = expected::<P, R>(&streams, &seen);
        let found = |pages: &[(String, Page<P>)]| {
            let merged = merged(pages);
            merged
                .iter()
                .map(|(window, partial)| (window.clone(), seen(partial)))
                .collect::<BTreeMap<_, _>>()
        };
        let once = history(seed, &streams, Guard::Whole, 1);
        assert_eq!(found(&once), expected, "seed {seed}");
        if seed % 10 == 0 {
            let three_times = history(seed, &streams, Guard::Whole, 3);
            let stored = |pages: &[(String, Page<P>)]| {
                let stored = pages
                    .iter()
                    .map(|(window, page)| (window.clone(), page.mark, page.partial.clone()));
                stored.collect::<Vec<_>>()
            };
            assert_eq!(stored(&three_times), stored(&once), "seed {seed}, replayed");
        }
        if broken == 0 {
            let without = history(seed, &streams, Guard::NoConditionalMark, 1);
            broken += usize::from(found(&without) != expected);
        }
    }
    assert!(
        broken > 0,
        "no history goes wrong without the conditional mark, so none would show that it is gone"
    );
}

/// Every valid event once, whatever way it came, folded by minute in one go.
fn expected<P: Partial, R>(streams: &[SimStream], seen: impl Fn(&P) -> R) -> BTreeMap<String, R> {
    let mut windows: BTreeMap<String, P> = BTreeMap::new();
    for event in streams.iter().flat_map(SimStream::events) {
        if P::counts(event) {
            let window = window(P::FAMILY, event.envelope.occurred_at.minute());
            windows.entry(window).or_default().fold(event);
        }
    }
    windows
        .iter()
        .map(|(window, partial)| (window.clone(), seen(partial)))
        .collect()
}

fn merged<P: Partial>(pages: &[(String, Page<P>)]) -> BTreeMap<String, P> {
    let mut windows: BTreeMap<String, P> = BTreeMap::new();
    for (window, page) in pages {
        windows.entry(window.clone()).or_default().merge(&page.partial);
    }
    windows
}

/// Runs a history `times` over, as after a reset to the oldest record, and tells what is in the table then.
fn history<P: Partial>(seed: u64, streams: &[SimStream], guard: Guard, times: u64) -> Vec<(String, Page<P>)> {
    let chaos = Chaos::new(seed);
    let store = MemoryPartials::new(&chaos, guard);
    for replay in 0..times {
        for stream in streams {
            let start = || {
                StreamJob::new(
                    &store,
                    MemoryLineage {
                        stream,
                        chaos: &chaos,
                    },
                )
            };
            let handle = async |job: &StreamJob<P, _, _>, event| job.handle(event).await.map(drop);
            deliver(seed + replay, stream, &chaos, start, &handle);
        }
    }
    store.pages()
}
