//! A batch on its way: which of its items are acknowledged, which are given up, and which to send again. No clock, no I/O.

use std::time::Duration;

/// How often and how soon to send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the second attempt; it doubles with each further one.
    pub base: Duration,
    /// The longest wait of all.
    pub cap: Duration,
    /// How many attempts an item gets.
    pub max_attempts: u32,
}

impl Default for Backoff {
    /// Gives up after about ten seconds. Where a third of the entries fails, one in a hundred billion is given up.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(25),
            cap: Duration::from_secs(1),
            max_attempts: 24,
        }
    }
}

impl Backoff {
    /// How long to wait after the `attempts`-th attempt: anywhere up to the exponential bound, so that those who failed
    /// together don't come again together. `chance` is any number.
    #[must_use]
    pub fn wait(&self, attempts: u32, chance: u64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        let bound = self.base.saturating_mul(1 << doublings).min(self.cap);
        bound.mul_f64(chance as f64 / u64::MAX as f64)
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<A> {
    /// The service answered for each item, in their order: with an acknowledgement or with an error code.
    Each(Vec<Result<A, String>>),
    /// The service took none of the items and said so.
    Refused {
        /// The error code.
        code: String,
        /// Whether another attempt may end otherwise.
        again: bool,
    },
    /// No answer came, or half of one: the service may have taken the items or not.
    Lost {
        /// What became of the answer.
        code: String,
    },
}

/// Items that an answer settled.
#[derive(Debug, PartialEq, Eq)]
pub struct Settled<T, A> {
    /// Taken by the service.
    pub acknowledged: Vec<Acknowledged<T, A>>,
    /// Given up.
    pub failed: Vec<Failed<T>>,
}

/// An item taken by the service.
#[derive(Debug, PartialEq, Eq)]
pub struct Acknowledged<T, A> {
    /// The item.
    pub item: T,
    /// What the service said of it.
    pub answer: A,
    /// An earlier answer for it was lost: the service may hold it twice.
    pub maybe_twice: bool,
}

/// An item given up.
#[derive(Debug, PartialEq, Eq)]
pub struct Failed<T> {
    /// The item.
    pub item: T,
    /// The last error code for it.
    pub code: String,
    /// An answer for it was lost: the service may hold it all the same.
    pub uncertain: bool,
}

/// A batch on its way. Each of its items is pending until an answer settles it.
#[derive(Debug)]
pub struct Parcel<T> {
    pending: Vec<Pending<T>>,
    attempts: u32,
    max_attempts: u32,
}

#[derive(Debug)]
struct Pending<T> {
    item: T,
    answer_lost: bool,
}

impl<T> Parcel<T> {
    /// A batch that is to be sent, at most `max_attempts` times.
    #[must_use]
    pub fn new(items: Vec<T>, max_attempts: u32) -> Self {
        let pending = items
            .into_iter()
            .map(|item| Pending {
                item,
                answer_lost: false,
            })
            .collect();
        Self {
            pending,
            attempts: 0,
            max_attempts,
        }
    }

    /// The items of the next attempt, in their order.
    #[must_use]
    pub fn pending(&self) -> impl ExactSizeIterator<Item = &T> {
        self.pending.iter().map(|pending| &pending.item)
    }

    /// Whether all is settled.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.pending.is_empty()
    }

    /// Attempts so far.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Takes in the answer to an attempt with all pending items.
    #[must_use]
    pub fn answer<A>(&mut self, answer: Answer<A>) -> Settled<T, A> {
        self.attempts += 1;
        let last = self.attempts >= self.max_attempts;
        let mut settled = Settled {
            acknowledged: Vec::new(),
            failed: Vec::new(),
        };
        match answer {
            Answer::Each(results) if results.len() == self.pending.len() => {
                for (pending, result) in std::mem::take(&mut self.pending).into_iter().zip(results) {
                    let Pending { item, answer_lost } = pending;
                    match result {
                        Ok(answer) => {
                            settled.acknowledged.push(Acknowledged {
                                item,
                                answer,
                                maybe_twice: answer_lost,
                            });
                        }
                        Err(code) if last => settled.failed.push(Failed {
                            item,
                            code,
                            uncertain: answer_lost,
                        }),
                        Err(_) => self.pending.push(Pending { item, answer_lost }),
                    }
                }
            }
            Answer::Refused { code, again } if last || !again => settled.failed = self.give_up(&code),
            Answer::Refused { .. } => {}
            // Results for other items than were sent tell nothing about these.
            Answer::Each(_) => self.lost("MalformedAnswer", last, &mut settled),
            Answer::Lost { code } => self.lost(&code, last, &mut settled),
        }
        settled
    }

    fn lost<A>(&mut self, code: &str, last: bool, settled: &mut Settled<T, A>) {
        self.answer_was_lost();
        if last {
            settled.failed = self.give_up(code);
        }
    }

    /// Remembers that the service may have taken what is pending.
    pub fn answer_was_lost(&mut self) {
        for pending in &mut self.pending {
            pending.answer_lost = true;
        }
    }

    /// Gives up all that is pending.
    pub fn give_up(&mut self, code: &str) -> Vec<Failed<T>> {
        let failed = |Pending { item, answer_lost }| Failed {
            item,
            code: code.to_owned(),
            uncertain: answer_lost,
        };
        std::mem::take(&mut self.pending)
            .into_iter()
            .map(failed)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a service makes of the pending items.
    fn any_answer() -> impl Strategy<Value = (u8, u64)> {
        (0..6_u8, any::<u64>())
    }

    fn answer(kind: u8, bits: u64, pending: usize) -> Answer<()> {
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
            2 => Answer::Each(each(pending + 1)),
            3 if bits.is_multiple_of(7) => Answer::Refused {
                code: code(),
                again: false,
            },
            _ => Answer::Each(each(pending)),
        }
    }

    proptest! {
        #[test]
        fn every_item_is_acknowledged_failed_or_pending_at_each_instant(
            items in 0..40_u32,
            max_attempts in 1..6_u32,
            answers in prop::collection::vec(any_answer(), 0..8),
        ) {
            let mut parcel = Parcel::new((0..items).collect(), max_attempts);
            let mut settled_so_far: Vec<u32> = Vec::new();
            for (kind, bits) in answers {
                if parcel.is_done() {
                    break;
                }
                let answer = answer(kind, bits, parcel.pending().len());
                let settled = parcel.answer(answer);
                settled_so_far.extend(settled.acknowledged.iter().map(|it| it.item));
                settled_so_far.extend(settled.failed.iter().map(|it| it.item));
                let mut all: Vec<u32> = settled_so_far.iter().chain(parcel.pending()).copied().collect();
                all.sort_unstable();
                prop_assert_eq!(all, (0..items).collect::<Vec<_>>());
                prop_assert!(parcel.pending().is_sorted());
                prop_assert!(parcel.is_done() || parcel.attempts() < max_attempts);
            }
        }

        #[test]
        fn waits_stay_below_the_exponential_bound(attempts in 1..100_u32, chance: u64) {
            let backoff = Backoff::default();
            let wait = backoff.wait(attempts, chance);
            prop_assert!(wait <= backoff.cap);
            prop_assert!(attempts > 1 || wait <= backoff.base);
        }
    }

    #[test]
    fn only_failed_entries_are_sent_again() {
        let mut parcel = Parcel::new(vec!["a", "b", "c"], 3);
        let settled = parcel.answer(Answer::Each(vec![Ok(1), Err("Throttled".to_owned()), Ok(2)]));
        assert_eq!(
            settled
                .acknowledged
                .iter()
                .map(|it| (it.item, it.answer))
                .collect::<Vec<_>>(),
            [("a", 1), ("c", 2)]
        );
        assert_eq!(parcel.pending().collect::<Vec<_>>(), [&"b"]);
    }

    #[test]
    fn a_lost_answer_makes_a_later_failure_uncertain_and_a_later_success_maybe_twice() {
        let mut parcel = Parcel::new(vec!["a", "b"], 2);
        let _ = parcel.answer::<()>(Answer::Lost {
            code: "NoAnswer".to_owned(),
        });
        let settled = parcel.answer(Answer::Each(vec![Ok(()), Err("Throttled".to_owned())]));
        assert!(settled.acknowledged[0].maybe_twice);
        assert_eq!(
            settled.failed,
            [Failed {
                item: "b",
                code: "Throttled".to_owned(),
                uncertain: true
            }]
        );
    }
}
