//! A shop's history and catalog, written straight into the warehouse, as Athena reads them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use e2e::Stack;
use serde_json::{Value, json};

const COUNTS: &str = "
    select 'product_views' as name, count(*) as n from product_views
    union all select 'cart_events', count(*) from cart_events
    union all select 'transactions', count(*) from transactions
    union all select 'catalog_products', count(*) from catalog_products
    union all select 'catalog_users', count(*) from catalog_users";

/// The days that sold something, and whether their buyers are known.
const DAYS: &str = "
    select dt, count(distinct event_id) as orders, count(u.user_id) as known
    from transactions t left join catalog_users u on u.user_id = t.user_id
    where event_type = 'purchase' group by dt order by dt";

fn write(stack: &Stack, command: &[&str]) -> Value {
    let said = stack.loadgen(&[command, &["--output", "json"]].concat());
    assert_eq!(said.code, 0, "{}", said.stderr);
    said.json()
}

/// The words of each line of a query's answer.
fn answer(stack: &Stack, sql: &str) -> Vec<Vec<String>> {
    let said = stack.make(&["query", "--sql", sql]).expect_success();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    said.lines().map(words).collect()
}

#[test]
fn athena_counts_the_rows_that_backfill_and_catalog_wrote() {
    let stack = Stack::up();
    let catalog = write(&stack, &["catalog", "--users", "10000", "--products", "1000"]);
    let command = [
        "backfill",
        "--from",
        "2026-01-01",
        "--to",
        "2026-01-03",
        "--orders",
        "300",
        "--users",
        "10000",
        "--products",
        "1000",
    ];
    let backfill = write(&stack, &command);
    // Again: nothing doubles.
    let again = write(&stack, &command);
    assert_eq!(again["rows_by_table"], backfill["rows_by_table"]);

    let counted = answer(&stack, COUNTS);
    let tables = [&catalog, &backfill]
        .into_iter()
        .flat_map(|said| said["rows_by_table"].as_object().unwrap());
    for (table, rows) in tables {
        let line = counted.iter().find(|words| words.contains(table)).unwrap();
        assert!(
            line.contains(&rows.to_string()),
            "{table}: {rows} rows written, Athena says {line:?}"
        );
    }

    let days = answer(&stack, DAYS);
    let orders = |day: &str| -> Option<u64> {
        let line = days.iter().find(|words| words.iter().any(|word| word == day))?;
        let numbers: Vec<u64> = line.iter().filter_map(|word| word.parse().ok()).collect();
        let [orders, known] = numbers[..] else {
            panic!("two numbers in {line:?}")
        };
        assert_eq!(orders, known, "all buyers are in the catalog");
        Some(orders)
    };
    let sum = orders("2026-01-01").unwrap() + orders("2026-01-02").unwrap();
    assert_eq!(json!(sum), backfill["orders"]);
}
