//! What a sink that stalls does to the schedule, and to what waits.

use std::time::Duration;

use crate::support::{FakeKinesis, Faults, host, plan, shop};
use loadgen::failure::Failure;
use loadgen::report::Report;
use loadgen::run::run;
use loadgen::source::{Keep, Record, Source};

#[tokio::test]
async fn a_stall_shows_in_the_latency_and_never_in_the_schedule() {
    let kinesis = FakeKinesis::start(Faults {
        stalls: true,
        ..Faults::default()
    })
    .await;
    let mut plan = plan("--rate 20000 --events 2000 --output json");
    // Full within the linger, that is before the first call.
    plan.delivery.budget_bytes = 20_000;
    let (host, stdout, _interrupt) = host(Some(kinesis.aws()));
    let stalling = async {
        while kinesis.seen().calls == 0 {
            tokio::task::yield_now().await;
        }
        let stalled = std::time::Instant::now();
        while kinesis.seen().calls < 3 {
            tokio::task::yield_now().await;
        }
        let stalled = stalled.elapsed();
        kinesis.stall(false);
        stalled
    };
    let (result, stalled) = tokio::join!(run(&plan, shop(&plan), host), stalling);
    let report: Report = serde_json::from_str(&stdout.text()).unwrap();
    assert_eq!((result.unwrap().acknowledged, report.dropped), (2_000, 0));
    // What was under way when the stall began was due before it.
    assert!(report.latency_ms.max >= stalled.as_secs_f64() * 1_000.0);
    assert!(report.start_lateness_ms.max > 0.0 && report.blocked_s > 0.0);
    assert!(report.largest_backlog_bytes <= 20_000);
}

#[tokio::test]
async fn what_a_full_sink_never_took_is_dropped_when_the_run_is_interrupted() {
    let kinesis = FakeKinesis::start(Faults {
        stalls: true,
        ..Faults::default()
    })
    .await;
    let mut plan = plan("--rate 100000 --workers 1 --output json");
    plan.delivery.budget_bytes = 50_000;
    plan.delivery.drain = Duration::from_millis(20);
    let (host, stdout, interrupt) = host(Some(kinesis.aws()));
    let interrupting = async {
        // The first call has lingered longer than it takes to fill the budget.
        while kinesis.seen().calls == 0 {
            tokio::task::yield_now().await;
        }
        interrupt.send(()).unwrap();
    };
    let (result, ()) = tokio::join!(run(&plan, shop(&plan), host), interrupting);
    assert_eq!(result, Err(Failure::Interrupted));
    let report: Report = serde_json::from_str(&stdout.text()).unwrap();
    assert!(report.dropped > 0 && report.failed > 0, "{report:?}");
    assert_eq!(report.offered, report.failed + report.dropped);
    assert!(report.largest_backlog_bytes <= 50_000);
}

#[tokio::test]
async fn what_is_not_taken_well_after_the_schedule_is_dropped_and_the_run_has_failed() {
    let kinesis = FakeKinesis::start(Faults {
        stalls: true,
        ..Faults::default()
    })
    .await;
    let mut plan = plan("--rate 100000 --events 2000 --output json");
    plan.delivery.budget_bytes = 50_000;
    plan.delivery.drain = Duration::from_millis(1);
    let (host, stdout, _interrupt) = host(Some(kinesis.aws()));
    let (over, is_over) = tokio::sync::oneshot::channel();
    let source = Told {
        source: shop(&plan),
        over: Some(over),
    };
    let unstalling = async {
        is_over.await.unwrap();
        kinesis.stall(false);
    };
    let (result, ()) = tokio::join!(run(&plan, source, host), unstalling);
    let failure = result.unwrap_err();
    assert_eq!(failure.exit_code(), 1);
    let report: Report = serde_json::from_str(&stdout.text()).unwrap();
    let message = format!("{} of 2000 events were never sent", report.dropped);
    assert!(failure.to_string().contains(&message), "{failure}");
    assert!(report.dropped > 0 && report.acknowledged > 0);
    assert_eq!(
        (report.offered, report.failed),
        (report.acknowledged + report.dropped, 0)
    );
}

/// Tells when it has no more. With no room at the sink, that is when the rest is dropped.
struct Told<S> {
    source: S,
    over: Option<tokio::sync::oneshot::Sender<()>>,
}

impl<S: Source> Source for Told<S> {
    fn next_record(&mut self, keep: Keep) -> Option<Record> {
        let record = self.source.next_record(keep);
        if record.is_none()
            && let Some(over) = self.over.take()
        {
            over.send(()).unwrap();
        }
        record
    }
}
