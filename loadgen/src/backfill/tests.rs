use tempfile::TempDir;

use super::*;
use crate::args::{Cli, Command};

fn plan(flags: &str) -> Result<Plan, Failure> {
    let cli = Cli::read(
        ["loadgen", "backfill"]
            .into_iter()
            .chain(flags.split_whitespace()),
    )
    .unwrap();
    let Command::Backfill(args) = cli.command else {
        panic!("`{flags}` are flags of backfill")
    };
    Plan::new(&args, Timestamp::parse("2026-11-22T17:30:00Z").unwrap())
}

#[test]
fn orders_are_a_million_a_year_pro_rata_unless_told() {
    let orders = |flags| plan(flags).unwrap().orders;
    assert_eq!(orders("--from 2025-01-01 --to 2026-01-01"), 1_000_000);
    assert_eq!(orders("--from 2025-01-01 --to 2025-01-08"), 19_178);
    assert_eq!(
        orders("--from 2025-01-01T10:00:00Z --to 2025-01-01T11:00:00Z"),
        114
    );
    assert_eq!(orders("--from 2025-01-01 --to 2026-01-01 --orders 7"), 7);
}

#[test]
fn a_range_is_an_hour_at_least_from_1990_until_now() {
    assert!(plan("--from 1990-01-01 --to 1990-01-02").is_ok());
    assert!(plan("--from 2026-11-22 --to 2026-11-22T17:30:00Z").is_ok());
    for (flags, part) in [
        ("--from 1989-12-31 --to 1990-01-02", "before 1990"),
        ("--from 2026-11-22 --to 2026-11-23", "in the future"),
        (
            "--from 2026-11-01T10:00:00Z --to 2026-11-01T10:59:59Z",
            "less than an hour",
        ),
        ("--from 2026-11-02 --to 2026-11-01", "less than an hour"),
    ] {
        let refused = plan(flags).unwrap_err();
        assert_eq!(refused.exit_code(), 2, "{flags}");
        assert!(refused.to_string().contains(part), "{refused}");
    }
}

#[test]
fn a_history_fills_its_range_in_order_and_every_event_keeps_the_contract() {
    let plan = plan("--from 2026-11-20 --to 2026-11-22 --orders 500").unwrap();
    let mut history = history(&plan);
    let (mut before, mut orders) = (plan.from, 0);
    let mut last_of_first_day = 0;
    for n in 0_u64.. {
        let Some(record) = history.next_record(Keep::ALL) else {
            assert!((480..=520).contains(&orders), "{orders} orders");
            assert!(last_of_first_day * 2 > n - n / 10 && last_of_first_day * 2 < n + n / 10);
            break;
        };
        let event = events::Event::decode(record.stream, &record.json, plan.to).unwrap();
        let at = event.envelope.occurred_at;
        assert!(before <= at && at < plan.to, "{at} after {before}");
        before = at;
        orders += u64::from(event.event_type() == EventType::Purchase);
        if at.date() == "2026-11-20" {
            last_of_first_day = n;
        }
    }
}

#[tokio::test]
async fn the_summary_counts_what_lies_there() {
    let folder = TempDir::new().unwrap();
    let plan = plan("--from 2026-11-20 --to 2026-11-21 --orders 200").unwrap();
    let summary = backfill(&plan, Store::folder(folder.path()).unwrap(), false)
        .await
        .unwrap();
    assert_eq!(summary.rows, summary.rows_by_table.values().sum::<u64>());
    assert_eq!(summary.rows, summary.events_by_type.values().sum::<u64>());
    assert_eq!(summary.first_occurred_at, Some(plan.from));
    assert!(summary.last_occurred_at.unwrap() < plan.to);
    assert!(summary.orders > 150 && summary.objects > 24, "{summary:?}");
    let table = summary.render(Output::Human);
    for part in ["product_views", "cart_events", "transactions", "rows/s"] {
        assert!(table.contains(part), "{table}");
    }
}

#[test]
fn progress_names_the_day_reached() {
    let progress = Progress::new(Timestamp::parse("2026-11-20T00:00:00Z").unwrap());
    for _ in 0..1_500 {
        progress.add(Timestamp::parse("2026-11-21T08:00:00Z").unwrap());
    }
    assert_eq!(
        progress.line(Duration::from_secs(3)),
        "2026-11-21 | Rows: 1,500 | Rate: 500/s"
    );
}
