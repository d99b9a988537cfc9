use analytics::alerts::{Policy, Signal, apply};
use analytics::inventory::{InventoryFact, Settings};
use analytics::views::ViewsPartial;
use events::{Body, CartLine, Device, Envelope, Event, Line, PaymentMethod, ProductView, Sale, Search, Uuid};

use super::*;

const NOW: i64 = 1_000;

const WINDOW: Window = Window {
    now: Minute::from_number(NOW),
    minutes: 5,
};

fn minute(back: i64) -> Minute {
    WINDOW.now.plus(-back)
}

fn event(back: i64, user_id: u64, body: Body) -> Event {
    Event {
        envelope: Envelope {
            event_id: Uuid::from_u128(u128::from(user_id)),
            occurred_at: minute(back).start().unwrap(),
            user_id,
            session_id: Uuid::from_u128(u128::from(user_id)),
            country: "US".parse().unwrap(),
            device: Device::Mobile,
        },
        body,
    }
}

fn of_minutes(minutes: impl IntoIterator<Item = (Minute, Vec<ViewsPartial>)>) -> ViewsRead {
    let mut read = ViewsRead::default();
    read.minutes = minutes.into_iter().collect();
    read
}

/// A page a minute of the views of a product, so many in each.
fn views(by_minute: &[(i64, u64, usize)]) -> ViewsRead {
    let minutes = by_minute.iter().map(|(back, product_id, n)| {
        let mut page = ViewsPartial::default();
        for user_id in 0..*n as u64 {
            let view = ProductView {
                product_id: *product_id,
                category: "Toys".into(),
                price_minor: 100,
            };
            page.fold(&event(*back, user_id, Body::ProductView(view)));
        }
        (minute(*back), vec![page])
    });
    of_minutes(minutes)
}

#[test]
fn the_window_ends_with_the_present_minute() {
    let sales = |orders: i64, minor: i64| {
        let mut sales = Sales::default();
        sales.totals.orders = orders;
        sales.totals.gross_minor = minor;
        sales.buyers.insert(7);
        sales
    };
    let of = |country: &str, sales: Sales| MinuteSales {
        countries: BTreeMap::from([(country.parse().unwrap(), sales)]),
        ..MinuteSales::default()
    };
    let minutes: Minutes<MinuteSales> = [
        (minute(5), of("FR", sales(100, 1))),
        (minute(4), of("US", sales(10, 500))),
        (minute(1), of("DE", sales(4, 700))),
        (minute(0), of("US", sales(1, 100))),
    ]
    .into_iter()
    .collect();
    let figures = SalesFigures::of(&minutes, WINDOW);
    assert_eq!((figures.orders, figures.net_revenue_minor), (15, 1_300));
    assert_eq!(figures.buyers, 1, "one shopper in all countries");
    let expected = PerMinute {
        last_complete: 4,
        present: 1,
    };
    assert_eq!(figures.orders_per_minute, expected);
    let countries: Vec<&str> = figures.countries.iter().map(|of| of.country.as_str()).collect();
    assert_eq!(countries, ["DE", "US"]);
}

#[test]
fn the_last_complete_minute_is_read_even_for_a_window_of_one() {
    let window = Window { minutes: 1, ..WINDOW };
    assert_eq!((window.first(), window.read_from()), (minute(0), minute(1)));
    assert_eq!((WINDOW.first(), WINDOW.read_from()), (minute(4), minute(4)));
}

