//! Work shared out among threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Folds items on a number of threads, each of which takes the next item when it is done with one, and merges what they
/// come to. After an error nobody takes another item; of several errors any one is returned.
pub(crate) fn fold<T: Send, I, E: Send>(
    threads: usize,
    items: impl Iterator<Item = I> + Send,
    new: impl Fn() -> T + Sync,
    add: impl Fn(&mut T, I) -> Result<(), E> + Sync,
    merge: impl Fn(&mut T, T),
) -> Result<T, E> {
    let items = Mutex::new(items);
    let failed = AtomicBool::new(false);
    let fold_some = || -> Result<T, E> {
        let mut folded = new();
        while !failed.load(Ordering::Relaxed) {
            // A statement of its own, so that others may take items while this thread works.
            let next = lock(&items).next();
            let Some(item) = next else { break };
            add(&mut folded, item).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
        }
        Ok(folded)
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(fold_some)).collect();
        let mut all = fold_some();
        for other in others {
            let other = other
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all = match (all, other) {
                (Ok(mut all), Ok(other)) => {
                    merge(&mut all, other);
                    Ok(all)
                }
                (Err(error), _) | (_, Err(error)) => Err(error),
            };
        }
        all
    })
}

/// What is locked is whole whenever a thread panics, and that panic is passed on in the end.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(threads: usize, numbers: impl Iterator<Item = i64> + Send) -> Result<i64, i64> {
        let add = |sum: &mut i64, number: i64| {
            if number < 0 {
                return Err(number);
            }
            *sum += number;
            Ok(())
        };
        fold(threads, numbers, || 0, add, |sum, other| *sum += other)
    }

    #[test]
    fn every_item_counts_once_on_any_number_of_threads() {
        for threads in [1, 2, 3, 16] {
            assert_eq!(sum(threads, 0..1_000), Ok(499_500), "{threads}");
            assert_eq!(sum(threads, 0..2), Ok(1), "{threads}");
            assert_eq!(sum(threads, 0..0), Ok(0), "{threads}");
        }
    }

    #[test]
    fn an_error_ends_all_work() {
        for threads in [1, 2, 16] {
            // Without an end: whoever did not stop would go on for ever.
            let numbers = (0..).map(|number| if number == 100 { -7 } else { 1 });
            assert_eq!(sum(threads, numbers), Err(-7), "{threads}");
        }
    }
}
