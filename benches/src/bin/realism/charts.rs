//! Which plots there are, and what is in them.

use events::Stream;
use loadgen::realism::{HEAD_RANKS, Measured, Study, by_hour_of_day, days, line, log_price};
use plotters::prelude::*;

use crate::Done;
use crate::plot::{BLUE, Bars, Drawn, GREEN, INK, Labels, ORANGE, axes, builder, legend, shown, svg, swatch};

/// A plot and where it belongs.
pub(crate) struct Chart {
    pub(crate) study: Study,
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    pub(crate) sentence: &'static str,
    pub(crate) svg: String,
}

type Draw = fn(&str, &Measured) -> anyhow::Result<String>;

const CHARTS: &[(Study, &str, &str, &str, Draw)] = &[
    (
        Study::Mix,
        "mix.svg",
        "Mix over the run",
        "The mix holds all along the run, to about a point in any 10,000 events; the target is that of the whole run.",
        mix,
    ),
    (
        Study::Week,
        "funnel.svg",
        "Sessions that come so far",
        "Few sessions fill a cart, fewer buy; the green frames are the targets.",
        funnel,
    ),
    (
        Study::Week,
        "hours.svg",
        "Hours of the day",
        "The evening is the peak and hardly anybody shops at night.",
        hours,
    ),
    (
        Study::Week,
        "popularity.svg",
        "Popularity of products",
        "Few products draw most views; the line is fitted to the first 1,000, and the band holds the slopes allowed.",
        popularity,
    ),
    (
        Study::Week,
        "prices.svg",
        "Prices of what is bought",
        "On a logarithmic axis the prices of lines of orders make a bell: they are log-normal, here over sixteen categories.",
        prices,
    ),
    (
        Study::Week,
        "units.svg",
        "Units an order",
        "Most orders are small; a few are not.",
        units,
    ),
    (
        Study::Week,
        "session-events.svg",
        "Length of sessions",
        "Two visits of five end after one look; the others stay for a while.",
        session_events,
    ),
    (
        Study::Year,
        "year.svg",
        "Events a day, against the mean of the year",
        "Sundays show as teeth; November and December are the season, with Black Friday and Cyber Monday.",
        year,
    ),
    (
        Study::Regulars,
        "reorders.svg",
        "Bought before, by number of earlier orders",
        "The longer somebody is a customer, the more of an order has been bought before.",
        reorders,
    ),
];

/// All plots.
pub(crate) fn all(done: &[Done]) -> anyhow::Result<Vec<Chart>> {
    let mut charts = Vec::new();
    for Done { study, measured, .. } in done {
        for &(of, file, title, sentence, draw) in CHARTS.iter().filter(|(of, ..)| of == study) {
            charts.push(Chart {
                study: of,
                file,
                title,
                sentence,
                svg: draw(title, measured)?,
            });
        }
    }
    Ok(charts)
}

fn mix(title: &str, measured: &Measured) -> anyhow::Result<String> {
    let streams = [
        (Stream::ProductViews, 60.0, BLUE),
        (Stream::CartEvents, 30.0, ORANGE),
        (Stream::Transactions, 10.0, INK),
    ];
    let parts = &measured.parts;
    let labels = Labels {
        title,
        x: "parts of the run, 10,000 events each",
        y: "share of events",
    };
    let end = parts.len() as f64;
    svg(|area| {
        let mut chart = builder(area, title).build_cartesian_2d(0.0..end, 0.0..100.0)?;
        axes(&mut chart, &labels, 10, &|x| format!("{x:.0}"), &|y| {
            format!("{y:.0} %")
        })?;
        let band = GREEN.mix(0.35).filled();
        let bands = streams
            .iter()
            .map(|(_, target, _)| [(0.0, target - 0.5), (end, target + 0.5)]);
        chart
            .draw_series(bands.map(|corners| Rectangle::new(corners, band)))?
            .label("target of the whole run: ± 0.5 points")
            .legend(move |at| swatch(at, band));
        for (stream, _, colour) in streams {
            let all = |n: usize| parts[n].values().sum::<u64>() as f64;
            let share = |n: usize| 100.0 * parts[n].get(&stream).copied().unwrap_or(0) as f64 / all(n);
            let points = (0..parts.len()).map(|n| (n as f64 + 0.5, share(n)));
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
                .label(stream.as_str())
                .legend(move |at| swatch(at, colour.filled()));
        }
        legend(&mut chart, SeriesLabelPosition::UpperRight)
    })
}

