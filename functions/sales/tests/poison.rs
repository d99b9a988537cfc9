//! A bad record among ten thousand good ones.

use aws::job::StreamJob;
use events::{Event, Stream, Timestamp};
use sales::Sales;
use testkit::{Chaos, Guard, MemoryLineage, MemoryPartials, Record, SimStream, example};

const RECORDS: u64 = 10_000;

fn record(n: u64, data: Vec<u8>, events: Vec<Event>) -> Record {
    Record {
        sequence: (1_000_000 + n).to_string(),
        arrived_at: Timestamp::from_ms(1_795_368_600_000).expect("a time of the calendar"),
        broken: usize::from(events.is_empty()),
        data,
        events,
    }
}

#[tokio::test]
async fn it_alone_is_passed_over_in_one_invocation() {
    let stream = SimStream::transactions(1);
    let records: Vec<Record> = (0..RECORDS)
        .map(|n| {
            if n == 5_000 {
                return record(n, b"not json".to_vec(), Vec::new());
            }
            let event = example(n, 1_795_368_600_000);
            let mut data = Vec::new();
            event.to_json(&mut data);
            record(n, data, vec![event])
        })
        .collect();
    let batch = serde_json::from_value(stream.batch(&stream.shards[0], &records))
        .expect("a batch as Kinesis sends it");
    let calm = Chaos::calm();
    let store = MemoryPartials::new(&calm, Guard::Whole);
    let lineage = MemoryLineage {
        stream: &stream,
        chaos: &calm,
    };
    let sales: Sales<_, _> = StreamJob::new(&store, lineage);
    let counts = sales
        .handle(batch)
        .await
        .expect("one invocation deals with all of it");
    assert_eq!(counts.count("Rule", &"not_json", "Rejected"), 1);
    assert_eq!(
        counts.count("Stream", &Stream::Transactions, "Folded"),
        RECORDS - 1
    );
}
