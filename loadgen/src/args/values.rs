//! What a flag's text stands for, and what is allowed.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use events::{EventType, Timestamp};

use super::SinkArg;
use crate::profile::{MAX_ANOMALY_RATE, MAX_FAULT_RATE, RATES};

impl FromStr for SinkArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "kinesis" => Ok(Self::Kinesis),
            "null" => Ok(Self::Null),
            "stdout" => Ok(Self::Stdout),
            _ => match text.strip_prefix("file:") {
                Some("") => Err("the folder is missing: write file:DIR".to_owned()),
                Some(folder) => Ok(Self::File(PathBuf::from(folder))),
                None => Err("a sink is one of kinesis, null, stdout, file:DIR".to_owned()),
            },
        }
    }
}

/// Events a second.
pub(super) fn rate(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| RATES.contains(number));
    number.ok_or_else(|| {
        format!(
            "a rate is a whole number of events a second, from {} to {}",
            RATES.start(),
            RATES.end()
        )
    })
}

pub(super) fn anomaly_share(text: &str) -> Result<f64, String> {
    share_up_to(text, MAX_ANOMALY_RATE)
}

pub(super) fn fault_share(text: &str) -> Result<f64, String> {
    share_up_to(text, MAX_FAULT_RATE)
}

/// A share of a whole: 2% or 0.02.
fn share_up_to(text: &str, most: f64) -> Result<f64, String> {
    let (number, parts) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim_end(), 100.0),
        None => (text, 1.0),
    };
    let share = number.parse::<f64>().map(|number| number / parts).ok();
    share.filter(|share| (0.0..=most).contains(share)).ok_or_else(|| {
        format!(
            "a share of at most {}% is a percentage such as 2%, or a number from 0 to {most} such as 0.02",
            most * 100.0
        )
    })
}

/// An event type by its name on the wire.
pub(super) fn event_type() -> impl TypedValueParser<Value = EventType> {
    PossibleValuesParser::new(EventType::ALL.iter().map(|event_type| event_type.as_str()))
        .map(|name| EventType::from_name(&name).expect("only names of types are possible"))
}

/// A time with units: 90s, 1m30s, 250ms, 1h.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let error = || "a time is a number with a unit, such as 60s, 5m, 1h or 1h30m".to_owned();
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let number: u64 = rest[..digits].parse().map_err(|_| error())?;
        let unit = &rest[digits..];
        let unit = &unit[..unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len())];
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(error()),
        };
        let part = number
            .checked_mul(unit_ms)
            .map(Duration::from_millis)
            .ok_or_else(error)?;
        total = total.checked_add(part).ok_or_else(error)?;
        rest = &rest[digits + unit.len()..];
    }
    if total.is_zero() { Err(error()) } else { Ok(total) }
}

/// Looking more often than that shows nothing more.
const MIN_REFRESH: Duration = Duration::from_millis(500);

pub(super) fn refresh(text: &str) -> Result<Duration, String> {
    let every = duration(text)?;
    if every >= MIN_REFRESH {
        Ok(every)
    } else {
        Err("the time between two looks is 500ms at least".to_owned())
    }
}

pub(super) fn watch_window(text: &str) -> Result<Duration, String> {
    let last = duration(text)?;
    if (Duration::from_mins(1)..=Duration::from_hours(1)).contains(&last) {
        Ok(last)
    } else {
        Err("the window is 1m to 60m".to_owned())
    }
}

/// No cart is waited for any longer.
const MAX_CART_TIMEOUT: Duration = Duration::from_hours(24 * 365);

pub(super) fn cart_timeout(text: &str) -> Result<Duration, String> {
    let timeout = duration(text)?;
    if timeout <= MAX_CART_TIMEOUT {
        Ok(timeout)
    } else {
        Err("a cart's timeout is a year, 8760h, at most".to_owned())
    }
}

/// A date in UTC, or RFC 3339.
pub(super) fn date_or_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::of_date(text)
        .or_else(|| Timestamp::parse(text).ok())
        .ok_or_else(|| {
            "a time is a date such as 2026-11-22 or RFC 3339 such as 2026-11-22T17:30:00Z".to_owned()
        })
}

