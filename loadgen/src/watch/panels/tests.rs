use std::collections::BTreeMap;

use analytics::alerts::{AlertType, Evidence, Severity, Sighting};
use analytics::carts::{CartActivity, CartSession, Fate, TopCarts};
use analytics::inventory::Status;
use events::{Timestamp, Uuid};

use super::super::figures::{AlertsFigures, AnomaliesFigures, CartsFigures, CountryFigures, OpenAlert};
use super::conditions::evidence;
use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn snapshot() -> Snapshot {
    Snapshot {
        schema_version: 1,
        stage: "local".to_owned(),
        now: at("2026-11-22T17:30:05Z"),
        minutes: 5,
        sales: None,
        views: None,
        carts: None,
        anomalies: None,
        inventory: None,
        alerts: None,
    }
}

/// The text of what is shown, without colours; no line is wider than the terminal.
fn shown(snapshot: &Snapshot) -> String {
    let lines = render(snapshot, None);
    let lines: Vec<String> = lines.iter().map(|line| line.to_text(100, false)).collect();
    assert!(lines.iter().all(|line| !line.ends_with('…')), "{lines:#?}");
    lines.join("\n")
}

#[test]
fn only_jobs_that_run_have_a_panel() {
    assert_eq!(
        shown(&snapshot()),
        "GlobalMart local  last 5 min, to 17:30:05 UTC"
    );
    let line = render(&snapshot(), Some(Duration::from_millis(2_500)))[0].to_text(100, false);
    assert!(line.ends_with("every 2.5 s, Ctrl-C ends"), "{line}");
}

#[test]
fn a_panel_that_cannot_be_read_says_why_and_the_others_go_on() {
    let error = "Query of sales#2026 failed: throttled".to_owned();
    let text = shown(&Snapshot {
        sales: Some(Panel::Unreadable { error }),
        alerts: Some(Panel::Figures(AlertsFigures::default())),
        ..snapshot()
    });
    assert!(
        text.contains("SALES      cannot be read: Query of sales#2026 failed: throttled"),
        "{text}"
    );
    assert!(text.contains("ALERTS     none open"), "{text}");
}

#[test]
fn sales_are_shown_with_the_countries_that_brought_most() {
    let country = |code: &str, orders, net_revenue_minor| CountryFigures {
        country: code.parse().unwrap(),
        orders,
        net_revenue_minor,
    };
    let figures = SalesFigures {
        orders: 1_234,
        units: 2_000,
        net_revenue_minor: 9_876_543,
        buyers: 1_100,
        orders_per_minute: PerMinute {
            last_complete: 240,
            present: 57,
        },
        countries: vec![country("US", 900, 9_000_000), country("DE", 334, 876_543)],
    };
    let lines: Vec<String> = sales(&figures)
        .iter()
        .map(|line| line.to_text(100, false))
        .collect();
    assert_eq!(
        lines,
        [
            "orders 1,234   net revenue $98,765.43   buyers ~1,100   orders/min 240, 57 so far",
            "  most in  US 900 $90,000.00   DE 334 $8,765.43",
        ]
    );
}

fn product(product_id: u64, momentum: Option<f64>) -> ProductViews {
    ProductViews {
        product_id,
        views: 1_500,
        views_before: 1_200,
        momentum,
        purchased: Some(12),
    }
}

fn views_figures() -> ViewsFigures {
    let searched = |query: &str, count| Searched {
        query: query.to_owned(),
        count,
    };
    ViewsFigures {
        views: 10_000,
        searches: 400,
        visitors: 3_300,
        views_per_minute: PerMinute {
            last_complete: 2_400,
            present: 611,
        },
        top_products: vec![product(17, Some(8.14)), product(4_711, None)],
        rising: vec![product(99, Some(17.5))],
        top_searches: vec![searched("a very long query that nobody finds", 40)],
        top_without_result: vec![searched("xyzzy", 7)],
        categories: vec![CategoryFunnel {
            category: "electronics".to_owned(),
            funnel: Funnel::new(5_000, Some(800), Some(100)),
        }],
        funnel: Funnel::new(10_000, Some(1_000), Some(250)),
        sessions: Some(SessionFigures {
            count: 4_211,
            mean_length_ms: 80_400.0,
            mean_pages: 4.25,
            bounce_rate: 0.31,
        }),
        ..ViewsFigures::default()
    }
}

