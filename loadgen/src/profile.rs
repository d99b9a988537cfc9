//! Profiles: what a shop and its traffic are like, by name or from a file of one's own.

use std::path::Path;
use std::time::Duration;

use events::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::args::{ShopArgs, duration};
use crate::failure::Failure;
use crate::generator::{Config, Curve, FaultRates, FlashSale, Funnel, Mix, Stage, Traffic};

/// The profiles that come with the program; the first is the default.
pub const NAMED: &[(&str, &str)] = &[
    ("globalmart", include_str!("../profiles/globalmart.toml")),
    ("realistic", include_str!("../profiles/realistic.toml")),
    ("flash-sale", include_str!("../profiles/flash-sale.toml")),
    ("spike", include_str!("../profiles/spike.toml")),
    ("ramp", include_str!("../profiles/ramp.toml")),
    ("soak", include_str!("../profiles/soak.toml")),
];

/// The bounds of what a profile or a flag may ask for.
pub const RATES: std::ops::RangeInclusive<u64> = 1..=1_000_000;
/// How many users there may be.
pub const USERS: std::ops::RangeInclusive<u64> = 10_000..=10_000_000;
/// How many products there may be.
pub const PRODUCTS: std::ops::RangeInclusive<u64> = 1_000..=250_000;
/// More anomalies than this would be what is normal.
pub const MAX_ANOMALY_RATE: f64 = 0.2;
/// Most records are to be good ones.
pub const MAX_FAULT_RATE: f64 = 0.5;
const MAX_MULTIPLE: f64 = 1_000.0;

/// What a shop and its traffic are like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// In a sentence.
    pub description: String,
    /// Who and what there is.
    pub shop: ShopSize,
    /// How much is going on.
    pub traffic: TrafficShape,
    /// What is out of the ordinary.
    #[serde(default)]
    pub anomalies: Anomalies,
    /// What goes wrong.
    #[serde(default, skip_serializing_if = "FaultRates::is_none")]
    pub faults: FaultRates,
    /// Products that everybody wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale: Option<FlashSale>,
    /// How the rate changes; the end of the last stage goes on. Without any, it is steady.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageShape>,
}

/// Who and what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopSize {
    /// How many users: 10 thousand to 10 million.
    pub users: u64,
    /// How many products: a thousand to 250 thousand.
    pub products: u64,
}

/// How much is going on. Either `mix` or `funnel` says what visits consist of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficShape {
    /// Records a second; with the calendar, on average.
    pub rate: u64,
    /// Percentages of views/carts/transactions.
    #[serde(default, with = "mix", skip_serializing_if = "Option::is_none")]
    pub mix: Option<Mix>,
    /// How long a visit takes, about.
    #[serde(serialize_with = "write_duration", deserialize_with = "read_duration")]
    pub visit: Duration,
    /// Whether the rate follows hours, weekdays, months and sales days.
    pub calendar: bool,
    /// Of so many sessions, how many come how far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub funnel: Option<Funnel>,
}

/// What is out of the ordinary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anomalies {
    /// The share of purchases that are, from 0 to 0.2.
    pub rate: f64,
}

/// A stretch of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageShape {
    /// How long it is.
    #[serde(serialize_with = "write_duration", deserialize_with = "read_duration")]
    pub lasts: Duration,
    /// The rate at its start, as a multiple of `traffic.rate`.
    pub from: f64,
    /// The rate at its end.
    pub to: f64,
}

