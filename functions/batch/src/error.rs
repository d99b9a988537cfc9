//! What can be wrong with a file.

use warehouse::read::ReadError;
use warehouse::star::StarError;

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct FileError {
    /// Its name.
    pub file: String,
    /// What is wrong with it.
    #[source]
    pub problem: FileProblem,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    /// It is not what it should be.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Rows are not in ascending order of a column.
    #[error("column `{0}` is not in ascending order")]
    Unsorted(&'static str),
    /// It fits into no star schema, or its day into no calendar.
    #[error(transparent)]
    Star(#[from] StarError),
    /// Its day does not come after that of the file before.
    #[error("day {day} since 1970-01-01 comes after day {before}: files must be in order, one a day")]
    DayOrder {
        /// The file's day.
        day: i32,
        /// That of the file before.
        before: i32,
    },
}