#[test]
fn views_are_shown_with_what_rises_and_what_is_bought() {
    let text = shown(&Snapshot {
        views: Some(Panel::Figures(views_figures())),
        ..snapshot()
    });
    let expected = "\
VIEWS      views 10,000   visitors ~3,300   searches 400   views/min 2,400, 611 so far
  sessions number 4,211   length 80 s   pages 4.2   bounce 31.0%
  funnel   viewed 10,000   → units added 1,000 (10.0%)   → units purchased 250 (25.0%)
  top products  views  before  momentum  sold      rising  views  before  momentum  sold
  17            1,500   1,200      +8.1    12      99      1,500   1,200     +17.5    12
  4711          1,500   1,200         —    12
  top searches             n                       without result  n
  a very long query tha…  40                       xyzzy           7
  funnel by category  views  units added  of views  purchased  of added
  electronics         5,000          800     16.0%        100     12.5%";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn what_no_running_job_knows_is_a_dash() {
    let mut figures = ViewsFigures {
        funnel: Funnel::new(10_000, None, None),
        ..views_figures()
    };
    figures.categories[0].funnel = Funnel::new(5_000, Some(800), None);
    let text = shown(&Snapshot {
        views: Some(Panel::Figures(figures)),
        ..snapshot()
    });
    assert!(text.contains("→ units added —   → units purchased —"), "{text}");
    assert!(
        text.ends_with("electronics         5,000          800     16.0%          —         —"),
        "{text}"
    );
}

fn left_behind(value_minor: i64) -> CartSession {
    let created_at = at("2026-11-22T17:00:00Z");
    CartSession {
        cart_id: Uuid::from_u128(value_minor.unsigned_abs().into()),
        user_id: 100_000,
        created_at,
        checked_out_at: None,
        last_activity_at: created_at.plus_ms(150_000),
        fate: Fate::Abandoned { at: created_at },
        value_minor,
        units: 3,
        products: 2,
        adds: 3,
        updates: 2,
        removes: 1,
        checkouts: 1,
    }
}

#[test]
fn carts_are_shown_with_what_became_of_them() {
    let figures = CartsFigures {
        active: 300,
        created: 120,
        checked_out: 50,
        converted: 40,
        recovered: 3,
        abandoned: 60,
        abandonment_rate: Some(60.0 / 103.0),
        value_abandoned_minor: 1_234_500,
        value_recovered_minor: 9_900,
        activity: PerMinute {
            last_complete: CartActivity {
                adds: 80,
                removes: 10,
                ..CartActivity::default()
            },
            present: CartActivity {
                adds: 20,
                checkouts: 4,
                ..CartActivity::default()
            },
        },
        top: Some(TopCarts {
            as_of: at("2026-11-22T17:30:00Z"),
            active: Vec::new(),
            abandoned: [9_999_900, 12_300, 400, 300].map(left_behind).into(),
            recovered: Vec::new(),
        }),
    };
    let lines: Vec<String> = carts(&figures)
        .iter()
        .map(|line| line.to_text(100, false))
        .collect();
    assert_eq!(
        lines,
        [
            "active 300   created 120   checked out 50   abandonment 58.3%",
            "  ended    converted 40   left behind 60 of $12,345.00   recovered 3 of $99.00",
            "  a minute adds 80, 20 so far   removes 10, 0 so far   checkouts 0, 4 so far",
            "  left behind, the most valuable          user  units       value  changes  checkouts  lasted",
            "  00000000-0000-0000-0000-00000098961c  100000      3  $99,999.00        6          1   2 min",
            "  00000000-0000-0000-0000-00000000300c  100000      3     $123.00        6          1   2 min",
            "  00000000-0000-0000-0000-000000000190  100000      3       $4.00        6          1   2 min",
        ]
    );
    let none = carts(&CartsFigures::default());
    assert!(none[0].to_text(100, false).ends_with("abandonment —"));
}

fn sighting() -> Sighting {
    Sighting {
        id: Uuid::nil(),
        alert_type: AlertType::HighValue,
        entity: "user:42".to_owned(),
        severity: Severity::Critical,
        evidence: Evidence {
            value: 1_234_567.0,
            limit: Some(500_000.0),
            score: Some(2.469),
            ..Evidence::default()
        },
        seen_at: at("2026-11-22T17:29:59.999Z"),
    }
}