#[test]
fn momentum_is_that_of_complete_minutes() {
    // Product 1 goes from 10 views to 90, and on in the present minute; product 2 is new in the present minute.
    let mut read = views(&[(10, 1, 10), (5, 1, 40), (1, 1, 50), (0, 1, 7)]);
    let figures = ViewsFigures::of(&mut read, Purchased::default(), WINDOW);
    assert_eq!(figures.views, 57);
    let expected = PerMinute {
        last_complete: 50,
        present: 7,
    };
    assert_eq!(figures.views_per_minute, expected);
    let product = &figures.top_products[0];
    assert_eq!(
        (product.product_id, product.views, product.views_before),
        (1, 57, 10)
    );
    // √2 · (√90.375 − √10.375)
    let momentum = product.momentum.unwrap();
    assert!((momentum - 8.89).abs() < 0.01, "{momentum}");
    assert_eq!(figures.rising.len(), 1);
    let figures = ViewsFigures::of(&mut views(&[(0, 2, 7)]), Purchased::default(), WINDOW);
    assert_eq!(figures.top_products[0].momentum, None);
}

#[test]
fn a_window_goes_on_with_the_clock_and_with_what_comes_late() {
    let mut read = views(&[(4, 1, 10), (3, 1, 20), (0, 1, 5)]);
    let count = |read: &mut ViewsRead, window| ViewsFigures::of(read, Purchased::default(), window).views;
    assert_eq!(count(&mut read, WINDOW), 35);
    assert_eq!(count(&mut read, WINDOW), 35, "nothing is added twice");
    let later = Window {
        now: minute(-1),
        ..WINDOW
    };
    assert_eq!(count(&mut read, later), 25);
    let late = views(&[(3, 1, 21)]).minutes.get(minute(3)).cloned();
    read.minutes.know(minute(3), late.unwrap());
    assert_eq!(count(&mut read, later), 26);
}

fn line(category: &str, quantity: i64) -> Line {
    Line {
        product_id: 1,
        category: category.to_owned().into(),
        quantity,
        unit_price_minor: 100,
    }
}

fn add_to(cart_id: Uuid, line: Line) -> Body {
    Body::CartAdd(CartLine { cart_id, line })
}

fn purchase(lines: Vec<Line>) -> Body {
    Body::Purchase(Sale {
        transaction_id: Uuid::nil(),
        cart_id: Uuid::nil(),
        lines,
        discount_minor: 0,
        shipping_minor: 0,
        tax_minor: 0,
        total_minor: 0,
        currency: "USD".into(),
        payment_method: PaymentMethod::Paypal,
    })
}

#[test]
fn what_is_put_into_carts_and_bought_is_told_by_category() {
    let mut added = CartsPartial::default();
    added.fold(&event(1, 1, add_to(Uuid::nil(), line(" toys", 3))));
    added.fold(&event(1, 2, add_to(Uuid::nil(), line("Books", 2))));
    let carts: Minutes<CartsPartial> = [(minute(1), added)].into_iter().collect();
    let sales = |back, lines| {
        let mut page = SalesPartial::default();
        page.fold(&event(back, 1, purchase(lines)));
        (minute(back), MinuteSales::from(page))
    };
    let sales: Minutes<MinuteSales> = [
        sales(5, vec![line("toys", 9)]),
        sales(2, vec![line("TOYS", 1), line("books", 3)]),
        sales(0, vec![line("toys ", 1)]),
    ]
    .into_iter()
    .collect();
    let moved = MovedUnits::from([(1, Moved { sold: 5, returned: 1 })]);
    let moved: Minutes<MovedUnits> = [(minute(2), moved)].into_iter().collect();
    let others = Purchased {
        sales: Some(&sales),
        carts: Some(&carts),
        moved: Some(&moved),
        sold: Some(5),
    };
    let figures = ViewsFigures::of(&mut views(&[(1, 1, 12)]), others, WINDOW);
    let toys = Funnel {
        views: 12,
        units_added: Some(3),
        units_purchased: Some(2),
        view_to_cart_rate: Some(0.25),
        cart_to_purchase_rate: Some(2.0 / 3.0),
    };
    assert_eq!(
        figures.categories,
        [CategoryFunnel {
            category: "toys".to_owned(),
            funnel: toys,
        }]
    );
    assert_eq!(figures.funnel, Funnel::new(12, Some(5), Some(5)));
    assert_eq!(figures.top_products[0].purchased, Some(5));
    let json = serde_json::to_value(&figures).unwrap();
    assert_eq!(json["categories"][0]["view_to_cart_rate"], 0.25);
    assert_eq!(json["funnel"]["cart_to_purchase_rate"], 1.0);
}

