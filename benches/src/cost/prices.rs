//! What AWS asks for, in us-east-1, in US dollars.

/// What is paid for by the piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Charge {
    /// An hour of a shard.
    ShardHour,
    /// A record's 25 KB, or a part of them, put into a stream.
    PutUnit,
    /// A call of a function.
    Invocation,
    /// A second in which a function with 1 GB of memory runs, on arm64.
    GbSecond,
    /// A KB, or a part of it, of an item written on demand; an index counts as another item.
    WriteUnit,
    /// 4 KB, or a part of them, read consistently on demand.
    ReadUnit,
    /// A PUT or LIST request.
    ObjectPut,
    /// A GET or HEAD request.
    ObjectGet,
    /// A message published on a FIFO topic.
    Publish,
}

impl Charge {
    /// Its price.
    pub(crate) const fn dollars(self) -> f64 {
        match self {
            Self::ShardHour => 0.015,
            Self::PutUnit => 0.014e-6,
            Self::Invocation => 0.20e-6,
            Self::GbSecond => 0.000_013_333_4,
            Self::WriteUnit => 0.625e-6,
            Self::ReadUnit => 0.125e-6,
            Self::ObjectPut => 0.005e-3,
            Self::ObjectGet => 0.000_4e-3,
            Self::Publish => 0.30e-6,
        }
    }

    /// Whose bill it is on.
    pub(crate) const fn service(self) -> &'static str {
        match self {
            Self::ShardHour | Self::PutUnit => "Kinesis",
            Self::Invocation | Self::GbSecond => "Lambda",
            Self::WriteUnit => "DynamoDB writes",
            Self::ReadUnit => "DynamoDB reads",
            Self::ObjectPut | Self::ObjectGet => "S3",
            Self::Publish => "SNS",
        }
    }
}

/// The services, in the order of a table.
pub(crate) const SERVICES: [&str; 6] = [
    "Kinesis",
    "Lambda",
    "DynamoDB writes",
    "DynamoDB reads",
    "S3",
    "SNS",
];
/// Bytes of a write unit.
pub(crate) const WRITE_UNIT_BYTES: usize = 1_024;
/// Bytes of a read unit.
pub(crate) const READ_UNIT_BYTES: usize = 4_096;
/// Bytes of a unit put into a stream.
pub(crate) const PUT_UNIT_BYTES: usize = 25 * 1_024;