fn funnel(title: &str, measured: &Measured) -> anyhow::Result<String> {
    let share = |part: u64| 100.0 * part as f64 / measured.sessions as f64;
    let carts = share(measured.sessions_with_cart);
    let bought = share(measured.sessions_with_purchase);
    let left = 100.0 * measured.abandoned as f64 / measured.carts as f64;
    let rows = [
        (
            2.0,
            100.0,
            None,
            format!("{} sessions", shown(measured.sessions as f64)),
        ),
        (
            1.0,
            carts,
            Some((6.0, 8.5)),
            format!(
                "{carts:.1} % fill a cart (target 6 to 8.5 %); {left:.1} % of these leave it (68 to 73 %)"
            ),
        ),
        (
            0.0,
            bought,
            Some((2.5, 3.5)),
            format!("{bought:.1} % buy (target 2.5 to 3.5 %)"),
        ),
    ];
    let labels = Labels {
        title,
        x: "share of sessions",
        y: "",
    };
    svg(|area| {
        let mut chart = builder(area, title).build_cartesian_2d(0.0..105.0, -0.5..2.5)?;
        axes(&mut chart, &labels, 11, &|x| format!("{x:.0} %"), &|_| {
            String::new()
        })?;
        for (y, value, target, text) in rows {
            chart.draw_series([Rectangle::new(
                [(0.0, y - 0.3), (value, y + 0.3)],
                BLUE.mix(0.85).filled(),
            )])?;
            if let Some((low, high)) = target {
                let frame = Rectangle::new([(low, y - 0.38), (high, y + 0.38)], GREEN.stroke_width(3));
                chart.draw_series([frame])?;
            }
            let (x, ink) = if target.is_some() {
                (10.5, INK)
            } else {
                (2.0, WHITE)
            };
            chart.draw_series([Text::new(
                text,
                (x, y + 0.06),
                ("sans-serif", 19).into_font().color(&ink),
            )])?;
        }
        Ok(())
    })
}

fn hours(title: &str, measured: &Measured) -> anyhow::Result<String> {
    let hours = by_hour_of_day(measured);
    let quietest = hours.iter().fold(f64::MAX, |least, hour| hour.min(least));
    Bars {
        labels: Labels {
            title,
            x: "hour of the day, UTC",
            y: "share of events",
        },
        first: 0,
        values: &hours,
        mean: None,
        reach: Some((
            5.0 * quietest,
            "five times the quietest hour: the peak is to be above",
        )),
    }
    .svg()
}

fn units(title: &str, measured: &Measured) -> anyhow::Result<String> {
    const MOST: usize = 12;
    let orders = measured.orders.count() as f64;
    let mut shares = vec![0.0; MOST];
    let mut sum = 0.0;
    for (units, count) in &measured.orders.units {
        let place = usize::try_from(*units).unwrap_or(MOST).clamp(1, MOST) - 1;
        shares[place] += 100.0 * *count as f64 / orders;
        sum += *units as f64 * *count as f64;
    }
    Bars {
        labels: Labels {
            title,
            x: "units; 12 and more are in the last bar",
            y: "share of orders",
        },
        first: 1,
        values: &shares,
        mean: Some((2.6..3.1, sum / orders)),
        reach: None,
    }
    .svg()
}

