//! What each shard took, and which are hot.

use std::collections::BTreeMap;
use std::sync::Arc;

use events::Stream;
use serde::{Deserialize, Serialize};

use super::{grouped, rounded};
use crate::account::{Account, ShardCount};
use crate::sink::shards::Shards;

/// A shard that takes this many times its even share is hot.
const HOT: f64 = 1.5;
/// Shards that the table names: the busiest ones.
const MOST_SHARDS: usize = 4;

/// What a shard took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardLoad {
    /// The stream.
    pub stream: Stream,
    /// The shard.
    pub shard_id: String,
    /// Stream records acknowledged: an aggregate is one.
    pub records: u64,
    /// Events in them.
    pub events: u64,
    /// Data and partition keys.
    pub bytes: u64,
    /// Entries refused because the shard's throughput was used up.
    pub throttled: u64,
    /// Its share of the stream's events, 0 to 1.
    pub share: f64,
}

/// The shard of a stream that took the most events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HottestShard {
    /// The stream.
    pub stream: Stream,
    /// The shard.
    pub shard_id: String,
    /// Its share of the stream's events, 0 to 1.
    pub share: f64,
    /// What each shard would have if all had the same.
    pub even_share: f64,
    /// It took more than 1.5 times as much as that.
    pub hot: bool,
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Of which shard.
    pub(super) name: String,
    /// What it took.
    pub(super) value: String,
}

/// The loads of all shards: of those that were listed, `listed` by stream, and of those that turned up.
pub(super) fn loads(account: &Account, listed: &[Arc<Shards>]) -> Vec<ShardLoad> {
    let mut loads = Vec::new();
    for (stream, listed) in Stream::ALL.iter().zip(listed) {
        let idle = listed.ids().map(|id| (id.to_owned(), ShardCount::default()));
        let mut shards: BTreeMap<String, ShardCount> = idle.collect();
        shards.extend(
            account
                .shards
                .get(stream)
                .into_iter()
                .flatten()
                .map(|(id, count)| (id.clone(), *count)),
        );
        let all: u64 = shards.values().map(|count| count.events).sum();
        loads.extend(shards.into_iter().map(|(shard_id, count)| ShardLoad {
            stream: *stream,
            shard_id,
            records: count.records,
            events: count.events,
            bytes: count.bytes,
            throttled: count.throttled,
            share: rounded(count.events as f64 / all.max(1) as f64),
        }));
    }
    loads
}

/// The shard of each stream that took the most events.
pub(super) fn hottest(loads: &[ShardLoad]) -> Vec<HottestShard> {
    let of_stream = loads.chunk_by(|a, b| a.stream == b.stream);
    of_stream
        .filter_map(|shards| {
            let hottest = shards.iter().max_by_key(|load| load.events)?;
            let even_share = 1.0 / shards.len() as f64;
            (hottest.events > 0).then(|| HottestShard {
                stream: hottest.stream,
                shard_id: hottest.shard_id.clone(),
                share: hottest.share,
                even_share: rounded(even_share),
                hot: shards.len() >= 2 && hottest.share > HOT * even_share,
            })
        })
        .collect()
}

/// What the table says of shards: those that are hot or throttled, and where there are few, all.
pub(super) fn lines(loads: &[ShardLoad], hottest: &[HottestShard]) -> Vec<Line> {
    let hot = |load: &ShardLoad| {
        hottest.iter().any(|hottest| {
            hottest.hot && (hottest.stream, &hottest.shard_id) == (load.stream, &load.shard_id)
        })
    };
    let mut lines = Vec::new();
    for shards in loads.chunk_by(|a, b| a.stream == b.stream) {
        if shards.len() < 2 && shards.iter().all(|load| load.throttled == 0) {
            continue;
        }
        let mut busiest: Vec<&ShardLoad> = shards.iter().collect();
        busiest.sort_by_key(|load| std::cmp::Reverse((hot(load), load.throttled, load.events)));
        lines.extend(busiest.iter().take(MOST_SHARDS).map(|load| {
            let throttled = match load.throttled {
                0 => String::new(),
                entries => format!(", throttled {}", grouped(entries)),
            };
            let heat = if hot(load) { ", hot" } else { "" };
            Line {
                name: format!("{} {}", load.stream, load.shard_id),
                value: format!(
                    "{} events, {:.1} %{throttled}{heat}",
                    grouped(load.events),
                    100.0 * load.share
                ),
            }
        }));
        if shards.len() > MOST_SHARDS {
            lines.push(Line {
                name: format!(
                    "{} and {} shards more",
                    shards[0].stream,
                    shards.len() - MOST_SHARDS
                ),
                value: String::new(),
            });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(n: u32, events: u64, throttled: u64) -> ShardLoad {
        ShardLoad {
            stream: Stream::CartEvents,
            shard_id: format!("shardId-{n:012}"),
            records: events,
            events,
            bytes: events,
            throttled,
            share: events as f64 / 100.0,
        }
    }

    #[test]
    fn a_shard_is_hot_above_one_and_a_half_times_its_even_share() {
        let hot = |loads: &[ShardLoad]| hottest(loads)[0].hot;
        assert!(hot(&[load(0, 76, 0), load(1, 24, 0)]));
        assert!(!hot(&[load(0, 75, 0), load(1, 25, 0)]));
        assert!(!hot(&[load(0, 100, 0)]));
        assert_eq!(hottest(&[load(0, 0, 0), load(1, 0, 0)]), []);
    }

    #[test]
    fn the_table_names_the_few_shards_that_matter() {
        assert_eq!(lines(&[load(0, 100, 0)], &[]), []);
        let loads: Vec<ShardLoad> = (0..10)
            .map(|n| load(n, if n == 7 { 91 } else { 1 }, u64::from(n == 5)))
            .collect();
        let lines = lines(&loads, &hottest(&loads));
        assert_eq!(lines.len(), MOST_SHARDS + 1);
        assert_eq!(lines[0].value, "91 events, 91.0 %, hot");
        assert_eq!(lines[1].name, "cart-events shardId-000000000005");
        assert_eq!(lines[1].value, "1 events, 1.0 %, throttled 1");
        assert_eq!(lines[4].name, "cart-events and 6 shards more");
    }
}
