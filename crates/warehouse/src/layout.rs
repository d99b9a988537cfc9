//! Where objects lie in the warehouse bucket.

use events::{Stream, Timestamp};

/// The folder of an archived table: `events/<table>/`.
#[must_use]
pub fn archive_prefix(stream: Stream) -> String {
    format!("events/{}/", table_of(stream))
}

/// The key of an archive object: the partition is the hour in which its first record arrived, the name says what it
/// follows. So it doesn't depend on where a batch happens to end.
#[must_use]
pub fn archive_key(stream: Stream, first_arrived_at: Timestamp, shard_id: &str, mark: &str) -> String {
    format!(
        "{}{}/{shard_id}-{mark}.parquet",
        archive_prefix(stream),
        partition_of(first_arrived_at)
    )
}

/// The key of an object of quarantined records, named like an archive object.
#[must_use]
pub fn quarantine_key(stream: Stream, first_arrived_at: Timestamp, shard_id: &str, mark: &str) -> String {
    format!(
        "quarantine/{}/{}/{shard_id}-{mark}.jsonl",
        table_of(stream),
        partition_of(first_arrived_at)
    )
}

/// SQL names have no hyphens.
fn table_of(stream: Stream) -> String {
    stream.as_str().replace('-', "_")
}

fn partition_of(time: Timestamp) -> String {
    format!("dt={}/hour={}", time.date(), time.hour())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_table_hour_shard_and_mark() {
        let time = Timestamp::parse("2026-11-22T07:59:59.999Z").unwrap();
        assert_eq!(
            archive_key(Stream::CartEvents, time, "shardId-000000000001", "0042"),
            "events/cart_events/dt=2026-11-22/hour=07/shardId-000000000001-0042.parquet"
        );
        assert_eq!(
            quarantine_key(Stream::ProductViews, time, "shardId-000000000001", "0042"),
            "quarantine/product_views/dt=2026-11-22/hour=07/shardId-000000000001-0042.jsonl"
        );
    }
}