/// A stage's name is a part of the names of streams, buckets and databases; this is what all of them take.
pub(super) fn stage(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if (1..=16).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(allowed)
    {
        Ok(text.to_owned())
    } else {
        Err("a stage is 1 to 16 lower-case letters and digits, a letter first".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let ms = |text| duration(text).map(|time| time.as_millis());
        assert_eq!(ms("60s"), Ok(60_000));
        assert_eq!(ms("5m"), Ok(300_000));
        assert_eq!(ms("1h"), Ok(3_600_000));
        assert_eq!(ms("1h30m"), Ok(5_400_000));
        assert_eq!(ms("250ms"), Ok(250));
        for text in [
            "",
            "60",
            "s",
            "1d",
            "0s",
            "-1s",
            "1.5s",
            "1s ",
            "99999999999999999999s",
            "9999999999999999h",
            "1ß",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_carts_timeout_is_a_year_at_most() {
        assert_eq!(cart_timeout("90s"), Ok(Duration::from_secs(90)));
        assert!(cart_timeout("8760h").is_ok() && cart_timeout("8761h").is_err());
    }

    #[test]
    fn a_rate_is_a_whole_number_of_events_a_second() {
        assert_eq!((rate("1"), rate("1000000")), (Ok(1), Ok(1_000_000)));
        for text in [
            "",
            "abc",
            "0",
            "-1",
            "1000001",
            "0.5",
            "500/s",
            "99999999999999999999",
        ] {
            let error = rate(text).unwrap_err();
            assert!(error.contains("events a second, from 1 to 1000000"), "{error}");
        }
    }

    #[test]
    fn shares_are_percentages_or_numbers_up_to_a_limit() {
        assert_eq!(anomaly_share("2%"), Ok(0.02));
        assert_eq!(anomaly_share("0.5 %"), Ok(0.005));
        assert_eq!(anomaly_share("0.02"), Ok(0.02));
        assert_eq!(anomaly_share("0"), Ok(0.0));
        assert_eq!((anomaly_share("20%"), fault_share("50%")), (Ok(0.2), Ok(0.5)));
        for text in ["", "2", "-1%", "20.1%", "NaN", "%"] {
            assert!(anomaly_share(text).is_err(), "{text}");
        }
        let error = fault_share("51%").unwrap_err();
        assert!(
            error.contains("at most 50%") && error.contains("from 0 to 0.5"),
            "{error}"
        );
    }

    #[test]
    fn a_watch_looks_at_an_hour_at_most_and_twice_a_second_at_most() {
        let seconds = |text| watch_window(text).map(|time| time.as_secs());
        assert_eq!(
            (seconds("1m"), seconds("60m"), seconds("90s")),
            (Ok(60), Ok(3_600), Ok(90))
        );
        for text in ["59s", "61m", "5"] {
            assert!(watch_window(text).is_err(), "{text}");
        }
        assert!(refresh("500ms").is_ok() && refresh("499ms").is_err());
    }

    #[test]
    fn a_date_is_its_first_instant() {
        let read = |text| date_or_time(text).map(|time| time.to_string());
        assert_eq!(read("2026-11-22"), Ok("2026-11-22T00:00:00.000Z".to_owned()));
        assert_eq!(read("2026-11-22T01:00:00+01:00"), read("2026-11-22"));
        for text in ["", "2026", "2026-02-29", "22.11.2026", "2026-11-22T", "yesterday"] {
            assert!(date_or_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sinks_and_stages_are_read_strictly() {
        assert_eq!("file:out".parse(), Ok(SinkArg::File("out".into())));
        for text in ["", "file:", "files", "Kinesis"] {
            assert!(text.parse::<SinkArg>().is_err(), "{text}");
        }
        assert!(stage("pr17").is_ok());
        for text in ["", "Dev", "a b", "x_y", "pr-17", "1a"] {
            assert!(stage(text).is_err(), "{text}");
        }
    }
}
