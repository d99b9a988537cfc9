//! The page: a table of all figures, then the plots.

use std::fmt::Write as _;

use loadgen::realism::{Figure, Study};

use crate::Done;
use crate::charts::Chart;

pub(crate) fn page(seed: u64, done: &[Done], charts: &[Chart]) -> String {
    let mut text = format!(
        "# How real the load generator's shop is\n\n\
         Written by `make realism`; the same every time (seed {seed}). The tests of `loadgen::realism` hold every figure to its \
         target.\n\n\
         A shopping session is a visit that looks for something; visits that only give something back are refunds, not \
         sessions. Sessions are counted whole. What is said of orders leaves out the anomalous ones, of which some have \
         hundreds of units.\n"
    );
    for Done { study, figures, .. } in done {
        let _ = write!(
            text,
            "\n## {}\n\n{}\n\n| figure | of | target | measured | |\n|---|---|---:|---:|---|\n",
            title(*study),
            about(*study)
        );
        for figure in figures {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                figure.name,
                figure.of,
                target(figure),
                with_unit(&number(figure.value), figure.unit),
                if figure.holds() { "✓" } else { "✗" }
            );
        }
        for chart in charts.iter().filter(|chart| chart.study == *study) {
            let _ = write!(
                text,
                "\n{}\n\n![{}](realism/{})\n",
                chart.sentence, chart.title, chart.file
            );
        }
    }
    text
}

fn title(study: Study) -> &'static str {
    match study {
        Study::Mix => "The mix: profile `globalmart`",
        Study::Week => "The funnel: profile `realistic`, a week",
        Study::Year => "The calendar: profile `realistic`, a year",
        Study::Regulars => "Regulars: profile `globalmart` with 10,000 users",
    }
}

fn about(study: Study) -> String {
    let sessions = study.sessions() / 1_000;
    let why = match study {
        Study::Mix => {
            "Of a hundred purchases two are anomalous, and each of the five kinds is a fifth of them. What sells is to follow a \
             power law whose slope over the head, the best 1,000 products, is between −0.7 and −1.1. Over the first hundred \
             alone it is flatter, as each of the sixteen categories has best sellers of its own."
        }
        Study::Week => {
            "Benchmarks: 2.5 to 3.5 % of sessions buy, 6 to 8.5 % fill a cart, 70.2 % of carts are abandoned (49 studies), \
             2.87 units and $130 an order, 65 % of visits from phones and 32 % from desktops, 17.6 % of what is sold online \
             given back, 15.9 % of visits in the hour from 20:00. The standard deviation of ln price is 1.11 at REES46; its \
             median, $174.78, is that of a shop for electronics, and no target here. Some 2,600 orders leave chance a hand in \
             means of money: hence ± 10 % for the order's value and ± 3 points for what is given back."
        }
        Study::Year => {
            "The rate follows hours, weekdays, months and sales days: November is the peak, and Black Friday comes to up to two \
             and a half times another Friday."
        }
        Study::Regulars => {
            "Shoppers have favourites that they come back to. There is no benchmark for a shop of everything; at Instacart's \
             grocers 59 % of items are reorders, so less than that, and far more than chance, is what is asked for."
        }
    };
    format!("{sessions},000 sessions. {why}")
}

fn target(figure: &Figure) -> String {
    let (low, high) = (*figure.target.start(), *figure.target.end());
    let range = if high.is_infinite() {
        format!("at least {}", number(low))
    } else if low.to_bits() == high.to_bits() {
        number(low)
    } else {
        format!("{} to {}", number(low), number(high))
    };
    with_unit(&range, figure.unit)
}

fn with_unit(number: &str, unit: &str) -> String {
    match unit {
        "" => number.to_owned(),
        "$" => format!("${number}"),
        _ => format!("{number} {unit}"),
    }
}

/// Two decimals at most.
fn number(value: f64) -> String {
    let text = format!("{value:.2}").replace('-', "−");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
