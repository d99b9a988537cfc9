//! What reaches Kinesis when entries fail, answers get lost, and the service is gone or stalls.

use std::collections::HashMap;
use std::time::Duration;

use crate::support::{FakeKinesis, Faults, Folder, Seen, aws, host, plan, shop};
use events::{Stream, Uuid};
use loadgen::failure::Failure;
use loadgen::ledger::{IdSum, Ledger};
use loadgen::plan::Plan;
use loadgen::report::{Measured, Report};
use loadgen::run::{Freshness, run};
use loadgen::source::{Keep, Kind, Record, Source};

const FAST: &str = "--rate 100000 --events 3000 --workers 2 --output json";

/// The ids of all events of a plan.
pub(crate) fn planned(plan: &Plan) -> Vec<Uuid> {
    let mut source = shop(plan);
    std::iter::from_fn(|| source.next_record(Keep::ALL))
        .map(|record| record.into_event().unwrap().event.envelope.event_id)
        .collect()
}

pub(crate) async fn send(plan: &Plan, kinesis: &FakeKinesis) -> (Result<Report, Failure>, Report) {
    let (host, stdout, _interrupt) = host(Some(kinesis.aws()));
    let result = run(plan, shop(plan), host).await;
    let printed: Report = serde_json::from_str(&stdout.text()).unwrap();
    assert_eq!(
        printed.offered,
        printed.acknowledged + printed.failed + printed.dropped,
        "every event is settled"
    );
    (result, printed)
}

#[tokio::test]
async fn without_faults_each_event_is_stored_once_and_a_shoppers_events_stay_in_order() {
    let kinesis = FakeKinesis::start(Faults::default()).await;
    let plan = plan(FAST);
    let report = send(&plan, &kinesis).await.0.unwrap();
    assert_eq!(
        (report.offered, report.acknowledged, report.failed, report.retried),
        (3_000, 3_000, 0, 0)
    );
    assert!(report.latency_ms.p50 > 0.0 && report.latency_ms.p50 <= report.latency_ms.max);

    let seen = kinesis.seen();
    let stored = seen.stored_ids();
    assert!(planned(&plan).iter().all(|id| stored[id] == 1));
    assert_eq!(stored.len(), 3_000);
    assert_in_order(&seen);
    assert_eq!(report.attempts, 3_000);
    assert!(report.calls >= 6 && report.wire_bytes > report.bytes);
}

/// A shopper's events of a stream are stored in their order.
pub(crate) fn assert_in_order(seen: &Seen) {
    let mut last = HashMap::new();
    for (name, events) in &seen.stored {
        for stored in events {
            let envelope = &stored.event.envelope;
            assert_eq!(stored.key, envelope.user_id.to_string());
            let before = last.insert((name, &stored.key), envelope.occurred_at);
            assert!(
                before.is_none_or(|before| before <= envelope.occurred_at),
                "{} is out of order in {name}",
                stored.key
            );
        }
    }
}

#[tokio::test]
async fn under_failed_entries_nothing_is_lost_and_nothing_doubled() {
    let kinesis = FakeKinesis::start(Faults {
        failed_entries: 30,
        ..Faults::default()
    })
    .await;
    let plan = plan(FAST);
    let report = send(&plan, &kinesis).await.0.unwrap();
    assert_eq!(
        (report.acknowledged, report.possible_duplicates, report.uncertain),
        (3_000, 0, 0)
    );

    let seen = kinesis.seen();
    let stored = seen.stored_ids();
    assert!(planned(&plan).iter().all(|id| stored[id] == 1));
    assert_eq!(
        seen.sent_after_acknowledged, 0,
        "only failed entries are sent again"
    );
    assert!(report.retried > 0);
    assert_eq!(report.retried, seen.entries_failed);
}

