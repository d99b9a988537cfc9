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
