//! Points in time as the contract writes them: UTC, RFC 3339, milliseconds.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Milliseconds in a minute.
pub const MS_PER_MINUTE: i64 = 60_000;
/// Milliseconds in an hour.
pub const MS_PER_HOUR: i64 = 60 * MS_PER_MINUTE;
/// Milliseconds in a day.
pub const MS_PER_DAY: i64 = 24 * MS_PER_HOUR;

/// 0000-01-01T00:00:00Z.
const YEAR_0_MS: i64 = -62_167_219_200_000;

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z. Negative before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text is not an RFC 3339 date and time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an RFC 3339 time such as 2026-11-22T17:30:00.000Z")]
pub struct TimestampError {
    text: String,
}

impl Timestamp {
    /// From milliseconds since the epoch; `None` outside the years −9999 to 9999.
    #[must_use]
    pub fn from_ms(ms: i64) -> Option<Self> {
        let calendar = jiff::Timestamp::MIN.as_millisecond()..=jiff::Timestamp::MAX.as_millisecond();
        calendar.contains(&ms).then_some(Self(ms))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn as_ms(self) -> i64 {
        self.0
    }

    fn in_calendar(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or_default()
    }

    /// Reads RFC 3339. Another offset than `Z` is converted, digits past the millisecond are cut off.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let error = || TimestampError {
            text: text.chars().take(64).collect(),
        };
        if let Some(time) = Self::parse_usual(text) {
            return Ok(time);
        }
        let parsed: jiff::Timestamp = text.parse().map_err(|_| error())?;
        let ms = i64::try_from(parsed.as_nanosecond().div_euclid(1_000_000)).map_err(|_| error())?;
        // A year of RFC 3339 has four digits and no sign.
        Self::from_ms(ms)
            .filter(|time| time.as_ms() >= YEAR_0_MS)
            .ok_or_else(error)
    }

    /// Reads the form that `Display` writes, in a fraction of the time; `None` if the text has another one.
    fn parse_usual(text: &str) -> Option<Self> {
        let text: &[u8; 24] = text.as_bytes().try_into().ok()?;
        let number = |range: std::ops::Range<usize>| {
            text[range].iter().try_fold(0_i64, |number, byte| {
                byte.is_ascii_digit()
                    .then(|| 10 * number + i64::from(byte - b'0'))
            })
        };
        let marks = [
            (4, b'-'),
            (7, b'-'),
            (10, b'T'),
            (13, b':'),
            (16, b':'),
            (19, b'.'),
            (23, b'Z'),
        ];
        let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
        if marks.iter().any(|(place, mark)| text[*place] != *mark) || hour > 23 || minute > 59 || second > 59
        {
            return None;
        }
        let days = days_since_1970(number(0..4)?, number(5..7)?, number(8..10)?)?;
        let ms_of_day = ((hour * 60 + minute) * 60 + second) * 1_000 + number(20..23)?;
        Self::from_ms(days * MS_PER_DAY + ms_of_day)
    }

    /// Midnight in UTC of a date such as 2026-11-22; `None` if the text is none.
    #[must_use]
    pub fn of_date(date: &str) -> Option<Self> {
        Self::parse(&format!("{date}T00:00:00Z")).ok()
    }

    /// This time moved by `ms`; stays put at the end of the calendar.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        self.as_ms()
            .checked_add(ms)
            .and_then(Self::from_ms)
            .unwrap_or(self)
    }

    /// When a day begins, in UTC; days count from 1970-01-01. `None` outside the calendar.
    #[must_use]
    pub fn of_day(day: i32) -> Option<Self> {
        Self::from_ms(i64::from(day) * MS_PER_DAY)
    }

    /// The day that this time lies on, in UTC, as Parquet counts days: from 1970-01-01, negative before.
    #[must_use]
    pub fn day(self) -> i32 {
        i32::try_from(self.0.div_euclid(MS_PER_DAY)).expect("the calendar is some million days long")
    }

    /// The minute that this time lies in.
    #[must_use]
    pub fn minute(self) -> Minute {
        Minute(self.as_ms().div_euclid(MS_PER_MINUTE))
    }

    /// `YYYY-MM-DD` in UTC, as in the names of partitions.
    #[must_use]
    pub fn date(self) -> String {
        self.in_calendar().strftime("%Y-%m-%d").to_string()
    }

    /// `00` to `23` in UTC, as in the names of partitions.
    #[must_use]
    pub fn hour(self) -> String {
        self.in_calendar().strftime("%H").to_string()
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; `None` if there is no such date, or it is before the year 0's
/// March. After Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`: years begin in March, so that the
/// day that comes and goes is their last one.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap),
        _ => return None,
    };
    let year = year - i64::from(month <= 2);
    if year < 0 || !(1..=days_of_month).contains(&day) {
        return None;
    }
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.in_calendar())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339, UTC, milliseconds: 2026-11-22T17:30:00.000Z"
        })
    }
}

