//! The warehouse from an archive on: the function's tables, as Athena reads them and as Athena would make them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use e2e::Stack;
use serde_json::Value;

/// A query of every table that is named, and how many rows it has; then, for each query that makes a table, whether its answer
/// is what the table holds.
const COMPARE: &str = r#"
import boto3, pathlib, sys, time

athena = boto3.client("athena")

def ask(sql):
    started = athena.start_query_execution(
        QueryString=sql, WorkGroup="globalmart-local", QueryExecutionContext={"Database": "globalmart_local"})
    while True:
        query = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])["QueryExecution"]
        if query["Status"]["State"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            break
        time.sleep(0.05)
    assert query["Status"]["State"] == "SUCCEEDED", (sql, query["Status"])
    rows, columns = [], []
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=started["QueryExecutionId"]):
        columns = [column["Name"] for column in page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]
        rows += [tuple(datum.get("VarCharValue") for datum in row["Data"]) for row in page["ResultSet"]["Rows"]]
    return columns, rows[1:]

def same(a, b):
    if a == b or a is None or b is None:
        return a == b
    try:
        return abs(float(a) - float(b)) <= 1e-9 * max(abs(float(a)), abs(float(b)))
    except ValueError:
        return False

folder, tables = pathlib.Path(sys.argv[1]), sys.argv[2:]
for table in tables:
    print(table, ask(f"select count(*) from {table}")[1][0][0])
as_of = ask("select cast(max(as_of_date) as varchar) from product_performance")[1][0][0]
for file in sorted(folder.glob("*.sql")):
    columns, expected = ask(file.read_text().replace("${as_of_date}", as_of))
    names = ", ".join(f'"{column}"' for column in columns)
    partition = " where dt = (select max(dt) from " + file.stem + ")" if "snapshot_date" in columns else ""
    _, found = ask(f"select {names} from {file.stem}{partition}")
    key = lambda row: [value or "" for value in row]
    expected, found = sorted(expected, key=key), sorted(found, key=key)
    assert len(expected) == len(found), f"{file.stem}: {len(found)} rows, by SQL {len(expected)}"
    for ours, theirs in zip(found, expected):
        assert all(map(same, ours, theirs)), f"{file.stem}: {ours}, by SQL {theirs}"
    print(file.stem, "as by SQL")
"#;

const TABLES: [&str; 17] = [
    "fact_sales",
    "fact_product_views",
    "dim_date",
    "dim_product",
    "dim_user",
    "dim_category",
    "dim_region",
    "dim_payment_method",
    "customer_segments",
    "rfm_cut_points",
    "segment_migration",
    "product_performance",
    "sales_trends",
    "sales_weekday_index",
    "sales_forecast",
    "sales_forecast_error",
    "sales_by_region",
];

fn loadgen(stack: &Stack, command: &[&str]) -> Value {
    let said = stack.loadgen(&[command, &["--output", "json"]].concat());
    assert_eq!(said.code, 0, "{}", said.stderr);
    said.json()
}

/// The single number that a query answers.
fn number(stack: &Stack, sql: &str) -> u64 {
    let said = stack.make(&["query", "--sql", sql]).expect_success();
    let (_, answer) = said.split_once("--\n").unwrap();
    let line = answer.lines().next().unwrap().trim();
    line.parse().unwrap_or_else(|_| panic!("{sql} answers {line}"))
}

/// Rows, ids and money of the archive, through its views.
fn archived(stack: &Stack) -> String {
    let sql = "
        select 'transactions' as name, count(*) as n, count(distinct event_id) as ids, sum(total_minor) as minor,
               sum(cardinality(lines)) as listed from transactions
        union all
        select 'cart_events', count(*), count(distinct event_id), sum(cart_total_minor), sum(cardinality(items)) from cart_events
        union all
        select 'product_views', count(*), count(distinct event_id), sum(price_minor), sum(cardinality(product_ids))
        from product_views
        order by 1";
    let said = stack.make(&["query", "--sql", sql]).expect_success();
    let (_, answer) = said.split_once("----\n").unwrap();
    let (rows, _timing) = answer.split_once("\n(").unwrap();
    rows.to_owned()
}

