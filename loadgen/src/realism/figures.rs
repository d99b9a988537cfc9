//! The figures, each with what it is a part of and the range that it has to lie in.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use events::{Device, MS_PER_DAY, Stream};

use super::measure::Measured;
use crate::generator::Anomaly;

/// The head of the popularity: the products of these ranks, the best one being the first.
pub const HEAD_RANKS: usize = 1_000;
/// Customers with at least so many earlier orders are regulars.
const REGULAR_ORDERS: usize = 10;
const DAYS_PER_YEAR: usize = 365;
const NOVEMBER: u32 = 11;

/// A measured number and its target.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it is.
    pub name: &'static str,
    /// What it is a part of, or a mean over.
    pub of: &'static str,
    /// Where it has to lie.
    pub target: RangeInclusive<f64>,
    /// What it is.
    pub value: f64,
    /// `%`, `$`, or nothing.
    pub unit: &'static str,
}

impl Figure {
    /// Whether it lies where it has to.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.target.contains(&self.value)
    }
}

const fn figure(
    name: &'static str,
    of: &'static str,
    target: RangeInclusive<f64>,
    value: f64,
    unit: &'static str,
) -> Figure {
    Figure {
        name,
        of,
        target,
        value,
        unit,
    }
}

const fn share(name: &'static str, of: &'static str, target: RangeInclusive<f64>, value: f64) -> Figure {
    figure(name, of, target, value, "%")
}

pub(super) fn of_mix(measured: &Measured) -> Vec<Figure> {
    let events: u64 = measured.streams.values().sum();
    let stream = |stream| percent(count(&measured.streams, &stream), events);
    let mut figures = vec![
        share(
            "views, searches, filters, comparisons",
            "events",
            59.5..=60.5,
            stream(Stream::ProductViews),
        ),
        share("cart events", "events", 29.5..=30.5, stream(Stream::CartEvents)),
        share(
            "purchases and refunds",
            "events",
            9.5..=10.5,
            stream(Stream::Transactions),
        ),
        anomalous(measured),
    ];
    figures.extend(Anomaly::ALL.iter().map(|kind| {
        let found = count(&measured.anomalies, kind);
        share(
            kind.as_str(),
            "purchases",
            0.32..=0.48,
            percent(found, measured.purchases),
        )
    }));
    figures.push(figure(
        "popularity by units sold",
        "slope of log units over log rank, ranks 1 to 1,000",
        -1.1..=-0.7,
        slope(&measured.orders.sold, HEAD_RANKS),
        "",
    ));
    figures
}

pub(super) fn of_week(measured: &Measured) -> Vec<Figure> {
    let Measured {
        sessions,
        carts,
        abandoned,
        purchases,
        orders,
        ..
    } = measured;
    let device = |device| percent(count(&measured.devices, &device), *sessions);
    let units: i64 = orders
        .units
        .iter()
        .map(|(units, orders)| units * orders.cast_signed())
        .sum();
    let hours = by_hour_of_day(measured);
    let (least, most) = hours.iter().fold((f64::MAX, 0.0_f64), |(least, most), hour| {
        (hour.min(least), hour.max(most))
    });
    vec![
        share(
            "add to cart",
            "sessions",
            6.0..=8.5,
            percent(measured.sessions_with_cart, *sessions),
        ),
        share(
            "conversion",
            "sessions",
            2.5..=3.5,
            percent(measured.sessions_with_purchase, *sessions),
        ),
        share("abandonment", "carts", 68.0..=73.0, percent(*abandoned, *carts)),
        figure(
            "purchases that don't fit",
            "carts − abandoned carts − purchases",
            0.0..=0.0,
            *carts as f64 - *abandoned as f64 - *purchases as f64,
            "",
        ),
        figure(
            "units",
            "an order, without anomalous ones",
            2.6..=3.1,
            mean(units, orders.count()),
            "",
        ),
        figure(
            "order value",
            "an order: goods less discounts, without anomalous ones",
            117.0..=143.0,
            mean(orders.net_minor, orders.count()) / 100.0,
            "$",
        ),
        figure(
            "spread of prices",
            "standard deviation of ln price, over lines of orders",
            1.0..=1.2,
            log_price(measured).1,
            "",
        ),
        share(
            "refunds",
            "purchases",
            19.5..=20.5,
            percent(measured.refunds, *purchases),
        ),
        share(
            "refunded value",
            "value of orders",
            14.6..=20.6,
            100.0 * measured.refunded_minor as f64 / orders.net_minor as f64,
        ),
        figure(
            "popularity by views",
            "slope of log views over log rank, ranks 1 to 1,000",
            -1.1..=-0.7,
            slope(&measured.views, HEAD_RANKS),
            "",
        ),
        figure(
            "busiest hour",
            "events of the quietest hour of the day",
            5.0..=f64::INFINITY,
            most / least,
            "×",
        ),
        share(
            "events from 20:00 to 21:00",
            "events of whole days",
            15.4..=16.4,
            hours[20],
        ),
        share("mobile", "sessions", 64.0..=66.0, device(Device::Mobile)),
        share("desktop", "sessions", 31.0..=33.0, device(Device::Desktop)),
        share("tablet", "sessions", 2.5..=3.5, device(Device::Tablet)),
        anomalous(measured),
    ]
}

