use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    call_records: 5,
    call_bytes: 100,
    record_bytes: 40,
};
const LINGER: Duration = Duration::from_millis(50);
const BACKOFF: Backoff = Backoff {
    base: Duration::from_millis(10),
    cap: Duration::from_millis(40),
    max_attempts: 4,
};
const SHARDS: usize = 3;

fn outbox<T>() -> Outbox<T> {
    Outbox::new(LIMITS, LINGER, BACKOFF, SHARDS)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A step of a history: items come, a call is answered, time passes.
#[derive(Clone, Debug)]
enum Step {
    Push { shard: usize, bytes: usize },
    Call { kind: u8, bits: u64 },
    Pass { ms: u64 },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..SHARDS, 0..50_usize).prop_map(|(shard, bytes)| Step::Push { shard, bytes }),
        2 => (0..8_u8, any::<u64>()).prop_map(|(kind, bits)| Step::Call { kind, bits }),
        1 => (0..60_u64).prop_map(|ms| Step::Pass { ms }),
    ]
}

/// What a service makes of a call; bit k decides on its entry k.
fn answer(kind: u8, bits: u64, entries: usize) -> Answer<()> {
    let code = || "Throttled".to_owned();
    let each = |n: usize| {
        (0..n)
            .map(|k| {
                if bits >> (k % 64) & 1 == 0 {
                    Ok(())
                } else {
                    Err(code())
                }
            })
            .collect()
    };
    match kind {
        0 => Answer::Refused {
            code: code(),
            again: true,
        },
        1 => Answer::Lost { code: code() },
        2 => Answer::Each(each(entries + 1)),
        3 if bits.is_multiple_of(7) => Answer::Refused {
            code: code(),
            again: false,
        },
        _ => Answer::Each(each(entries)),
    }
}

/// What a history did: the calls in order, each with its items (shard, number, attempts before), and what was settled.
#[derive(Debug, Default)]
struct History {
    pushed: Vec<(usize, usize)>,
    refused: Vec<usize>,
    calls: Vec<Vec<(usize, usize, u32)>>,
    settled: Vec<usize>,
    acknowledged: Vec<(usize, usize)>,
}

/// Runs the steps; checks at each that every item is queued or settled, and the limits of each call.
fn run(steps: &[Step]) -> (History, Outbox<usize>) {
    let (mut outbox, mut history, mut now) = (outbox(), History::default(), Duration::ZERO);
    for step in steps {
        match *step {
            Step::Push { shard, bytes } => {
                let n = history.pushed.len() + history.refused.len();
                match outbox.push(shard, n, bytes, now) {
                    Ok(()) => history.pushed.push((shard, n)),
                    Err(n) => history.refused.push(n),
                }
            }
            Step::Pass { ms } => now += Duration::from_millis(ms),
            Step::Call { kind, bits } => {
                let call = outbox.take(now);
                assert!(call.items.len() <= LIMITS.call_records && call.bytes <= LIMITS.call_bytes);
                assert_eq!(call.bytes, call.items.iter().map(|of| of.bytes).sum::<usize>());
                let items: Vec<(usize, usize)> = call.items.iter().map(|of| (of.shard, of.item)).collect();
                let entries = call.items.len();
                history.calls.push(
                    call.items
                        .iter()
                        .map(|of| (of.shard, of.item, of.attempts))
                        .collect(),
                );
                let settled = outbox.answer(call, answer(kind, bits, entries), now, bits);
                history.settled.extend(settled.failed.iter().map(|of| of.item));
                for of in settled.acknowledged {
                    history.settled.push(of.item);
                    history
                        .acknowledged
                        .extend(items.iter().filter(|(_, item)| *item == of.item));
                }
            }
        }
        let queued = outbox.queues.iter().flat_map(|queue| &queue.items);
        let mut all: Vec<usize> = queued
            .map(|of| of.item)
            .chain(history.settled.iter().copied())
            .collect();
        all.sort_unstable();
        assert_eq!(all, history.pushed.iter().map(|(_, n)| *n).collect::<Vec<_>>());
        for queue in &outbox.queues {
            assert!(queue.items.iter().map(|of| of.item).is_sorted());
            assert_eq!(queue.bytes, queue.items.iter().map(|of| of.bytes).sum::<usize>());
        }
    }
    (history, outbox)
}