#[tokio::test]
async fn under_lost_answers_nothing_is_lost_and_what_may_be_doubled_is_counted() {
    let faults = Faults {
        failed_entries: 30,
        lost_answers: 10,
        ..Faults::default()
    };
    let kinesis = FakeKinesis::start(faults).await;
    let plan = plan(&FAST.replace("3000", "6000"));
    let report = send(&plan, &kinesis).await.0.unwrap();
    assert_eq!((report.acknowledged, report.failed), (6_000, 0));

    let seen = kinesis.seen();
    let stored = seen.stored_ids();
    assert!(planned(&plan).iter().all(|id| stored[id] >= 1));
    assert_eq!(seen.sent_after_acknowledged, 0);
    let doubled = stored.values().filter(|times| **times > 1).count() as u64;
    assert!(seen.stored_unanswered > 0 && doubled > 0);
    assert!(
        report.possible_duplicates >= doubled,
        "{} counted, {doubled} happened",
        report.possible_duplicates
    );
}

#[tokio::test]
async fn after_the_last_attempt_an_event_has_failed_and_is_not_in_the_ledger() {
    let kinesis = FakeKinesis::start(Faults {
        broken_stream: Some("transactions"),
        ..Faults::default()
    })
    .await;
    let folder = Folder::new("gives-up");
    let mut plan = plan(FAST);
    plan.ledger = Some(folder.path("ledger.json"));
    plan.delivery.backoff.max_attempts = 3;
    let (result, report) = send(&plan, &kinesis).await;
    let failure = result.unwrap_err();
    assert_eq!(failure.exit_code(), 1);
    assert!(
        failure
            .to_string()
            .contains("ProvisionedThroughputExceededException"),
        "{failure}"
    );
    assert_eq!(
        report.failures_by_code["ProvisionedThroughputExceededException"],
        report.failed
    );
    assert_eq!(
        (report.acknowledged + report.failed, report.uncertain),
        (3_000, 0)
    );

    let ledger = Ledger::read(plan.ledger.as_ref().unwrap()).unwrap();
    assert_eq!(
        (ledger.acknowledged, ledger.failed),
        (report.acknowledged, report.failed)
    );
    assert!(!ledger.streams.contains_key(&Stream::Transactions));
    assert!(ledger.minutes.iter().all(|minute| minute.countries.is_empty()));
    assert_eq!(
        (ledger.carts.purchased, ledger.carts.created),
        (0, ledger.carts.left_behind)
    );
    let seen = kinesis.seen();
    assert!(
        seen.sent
            .iter()
            .all(|(id, times)| *times == if seen.acknowledged.contains_key(id) { 1 } else { 3 })
    );
}

#[tokio::test]
async fn the_ledger_is_what_the_streams_hold() {
    let kinesis = FakeKinesis::start(Faults {
        failed_entries: 30,
        ..Faults::default()
    })
    .await;
    let folder = Folder::new("ledger");
    let mut plan = plan(FAST);
    plan.ledger = Some(folder.path("ledger.json"));
    send(&plan, &kinesis).await.0.unwrap();
    let ledger = Ledger::read(plan.ledger.as_ref().unwrap()).unwrap();
    let seen = kinesis.seen();
    for stream in Stream::ALL {
        let stored = &seen.stored[&plan.stream_name(*stream)];
        let ids = stored.iter().map(|of| of.event.envelope.event_id.as_u128());
        assert_eq!(ledger.streams[stream].events, stored.len() as u64);
        assert_eq!(
            ledger.streams[stream].event_id_sum,
            IdSum(ids.fold(0, u128::wrapping_add))
        );
    }
}

#[tokio::test]
async fn when_no_answer_ever_comes_the_run_ends_early_and_all_is_uncertain() {
    let kinesis = FakeKinesis::start(Faults {
        lost_answers: 100,
        ..Faults::default()
    })
    .await;
    let mut plan = plan(FAST);
    plan.delivery.backoff.max_attempts = 3;
    let (result, report) = send(&plan, &kinesis).await;
    let failure = result.unwrap_err();
    assert_eq!(failure.exit_code(), 1);
    assert!(
        failure
            .to_string()
            .contains("given up after 3 attempts: NoAnswer"),
        "{failure}"
    );
    assert!(failure.to_string().contains(&kinesis.endpoint), "{failure}");
    assert_eq!((report.acknowledged, report.uncertain), (0, report.failed));
    let seen = kinesis.seen();
    assert!(seen.sent.values().all(|times| *times == 3));
}

