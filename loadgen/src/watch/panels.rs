//! The panels as text.

mod carts;
mod conditions;

use std::time::Duration;

use analytics::inventory::ProductStock;

use self::carts::carts;
use self::conditions::{alerts, anomalies};
use super::figures::{
    CategoryFunnel, Funnel, InventoryFigures, Panel, PerMinute, ProductViews, SalesFigures, Searched,
    SessionFigures, Snapshot, ViewsFigures,
};
use super::text::{Column, DASH, Line, Piece, Tone, beside, clock, percent, table, whole};
use crate::report::grouped;
use crate::sales::dollars;

/// Every panel's name and its lines' names stand in a column of this width.
const NAMES: usize = 11;
/// So many find room on a line.
const COUNTRIES: usize = 4;
/// A place for a text that shoppers type.
const QUERY: usize = 22;
/// From this momentum on, chance alone explains a move once in 700 times.
const MOVES: f64 = 3.0;

/// All panels, below a line that says what they are of.
pub(super) fn render(snapshot: &Snapshot, every: Option<Duration>) -> Vec<Line> {
    let mut lines = vec![title(snapshot, every)];
    show(&mut lines, "SALES", snapshot.sales.as_ref(), sales);
    show(&mut lines, "VIEWS", snapshot.views.as_ref(), views);
    show(&mut lines, "CARTS", snapshot.carts.as_ref(), carts);
    show(&mut lines, "ANOMALIES", snapshot.anomalies.as_ref(), anomalies);
    show(&mut lines, "INVENTORY", snapshot.inventory.as_ref(), inventory);
    show(&mut lines, "ALERTS", snapshot.alerts.as_ref(), alerts);
    lines
}

fn title(snapshot: &Snapshot, every: Option<Duration>) -> Line {
    let line = Line::default()
        .and("GlobalMart ", Tone::Strong)
        .and(&snapshot.stage, Tone::Strong)
        .and(
            format!("  last {} min, to {} UTC", snapshot.minutes, clock(snapshot.now)),
            Tone::Faint,
        );
    match every {
        Some(every) => line.and(
            format!("  every {} s, Ctrl-C ends", every.as_secs_f64()),
            Tone::Faint,
        ),
        None => line,
    }
}

fn show<T>(lines: &mut Vec<Line>, name: &str, panel: Option<&Panel<T>>, of: impl Fn(&T) -> Vec<Line>) {
    let name = format!("{name:NAMES$}");
    match panel {
        None => {}
        Some(Panel::Unreadable { error }) => {
            lines.push(Line::default());
            let line = Line::default().and(name, Tone::Strong);
            lines.push(line.and(format!("cannot be read: {error}"), Tone::Bad));
        }
        Some(Panel::Figures(figures)) => {
            lines.push(Line::default());
            let mut of_panel = of(figures).into_iter();
            let first = of_panel.next().unwrap_or_default();
            lines.push(Line::default().and(name, Tone::Strong).followed_by(first));
            lines.extend(of_panel);
        }
    }
}

/// Figures, each with its name before it.
fn facts(figures: &[(&str, String)]) -> Line {
    figures
        .iter()
        .enumerate()
        .fold(Line::default(), |line, (n, (name, figure))| {
            let name = format!("{}{name} ", if n > 0 { "   " } else { "" });
            line.and(name, Tone::Faint).and(figure, Tone::Plain)
        })
}

/// A line of a panel that has a name of its own.
fn named(name: &str, line: Line) -> Line {
    let name = format!("  {name:width$}", width = NAMES - 2);
    Line::default().and(name, Tone::Faint).followed_by(line)
}

/// Lines below a panel's first.
fn indented(block: Vec<Line>) -> Vec<Line> {
    let space = || Line::default().and("  ", Tone::Plain);
    block.into_iter().map(|line| space().followed_by(line)).collect()
}

fn per_minute(figure: PerMinute<String>) -> String {
    let PerMinute {
        last_complete,
        present,
    } = figure;
    format!("{last_complete}, {present} so far")
}

fn sales(figures: &SalesFigures) -> Vec<Line> {
    let orders = figures.orders_per_minute;
    let first = facts(&[
        ("orders", whole(figures.orders)),
        ("net revenue", dollars(figures.net_revenue_minor)),
        ("buyers", format!("~{}", grouped(figures.buyers))),
        ("orders/min", per_minute(orders.map(whole))),
    ]);
    let countries = figures.countries.iter().take(COUNTRIES);
    let countries = countries.fold(Line::default(), |line, of| {
        let figures = format!(" {} {}   ", whole(of.orders), dollars(of.net_revenue_minor));
        line.and(of.country.as_str(), Tone::Strong)
            .and(figures, Tone::Plain)
    });
    let countries = (!figures.countries.is_empty()).then(|| named("most in", countries));
    std::iter::once(first).chain(countries).collect()
}