proptest! {
    #[test]
    fn nothing_is_lost_nothing_doubled_and_limits_are_kept(steps in prop::collection::vec(any_step(), 0..120)) {
        let (history, mut outbox) = run(&steps);
        let mut all = history.settled;
        all.extend(outbox.give_up("NotSent").into_iter().map(|of| of.item));
        all.sort_unstable();
        prop_assert_eq!(all, history.pushed.iter().map(|(_, n)| *n).collect::<Vec<_>>());
        prop_assert!(outbox.is_empty());
    }

    #[test]
    fn per_shard_nothing_overtakes_but_within_one_call(steps in prop::collection::vec(any_step(), 0..120)) {
        let (history, _) = run(&steps);
        let mut first_sent: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for call in &history.calls {
            for (shard, items) in (0..SHARDS).map(|shard| (shard, call.iter().filter(move |(of, ..)| *of == shard))) {
                let items: Vec<_> = items.collect();
                prop_assert!(items.is_sorted_by_key(|(_, item, _)| *item));
                first_sent.entry(shard).or_default().extend(items.iter().filter(|(.., attempts)| *attempts == 0).map(|(_, item, _)| *item));
            }
        }
        prop_assert!(first_sent.values().all(|items| items.is_sorted()));
        // Whoever is acknowledged before an earlier one was in a call with it.
        for (at, (shard, item)) in history.acknowledged.iter().enumerate() {
            for (_, later) in history.acknowledged[..at].iter().filter(|(of, other)| of == shard && other > item) {
                let together = history.calls.iter().any(|call| {
                    let holds = |wanted| call.iter().any(|(_, item, _)| *item == wanted);
                    holds(*item) && holds(*later)
                });
                prop_assert!(together, "{} overtook {}", later, item);
            }
        }
    }
}

/// The codes of `failed` entries, by position; all others are taken.
fn failing(entries: usize, failed: &[usize]) -> Answer<usize> {
    Answer::Each(
        (0..entries)
            .map(|n| {
                if failed.contains(&n) {
                    Err("Throttled".to_owned())
                } else {
                    Ok(n)
                }
            })
            .collect(),
    )
}

#[test]
fn a_failed_item_holds_up_its_own_shard_only() {
    let mut outbox = outbox();
    for n in 0..4 {
        outbox.push(n % 2, n, 1, ms(0)).unwrap();
    }
    let call = outbox.take(ms(0));
    // Shard 0 comes first: items 0 and 2, then 1 and 3.
    assert_eq!(
        call.items.iter().map(|of| of.item).collect::<Vec<_>>(),
        [0, 2, 1, 3]
    );
    let _ = outbox.answer(call, failing(4, &[0]), ms(0), u64::MAX);
    outbox.push(0, 4, 1, ms(0)).unwrap();
    outbox.push(1, 5, 1, ms(0)).unwrap();
    let call = outbox.take(ms(9));
    assert_eq!(call.items.iter().map(|of| of.item).collect::<Vec<_>>(), [5]);
    let _ = outbox.answer(call, failing(1, &[]), ms(9), 0);
    assert_eq!(outbox.when(ms(9), false), When::At(ms(10)));
    let call = outbox.take(ms(10));
    assert_eq!(call.items.iter().map(|of| of.item).collect::<Vec<_>>(), [0, 4]);
}

#[test]
fn a_call_goes_out_when_it_is_full_or_has_lingered() {
    let mut outbox = outbox();
    assert_eq!(outbox.when(ms(0), true), When::Empty);
    outbox.push(1, 0, 10, ms(7)).unwrap();
    assert_eq!(outbox.when(ms(7), false), When::At(ms(57)));
    assert_eq!(outbox.when(ms(7), true), When::Now);
    assert_eq!(outbox.when(ms(57), false), When::Now);
    (1..5).for_each(|n| outbox.push(n % 2, n, 10, ms(8)).unwrap());
    assert_eq!(outbox.when(ms(8), false), When::Now);
}

#[test]
fn every_shard_has_its_turn() {
    let mut outbox = outbox();
    (0..20).for_each(|n| outbox.push(0, n, 1, ms(0)).unwrap());
    outbox.push(2, 20, 1, ms(0)).unwrap();
    let first: Vec<usize> = (0..3).map(|_| outbox.take(ms(0)).items[0].shard).collect();
    assert_eq!(first, [0, 2, 0]);
}

#[test]
fn a_lost_answer_makes_a_later_failure_uncertain_and_a_later_success_maybe_twice() {
    let mut outbox = Outbox::new(
        LIMITS,
        LINGER,
        Backoff {
            max_attempts: 2,
            ..BACKOFF
        },
        SHARDS,
    );
    (0..2).for_each(|n| outbox.push(0, n, 1, ms(0)).unwrap());
    let call = outbox.take(ms(0));
    let lost = Answer::<usize>::Lost {
        code: "NoAnswer".to_owned(),
    };
    let settled = outbox.answer(call, lost, ms(0), 0);
    assert!(settled.acknowledged.is_empty() && settled.failed.is_empty());
    let call = outbox.take(ms(100));
    let settled = outbox.answer(call, failing(2, &[1]), ms(100), 0);
    assert!(settled.acknowledged[0].maybe_twice);
    assert_eq!(
        settled.failed,
        [Failed {
            item: 1,
            code: "Throttled".to_owned(),
            uncertain: true
        }]
    );
}

#[test]
fn a_refusal_that_would_be_repeated_is_final() {
    let mut outbox = outbox();
    outbox.push(0, 0, 1, ms(0)).unwrap();
    let call = outbox.take(ms(0));
    let refused = Answer::<usize>::Refused {
        code: "AccessDenied".to_owned(),
        again: false,
    };
    let settled = outbox.answer(call, refused, ms(0), 0);
    assert_eq!((settled.failed.len(), settled.failed[0].uncertain), (1, false));
}
