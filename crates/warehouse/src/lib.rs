//! Events and the shop's catalog as Parquet: the schema of each table, rows to bytes, and where an object lies. And the
//! star schema that is made of them.
//!
//! Pure: rows in, bytes and names out. The columns here, those in the stack template and those that Athena shows are the
//! same; a test compares them.

mod catalog;
mod catalog_reader;
mod columns;
pub mod compacted;
mod layout;
mod parquet_file;
pub mod read;
mod schema;
pub mod star;
mod table_file;
pub mod tables;

pub use catalog::{CatalogProduct, CatalogTable, CatalogUser, encode_products, encode_users};
pub use catalog_reader::read_initial_stock;
pub use layout::{
    analytics_key, archive_key, archive_prefix, archived_hour, archived_hour_prefix, catalog_key,
    catalog_prefix, compacted_hour, compacted_hours_key, compacted_key, compacted_prefix, is_archive_object,
    quarantine_key, quarantine_prefix, star_key, table_name,
};
pub use parquet_file::{EncodeError, EventFile, encode};
pub use schema::{glue_columns, schema_of};

use events::{Event, Timestamp};

/// An event as it came: what the archive keeps of its delivery.
#[derive(Clone, Copy, Debug)]
pub struct ArchivedEvent<'a> {
    /// The event.
    pub event: &'a Event,
    /// When the stream took it in.
    pub arrived_at: Timestamp,
    /// The shard that it came on.
    pub shard_id: &'a str,
    /// Its record's sequence number.
    pub sequence_number: &'a str,
}
