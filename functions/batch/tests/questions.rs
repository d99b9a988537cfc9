//! The named queries over the star schema and the analytical tables, against answers worked out by hand.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "questions/carts.rs"]
mod carts;
#[path = "questions/python.rs"]
mod python;
#[path = "questions/warehouse.rs"]
mod small_warehouse;

use std::fs;
use std::path::Path;

use small_warehouse::{Objects, forecast_error, segments, star, tables};

/// Asks a query of a warehouse; a line of the answer is a row, the first one its columns.
fn ask(query: &str, objects: &Objects) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (key, bytes) in objects {
        if key.starts_with("warehouse/") {
            let path = folder.path().join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    let queries = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/athena");
    let file = queries.join(format!("{query}.sql")).to_str().unwrap().to_owned();
    let answers = python::run("questions/answer.py", &folder.path().join("warehouse"), &[file]);
    let answer = answers[query].as_str().unwrap();
    answer.lines().map(str::to_owned).collect()
}

#[test]
fn segments_are_those_of_the_latest_snapshot() {
    let mut objects = tables();
    let columns = "snapshot_date,segment,customers,percent_of_customers,net_revenue,percent_of_net,orders,net_per_order";
    assert_eq!(
        ask("top_segments", &objects),
        [
            columns,
            "2026-03-01,Hibernating,3,50.0,99.50,9.95,3,33.17",
            "2026-03-01,Champions,2,33.33,750.50,75.05,5,150.10",
            "2026-03-01,New,1,16.67,150.01,15.0,1,150.01",
        ]
    );
    objects.extend([segments("2026-03-02", &[(6, 2, -50, "New")])]);
    assert_eq!(
        ask("top_segments", &objects),
        [columns, "2026-03-02,New,1,100.0,-0.50,,2,-0.25"]
    );
}

/// DE grew from January to February, both of which are complete. FR had a negative month before, JP none.
#[test]
fn growth_is_from_a_complete_month_to_the_next() {
    assert_eq!(
        ask("revenue_by_region", &tables()),
        [
            "month,country,is_complete,orders,buyers,net_revenue,percent_of_month,growth_percent",
            "2026-03-01,DE,False,3,2,-0.10,,",
            "2026-02-01,DE,True,3,2,1500.00,75.0,50.0",
            "2026-02-01,JP,True,3,2,450.00,22.5,",
            "2026-02-01,FR,True,3,2,50.00,2.5,",
            "2026-01-01,DE,True,3,2,1000.00,101.01,",
            "2026-01-01,FR,True,3,2,-10.00,-1.01,",
            "2025-12-01,JP,False,3,2,750.00,60.0,",
            "2025-12-01,DE,False,3,2,500.00,40.0,",
        ]
    );
}

/// Product 2 is not in the catalog and was not sold, 6 was sold only.
#[test]
fn products_that_fall_the_most_come_first() {
    let mut objects = star();
    objects.extend(tables());
    assert_eq!(
        ask("products_falling", &objects),
        [
            "product_id,name,category,as_of_date,change_percent,net_revenue,abc_class",
            "6,,lamps,2026-02-28,-120.46,9.99,C",
            "5,product 5,rugs,2026-02-28,-100.0,12.34,C",
            "2,,,2026-02-28,-100.0,0.00,C",
            "1,product 1,lamps,2026-02-28,-50.0,1000.00,A",
        ]
    );
}

#[test]
fn cohorts_are_followed_month_by_month_also_where_nobody_came_back() {
    assert_eq!(
        ask("cohort_retention", &star()),
        [
            "cohort_month,cohort_customers,months_since,customers,percent_of_cohort",
            "2025-11-01,3,0,3,100.0",
            "2025-11-01,3,1,1,33.33",
            "2025-11-01,3,2,1,33.33",
            "2025-11-01,3,3,2,66.67",
            "2025-12-01,1,0,1,100.0",
            "2025-12-01,1,1,0,0.0",
            "2025-12-01,1,2,1,100.0",
        ]
    );
}

#[test]
fn only_moves_down_count_as_shares_of_where_they_began() {
    assert_eq!(
        ask("segment_moves", &tables()),
        [
            "snapshot_date,previous_date,from_segment,to_segment,customers,percent_of_segment,steps_down",
            "2026-03-01,2026-02-28,Champions,Loyal,2,25.0,1",
            "2026-03-01,2026-02-28,Loyal,Hibernating,2,20.0,8",
            "2026-03-01,2026-02-28,Champions,At Risk,1,12.5,8",
            "2026-03-01,2026-02-28,Can't Lose,At Risk,1,100.0,1",
        ]
    );
}

#[test]
fn a_forecast_says_how_far_off_it_may_be_once_that_is_tested() {
    let mut objects = tables();
    let columns = "date,net_revenue,mean_error,scaled_error,tested_days";
    assert_eq!(
        ask("forecast", &objects),
        [
            columns,
            "2026-03-01,1234.56,123.46,0.877,28",
            "2026-03-02,-0.50,123.46,0.877,28",
        ]
    );
    objects.extend([forecast_error(None)]);
    assert_eq!(
        ask("forecast", &objects),
        [columns, "2026-03-01,1234.56,,,", "2026-03-02,-0.50,,,"]
    );
}
