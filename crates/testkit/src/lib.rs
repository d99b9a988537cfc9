//! What tests of exactly-once effects need: streams with everything that goes wrong on them, an event source mapping that
//! redelivers as AWS's does, and stores whose calls fail, hang, or land when their caller is long dead.
//!
//! Everything follows from a seed: a history that fails can be run again.

mod bucket;
mod chaos;
mod example;
mod laws;
mod mapping;
mod stores;
mod stream;

pub use bucket::MemoryBucket;
pub use chaos::Chaos;
pub use example::{example, purchase, refund};
pub use laws::{SmallPages, exactly_once};
pub use mapping::{clock, deliver};
pub use stores::{
    Guard, MemoryAlerts, MemoryCheckpoint, MemoryLineage, MemoryLog, MemoryPartials, StoredObject,
};
pub use stream::{Record, Shard, SimStream};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// How many seeded histories a test goes through: `HISTORIES`, or 1,000.
#[must_use]
pub fn histories() -> u64 {
    std::env::var("HISTORIES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000)
}

fn rng_of(seed: u64, part: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(part);
    rng
}