fn session_events(title: &str, measured: &Measured) -> anyhow::Result<String> {
    const MOST: usize = 20;
    let mut shares = vec![0.0; MOST];
    for (events, sessions) in &measured.session_events {
        let place = (*events as usize).clamp(1, MOST) - 1;
        shares[place] += 100.0 * *sessions as f64 / measured.sessions as f64;
    }
    Bars {
        labels: Labels {
            title,
            x: "events; 20 and more are in the last bar",
            y: "share of sessions",
        },
        first: 1,
        values: &shares,
        mean: None,
        reach: None,
    }
    .svg()
}

fn reorders(title: &str, measured: &Measured) -> anyhow::Result<String> {
    let share = |of: &loadgen::realism::Reorders| 100.0 * of.again as f64 / of.lines as f64;
    let shares: Vec<f64> = measured.reorders.iter().map(share).collect();
    Bars {
        labels: Labels {
            title,
            x: "earlier orders of the customer; 10 and more are in the last bar",
            y: "share of lines",
        },
        first: 0,
        values: &shares,
        mean: None,
        reach: Some((10.0, "target of the last bar: 10 to 35 %")),
    }
    .svg()
}

fn popularity(title: &str, measured: &Measured) -> anyhow::Result<String> {
    let views = &measured.views;
    let ranks = views.len() as f64;
    let head = HEAD_RANKS as f64;
    let (slope, start) = line(views, HEAD_RANKS);
    // All lines go through the middle of the head.
    let middle = head.sqrt();
    let at = |slope_: f64, rank: f64| (start + slope * middle.ln() + slope_ * (rank / middle).ln()).exp();
    let labels = Labels {
        title,
        x: "rank of the product, by views",
        y: "views",
    };
    svg(|area| {
        let mut chart = builder(area, title).build_cartesian_2d(
            (1.0..ranks * 1.2).log_scale(),
            (1.0..at(-1.1, 1.0) * 1.5).log_scale(),
        )?;
        axes(&mut chart, &labels, 8, &|x| shown(*x), &|y| shown(*y))?;
        let corners = [
            (1.0, at(-1.1, 1.0)),
            (head, at(-1.1, head)),
            (head, at(-0.7, head)),
            (1.0, at(-0.7, 1.0)),
        ];
        let band = GREEN.mix(0.25).filled();
        chart
            .draw_series([Polygon::new(corners.to_vec(), band)])?
            .label("target: slope −0.7 to −1.1")
            .legend(move |at| swatch(at, band));
        // Of the many products far down, a few stand for all.
        let shown = |rank: &u32| *rank <= 100 || f64::from(*rank).ln() * 40.0 % 1.0 < 40.0 / f64::from(*rank);
        let points = (1_u32..).zip(views).filter(|(rank, _)| shown(rank));
        chart
            .draw_series(
                points.map(|(rank, views)| Circle::new((f64::from(rank), *views as f64), 3, BLUE.filled())),
            )?
            .label("products")
            .legend(|at| swatch(at, BLUE.filled()));
        chart
            .draw_series(LineSeries::new(
                [1.0, head].map(|rank| (rank, at(slope, rank))),
                ORANGE.stroke_width(2),
            ))?
            .label(format!("ranks 1 to 1,000: slope −{:.2}", slope.abs()))
            .legend(|at| swatch(at, ORANGE.filled()));
        legend(&mut chart, SeriesLabelPosition::UpperRight)
    })
}

