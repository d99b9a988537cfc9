//! A stream's records: events of few shoppers in few minutes, sent plain or aggregated, some twice, some broken, over
//! shards that split and merge.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use events::{Body, Country, Event, Stream, Timestamp, Uuid};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::example::{cart_event, example, transaction, view};

/// Where sequence numbers start: past 64 bits, and soon one digit longer.
const FIRST_SEQUENCE: u128 = 999_999_999_999_999_999_999_999_999_960;
const FIRST_ARRIVAL_MS: i64 = 1_795_368_600_000;

/// A record of a stream.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its sequence number.
    pub sequence: String,
    /// When the stream took it in.
    pub arrived_at: Timestamp,
    /// Its bytes.
    pub data: Vec<u8>,
    /// The valid events in it.
    pub events: Vec<Event>,
    /// How many of its user records are no valid events.
    pub broken: usize,
}

/// A shard, closed after its last record if another one names it as a parent.
#[derive(Clone, Debug)]
pub struct Shard {
    /// Its id.
    pub id: String,
    /// The shards that it took over from.
    pub parents: Vec<usize>,
    /// Its records, in order.
    pub records: Vec<Record>,
}

/// A stream from its first record to its last.
#[derive(Clone, Debug)]
pub struct SimStream {
    /// Which one.
    pub stream: Stream,
    /// Its shards; parents come before their children.
    pub shards: Vec<Shard>,
}

impl SimStream {
    /// The transactions of a seed.
    #[must_use]
    pub fn transactions(seed: u64) -> Self {
        Self::of(Stream::Transactions, seed)
    }

    /// A stream of a seed. Two shards; later the first is split, and then one half merged with the other shard.
    #[must_use]
    pub fn of(stream: Stream, seed: u64) -> Self {
        let mut rng = crate::rng_of(seed, 2);
        let shard = |n: usize, parents: Vec<usize>| Shard {
            id: format!("shardId-{n:012}"),
            parents,
            records: Vec::new(),
        };
        let mut shards = vec![
            shard(0, vec![]),
            shard(1, vec![]),
            shard(2, vec![0]),
            shard(3, vec![0]),
            shard(4, vec![3, 1]),
        ];
        let mut sent: Vec<Event> = Vec::new();
        let mut arrived_ms = FIRST_ARRIVAL_MS;
        let records = rng.random_range(10..60_usize);
        for n in 0..records {
            let user_id = rng.random_range(0..12_u64);
            let shard = match (3 * n / records, user_id % 4) {
                (0, of) => usize::from(of > 1),
                (1 | 2, 0) => 2,
                (1, 1) => 3,
                (1, _) => 1,
                _ => 4,
            };
            arrived_ms += rng.random_range(0..900_000_i64);
            let record = record(&mut rng, stream, &sent, user_id, n, arrived_ms);
            sent.extend(record.events.iter().cloned());
            shards[shard].records.push(record);
        }
        Self { stream, shards }
    }

    /// All valid events, each once however often it was sent, in the order in which they first came.
    #[must_use]
    pub fn events(&self) -> Vec<&Event> {
        let mut ids = BTreeSet::new();
        let all = self.records().flat_map(|(_, record)| &record.events);
        all.filter(|event| ids.insert(event.envelope.event_id)).collect()
    }

    /// All records, of all shards.
    pub fn records(&self) -> impl Iterator<Item = (&Shard, &Record)> {
        self.shards
            .iter()
            .flat_map(|shard| shard.records.iter().map(move |record| (shard, record)))
    }

    /// The shards that a shard descends from.
    #[must_use]
    pub fn ancestors(&self, shard: usize) -> Vec<usize> {
        let parents = self.shards[shard].parents.iter();
        parents
            .flat_map(|&parent| std::iter::once(parent).chain(self.ancestors(parent)))
            .collect()
    }

