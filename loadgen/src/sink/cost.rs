//! Asks for a word before a run that costs money: much traffic to an endpoint that is not on this machine.

use std::net::IpAddr;

use crate::failure::Failure;

/// Events a second that are sent to any endpoint without a word.
const FREE_RATE: u64 = 5_000;

// Prices of us-east-1, and what a shard takes.
const SHARD_HOUR_DOLLARS: f64 = 0.015;
const UNIT_DOLLARS: f64 = 0.014 / 1e6;
const UNIT_BYTES: f64 = 25.0 * 1024.0;
const SHARD_RECORDS: f64 = 1_000.0;
const SHARD_BYTES: f64 = 1024.0 * 1024.0;
/// About what an event takes.
const EVENT_BYTES: f64 = 350.0;

/// Refuses to send more than 5,000 events a second to an endpoint elsewhere, unless `yes` was said.
pub fn check(endpoint: &str, rate: u64, aggregate_bytes: Option<usize>, yes: bool) -> Result<(), Failure> {
    if yes || rate <= FREE_RATE || is_local(endpoint) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{rate} events/s to {endpoint} cost money, roughly ${:.2} an hour for Kinesis alone: add --yes if that is meant, \
         else lower --rate to {FREE_RATE}, or set AWS_ENDPOINT_URL to a local stack",
        dollars_an_hour(rate, aggregate_bytes)
    )))
}

/// Refuses to send nobody knows how much to an endpoint elsewhere, unless `yes` was said.
pub fn check_unknown(endpoint: &str, yes: bool) -> Result<(), Failure> {
    if yes || is_local(endpoint) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "replaying to {endpoint} costs money, and how much shows only when the recording is read: add --yes if that is meant, or \
         set AWS_ENDPOINT_URL to a local stack"
    )))
}

/// Shards and payload units of provisioned streams; an entry is rounded up to units.
fn dollars_an_hour(rate: u64, aggregate_bytes: Option<usize>) -> f64 {
    let rate = rate as f64;
    let (entries, entry_bytes) = match aggregate_bytes {
        None => (rate, EVENT_BYTES),
        Some(bytes) => (rate * EVENT_BYTES / bytes as f64, bytes as f64),
    };
    let units = entries * (entry_bytes / UNIT_BYTES).ceil();
    let shards = (entries / SHARD_RECORDS)
        .max(rate * EVENT_BYTES / SHARD_BYTES)
        .ceil();
    units * 3_600.0 * UNIT_DOLLARS + shards * SHARD_HOUR_DOLLARS
}

/// Whether an endpoint is this machine, or a neighbour with a name without a dot, as containers have.
fn is_local(endpoint: &str) -> bool {
    let rest = endpoint
        .split_once("://")
        .map_or(endpoint, |(_scheme, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_user, host)| host);
    let host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, _port)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => !host.is_empty() && !host.contains('.'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_elsewhere_wants_a_word() {
        let elsewhere = "https://kinesis.us-east-1.amazonaws.com";
        assert_eq!(check_unknown(elsewhere, false).unwrap_err().exit_code(), 2);
        assert!(check_unknown(elsewhere, true).is_ok());
        assert!(check_unknown("http://127.0.0.1:4566", false).is_ok());
    }

    #[test]
    fn this_machine_and_names_without_a_dot_are_local() {
        for local in [
            "http://localhost:4566",
            "http://127.0.0.1:4566",
            "http://127.8.9.1/",
            "http://[::1]:4566",
            "http://localstack:4566",
            "https://user@localhost",
        ] {
            assert!(is_local(local), "{local}");
        }
        for elsewhere in [
            "https://kinesis.us-east-1.amazonaws.com",
            "http://10.0.0.1:4566",
            "http://[2001:db8::1]:4566",
            "http://localhost.example.com",
            "http://localhost@example.com",
            "",
        ] {
            assert!(!is_local(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_rate_that_costs_needs_a_yes() {
        let aws = "https://kinesis.us-east-1.amazonaws.com";
        assert!(check(aws, 5_000, None, false).is_ok());
        assert!(check(aws, 5_001, None, true).is_ok());
        assert!(check("http://localhost:4566", 1_000_000, None, false).is_ok());
        let refused = check(aws, 10_000, None, false).unwrap_err();
        assert_eq!(refused.exit_code(), 2);
        for part in [aws, "$0.65 an hour", "--yes"] {
            assert!(refused.to_string().contains(part), "{refused}");
        }
    }

    #[test]
    fn aggregation_is_cheaper() {
        assert!((dollars_an_hour(10_000, None) - 0.654).abs() < 0.001);
        assert!(dollars_an_hour(10_000, Some(51_200)) < 0.1);
    }
}
