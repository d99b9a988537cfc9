//! The event source mapping: batches of any size, again after a failure, in halves, in other sizes, and sometimes again
//! after a success; a shard only after its parents.

use aws_lambda_events::event::kinesis::KinesisEvent;
use events::{MS_PER_DAY, Timestamp};
use rand::RngExt;

use crate::{Chaos, SimStream};

/// More failures of one batch than there are troubles in a history mean that it can never get through.
const MAX_ATTEMPTS: u32 = 100;

/// Environments of a function that take turns, each with what it remembers of its own invocations alone.
const ENVIRONMENTS: usize = 2;

/// The clock at a batch, which knows nothing of the streams' delays: half a day before the `end`. Of some seeds it stands
/// almost still, of others it steps by less, or by more, than what anyone who goes by it waits for.
#[must_use]
pub fn clock(end: Timestamp, seed: u64, batch: u64) -> Timestamp {
    const HALF_A_DAY_MS: i64 = MS_PER_DAY / 2;
    let step_ms = match seed % 3 {
        0 => 1,
        1 => 17_000,
        _ => 170_000,
    };
    let passed_ms = i64::try_from(batch).unwrap_or(i64::MAX).saturating_mul(step_ms);
    end.plus_ms(passed_ms.min(HALF_A_DAY_MS) - HALF_A_DAY_MS)
}

/// Delivers a stream to a function until every shard is through, then lets the last writes of dead invocations land.
///
/// `start` starts an environment of the function. An invocation meets any of them, warm or new; one that is killed takes
/// its environment with it.
pub fn deliver<F, E>(
    seed: u64,
    stream: &SimStream,
    chaos: &Chaos,
    start: impl Fn() -> F,
    handle: &impl AsyncFn(&F, KinesisEvent) -> Result<(), E>,
) {
    let mut environments: [F; ENVIRONMENTS] = std::array::from_fn(|_| start());
    let mut rng = crate::rng_of(seed, 3);
    let mut fates = crate::rng_of(seed, 4);
    let mut positions = vec![0; stream.shards.len()];
    let mut redeliveries_left = 10;
    loop {
        let read = |n: usize| positions[n] == stream.shards[n].records.len();
        let ready: Vec<usize> = (0..stream.shards.len())
            .filter(|&n| !read(n) && stream.ancestors(n).into_iter().all(read))
            .collect();
        if ready.is_empty() {
            break;
        }
        let n = ready[rng.random_range(0..ready.len())];
        let shard = &stream.shards[n];
        let from = positions[n];
        let mut end = (from + rng.random_range(1..12)).min(shard.records.len());
        for attempt in 0.. {
            assert!(
                attempt < MAX_ATTEMPTS,
                "a batch of {} still fails when there is no trouble left",
                shard.id
            );
            let batch = stream.batch(shard, &shard.records[from..end]);
            let event: KinesisEvent = serde_json::from_value(batch).expect("a batch as Kinesis sends it");
            let environment = &mut environments[fates.random_range(0..ENVIRONMENTS)];
            if fates.random_bool(0.05) {
                *environment = start();
            }
            match chaos.invoke(handle(environment, event)) {
                Some(Ok(())) => break,
                Some(Err(_)) => {}
                None => *environment = start(),
            }
            // The mapping may bisect the batch, or come again with what has arrived meanwhile.
            end = match rng.random_range(0..4) {
                0 => from + (end - from).div_ceil(2),
                1 => (end + rng.random_range(0..4)).min(shard.records.len()),
                _ => end,
            };
        }
        // A checkpoint that is lost brings back what was done already, from anywhere in the shard.
        let lost = redeliveries_left > 0 && rng.random_bool(0.2);
        redeliveries_left -= i32::from(lost);
        positions[n] = if lost { rng.random_range(0..=end) } else { end };
    }
    chaos.settle();
}