#[tokio::test]
async fn what_was_never_sent_has_failed_for_certain() {
    let kinesis = FakeKinesis::start(Faults {
        // Each stream is described and its shards are listed; then nobody listens.
        connections: Some(2 * Stream::ALL.len()),
        ..Faults::default()
    })
    .await;
    let mut plan = plan(FAST);
    plan.delivery.backoff.max_attempts = 3;
    let (result, report) = send(&plan, &kinesis).await;
    let message = result.unwrap_err().to_string();
    assert!(
        message.contains("given up after 3 attempts: Unreachable"),
        "{message}"
    );
    assert_eq!((report.acknowledged, report.uncertain), (0, 0));
    assert_eq!(
        report.failures_by_code.keys().collect::<Vec<_>>(),
        ["Unreachable"]
    );
}

#[tokio::test]
async fn a_refusal_that_would_be_repeated_is_not_tried_again() {
    let refuse_from_call = Some((1, 400, "AccessDeniedException"));
    let kinesis = FakeKinesis::start(Faults {
        refuse_from_call,
        ..Faults::default()
    })
    .await;
    let (result, report) = send(&plan(FAST), &kinesis).await;
    assert!(
        result
            .unwrap_err()
            .to_string()
            .contains("given up after 1 attempt: AccessDeniedException")
    );
    assert_eq!((report.retried, report.uncertain), (0, 0));
    assert_eq!(report.failures_by_code["AccessDeniedException"], report.failed);
}

#[tokio::test]
async fn a_fault_inside_the_service_leaves_it_open_what_was_stored() {
    let refuse_from_call = Some((3, 500, "InternalFailureException"));
    let kinesis = FakeKinesis::start(Faults {
        refuse_from_call,
        ..Faults::default()
    })
    .await;
    let mut plan = plan(FAST);
    plan.delivery.backoff.max_attempts = 2;
    let (result, report) = send(&plan, &kinesis).await;
    assert_eq!(result.unwrap_err().exit_code(), 1);
    assert!(report.acknowledged > 0 && report.failed > 0);
    assert_eq!(report.uncertain, report.failed);
}

#[tokio::test]
async fn an_interrupt_ends_a_stalled_run_within_bounds_and_with_its_report() {
    let kinesis = FakeKinesis::start(Faults {
        stalls: true,
        ..Faults::default()
    })
    .await;
    let folder = Folder::new("stalls");
    let mut plan = plan("--rate 20000 --workers 2 --output json");
    plan.ledger = Some(folder.path("ledger.json"));
    plan.delivery.drain = Duration::from_millis(20);
    plan.delivery.budget_bytes = 1 << 20;
    let (host, stdout, interrupt) = host(Some(kinesis.aws()));
    let interrupting = async {
        while kinesis.seen().calls < 6 {
            tokio::task::yield_now().await;
        }
        interrupt.send(()).unwrap();
    };
    let (result, ()) = tokio::join!(run(&plan, shop(&plan), host), interrupting);
    assert_eq!(result.unwrap_err().exit_code(), 130);
    let report: Report = serde_json::from_str(&stdout.text()).unwrap();
    assert_eq!(
        (report.acknowledged, report.failed + report.dropped),
        (0, report.offered)
    );
    assert_eq!(report.failures_by_code["Interrupted"], report.uncertain);
    let ledger = Ledger::read(plan.ledger.as_ref().unwrap()).unwrap();
    assert_eq!((ledger.acknowledged, ledger.uncertain), (0, report.uncertain));
}

#[tokio::test]
async fn an_interrupt_sends_what_is_queued() {
    let kinesis = FakeKinesis::start(Faults::default()).await;
    let plan = plan("--rate 5000 --output json");
    let (host, stdout, interrupt) = host(Some(kinesis.aws()));
    let interrupting = async {
        while kinesis.seen().acknowledged.len() < 100 {
            tokio::task::yield_now().await;
        }
        interrupt.send(()).unwrap();
    };
    let (result, ()) = tokio::join!(run(&plan, shop(&plan), host), interrupting);
    assert_eq!(result, Err(Failure::Interrupted));
    let report: Report = serde_json::from_str(&stdout.text()).unwrap();
    assert!(report.offered >= 100);
    assert_eq!((report.acknowledged, report.failed), (report.offered, 0));
    assert_eq!(kinesis.seen().stored_ids().len() as u64, report.offered);
}

