//! What a run is asked for.

use std::ops::RangeInclusive;

use events::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A run is due: what is new, and perhaps some days over again. From JSON: a scheduled event, or by hand
/// `{"from": "2026-11-01", "to": "2026-11-24"}`, of which either may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Days to make again, counted from 1970-01-01.
    pub days: Option<RangeInclusive<i32>>,
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Map::deserialize(deserializer)?;
        if fields.contains_key("detail-type") {
            return Ok(Self::default());
        }
        by_hand(fields).map_err(D::Error::custom)
    }
}

fn by_hand(mut fields: Map<String, Value>) -> Result<Request, String> {
    let mut take = |name| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => match day(&text) {
            Some(day) => Ok(Some(day)),
            None => Err(format!("`{name}` is `{text}`: it is a day such as 2026-11-24")),
        },
        Some(other) => Err(format!("`{name}` is {other}: it is a day such as \"2026-11-24\"")),
    };
    let (from, to) = (take("from")?, take("to")?);
    if let Some(name) = fields.keys().next() {
        return Err(format!("`{name}` is not known: there are `from` and `to`"));
    }
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err("`from` is after `to`".to_owned());
    }
    let days = (from.is_some() || to.is_some()).then(|| from.unwrap_or(i32::MIN)..=to.unwrap_or(i32::MAX));
    Ok(Request { days })
}

fn day(date: &str) -> Option<i32> {
    Timestamp::of_date(date).map(Timestamp::day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Request, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn days(json: &str) -> Option<RangeInclusive<i32>> {
        read(json).unwrap().days
    }

    #[test]
    fn a_schedule_or_nothing_asks_for_what_is_new() {
        let event =
            r#"{"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}"#;
        assert_eq!(read(event), Ok(Request::default()));
        assert_eq!(read("{}"), Ok(Request::default()));
    }

    #[test]
    fn days_are_from_one_to_another_or_without_end() {
        assert_eq!(days(r#"{"from": "1970-01-03", "to": "1970-01-05"}"#), Some(2..=4));
        assert_eq!(days(r#"{"from": "1969-12-31"}"#), Some(-1..=i32::MAX));
        let to = r#"{"to": "1970-01-01", "from": null}"#;
        assert_eq!(days(to), Some(i32::MIN..=0));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, problem) in [
            (r#"{"from": "yesterday"}"#, "`from` is `yesterday`"),
            (r#"{"to": "2026-02-30"}"#, "`to` is `2026-02-30`"),
            (r#"{"to": 20261124}"#, "`to` is 20261124"),
            (r#"{"form": "2026-11-24"}"#, "`form` is not known"),
            (
                r#"{"from": "2026-11-24", "to": "2026-11-23"}"#,
                "`from` is after `to`",
            ),
            ("[]", "invalid type"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(problem), "{json}: {error}");
        }
    }
}