#[test]
fn findings_are_counted_by_rule_and_the_latest_have_their_evidence() {
    let figures = AnomaliesFigures {
        by_rule: BTreeMap::from([(AlertType::HighValue, 2), (AlertType::Velocity, 1)]),
        latest: vec![sighting()],
    };
    let text = shown(&Snapshot {
        anomalies: Some(Panel::Figures(figures)),
        ..snapshot()
    });
    assert!(text.contains("ANOMALIES  high_value 2   velocity 1"), "{text}");
    assert!(
        text.contains("  critical  high_value  user:42  17:29:59  $12,345.67, limit $5,000.00, score 2.5"),
        "{text}"
    );
}

#[test]
fn findings_of_many_rules_take_several_lines() {
    let figures = AnomaliesFigures {
        by_rule: AlertType::ALL.iter().map(|rule| (*rule, 1_000)).collect(),
        latest: Vec::new(),
    };
    let text = shown(&Snapshot {
        anomalies: Some(Panel::Figures(figures)),
        ..snapshot()
    });
    assert!(
        text.contains("\n           country_hopping 1,000   unusual_value"),
        "{text}"
    );
}

#[test]
fn evidence_has_the_units_of_its_condition() {
    let of = Evidence {
        value: 140.0,
        baseline: Some(60.25),
        limit: Some(90.0),
        score: None,
        ..Evidence::default()
    };
    let text = |alert_type, entity| evidence(alert_type, entity, &of);
    assert_eq!(
        text(AlertType::UnusualRate, "shop:orders"),
        "140 orders, limit 90, usual 60.2"
    );
    assert_eq!(
        text(AlertType::UnusualRate, "shop:revenue"),
        "$1.40, limit $0.90, usual $0.60"
    );
    assert_eq!(
        text(AlertType::LowStock, "product:7"),
        "140 units, limit 90, usual 60.2 a day"
    );
    assert_eq!(
        text(AlertType::CountryHopping, "user:1"),
        "140 countries, limit 90, usual 60.2"
    );
}

#[test]
fn stock_is_shown_by_what_to_order_first() {
    let restock = vec![ProductStock {
        product_id: 7,
        on_hand: Some(-3),
        initial: Some(500),
        sold: 503,
        returned: 0,
        velocity_per_hour: 12.34,
        days_of_cover: Some(0.0),
        status: Status::OutOfStock,
        is_high_demand: false,
        reorder_point: Some(84),
        suggested_quantity: Some(1_157),
    }];
    let figures = InventoryFigures {
        products: 1_000,
        out_of_stock: 1,
        low_stock: 12,
        units_sold: 77,
        restock,
        ..InventoryFigures::default()
    };
    let text = shown(&Snapshot {
        inventory: Some(Panel::Figures(figures)),
        ..snapshot()
    });
    let expected = "\
INVENTORY  out of stock 1   low 12   high demand 0   of products 1,000   sold 77   returned 0
  to order first  on hand  sold/h  days left  order at  order
  7                    -3    12.3        0.0        84  1,157";
    assert!(text.ends_with(expected), "{text}");
    let unswept = inventory(&InventoryFigures::default())[0].to_text(100, false);
    assert!(unswept.starts_with("no stock is known yet"), "{unswept}");
}

#[test]
fn alerts_are_counted_from_the_worst_on() {
    let sighting = sighting();
    let figures = AlertsFigures {
        open: BTreeMap::from([(Severity::Info, 200), (Severity::Critical, 2)]),
        has_more: true,
        latest: vec![OpenAlert {
            alert_type: sighting.alert_type,
            entity: sighting.entity,
            severity: sighting.severity,
            count: 3,
            first_seen: sighting.seen_at,
            last_seen: sighting.seen_at,
            evidence: sighting.evidence,
        }],
    };
    let text = shown(&Snapshot {
        alerts: Some(Panel::Figures(figures)),
        ..snapshot()
    });
    assert!(
        text.contains("ALERTS     critical 2   info 200   and more"),
        "{text}"
    );
    assert!(
        text.contains("high_value  user:42  17:29:59     3  $12,345.67"),
        "{text}"
    );
}

#[test]
fn colours_change_nothing_but_colours() {
    let snapshot = Snapshot {
        views: Some(Panel::Figures(views_figures())),
        ..snapshot()
    };
    for line in render(&snapshot, None) {
        let coloured = line.to_text(100, true);
        let mut bare = String::new();
        for (n, part) in coloured.split('\x1b').enumerate() {
            let text = if n == 0 {
                part
            } else {
                part.split_once('m').unwrap().1
            };
            bare.push_str(text);
        }
        assert_eq!(bare.trim_end(), line.to_text(100, false));
    }
}