impl Profile {
    /// The profile of a name, or the one in a file.
    pub fn load(name_or_path: &str) -> Result<Self, Failure> {
        if let Some((_, text)) = NAMED.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(text, name_or_path);
        }
        let names: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
        let text = std::fs::read_to_string(Path::new(name_or_path)).map_err(|error| {
            Failure::usage(format!(
                "--profile {name_or_path}: no such profile, and no file of this name can be read ({error}): name one of {}, or \
                 a TOML file",
                names.join(", ")
            ))
        })?;
        Self::parse(&text, name_or_path)
    }

    /// The profile that the flags name, with what they say instead.
    pub fn of_shop(args: &ShopArgs) -> Result<Self, Failure> {
        let mut profile = Self::load(&args.profile)?;
        profile.shop.users = args.users.unwrap_or(profile.shop.users);
        profile.shop.products = args.products.unwrap_or(profile.shop.products);
        if let Some(mix) = args.mix {
            (profile.traffic.mix, profile.traffic.funnel) = (Some(mix), None);
        }
        profile.check()?;
        Ok(profile)
    }

    /// What the events of a run depend on that begins at `start`.
    pub fn config(&self, seed: u64, start: Timestamp) -> Result<Config, Failure> {
        let config = Config {
            seed,
            start,
            rate: self.traffic.rate as f64,
            curve: self.curve(),
            users: self.shop.users,
            products: self.shop.products,
            traffic: self.check()?,
            visit: self.traffic.visit,
            anomaly_rate: self.anomalies.rate,
            sale: self.sale,
            faults: self.faults,
        };
        match config.short_of_users() {
            None => Ok(config),
            Some((needed, there)) => Err(Failure::usage(format!(
                "{there} users had joined by {start}, and so many visits at a time need {needed}: raise --users, or start later"
            ))),
        }
    }

    fn parse(text: &str, origin: &str) -> Result<Self, Failure> {
        toml::from_str(text)
            .map_err(|error| Failure::usage(format!("--profile {origin}: {}", error.to_string().trim_end())))
    }

    /// As it would stand in a file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a profile has only string keys, and its tables come last")
    }

    /// Checks what flags and file have come to, and says what the visits consist of.
    fn check(&self) -> Result<Traffic, Failure> {
        let wrong = |what: String| Failure::usage(format!("the profile's {what}"));
        within("traffic.rate", self.traffic.rate, &RATES)?;
        within("shop.users", self.shop.users, &USERS)?;
        within("shop.products", self.shop.products, &PRODUCTS)?;
        share("anomalies.rate", self.anomalies.rate, MAX_ANOMALY_RATE)?;
        share("faults.bad", self.faults.bad, MAX_FAULT_RATE)?;
        share("faults.duplicate", self.faults.duplicate, MAX_FAULT_RATE)?;
        share("faults.late", self.faults.late, MAX_FAULT_RATE)?;
        if let Some(sale) = self.sale {
            share("sale.share", sale.share, 1.0)?;
            within("sale.products", sale.products.into(), &(1..=1_000))?;
        }
        if self.traffic.calendar && !self.stages.is_empty() {
            return Err(wrong(
                "traffic.calendar and stages each say how the rate changes: leave one out".to_owned(),
            ));
        }
        for (n, stage) in self.stages.iter().enumerate() {
            let allowed = 0.0..=MAX_MULTIPLE;
            if !allowed.contains(&stage.from) || !allowed.contains(&stage.to) {
                return Err(wrong(format!(
                    "stage {}: from {} to {} is not within 0 and {MAX_MULTIPLE} times the rate",
                    n + 1,
                    stage.from,
                    stage.to
                )));
            }
        }
        if !self.stages.is_empty()
            && self
                .stages
                .iter()
                .all(|stage| stage.from == 0.0 && stage.to == 0.0)
        {
            return Err(wrong(
                "stages are all 0: no event would ever be due, let one begin or end above 0".to_owned(),
            ));
        }
        match (self.traffic.mix, self.traffic.funnel) {
            (Some(mix), None) => Ok(Traffic::Mix(mix)),
            (None, Some(funnel)) => funnel
                .check()
                .map(Traffic::Funnel)
                .map_err(|error| wrong(format!("traffic.funnel: {error}"))),
            _ => Err(wrong("traffic needs either a mix or a funnel".to_owned())),
        }
    }

    /// How the rate changes.
    fn curve(&self) -> Curve {
        if self.traffic.calendar {
            Curve::Calendar
        } else if self.stages.is_empty() {
            Curve::Steady
        } else {
            let stage = |stage: &StageShape| Stage {
                lasts: stage.lasts,
                from: stage.from,
                to: stage.to,
            };
            Curve::Stages(self.stages.iter().map(stage).collect())
        }
    }

    /// How long all stages are; `None` without any.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        (!self.stages.is_empty()).then(|| self.stages.iter().map(|stage| stage.lasts).sum())
    }
}