pub(super) fn of_year(measured: &Measured) -> Vec<Figure> {
    let black_friday = of_day(measured, "2026-11-27");
    let fridays = ["2026-11-06", "2026-11-13", "2026-11-20"].map(|date| of_day(measured, date));
    vec![
        figure(
            "busiest month",
            "months of the year, by events a day",
            f64::from(NOVEMBER)..=f64::from(NOVEMBER),
            f64::from(busiest_month(measured)),
            "",
        ),
        figure(
            "Black Friday",
            "events of a Friday of that month before it",
            2.0..=2.6,
            black_friday * fridays.len() as f64 / fridays.iter().sum::<f64>(),
            "×",
        ),
    ]
}

pub(super) fn of_regulars(measured: &Measured) -> Vec<Figure> {
    let regulars = measured.reorders.iter().skip(REGULAR_ORDERS);
    let (lines, again) = regulars.fold((0, 0), |(lines, again), next| {
        (lines + next.lines, again + next.again)
    });
    vec![share(
        "bought before",
        "lines in orders of customers with 10 or more earlier orders",
        10.0..=35.0,
        percent(again, lines),
    )]
}

fn anomalous(measured: &Measured) -> Figure {
    let found = measured.anomalies.values().sum();
    share(
        "anomalous",
        "purchases",
        1.9..=2.1,
        percent(found, measured.purchases),
    )
}

/// What percentage of the events of whole days falls into each hour of the day, UTC. The run begins at midnight.
#[must_use]
pub fn by_hour_of_day(measured: &Measured) -> [f64; 24] {
    let mut counts = [0; 24];
    for (n, events) in measured.hours.iter().enumerate() {
        counts[n % 24] += events;
    }
    let all = counts.iter().sum();
    counts.map(|events| percent(events, all))
}

/// Events on a date, `YYYY-MM-DD`.
fn of_day(measured: &Measured, date: &str) -> f64 {
    let found = days(measured).find(|(day, _)| day == date);
    found.map_or(f64::NAN, |(_, events)| events)
}

/// Events a day of each month, from January on, over the first year.
fn by_month(measured: &Measured) -> [f64; 12] {
    let mut sums = [(0.0, 0.0); 12];
    for (date, events) in days(measured).take(DAYS_PER_YEAR) {
        let month = date
            .get(5..7)
            .and_then(|digits| digits.parse::<usize>().ok())
            .unwrap_or(1);
        let (days, sum) = &mut sums[month - 1];
        *days += 1.0;
        *sum += events;
    }
    sums.map(|(days, sum)| sum / days)
}

/// The month with the most events a day, from 1.
fn busiest_month(measured: &Measured) -> u32 {
    let by_month = by_month(measured);
    let busiest = (0..12_u32)
        .zip(by_month)
        .max_by(|(_, one), (_, other)| one.total_cmp(other));
    busiest.map_or(0, |(month, _)| month + 1)
}

/// Each whole day, `YYYY-MM-DD`, with its events.
pub fn days(measured: &Measured) -> impl Iterator<Item = (String, f64)> {
    (0..).zip(measured.hours.chunks_exact(24)).map(|(n, hours)| {
        let date = measured.start.plus_ms(n * MS_PER_DAY).date();
        (date, hours.iter().sum::<u64>() as f64)
    })
}

/// Mean and standard deviation of the natural logarithm of a line's unit price in major units.
#[must_use]
pub fn log_price(measured: &Measured) -> (f64, f64) {
    let prices = &measured.orders.prices;
    let lines = prices.values().sum::<u64>() as f64;
    let over = |of: &dyn Fn(f64) -> f64| {
        let sum = |(price, count): (&i64, &u64)| of((*price as f64 / 100.0).ln()) * *count as f64;
        prices.iter().map(sum).sum::<f64>() / lines
    };
    let mu = over(&|log| log);
    (mu, over(&|log| (log - mu) * (log - mu)).sqrt())
}

fn slope(counts: &[u64], ranks: usize) -> f64 {
    line(counts, ranks).0
}

/// The line through log count over log rank by least squares, each of the first `ranks` ranks with the same weight: its slope,
/// and the natural logarithm of the count that it gives rank 1.
#[must_use]
pub fn line(counts: &[u64], ranks: usize) -> (f64, f64) {
    let points: Vec<(f64, f64)> = (1_u32..)
        .zip(counts)
        .take(ranks)
        .map(|(rank, count)| (f64::from(rank).ln(), (*count as f64).ln()))
        .collect();
    let n = points.len() as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    let (over, under) = points.iter().fold((0.0, 0.0), |(over, under), point| {
        let dx = point.0 - x;
        (over + dx * (point.1 - y), under + dx * dx)
    });
    (over / under, y - over / under * x)
}

fn count<K: Ord>(counts: &BTreeMap<K, u64>, key: &K) -> u64 {
    counts.get(key).copied().unwrap_or(0)
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole as f64
}

fn mean(sum: i64, count: u64) -> f64 {
    sum as f64 / count as f64
}