#[test]
fn a_rate_of_nothing_or_of_what_no_job_counts_is_unknown() {
    let rates = |funnel: Funnel| (funnel.view_to_cart_rate, funnel.cart_to_purchase_rate);
    assert_eq!(rates(Funnel::new(0, Some(0), Some(3))), (None, None));
    assert_eq!(rates(Funnel::new(4, None, Some(3))), (None, None));
    assert_eq!(rates(Funnel::new(4, Some(2), None)), (Some(0.5), None));
    let figures = ViewsFigures::of(&mut views(&[(1, 1, 9)]), Purchased::default(), WINDOW);
    assert_eq!(figures.categories[0].funnel, Funnel::new(9, None, None));
}

#[test]
fn searches_and_sessions_are_told() {
    let mut page = ViewsPartial::default();
    for (user_id, results) in [(1, 0), (2, 5)] {
        let search = Search {
            query: "Shoes".into(),
            results,
        };
        page.fold(&event(1, user_id, Body::Search(search)));
    }
    let mut read = of_minutes([(minute(1), vec![page])]);
    let figures = ViewsFigures::of(&mut read, Purchased::default(), WINDOW);
    assert_eq!(
        (figures.top_searches[0].count, figures.top_without_result[0].count),
        (2, 1)
    );
    let sessions = figures.sessions.unwrap();
    assert_eq!(sessions.count, 2);
    assert!((sessions.bounce_rate - 1.0).abs() < 1e-9);
}

#[test]
fn carts_are_those_of_the_window_whatever_the_minute() {
    let page = |back, user_id, cart: u128| {
        let mut page = CartsPartial::default();
        let add = add_to(Uuid::from_u128(cart), line("toys", 1));
        page.fold(&event(back, user_id, add));
        (minute(back), page)
    };
    let pages: Minutes<CartsPartial> = [page(5, 1, 9), page(2, 1, 1), page(1, 1, 1), page(0, 2, 2)]
        .into_iter()
        .collect();
    let swept = |abandoned, converted| CartMinute {
        abandoned,
        converted,
        value_abandoned_minor: 500 * abandoned,
        ..CartMinute::default()
    };
    let swept = BTreeMap::from([(minute(2), swept(2, 0)), (minute(1), swept(1, 1))]);
    let figures = CartsFigures::of(&pages, &swept, None, WINDOW);
    assert_eq!(figures.active, 2);
    assert_eq!(figures.abandonment_rate, Some(0.75));
    assert_eq!(figures.value_abandoned_minor, 1_500);
    assert_eq!(
        (figures.activity.last_complete.adds, figures.activity.present.adds),
        (1, 1)
    );
}

fn sighting(id: u128, back: i64, alert_type: AlertType, severity: Severity) -> Sighting {
    Sighting {
        id: Uuid::from_u128(id),
        alert_type,
        entity: format!("user:{id}"),
        severity,
        evidence: Evidence::default(),
        seen_at: minute(back).start().unwrap(),
    }
}

#[test]
fn the_latest_findings_come_first() {
    let found = |id, back, rule| sighting(id, back, rule, Severity::Info);
    let many = (10..20).map(|id| found(id, 3, AlertType::Velocity)).collect();
    let minutes: Minutes<Vec<Sighting>> = [
        (minute(5), vec![found(1, 5, AlertType::HighValue)]),
        (minute(3), many),
        (minute(0), vec![found(2, 0, AlertType::HighValue)]),
    ]
    .into_iter()
    .collect();
    let figures = AnomaliesFigures::of(&minutes, WINDOW);
    let expected = BTreeMap::from([(AlertType::HighValue, 1), (AlertType::Velocity, 10)]);
    assert_eq!(figures.by_rule, expected);
    let latest: Vec<&str> = figures.latest.iter().map(|found| found.entity.as_str()).collect();
    assert_eq!(latest, ["user:2", "user:10", "user:11", "user:12", "user:13"]);
}