/// What the facts come to.
fn sums(stack: &Stack) -> [u64; 3] {
    let rows = "select count(*) from fact_sales";
    let paid = "select sum(net_minor + shipping_minor + tax_minor) from fact_sales";
    let views = "select sum(views) from fact_product_views";
    [rows, paid, views].map(|sql| number(stack, sql))
}

#[test]
fn the_warehouse_is_what_the_archive_says_and_what_athena_would_make() {
    let stack = Stack::up();
    let _ = loadgen(&stack, &["catalog", "--users", "10000", "--products", "1000"]);
    // Two shops' histories, so that hours have several objects.
    let histories = ["1", "2"].map(|seed| {
        let command =
            "backfill --from 2026-01-05 --to 2026-01-19 --orders 500 --users 10000 --products 1000 --seed";
        let words: Vec<&str> = command.split(' ').chain([seed]).collect();
        loadgen(&stack, &words)
    });
    let sum = |name: &str| {
        histories
            .iter()
            .map(|said| said[name].as_u64().unwrap())
            .sum::<u64>()
    };
    let archive = archived(&stack);
    let said = stack.make(&["batch"]).expect_success();
    assert!(
        said.contains("14 days between 2026-01-05 and 2026-01-18 published"),
        "{said}"
    );

    let queries = e2e::repository().join("infra/athena/batch");
    let queries = queries.display().to_string();
    let arguments: Vec<&str> = std::iter::once(queries.as_str()).chain(TABLES).collect();
    let compared = stack.python(COMPARE, &arguments).expect_success();
    let (counts, by_sql): (Vec<&str>, Vec<&str>) =
        compared.lines().partition(|line| !line.ends_with("as by SQL"));
    assert_eq!((counts.len(), by_sql.len()), (TABLES.len(), 9), "{compared}");
    assert!(counts.iter().all(|line| !line.ends_with(" 0")), "{compared}");

    let orders = number(
        &stack,
        "select count(distinct transaction_id) from fact_sales where not is_refund",
    );
    assert_eq!(orders, sum("orders"));
    let joined = number(
        &stack,
        "select count(*) from fact_sales f
         join dim_product p on p.product_key = f.product_key and p.product_id = f.product_id and not p.is_inferred
         join dim_user u on u.user_key = f.user_key and u.user_id = f.user_id and not u.is_inferred
         join dim_date d on d.date_key = f.date_key and d.date = cast(f.dt as date)
         join dim_region r on r.region_key = f.region_key and r.country = f.country
         join dim_category c on c.category_key = f.category_key and c.category = f.category
         join dim_payment_method m on m.payment_method_key = f.payment_method_key and m.payment_method = f.payment_method",
    );
    assert_eq!(joined, number(&stack, "select count(*) from fact_sales"));

    // The function has compacted the archive, whose hours are long over: of many objects one an hour, and the same rows.
    assert_eq!(archived(&stack), archive);
    let status = stack.make(&["status"]).expect_success();
    let left = |prefix: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(prefix)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let compacted = left("compacted/");
    let alone = left("events/product_views/") + left("events/cart_events/") + left("events/transactions/");
    assert!(
        compacted > 100 && 2 * compacted + alone == sum("objects"),
        "{status}"
    );
    // What it makes of that is what it made before.
    let before = sums(&stack);
    let said = stack.make(&["batch"]).expect_success();
    assert!(said.contains("archive objects looked at, 14 days"), "{said}");
    assert_eq!(sums(&stack), before);

    // Made again, nothing is otherwise; a wrong day is named.
    let again = stack.make(&["batch", "--from", "2026-01-06", "--to", "2026-01-07"]);
    let again = again.expect_success();
    assert!(
        again.contains("2 days between 2026-01-06 and 2026-01-07"),
        "{again}"
    );
    let wrong = stack.make(&["batch", "--from", "February"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("FROM is 'February'"), "{}", wrong.stderr);
}
