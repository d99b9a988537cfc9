//! From the text of a flag to a threshold.

use std::str::FromStr;

use super::{Metric, Operator, Quantile, Threshold, Time, Unit};

const FORM: &str = "a threshold is a metric, a comparison and a limit, such as p99<250ms, error_rate<1% or achieved_rate>=500";

/// The metrics that there are, for people.
pub(crate) fn metrics() -> String {
    let quantiles: Vec<&str> = Quantile::ALL.iter().map(|quantile| quantile.name()).collect();
    format!(
        "{} (latency), the same after lateness_ and freshness_, {}, {}, {}",
        quantiles.join(", "),
        Metric::ErrorRate,
        Metric::RetryRate,
        Metric::AchievedRate
    )
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['<', '>']).ok_or(FORM)?;
        let (metric, rest) = text.split_at(at);
        let metric: Metric = metric.trim().parse()?;
        let (operator, limit) = operator(rest);
        let (limit, unit) = limit_of(metric, limit.trim())?;
        Ok(Self {
            metric,
            operator,
            limit,
            unit,
        })
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => return Err(FORM.to_owned()),
            "error_rate" => return Ok(Self::ErrorRate),
            "retry_rate" => return Ok(Self::RetryRate),
            "achieved_rate" => return Ok(Self::AchievedRate),
            _ => {}
        }
        let (time, quantile) = if let Some(quantile) = text.strip_prefix("lateness_") {
            (Time::Lateness, quantile)
        } else if let Some(quantile) = text.strip_prefix("freshness_") {
            (Time::Freshness, quantile)
        } else {
            (Time::Latency, text)
        };
        match quantile {
            "p999" => Ok(Quantile::P999),
            _ => Quantile::ALL
                .iter()
                .copied()
                .find(|known| known.name() == quantile)
                .ok_or_else(|| format!("there is no metric `{text}`; there are {}", metrics())),
        }
        .map(|quantile| Self::Time(time, quantile))
    }
}

/// Splits `<=250ms`, which begins with `<` or `>`.
fn operator(text: &str) -> (Operator, &str) {
    let (strict, or_equal) = match text.strip_prefix('<') {
        Some(_) => (Operator::Below, Operator::AtMost),
        None => (Operator::Above, Operator::AtLeast),
    };
    let rest = text.get(1..).unwrap_or_default();
    match rest.strip_prefix('=') {
        Some(rest) => (or_equal, rest),
        None => (strict, rest),
    }
}

/// Reads `250ms` in a unit that the metric takes.
fn limit_of(metric: Metric, text: &str) -> Result<(f64, Unit), String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let wrong = || format!("`{text}` is no limit for {metric}: {}", allowed(metric));
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let unit = match (metric, unit.trim_start()) {
        (Metric::Time(..), "us" | "µs" | "μs") => Unit::Microseconds,
        (Metric::Time(..), "ms") => Unit::Milliseconds,
        (Metric::Time(..), "s") => Unit::Seconds,
        (Metric::ErrorRate | Metric::RetryRate, "%") => Unit::Percent,
        // More than all is a forgotten %.
        (Metric::ErrorRate | Metric::RetryRate, "") if number <= 1.0 => Unit::Plain,
        (Metric::AchievedRate, "") => Unit::Plain,
        _ => return Err(wrong()),
    };
    if number.is_finite() {
        Ok((number, unit))
    } else {
        Err(wrong())
    }
}

const fn allowed(metric: Metric) -> &'static str {
    match metric {
        Metric::Time(..) => "a time has one of the units us, ms and s, such as 250ms",
        Metric::ErrorRate | Metric::RetryRate => {
            "a rate is a percentage such as 1% or a fraction from 0 to 1 such as 0.01"
        }
        Metric::AchievedRate => "events a second are a number without a unit, such as 500",
    }
}