#[test]
fn stock_is_counted_by_status() {
    let mut stock = Stock::default();
    stock.take_catalog([(1, 100), (2, 100), (3, 100)]);
    let sold = |product_id, units| InventoryFact {
        occurred_at: minute(3).start().unwrap(),
        is_refund: false,
        lines: vec![analytics::inventory::ProductUnits { product_id, units }],
    };
    let facts = [sold(1, 100), sold(2, 96), sold(9, 1)];
    stock.advance(&facts, minute(0).start().unwrap(), &Settings::default());
    let moved = MovedUnits::from([(
        1,
        Moved {
            sold: 100,
            returned: 2,
        },
    )]);
    let moved: Minutes<MovedUnits> = [(minute(3), moved)].into_iter().collect();
    let figures = InventoryFigures::of(Some(&stock), &moved, WINDOW);
    let counts = (
        figures.products,
        figures.out_of_stock,
        figures.low_stock,
        figures.unknown,
    );
    assert_eq!(counts, (4, 1, 1, 1));
    assert_eq!((figures.units_sold, figures.units_returned), (100, 2));
    assert_eq!(figures.restock[0].product_id, 1);
    let none = InventoryFigures::of(None, &moved, WINDOW);
    assert_eq!((none.products, none.units_sold), (0, 100));
    // What is low is for the sweep's settings to say.
    let low_from_the_start = Settings {
        low_stock_fraction: 1.0,
        ..Settings::default()
    };
    stock.advance(&[], minute(0).start().unwrap(), &low_from_the_start);
    let figures = InventoryFigures::of(Some(&stock), &moved, WINDOW);
    assert_eq!((figures.out_of_stock, figures.low_stock), (1, 2));
}

#[test]
fn open_alerts_are_counted_by_severity() {
    let alert = |id, severity| {
        let raised = Signal::Raise(sighting(id, 1, AlertType::HighValue, severity));
        apply(None, &raised, &Policy::default()).unwrap()
    };
    let mut alerts: Vec<Alert> = (0..7).map(|id| alert(id, Severity::Info)).collect();
    alerts.push(alert(7, Severity::Critical));
    let figures = AlertsFigures::of(&alerts);
    assert_eq!(
        figures.open,
        BTreeMap::from([(Severity::Info, 7), (Severity::Critical, 1)])
    );
    assert_eq!((figures.latest.len(), figures.has_more), (TOP, false));
    alerts.resize(MOST_ALERTS, alerts[0].clone());
    assert!(AlertsFigures::of(&alerts).has_more);
}

#[test]
fn as_json_a_panel_is_its_figures_or_its_error() {
    let snapshot = Snapshot {
        schema_version: 1,
        stage: "local".to_owned(),
        now: minute(0).start().unwrap(),
        minutes: 5,
        sales: Some(Panel::Figures(SalesFigures::default())),
        views: Some(Panel::Unreadable {
            error: "throttled".to_owned(),
        }),
        carts: None,
        anomalies: None,
        inventory: None,
        alerts: Some(Panel::Figures(AlertsFigures {
            open: BTreeMap::from([(Severity::Critical, 2)]),
            ..AlertsFigures::default()
        })),
    };
    let json = serde_json::to_value(&snapshot).unwrap();
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["sales"]["orders_per_minute"]["present"], 0);
    assert_eq!(json["views"]["error"], "throttled");
    assert_eq!(json["alerts"]["open"]["critical"], 2);
    assert!(json.get("carts").is_none(), "a job that does not run has no key");
    assert_eq!(snapshot.unreadable(), [("views", "throttled")]);
}
