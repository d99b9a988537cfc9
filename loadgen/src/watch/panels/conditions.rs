//! The panels of conditions: findings and alerts, with their evidence.

use analytics::alerts::{AlertType, Evidence, Severity, Sighting};

use super::super::figures::{AlertsFigures, AnomaliesFigures, OpenAlert};
use super::super::text::{Column, Line, Piece, Tone, clock, table, whole};
use super::{facts, indented, named};
use crate::report::grouped;
use crate::sales::dollars;

/// So many find room on a line.
const RULES: usize = 4;

pub(super) fn anomalies(figures: &AnomaliesFigures) -> Vec<Line> {
    if figures.by_rule.is_empty() {
        return vec![Line::default().and("nothing found", Tone::Good)];
    }
    let counts: Vec<(&str, String)> = figures
        .by_rule
        .iter()
        .map(|(rule, count)| (rule.as_str(), grouped(*count)))
        .collect();
    let row = |finding: &Sighting| {
        [
            Piece::new(finding.severity.as_str(), tone(finding.severity)),
            finding.alert_type.as_str().into(),
            finding.entity.as_str().into(),
            clock(finding.seen_at).into(),
            evidence(finding.alert_type, &finding.entity, &finding.evidence).into(),
        ]
    };
    let columns = [
        Column::Text("severity", 8),
        Column::Text("rule", 15),
        Column::Text("of", 18),
        Column::Text("at", 8),
        Column::Text("evidence", 60),
    ];
    let latest = table(columns, figures.latest.iter().map(row).collect());
    let mut lines: Vec<Line> = counts
        .chunks(RULES)
        .enumerate()
        .map(|(n, counts)| {
            if n == 0 {
                facts(counts)
            } else {
                named("", facts(counts))
            }
        })
        .collect();
    lines.extend(indented(latest));
    lines
}

pub(super) fn alerts(figures: &AlertsFigures) -> Vec<Line> {
    if figures.open.is_empty() {
        return vec![Line::default().and("none open", Tone::Good)];
    }
    let worst_first = figures.open.iter().rev();
    let mut first = worst_first.fold(Line::default(), |line, (severity, count)| {
        line.and(format!("{severity} "), Tone::Faint)
            .and(format!("{}   ", grouped(*count)), tone(*severity))
    });
    if figures.has_more {
        first = first.and("and more: these are the latest", Tone::Faint);
    }
    let row = |alert: &OpenAlert| {
        [
            Piece::new(alert.severity.as_str(), tone(alert.severity)),
            alert.alert_type.as_str().into(),
            alert.entity.as_str().into(),
            clock(alert.last_seen).into(),
            grouped(alert.count).into(),
            evidence(alert.alert_type, &alert.entity, &alert.evidence).into(),
        ]
    };
    let columns = [
        Column::Text("open", 8),
        Column::Text("alert", 15),
        Column::Text("of", 18),
        Column::Text("last", 8),
        Column::Number("seen"),
        Column::Text("evidence", 60),
    ];
    let latest = table(columns, figures.latest.iter().map(row).collect());
    std::iter::once(first).chain(indented(latest)).collect()
}

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Critical => Tone::Bad,
        Severity::Warning => Tone::Warning,
        Severity::Info => Tone::Plain,
    }
}

/// What a condition was concluded from, in its units.
pub(super) fn evidence(alert_type: AlertType, entity: &str, evidence: &Evidence) -> String {
    let unit = unit(alert_type, entity);
    let figure = |figure: f64| match unit {
        Unit::Money => dollars(nearest(figure)),
        Unit::Of(_) => number(figure),
    };
    let value = match unit {
        Unit::Money => figure(evidence.value),
        Unit::Of(name) => format!("{} {name}", figure(evidence.value)),
    };
    // What is usual of stock is not a stock, but the demand a day.
    let a_day = match alert_type {
        AlertType::LowStock | AlertType::OutOfStock => " a day",
        _ => "",
    };
    let more = [
        evidence.limit.map(|limit| format!("limit {}", figure(limit))),
        evidence
            .baseline
            .map(|usual| format!("usual {}{a_day}", figure(usual))),
        evidence.score.map(|score| format!("score {score:.1}")),
    ];
    let all: Vec<String> = std::iter::once(value).chain(more.into_iter().flatten()).collect();
    all.join(", ")
}

enum Unit {
    Money,
    Of(&'static str),
}

fn unit(alert_type: AlertType, entity: &str) -> Unit {
    match alert_type {
        AlertType::HighValue | AlertType::UnusualValue | AlertType::AbandonedCart => Unit::Money,
        AlertType::UnusualRate if entity == "shop:revenue" => Unit::Money,
        AlertType::UnusualRate | AlertType::Velocity | AlertType::CardTesting => Unit::Of("orders"),
        AlertType::CountryHopping => Unit::Of("countries"),
        AlertType::HighQuantity | AlertType::LowStock | AlertType::OutOfStock => Unit::Of("units"),
        AlertType::HighDemand => Unit::Of("units/h"),
        AlertType::GateClosed => Unit::Of("objections"),
    }
}

/// With a decimal where there is one.
fn number(figure: f64) -> String {
    if figure.fract() == 0.0 {
        whole(nearest(figure))
    } else {
        format!("{figure:.1}")
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, far beyond any amount")]
fn nearest(figure: f64) -> i64 {
    figure.round() as i64
}