#[tokio::test]
async fn acknowledged_events_are_told_to_who_measures_freshness() {
    let kinesis = FakeKinesis::start(Faults {
        failed_entries: 30,
        ..Faults::default()
    })
    .await;
    let plan = plan(FAST);
    let (mut host, ..) = host(Some(kinesis.aws()));
    let (acked, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let result = tokio::spawn(async { Measured::default() });
    host.freshness = Some(Freshness { acked, result });
    run(&plan, shop(&plan), host).await.unwrap();
    let mut numbers = Vec::new();
    while let Some(acked) = receiver.recv().await {
        assert_eq!(acked.minute, acked.occurred_at.minute());
        numbers.push((acked.event_type.stream(), acked.sequence_number));
    }
    numbers.sort_unstable();
    numbers.dedup();
    let stored = kinesis.seen().stored.values().map(Vec::len).sum::<usize>();
    assert_eq!(numbers.len(), stored);
}

async fn refused(aws: loadgen::sink::preflight::Aws) -> String {
    let (host, stdout, _interrupt) = host(Some(aws));
    let plan = plan("--stage x --events 1");
    let failure = run(&plan, shop(&plan), host).await.unwrap_err();
    assert_eq!((failure.exit_code(), stdout.text().as_str()), (1, ""));
    failure.to_string()
}

#[tokio::test]
async fn what_is_wrong_is_told_before_anything_is_sent() {
    let kinesis = FakeKinesis::start(Faults {
        no_streams: true,
        ..Faults::default()
    })
    .await;
    let message = refused(kinesis.aws()).await;
    assert!(
        message.contains("no stream globalmart-x-product-views at http://127.0.0.1"),
        "{message}"
    );
    assert!(
        message.contains("`make up`") && message.contains("--stage"),
        "{message}"
    );

    let kinesis = FakeKinesis::start(Faults {
        not_kinesis: true,
        ..Faults::default()
    })
    .await;
    let message = refused(kinesis.aws()).await;
    assert!(
        message.contains(&kinesis.endpoint) && message.contains("AWS_ENDPOINT_URL"),
        "{message}"
    );

    let free = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let message = refused(aws(&format!("http://{free}"))).await;
    assert!(
        message.contains(&format!("cannot reach Kinesis at http://{free}")),
        "{message}"
    );
    assert!(message.contains("refused"), "{message}");
}

/// An event, the same once more, and a record that is none.
struct Faulty(Vec<Record>);

impl Source for Faulty {
    fn next_record(&mut self, _: Keep) -> Option<Record> {
        self.0.pop()
    }
}

#[tokio::test]
async fn repeated_and_bad_records_are_sent_and_counted_by_themselves() {
    let plan = plan("--sink null --events 1 --output json");
    let event = shop(&plan).next_record(Keep::default()).unwrap();
    let again = Record {
        kind: Kind::Again,
        ..event.clone()
    };
    let bad = Record {
        kind: Kind::Bad,
        ..event.clone()
    };
    let (host, ..) = host(None);
    let source = Faulty(vec![bad.clone(), bad, again, event]);
    let report = run(&plan, source, host).await.unwrap();
    assert_eq!((report.offered, report.acknowledged), (4, 4));
    assert_eq!((report.duplicates_sent, report.bad_sent), (1, 2));
    assert_eq!(report.events_by_type.values().sum::<u64>(), 1);
}

#[tokio::test]
async fn much_traffic_to_an_endpoint_elsewhere_needs_a_yes() {
    // A name that leads nowhere: with a yes it is tried.
    let elsewhere = "http://kinesis.invalid";
    for (flags, code, part) in [
        ("--rate 5001 --events 1", 2, "--yes"),
        ("--rate 5001 --events 1 --yes", 1, "cannot reach Kinesis"),
        ("--rate 5000 --events 1", 1, "cannot reach Kinesis"),
    ] {
        let (host, ..) = host(Some(aws(elsewhere)));
        let plan = plan(flags);
        let failure = run(&plan, shop(&plan), host).await.unwrap_err();
        assert_eq!(failure.exit_code(), code, "{failure}");
        assert!(failure.to_string().contains(part), "{failure}");
    }
}