fn views(figures: &ViewsFigures) -> Vec<Line> {
    let mut lines = vec![facts(&[
        ("views", grouped(figures.views)),
        ("visitors", format!("~{}", grouped(figures.visitors))),
        ("searches", grouped(figures.searches)),
        ("views/min", per_minute(figures.views_per_minute.map(grouped))),
    ])];
    lines.extend(figures.sessions.as_ref().map(sessions));
    lines.push(named("funnel", funnel(&figures.funnel)));
    let products = beside(
        &[
            products("top products", &figures.top_products),
            products("rising", &figures.rising),
        ],
        49,
    );
    let queries = |title, found: &[Searched]| {
        let rows = found
            .iter()
            .map(|found| [found.query.as_str().into(), grouped(found.count).into()]);
        table([Column::Text(title, QUERY), Column::Number("n")], rows.collect())
    };
    let texts = beside(
        &[
            queries("top searches", &figures.top_searches),
            queries("without result", &figures.top_without_result),
        ],
        49,
    );
    lines.extend(indented(products));
    lines.extend(indented(texts));
    lines.extend(indented(categories(&figures.categories)));
    lines
}

fn sessions(figures: &SessionFigures) -> Line {
    let line = facts(&[
        ("number", grouped(figures.count)),
        ("length", format!("{:.0} s", figures.mean_length_ms / 1_000.0)),
        ("pages", format!("{:.1}", figures.mean_pages)),
        ("bounce", percent(figures.bounce_rate)),
    ]);
    named("sessions", line)
}

/// From what was looked at to what was bought, each step with its share of the one before.
fn funnel(of: &Funnel) -> Line {
    let step = |units: Option<u64>, rate: Option<f64>| match units {
        Some(units) => format!("{} ({})", grouped(units), known(rate, percent)),
        None => DASH.to_owned(),
    };
    facts(&[
        ("viewed", grouped(of.views)),
        ("→ units added", step(of.units_added, of.view_to_cart_rate)),
        (
            "→ units purchased",
            step(of.units_purchased, of.cart_to_purchase_rate),
        ),
    ])
}

fn known<T>(figure: Option<T>, to_text: impl Fn(T) -> String) -> String {
    figure.map_or_else(|| DASH.to_owned(), to_text)
}

fn products(title: &'static str, products: &[ProductViews]) -> Vec<Line> {
    let row = |product: &ProductViews| {
        let momentum = product.momentum.map_or(Piece::from(DASH), |momentum| {
            let tone = match momentum {
                up if up >= MOVES => Tone::Good,
                down if down <= -MOVES => Tone::Warning,
                _ => Tone::Plain,
            };
            Piece::new(&format!("{momentum:+.1}"), tone)
        });
        [
            product.product_id.to_string().into(),
            grouped(product.views).into(),
            grouped(product.views_before).into(),
            momentum,
            product.purchased.map_or(DASH.to_owned(), whole).into(),
        ]
    };
    let columns = [
        Column::Text(title, QUERY),
        Column::Number("views"),
        Column::Number("before"),
        Column::Number("momentum"),
        Column::Number("sold"),
    ];
    table(columns, products.iter().map(row).collect())
}

fn categories(categories: &[CategoryFunnel]) -> Vec<Line> {
    let row = |CategoryFunnel { category, funnel }: &CategoryFunnel| {
        [
            category.as_str().into(),
            grouped(funnel.views).into(),
            known(funnel.units_added, grouped).into(),
            known(funnel.view_to_cart_rate, percent).into(),
            known(funnel.units_purchased, grouped).into(),
            known(funnel.cart_to_purchase_rate, percent).into(),
        ]
    };
    let columns = [
        Column::Text("funnel by category", QUERY),
        Column::Number("views"),
        Column::Number("units added"),
        Column::Number("of views"),
        Column::Number("purchased"),
        Column::Number("of added"),
    ];
    table(columns, categories.iter().map(row).collect())
}

fn inventory(figures: &InventoryFigures) -> Vec<Line> {
    let moved = [
        ("sold", whole(figures.units_sold)),
        ("returned", whole(figures.units_returned)),
    ];
    if figures.products == 0 {
        let none = "no stock is known yet: a sweep tells it   ";
        return vec![Line::default().and(none, Tone::Faint).followed_by(facts(&moved))];
    }
    let of = |count: usize| grouped(count as u64);
    let tone = |count: usize, tone| if count > 0 { tone } else { Tone::Good };
    let first = Line::default()
        .and("out of stock ", Tone::Faint)
        .and(of(figures.out_of_stock), tone(figures.out_of_stock, Tone::Bad))
        .and("   low ", Tone::Faint)
        .and(of(figures.low_stock), tone(figures.low_stock, Tone::Warning))
        .and("   ", Tone::Plain);
    let rest = facts(&[
        ("high demand", of(figures.high_demand)),
        ("of products", of(figures.products)),
        moved[0].clone(),
        moved[1].clone(),
    ]);
    let row = |product: &ProductStock| {
        let number = |units: Option<i64>| units.map_or(DASH.to_owned(), whole);
        let days = product.days_of_cover;
        [
            Piece::from(product.product_id.to_string()),
            number(product.on_hand).into(),
            format!("{:.1}", product.velocity_per_hour).into(),
            days.map_or(DASH.to_owned(), |days| format!("{days:.1}")).into(),
            number(product.reorder_point).into(),
            number(product.suggested_quantity).into(),
        ]
    };
    let columns = [
        Column::Text("to order first", QUERY),
        Column::Number("on hand"),
        Column::Number("sold/h"),
        Column::Number("days left"),
        Column::Number("order at"),
        Column::Number("order"),
    ];
    let restock = table(columns, figures.restock.iter().map(row).collect());
    std::iter::once(first.followed_by(rest))
        .chain(indented(restock))
        .collect()
}

#[cfg(test)]
mod tests;