fn within(what: &str, found: u64, allowed: &std::ops::RangeInclusive<u64>) -> Result<(), Failure> {
    if allowed.contains(&found) {
        Ok(())
    } else {
        Err(Failure::usage(format!(
            "the profile's {what} is {found}: it must be from {} to {}",
            allowed.start(),
            allowed.end()
        )))
    }
}

fn share(what: &str, found: f64, most: f64) -> Result<(), Failure> {
    if (0.0..=most).contains(&found) {
        Ok(())
    } else {
        Err(Failure::usage(format!(
            "the profile's {what} is {found}: it must be from 0 to {most}"
        )))
    }
}

mod mix {
    use super::{Deserialize, Deserializer, Mix, Serializer};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(mix: &Option<Mix>, serializer: S) -> Result<S::Ok, S::Error> {
        match mix {
            Some(mix) => serializer.collect_str(mix),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Mix>, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Some).map_err(serde::de::Error::custom)
    }
}

fn write_duration<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let ms = time.as_millis();
    if ms.is_multiple_of(1_000) {
        serializer.collect_str(&format_args!("{}s", ms / 1_000))
    } else {
        serializer.collect_str(&format_args!("{ms}ms"))
    }
}

fn read_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    duration(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_profiles_are_sound_and_print_what_they_read() {
        for (name, _) in NAMED {
            let profile = Profile::load(name).unwrap();
            profile.check().unwrap();
            assert_eq!(Profile::parse(&profile.to_toml(), name), Ok(profile), "{name}");
        }
    }

    #[test]
    fn a_wrong_profile_says_what_is_allowed() {
        let message = |change: &dyn Fn(&mut Profile)| {
            let mut profile = Profile::load("globalmart").unwrap();
            change(&mut profile);
            profile.check().unwrap_err().to_string()
        };
        assert!(
            message(&|p| p.shop.users = 1).contains("shop.users is 1: it must be from 10000 to 10000000")
        );
        assert!(message(&|p| p.traffic.rate = 0).contains("traffic.rate is 0"));
        assert!(message(&|p| p.anomalies.rate = 0.3).contains("from 0 to 0.2"));
        assert!(message(&|p| p.faults.bad = f64::NAN).contains("faults.bad"));
        assert!(message(&|p| p.traffic.mix = None).contains("either a mix or a funnel"));
        let stage = StageShape {
            lasts: Duration::from_secs(1),
            from: -1.0,
            to: 1.0,
        };
        assert!(message(&|p| p.stages = vec![stage]).contains("stage 1: from -1 to 1"));
        let nothing = StageShape {
            from: 0.0,
            to: 0.0,
            ..stage
        };
        assert!(message(&|p| p.stages = vec![nothing, nothing]).contains("stages are all 0"));
        assert!(message(&|p| (p.stages, p.traffic.calendar) = (vec![stage], true)).contains("leave one out"));

        let mut crowded = Profile::load("realistic").unwrap();
        crowded.shop.users = 10_000;
        let start = |text| Timestamp::parse(text).unwrap();
        assert!(crowded.config(1, start("2026-01-01T00:00:00Z")).is_ok());
        crowded.traffic.funnel.as_mut().unwrap().sessions = 2_000;
        let refused = crowded.config(1, start("1990-06-01T00:00:00Z")).unwrap_err();
        assert!(refused.to_string().contains("raise --users"), "{refused}");

        let unknown = Profile::load("fast").unwrap_err().to_string();
        assert!(
            unknown.contains("globalmart, realistic, flash-sale, spike, ramp, soak"),
            "{unknown}"
        );
        let typo = Profile::parse("descripton = \"x\"", "own.toml")
            .unwrap_err()
            .to_string();
        assert!(typo.contains("own.toml") && typo.contains("descripton"), "{typo}");
    }
}
