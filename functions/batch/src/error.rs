//! What can be wrong with a file.

use arrow::error::ArrowError;
use parquet::errors::ParquetError;
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
    /// It is no Parquet file.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// Its rows cannot be read.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// A column is not there, or of another type.
    #[error("there is no column `{0}` of the type that it should have")]
    Column(&'static str),
    /// A column has nulls where none may be.
    #[error("column `{0}` has nulls")]
    Null(&'static str),
    /// A value is none that the column may have.
    #[error("column `{column}` cannot hold `{found}`")]
    Value {
        /// The column.
        column: &'static str,
        /// What it holds.
        found: String,
    },
    /// Rows are not in ascending order of a column.
    #[error("column `{0}` is not in ascending order")]
    Unsorted(&'static str),
    /// Its day is not in the calendar.
    #[error(transparent)]
    Day(#[from] StarError),
    /// Its day does not come after that of the file before.
    #[error("day {day} since 1970-01-01 comes after day {before}: files must be in order, one a day")]
    DayOrder {
        /// The file's day.
        day: i32,
        /// That of the file before.
        before: i32,
    },
}
