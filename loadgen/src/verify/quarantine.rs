//! What quarantine holds of the time of the runs, by the rule that was broken.

use std::collections::BTreeMap;

use events::{MS_PER_MINUTE, Stream, Timestamp};
use serde::Deserialize;

use super::archive::keys;
use super::{CONCURRENT_READS, Sent, objects};
use crate::deployment::Deployment;
use crate::failure::Failure;

/// Room for clocks that differ.
const CLOCKS_MS: i64 = MS_PER_MINUTE;

/// What is read of a quarantined record.
#[derive(Deserialize)]
struct Line {
    rule: String,
    arrived_at: Timestamp,
}

/// Counts the records that came while the runs were sending.
pub(super) async fn read(deployment: &Deployment, sent: &Sent) -> Result<BTreeMap<String, u64>, Failure> {
    let mut by_rule = BTreeMap::new();
    for &stream in Stream::ALL {
        let keys = keys(deployment, &warehouse::quarantine_prefix(stream), sent).await?;
        let objects = keys.into_iter().map(|key| (key, ()));
        objects::read_each(deployment, objects, CONCURRENT_READS, |(), bytes| {
            count(&bytes, sent, &mut by_rule)
        })
        .await?;
    }
    Ok(by_rule)
}

fn count(object: &[u8], sent: &Sent, by_rule: &mut BTreeMap<String, u64>) -> Result<(), serde_json::Error> {
    for line in object
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let Line { rule, arrived_at } = serde_json::from_slice(line)?;
        let after_start = sent
            .arrived_from
            .is_some_and(|from| from.plus_ms(-CLOCKS_MS) <= arrived_at);
        let before_end = sent
            .arrived_to
            .is_some_and(|to| arrived_at <= to.plus_ms(CLOCKS_MS));
        if after_start && before_end {
            *by_rule.entry(rule).or_default() += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_the_runs_time_are_counted_by_rule() {
        let at = |text| Timestamp::parse(text).unwrap();
        let sent = Sent {
            arrived_from: Some(at("2026-11-22T17:30:00Z")),
            arrived_to: Some(at("2026-11-22T17:31:00Z")),
            ..Sent::default()
        };
        let object = ["17:00:00", "17:30:30", "17:30:31", "18:00:00"]
            .map(|time| {
                format!("{{\"rule\":\"not_json\",\"detail\":\"\",\"arrived_at\":\"2026-11-22T{time}Z\"}}\n")
            })
            .concat();
        let mut by_rule = BTreeMap::new();
        count(object.as_bytes(), &sent, &mut by_rule).unwrap();
        assert_eq!(by_rule, BTreeMap::from([("not_json".to_owned(), 2)]));
        assert!(count(b"{}", &sent, &mut by_rule).is_err());
    }
}
