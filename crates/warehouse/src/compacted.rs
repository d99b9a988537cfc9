//! The compacted archive: few large parts in the place of an hour's many small objects.
//!
//! Rows of an hour exist in *generations*. Generation 0 is the hour's archive objects; each later one is parts, with the
//! archive's columns and one more, `generation`, that hold all rows of the generation before and of archive objects that
//! have come since. The table `compacted_hours` says which generation of an hour counts; an hour that is not in it: 0.
//! So there is one rule for all readers, here [`readable`], in SQL a join: of the rows of archive objects (generation 0)
//! and of parts, those count whose generation is the one that the table has for their hour. The table is one object, and
//! the put that replaces it is the switch.

mod hours;
mod parts;

pub use hours::{CompactedHours, readable};
pub use parts::{PartError, PartSize, PartWriter, archived_rows, schema_of};