    /// Records as the runtime hands them to a function.
    #[must_use]
    pub fn batch(&self, shard: &Shard, records: &[Record]) -> Value {
        let records: Vec<Value> = records
            .iter()
            .map(|record| {
                json!({
                    "kinesis": {
                        "kinesisSchemaVersion": "1.0", "partitionKey": "any", "sequenceNumber": record.sequence,
                        "data": BASE64.encode(&record.data),
                        "approximateArrivalTimestamp": record.arrived_at.as_ms() as f64 / 1_000.0,
                    },
                    "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventName": "aws:kinesis:record",
                    "eventID": format!("{}:{}", shard.id, record.sequence),
                    "invokeIdentityArn": "arn:aws:iam::000000000000:role/test", "awsRegion": "us-east-1",
                    "eventSourceARN": format!("arn:aws:kinesis:us-east-1:000000000000:stream/globalmart-test-{}", self.stream),
                })
            })
            .collect();
        json!({ "Records": records })
    }
}

fn record(
    rng: &mut ChaCha8Rng,
    stream: Stream,
    sent: &[Event],
    user_id: u64,
    n: usize,
    arrived_ms: i64,
) -> Record {
    let arrived_at = Timestamp::from_ms(arrived_ms).expect("within the calendar");
    let aggregated = rng.random_bool(0.3);
    let mut user_records = Vec::new();
    let mut events = Vec::new();
    for _ in 0..if aggregated { rng.random_range(0..5) } else { 1 } {
        if rng.random_bool(0.1) {
            user_records.push(broken(rng));
            continue;
        }
        let again: Vec<&Event> = sent
            .iter()
            .chain(&events)
            .filter(|event| event.envelope.user_id == user_id)
            .collect();
        let event = if again.is_empty() || rng.random_bool(0.8) {
            new_event(rng, stream, user_id, arrived_ms)
        } else {
            again[rng.random_range(0..again.len())].clone()
        };
        let mut bytes = Vec::new();
        event.to_json(&mut bytes);
        user_records.push(bytes);
        events.push(event);
    }
    let broken = user_records.len() - events.len();
    let sequence = (FIRST_SEQUENCE + 3 * n as u128).to_string();
    if !aggregated {
        return Record {
            sequence,
            arrived_at,
            data: user_records.swap_remove(0),
            events,
            broken,
        };
    }
    let mut aggregate = kpl::Aggregator::default();
    user_records
        .into_iter()
        .for_each(|bytes| aggregate.add(&user_id.to_string(), None, &bytes));
    let mut data = aggregate.finish();
    if rng.random_bool(0.1) {
        data[5] ^= 0xFF;
        return Record {
            sequence,
            arrived_at,
            data,
            events: Vec::new(),
            broken: 1,
        };
    }
    Record {
        sequence,
        arrived_at,
        data,
        events,
        broken,
    }
}

fn broken(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut event = example(rng.random_range(0..9), 1_000);
    match rng.random_range(0..4) {
        0 => b"not json".to_vec(),
        1 => br#"{"event_type":"teleport","schema_version":1}"#.to_vec(),
        2 => vec![0xFF; 1_024],
        _ => {
            if let Body::Purchase(sale) = &mut event.body {
                sale.total_minor += 1;
            }
            let mut bytes = Vec::new();
            event.to_json(&mut bytes);
            bytes
        }
    }
}

fn new_event(rng: &mut ChaCha8Rng, stream: Stream, user_id: u64, arrived_ms: i64) -> Event {
    let minutes_late = if rng.random_bool(0.2) {
        rng.random_range(0..3_000)
    } else {
        0
    };
    let occurred_ms = (arrived_ms - minutes_late * 60_000).div_euclid(1_800_000) * 1_800_000;
    let mut event = example(user_id, occurred_ms);
    event.envelope.event_id = Uuid::from_u128(rng.random());
    event.envelope.country = Country::all()
        .nth(rng.random_range(0..3))
        .expect("there are more");
    event.body = match stream {
        Stream::ProductViews => view(rng),
        Stream::CartEvents => cart_event(rng, user_id),
        Stream::Transactions => transaction(rng, user_id),
    };
    event
}