fn prices(title: &str, measured: &Measured) -> anyhow::Result<String> {
    const BINS_PER_E: f64 = 5.0;
    let (mu, sigma) = log_price(measured);
    let lines = measured.orders.prices.values().sum::<u64>() as f64;
    let bin = |price: i64| ((price as f64 / 100.0).ln() * BINS_PER_E).floor();
    let mut shares: Vec<(f64, f64)> = Vec::new();
    for (price, count) in &measured.orders.prices {
        let share = 100.0 * *count as f64 / lines;
        match shares.last_mut() {
            Some((last, sum)) if last.to_bits() == bin(*price).to_bits() => *sum += share,
            _ => shares.push((bin(*price), share)),
        }
    }
    let bell = |ln: f64| {
        let z = (ln - mu) / sigma;
        100.0 / BINS_PER_E / sigma / std::f64::consts::TAU.sqrt() * (-z * z / 2.0).exp()
    };
    let top = shares.iter().fold(0.0, |top, (_, share)| share.max(top)) * 1.4;
    let price = |ln: f64| ln.exp();
    let labels = Labels {
        title,
        x: "unit price",
        y: "share of lines",
    };
    svg(|area| {
        let mut chart = builder(area, title).build_cartesian_2d((0.9..2_000.0).log_scale(), 0.0..top)?;
        axes(&mut chart, &labels, 8, &|x| format!("${}", shown(*x)), &|y| {
            format!("{y:.0} %")
        })?;
        chart
            .draw_series(shares.iter().map(|(bin, share)| {
                let (from, to) = (price((bin + 0.06) / BINS_PER_E), price((bin + 0.94) / BINS_PER_E));
                Rectangle::new([(from, 0.0), (to, *share)], BLUE.mix(0.85).filled())
            }))?
            .label("lines of orders")
            .legend(|at| swatch(at, BLUE.filled()));
        let curve = (0_u32..=152)
            .map(|n| f64::from(n) / 20.0)
            .map(|ln| (price(ln), bell(ln)));
        chart
            .draw_series(LineSeries::new(curve, ORANGE.stroke_width(2)))?
            .label(format!(
                "log-normal: μ {mu:.2}, σ {sigma:.2}, median ${:.2}",
                mu.exp()
            ))
            .legend(|at| swatch(at, ORANGE.filled()));
        legend(&mut chart, SeriesLabelPosition::UpperRight)
    })
}

fn year(title: &str, measured: &Measured) -> anyhow::Result<String> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let days: Vec<(String, f64)> = days(measured).take(365).collect();
    let mean = days.iter().map(|(_, events)| events).sum::<f64>() / days.len() as f64;
    let top = days
        .iter()
        .fold(0.0_f64, |top, (_, events)| top.max(events / mean))
        * 1.1;
    let labels = Labels {
        title,
        x: "day of 2026",
        y: "× the mean",
    };
    let points = || {
        (0_u32..)
            .zip(&days)
            .map(|(day, (_, events))| (f64::from(day) + 0.5, events / mean))
    };
    svg(|area| {
        let mut chart = builder(area, title).build_cartesian_2d(0.0..385.0, 0.0..top)?;
        let no_label = |_: &f64| String::new();
        axes(&mut chart, &labels, 0, &no_label, &|y| format!("{y:.1}"))?;
        chart
            .draw_series(AreaSeries::new(points(), 0.0, BLUE.mix(0.2)).border_style(BLUE.stroke_width(1)))?;
        let firsts = (0_u32..)
            .zip(&days)
            .filter(|(_, (date, _))| date.ends_with("-01"));
        let mark = |text: &'static str, at: (f64, f64)| -> Text<'static, (f64, f64), &'static str> {
            Text::new(text, at, ("sans-serif", 17).into_font().color(&INK))
        };
        for ((day, _), name) in firsts.zip(MONTHS) {
            let x = f64::from(day);
            chart.draw_series([PathElement::new([(x, 0.0), (x, top)], INK.mix(0.12))])?;
            chart.draw_series([mark(name, (x + 8.0, top * 0.97))])?;
        }
        let of = |date: &str| {
            points()
                .zip(&days)
                .find(|(_, (day, _))| day == date)
                .map(|(point, _)| point)
        };
        for (date, name, left) in [
            ("2026-11-27", "Black Friday", 52.0),
            ("2026-11-30", "Cyber Monday", -4.0),
        ] {
            if let Some((x, y)) = of(date) {
                chart.draw_series([Circle::new((x, y), 4, ORANGE.filled())])?;
                chart.draw_series([mark(name, (x - left, y - 0.04))])?;
            }
        }
        Drawn::Ok(())
    })
}
