//! A function's settings, read once at its start from the environment.

use std::str::FromStr;

/// A setting is missing or malformed. The function does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is not set, or set to nothing.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// It is set to something else than it takes.
    #[error("the environment variable {name} is `{value}`: {reason}")]
    Malformed {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it takes.
        reason: String,
    },
}

/// Where settings come from: the environment, or a table in a test.
pub struct Settings<F>(F);

impl Settings<fn(&str) -> Option<String>> {
    /// The process's environment.
    #[must_use]
    pub fn from_env() -> Self {
        Self(|name| std::env::var(name).ok())
    }
}

impl<F: Fn(&str) -> Option<String>> Settings<F> {
    /// Settings by lookup.
    pub fn new(lookup: F) -> Self {
        Self(lookup)
    }

    /// A setting that must be there.
    pub fn text(&self, name: &'static str) -> Result<String, ConfigError> {
        (self.0)(name)
            .filter(|value| !value.is_empty())
            .ok_or(ConfigError::Missing(name))
    }

    /// A setting that must be there and be a `T`.
    pub fn parsed<T: FromStr<Err: ToString>>(&self, name: &'static str) -> Result<T, ConfigError> {
        let value = self.text(name)?;
        value.parse().map_err(|error: T::Err| ConfigError::Malformed {
            name,
            value,
            reason: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        let settings = Settings::new(|name| (name == "DAYS").then(|| "ninety".to_owned()));
        assert_eq!(settings.text("TABLE"), Err(ConfigError::Missing("TABLE")));
        assert_eq!(
            settings.parsed::<u32>("DAYS").unwrap_err().to_string(),
            "the environment variable DAYS is `ninety`: invalid digit found in string"
        );
        assert_eq!(Settings::new(|_| Some("90".into())).parsed("DAYS"), Ok(90));
        assert_eq!(
            Settings::new(|_| Some(String::new())).text("DAYS"),
            Err(ConfigError::Missing("DAYS"))
        );
    }
}
