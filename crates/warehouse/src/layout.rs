//! Where objects lie in the warehouse bucket.

use events::{Stream, Timestamp};

use crate::CatalogTable;
use crate::star::StarTable;
use crate::tables::AnalyticsTable;

/// The folder of an archived table: `events/<table>/`.
#[must_use]
pub fn archive_prefix(stream: Stream) -> String {
    format!("events/{}/", table_name(stream))
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

/// Whether a key of the archive is an object's: what others leave there, as a console does for a folder and Spark as `_SUCCESS`, is
/// none.
#[must_use]
pub fn is_archive_object(key: &str) -> bool {
    key.ends_with(".parquet")
}

/// The hour whose partition an archive object is in; `None` if its key names none.
#[must_use]
pub fn archived_hour(stream: Stream, key: &str) -> Option<Timestamp> {
    hour_and_name(key.strip_prefix(&archive_prefix(stream))?).map(|(hour, _)| hour)
}

/// The folder of an hour's archive objects. `hour` is any time of it.
#[must_use]
pub fn archived_hour_prefix(stream: Stream, hour: Timestamp) -> String {
    format!("{}{}/", archive_prefix(stream), partition_of(hour))
}

/// The folder of the parts that a table's hours are compacted to: `compacted/<table>/`.
#[must_use]
pub fn compacted_prefix(stream: Stream) -> String {
    format!("compacted/{}/", table_name(stream))
}

/// The key of a part of a generation of an hour. `hour` is any time of it. Keys sort by generation and part.
#[must_use]
pub fn compacted_key(stream: Stream, hour: Timestamp, generation: i32, part: usize) -> String {
    format!(
        "{}{}/g{generation:04}-{part:04}.parquet",
        compacted_prefix(stream),
        partition_of(hour)
    )
}

/// The hour and the generation that a part is of; `None` if its key names none.
#[must_use]
pub fn compacted_hour(stream: Stream, key: &str) -> Option<(Timestamp, i32)> {
    let (hour, name) = hour_and_name(key.strip_prefix(&compacted_prefix(stream))?)?;
    let (generation, part) = name
        .strip_prefix('g')?
        .strip_suffix(".parquet")?
        .split_once('-')?;
    let generation = generation.parse().ok()?;
    (compacted_key(stream, hour, generation, part.parse().ok()?) == key).then_some((hour, generation))
}

/// The key of the table that says which generation of an hour counts.
#[must_use]
pub fn compacted_hours_key() -> String {
    warehouse_key("compacted_hours", None)
}

/// The folder of what a stream's table did not get.
#[must_use]
pub fn quarantine_prefix(stream: Stream) -> String {
    format!("quarantine/{}/", table_name(stream))
}

/// The key of an object of quarantined records, named like an archive object.
#[must_use]
pub fn quarantine_key(stream: Stream, first_arrived_at: Timestamp, shard_id: &str, mark: &str) -> String {
    format!(
        "quarantine/{}/{}/{shard_id}-{mark}.jsonl",
        table_name(stream),
        partition_of(first_arrived_at)
    )
}

/// What all objects of a catalog table's keys begin with: `catalog/<table>/part-`.
#[must_use]
pub fn catalog_prefix(table: CatalogTable) -> String {
    format!("catalog/{}/part-", table.as_str())
}

/// The key of a part of a catalog table. Keys sort by part.
#[must_use]
pub fn catalog_key(table: CatalogTable, part: u64) -> String {
    format!("{}{part:05}.parquet", catalog_prefix(table))
}

/// The key of a table of the star schema: one object, or one for each day of the facts, so that one put replaces it
/// whole. `day` is any time of that day, `None` for a dimension.
#[must_use]
pub fn star_key(table: StarTable, day: Option<Timestamp>) -> String {
    warehouse_key(table.as_str(), day)
}

/// The key of an analytical table: one object, or one for each snapshot of the customers, so that earlier ones stay. `snapshot`
/// is any time of its day.
#[must_use]
pub fn analytics_key(table: AnalyticsTable, snapshot: Timestamp) -> String {
    let day = match table {
        AnalyticsTable::CustomerSegments
        | AnalyticsTable::RfmCutPoints
        | AnalyticsTable::SegmentMigration => Some(snapshot),
        _ => None,
    };
    warehouse_key(table.as_str(), day)
}

fn warehouse_key(table: &str, day: Option<Timestamp>) -> String {
    match day {
        Some(day) => format!("warehouse/{table}/dt={}/{table}.parquet", day.date()),
        None => format!("warehouse/{table}/{table}.parquet"),
    }
}

/// The name of a stream's archived table: SQL names have no hyphens.
#[must_use]
pub fn table_name(stream: Stream) -> String {
    stream.as_str().replace('-', "_")
}

fn partition_of(time: Timestamp) -> String {
    format!("dt={}/hour={}", time.date(), time.hour())
}

/// The start of the hour of `dt=YYYY-MM-DD/hour=HH/<name>`, and the name.
fn hour_and_name(path: &str) -> Option<(Timestamp, &str)> {
    let mut pieces = path.splitn(3, '/');
    let (date, hour, name) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let (date, hour) = (date.strip_prefix("dt=")?, hour.strip_prefix("hour=")?);
    let start = Timestamp::parse(&format!("{date}T{hour}:00:00.000Z")).ok()?;
    (start.date() == date && start.hour() == hour).then_some((start, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_read_off_a_key() {
        let time = Timestamp::parse("2026-11-22T07:59:59.999Z").unwrap();
        let start = Timestamp::parse("2026-11-22T07:00:00.000Z").unwrap();
        for &stream in Stream::ALL {
            let key = archive_key(stream, time, "shardId-000000000001", "0042");
            assert_eq!(archived_hour(stream, &key), Some(start));
            assert!(key.starts_with(&archived_hour_prefix(stream, start)));
            for generation in [1, 9_999, 10_000] {
                let key = compacted_key(stream, time, generation, 12);
                assert_eq!(compacted_hour(stream, &key), Some((start, generation)));
                assert_eq!(archived_hour(stream, &key), None);
            }
        }
        assert_eq!(
            compacted_key(Stream::CartEvents, time, 2, 0),
            "compacted/cart_events/dt=2026-11-22/hour=07/g0002-0000.parquet"
        );
        for partition in [
            "dt=2026-02-30/hour=07",
            "dt=2026-11-22/hour=7",
            "dt=2026-11-22/hour=24",
            "dt=2026-11-22",
        ] {
            let key = format!("events/cart_events/{partition}/a.parquet");
            assert_eq!(archived_hour(Stream::CartEvents, &key), None, "{key}");
        }
        for name in [
            "g2-0000.parquet",
            "g0002-0000",
            "g0002.parquet",
            "a.parquet",
            "g+002-0000.parquet",
        ] {
            let key = format!("compacted/cart_events/dt=2026-11-22/hour=07/{name}");
            assert_eq!(compacted_hour(Stream::CartEvents, &key), None, "{key}");
        }
    }

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
        assert_eq!(
            catalog_key(CatalogTable::Users, 7),
            "catalog/users/part-00007.parquet"
        );
    }

    #[test]
    fn the_star_has_an_object_a_dimension_and_one_a_day_of_facts() {
        let facts_at = |text| star_key(StarTable::FactSales, Some(Timestamp::parse(text).unwrap()));
        assert_eq!(
            facts_at("2026-11-22T23:59:59.999Z"),
            "warehouse/fact_sales/dt=2026-11-22/fact_sales.parquet"
        );
        assert_eq!(
            facts_at("0007-01-02T00:00:00Z"),
            "warehouse/fact_sales/dt=0007-01-02/fact_sales.parquet"
        );
        assert_eq!(
            star_key(StarTable::DimProduct, None),
            "warehouse/dim_product/dim_product.parquet"
        );
    }
}
