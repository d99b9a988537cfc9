//! What arrives for any workers, sizes of calls, shards and aggregates.

use crate::delivery::{assert_in_order, planned, send};
use crate::support::{FakeKinesis, Faults, plan};
use loadgen::plan::Plan;
use sha2::{Digest, Sha256};

const SHARDED: &str = "--rate 100000 --events 3000 --output json";

/// A plan of other flags, with as many entries in a call.
fn sharded(flags: &str, call_records: usize) -> Plan {
    let mut plan = plan(&format!("{SHARDED} {flags}"));
    plan.delivery.limits.call_records = call_records;
    plan.delivery.aggregate_bytes = plan.delivery.aggregate_bytes.map(|_| 4_000);
    plan
}

#[tokio::test]
async fn the_same_events_arrive_for_any_workers_batches_and_aggregation() {
    for (flags, call_records) in [
        ("--workers 1", 500),
        ("--workers 2", 7),
        ("--workers 4", 100),
        ("--workers 1 --aggregate", 500),
        ("--workers 2 --aggregate", 500),
        ("--workers 4 --aggregate", 2),
    ] {
        let kinesis = FakeKinesis::start(Faults {
            shards: 3,
            ..Faults::default()
        })
        .await;
        let plan = sharded(flags, call_records);
        let report = send(&plan, &kinesis).await.0.unwrap();
        let seen = kinesis.seen();
        assert_in_order(&seen);
        assert!(seen.largest_call <= call_records, "{flags}");
        assert_eq!(report.attempts, seen.records, "{flags}");
        assert_eq!(seen.records < 1_500, flags.contains("aggregate"), "{flags}");
        let sets = seen.stored_sets();
        assert_eq!(
            sets.values().map(std::collections::BTreeSet::len).sum::<usize>(),
            3_000
        );
        // One stream of events, pinned, however it was cut up.
        let mut digest = Sha256::new();
        sets.values().flatten().for_each(|json| digest.update(json));
        let hex = digest
            .finalize()
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(
            hex, "ab9d2999fa68b21d876e8e4750222039e8584dead26d4bdb069c966fdad9c6a0",
            "{flags}"
        );
    }
}

#[tokio::test]
async fn aggregates_are_sent_again_whole_and_lose_nothing() {
    for (lost_answers, flags) in [(0, "--aggregate"), (10, "--aggregate"), (10, "")] {
        let kinesis = FakeKinesis::start(Faults {
            shards: 3,
            failed_entries: 30,
            lost_answers,
            ..Faults::default()
        })
        .await;
        let plan = sharded(flags, 5);
        let report = send(&plan, &kinesis).await.0.unwrap();
        assert_eq!((report.acknowledged, report.failed), (3_000, 0));
        let seen = kinesis.seen();
        let stored = seen.stored_ids();
        assert!(planned(&plan).iter().all(|id| stored[id] >= 1));
        assert_eq!(seen.sent_after_acknowledged, 0);
        let doubled = stored.values().filter(|times| **times > 1).count() as u64;
        assert!(report.retried > 0 && report.possible_duplicates >= doubled);
        assert_eq!(doubled > 0, lost_answers > 0);
        let sent: u64 = seen.sent.values().map(|times| u64::from(*times)).sum();
        assert_eq!(report.retried, sent - 3_000);
    }
}

#[tokio::test]
async fn a_throttled_shard_holds_up_no_other_and_is_named() {
    let kinesis = FakeKinesis::start(Faults {
        shards: 4,
        throttled_shard: Some((2, 30)),
        ..Faults::default()
    })
    .await;
    let plan = sharded("--workers 1", 20);
    let report = send(&plan, &kinesis).await.0.unwrap();
    let seen = kinesis.seen();
    assert!(planned(&plan).iter().all(|id| seen.stored_ids()[id] == 1));
    // One lane a stream: what the other shards stored meanwhile came past the waiting one.
    assert!(seen.stored_beside_throttled > 0);
    let throttled: u64 = report.shards.iter().map(|shard| shard.throttled).sum();
    assert_eq!((throttled, report.retried), (3 * 30, 3 * 30));
    for shard in &report.shards {
        assert_eq!(shard.throttled > 0, shard.shard_id.ends_with('2'), "{shard:?}");
    }
}

#[tokio::test]
async fn a_shoppers_events_of_other_shards_stay_in_order_around_failed_entries() {
    let kinesis = FakeKinesis::start(Faults {
        shards: 4,
        failed_entries: 20,
        ..Faults::default()
    })
    .await;
    // One entry a call: nothing can overtake within it.
    let plan = sharded("--workers 2 --aggregate", 1);
    send(&plan, &kinesis).await.0.unwrap();
    assert_in_order(&kinesis.seen());
}

#[tokio::test]
async fn the_report_has_the_figures_of_each_shard() {
    let kinesis = FakeKinesis::start(Faults {
        shards: 3,
        ..Faults::default()
    })
    .await;
    let plan = sharded("--aggregate", 500);
    let report = send(&plan, &kinesis).await.0.unwrap();
    let seen = kinesis.seen();
    assert_eq!(report.shards.len(), 9);
    for shard in &report.shards {
        let name = plan.stream_name(shard.stream);
        let stored = seen.stored[&name].iter().filter(|of| of.shard == shard.shard_id);
        assert_eq!(shard.events, stored.count() as u64);
        assert!((shard.share - shard.events as f64 / seen.stored[&name].len() as f64).abs() < 0.001);
    }
    assert_eq!(
        report.shards.iter().map(|shard| shard.records).sum::<u64>(),
        seen.records
    );
    assert_eq!(
        report.shards.iter().map(|shard| shard.bytes).sum::<u64>(),
        report.wire_bytes
    );
    assert_eq!(report.hottest_shards.len(), 3);
    assert!(
        report
            .hottest_shards
            .iter()
            .all(|shard| !shard.hot && shard.share >= 0.333)
    );
}

#[tokio::test]
async fn after_a_split_records_are_packed_for_the_new_shards() {
    for flags in ["--aggregate", ""] {
        let kinesis = FakeKinesis::start(Faults {
            shards: 2,
            split_after: Some(10),
            ..Faults::default()
        })
        .await;
        let plan = sharded(&format!("{flags} --workers 2"), 3);
        let report = send(&plan, &kinesis).await.0.unwrap();
        assert_eq!(report.acknowledged, 3_000);
        let seen = kinesis.seen();
        assert_in_order(&seen);
        assert_eq!(seen.stored_ids().len(), 3_000);
        // Old shards and new ones.
        assert_eq!(report.shards.len(), 3 * (2 + 4));
        assert!(report.shards.iter().all(|shard| shard.throttled == 0));
    }
}
