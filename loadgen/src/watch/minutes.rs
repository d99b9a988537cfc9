//! What was read of each minute, so that only what may still change is read again.

use std::collections::BTreeMap;

use aws::StoreError;
use events::Minute;
use futures::{StreamExt, stream};

/// Minutes of one job that are read at the same time.
const CONCURRENT_READS: usize = 8;
/// A minute is closed when it has been over for so many whole minutes.
const OPEN_MINUTES: i64 = 2;

/// The minutes of a job, as far as they are read.
#[derive(Debug)]
pub(super) struct Minutes<T> {
    read: BTreeMap<Minute, Read<T>>,
    round: u64,
    changes: u64,
}

#[derive(Debug)]
struct Read<T> {
    /// In which refresh.
    round: u64,
    was_closed: bool,
    value: T,
}

impl<T> Default for Minutes<T> {
    fn default() -> Self {
        Self {
            read: BTreeMap::new(),
            round: 0,
            changes: 0,
        }
    }
}

/// The last minute that is closed at `now`.
pub(super) fn last_closed(now: Minute) -> Minute {
    now.plus(-OPEN_MINUTES - 1)
}

impl<T: PartialEq> Minutes<T> {
    /// Reads what is missing or may have changed of the minutes from `first` to `now`, and forgets those before. What was
    /// read before an error, or before the caller lost patience, stays.
    pub(super) async fn refresh<F>(
        &mut self,
        first: Minute,
        now: Minute,
        read: impl Fn(Minute) -> F,
    ) -> Result<(), StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        self.round += 1;
        self.read = self.read.split_off(&first);
        let mut reads = stream::iter(self.due(first, now))
            .map(|minute| {
                let value = read(minute);
                async move { (minute, value.await) }
            })
            .buffer_unordered(CONCURRENT_READS);
        while let Some((minute, value)) = reads.next().await {
            self.take(minute, value?, now);
        }
        Ok(())
    }

    /// The minutes to read, and the closed one that was read longest ago: events may come late.
    fn due(&self, first: Minute, now: Minute) -> Vec<Minute> {
        let is_final = |minute: &Minute| self.read.get(minute).is_some_and(|read| read.was_closed);
        let all = (first.number()..=now.number()).map(Minute::from_number);
        let mut due: Vec<Minute> = all.filter(|minute| !is_final(minute)).collect();
        let closed = self.read.iter().filter(|(_, read)| read.was_closed);
        let oldest = closed.min_by_key(|(_, read)| read.round);
        due.extend(oldest.map(|(minute, _)| *minute));
        due
    }

    fn take(&mut self, minute: Minute, value: T, now: Minute) {
        let was_closed = minute <= last_closed(now);
        let is_known = |read: &Read<T>| read.was_closed && read.value == value;
        if was_closed && !self.read.get(&minute).is_some_and(is_known) {
            self.changes += 1;
        }
        let read = Read {
            round: self.round,
            was_closed,
            value,
        };
        self.read.insert(minute, read);
    }
}

impl<T> Minutes<T> {
    /// What was read of a minute.
    pub(super) fn get(&self, minute: Minute) -> Option<&T> {
        self.read.get(&minute).map(|read| &read.value)
    }

    /// What was read of the minutes from one to another, both included.
    pub(super) fn between(&self, first: Minute, last: Minute) -> impl Iterator<Item = (Minute, &T)> {
        let within = (first <= last).then(|| self.read.range(first..=last));
        within
            .into_iter()
            .flatten()
            .map(|(minute, read)| (*minute, &read.value))
    }

    /// Another number whenever more is known of closed minutes.
    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }
}

#[cfg(test)]
impl<T: PartialEq> Minutes<T> {
    /// As if a minute had been read long after it was over.
    pub(super) fn know(&mut self, minute: Minute, value: T) {
        self.take(minute, value, minute.plus(10));
    }
}

#[cfg(test)]
impl<T: PartialEq> FromIterator<(Minute, T)> for Minutes<T> {
    fn from_iter<I: IntoIterator<Item = (Minute, T)>>(read: I) -> Self {
        let mut minutes = Self::default();
        read.into_iter()
            .for_each(|(minute, value)| minutes.know(minute, value));
        minutes
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn minute(number: i64) -> Minute {
        Minute::from_number(number)
    }

    /// The minutes that a refresh from `first` to `now` reads; each has the value `value`.
    async fn reads(minutes: &mut Minutes<i64>, first: i64, now: i64, value: i64) -> Vec<i64> {
        let asked = RefCell::new(Vec::new());
        let read = |minute: Minute| {
            asked.borrow_mut().push(minute.number());
            async move { Ok(value) }
        };
        minutes.refresh(minute(first), minute(now), read).await.unwrap();
        asked.into_inner()
    }

    #[tokio::test]
    async fn closed_minutes_are_read_once_and_then_in_turn() {
        let mut minutes = Minutes::default();
        assert_eq!(reads(&mut minutes, 90, 95, 1).await, [90, 91, 92, 93, 94, 95]);
        assert_eq!(reads(&mut minutes, 90, 95, 1).await, [93, 94, 95, 90]);
        assert_eq!(reads(&mut minutes, 90, 95, 1).await, [93, 94, 95, 91]);
        // 93 was read while it was open, 90 is forgotten.
        assert_eq!(reads(&mut minutes, 91, 96, 1).await, [93, 94, 95, 96, 92]);
        assert_eq!(reads(&mut minutes, 91, 96, 1).await, [94, 95, 96, 91]);
        assert_eq!(minutes.get(minute(90)), None);
        assert_eq!(minutes.between(minute(91), minute(96)).count(), 6);
        assert_eq!(minutes.between(minute(96), minute(91)).count(), 0);
    }

    #[tokio::test]
    async fn a_closed_minute_that_a_late_event_changed_is_a_change() {
        let mut minutes = Minutes::default();
        reads(&mut minutes, 90, 92, 1).await;
        assert_eq!(minutes.changes(), 0, "all are open");
        reads(&mut minutes, 90, 93, 1).await;
        assert_eq!(minutes.changes(), 1);
        reads(&mut minutes, 90, 93, 1).await;
        assert_eq!(minutes.changes(), 1, "what was read again is the same");
        reads(&mut minutes, 90, 93, 2).await;
        assert_eq!(minutes.changes(), 2);
        assert_eq!(minutes.get(minute(90)), Some(&2));
    }

    #[tokio::test]
    async fn what_was_read_before_an_error_stays() {
        let mut minutes = Minutes::default();
        let read = |minute: Minute| async move {
            let bad = || Err(StoreError::new("Query", "a minute", "throttled"));
            if minute.number() == 91 { bad() } else { Ok(1) }
        };
        let done = minutes.refresh(minute(90), minute(95), read).await;
        assert!(done.is_err());
        assert_eq!(minutes.get(minute(90)), Some(&1));
        assert_eq!(reads(&mut minutes, 90, 95, 1).await, [91, 92, 93, 94, 95, 90]);
    }
}