/// A minute of event time: the window of the real-time metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(i64);

impl Minute {
    /// The first instant of the minute; `None` outside the calendar.
    #[must_use]
    pub fn start(self) -> Option<Timestamp> {
        self.0.checked_mul(MS_PER_MINUTE).and_then(Timestamp::from_ms)
    }

    /// Its number since the epoch; negative before 1970.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The minute of a number since the epoch.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// The minute `n` minutes later.
    #[must_use]
    pub fn plus(self, n: i64) -> Self {
        Self(self.0.saturating_add(n))
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let error = || TimestampError {
            text: text.chars().take(64).collect(),
        };
        let instant = Timestamp::parse(&format!("{}:00Z", text.strip_suffix('Z').ok_or_else(error)?))
            .map_err(|_| error())?;
        Ok(instant.minute())
    }
}

impl fmt::Display for Minute {
    /// `2026-11-22T17:30Z`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.start() {
            Some(start) => write!(f, "{}", start.in_calendar().strftime("%Y-%m-%dT%H:%MZ")),
            None => write!(f, "minute {}", self.0),
        }
    }
}

impl Serialize for Minute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Minute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, written: &str) {
        assert_eq!(
            Timestamp::parse(text).map(|t| t.to_string()),
            Ok(written.to_owned())
        );
    }

    #[test]
    fn times_are_written_in_utc_milliseconds() {
        check("2026-11-22T17:30:00.123Z", "2026-11-22T17:30:00.123Z");
        check("2026-11-22T17:30:00Z", "2026-11-22T17:30:00.000Z");
        check("2026-11-22T19:30:00.9999+02:00", "2026-11-22T17:30:00.999Z");
        check("1969-12-31T23:59:59.9996Z", "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (date, day) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("0001-01-01", -719_162),
            ("2026-11-22", 20_779),
        ] {
            let start = Timestamp::of_date(date).unwrap();
            assert_eq!(Timestamp::of_day(day), Some(start), "{date}");
            assert_eq!(start.plus_ms(MS_PER_DAY - 1).day(), day);
            assert_eq!(start.plus_ms(-1).day(), day - 1);
            assert_eq!(start.date(), date);
        }
        for text in ["", "2026-02-30", "2026-11-22T00:00:00Z", "1970-1-1"] {
            assert_eq!(Timestamp::of_date(text), None, "{text}");
        }
        assert_eq!(Timestamp::of_day(i32::MAX), None);
    }

    #[test]
    fn what_is_no_time_is_named() {
        for text in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-11-22",
            "2026-11-22T17:30:00",
            "-005000-01-01T00:00:00Z",
        ] {
            assert!(
                Timestamp::parse(text).unwrap_err().to_string().contains(text),
                "{text}"
            );
        }
    }

    #[test]
    fn every_day_of_the_calendar_is_read_as_the_calendar_has_it() {
        let by_calendar = |text: &str| {
            text.parse::<jiff::Timestamp>()
                .map(jiff::Timestamp::as_millisecond)
        };
        for year in 0..=9_999 {
            for (month, day) in (1..=13).flat_map(|month| [0, 1, 28, 29, 30, 31, 32].map(|day| (month, day)))
            {
                let text = format!("{year:04}-{month:02}-{day:02}T23:59:59.007Z");
                let read = Timestamp::parse(&text).map(Timestamp::as_ms);
                assert_eq!(read.ok(), by_calendar(&text).ok(), "{text}");
                if let Some(usual) = Timestamp::parse_usual(&text) {
                    assert_eq!(Some(usual.as_ms()), by_calendar(&text).ok(), "{text}");
                }
            }
        }
        for text in [
            "2026-11-22T24:00:00.000Z",
            "2026-11-22T23:60:00.000Z",
            "2026-11-22T23:59:60.000Z",
            "2026-11-22T23:59:5/.000Z",
            "2026-11-22 23:59:50.000Z",
            "2026-11-22T23:59:50.000z",
        ] {
            assert_eq!(Timestamp::parse_usual(text), None, "{text}");
        }
        assert!(Timestamp::parse_usual("2026-11-22T23:59:50.000Z").is_some());
    }

    #[test]
    fn minutes_round_down_also_before_1970() {
        let minute = |text| Timestamp::parse(text).unwrap().minute();
        assert_eq!(
            minute("2026-11-22T17:30:59.999Z").to_string(),
            "2026-11-22T17:30Z"
        );
        assert_eq!(
            minute("1969-12-31T23:59:59.999Z").to_string(),
            "1969-12-31T23:59Z"
        );
        assert_eq!(
            Minute::parse("1969-12-31T23:59Z"),
            Ok(minute("1969-12-31T23:59:00Z"))
        );
        assert!(Minute::parse("2026-11-22T17:30").is_err());
    }
}
