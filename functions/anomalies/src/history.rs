//! What shoppers bought of late, as a warm environment remembers it.

use std::collections::{BTreeMap, BTreeSet};

use analytics::anomalies::PurchaseFact;
use aws::Sequence;
use events::{MS_PER_MINUTE, Minute, Timestamp};

/// The purchases of one shard, by minute, as of a mark of its log. Another environment that works on the shard moves the
/// mark, and then what is remembered here is of no use any more.
#[derive(Debug, Default)]
pub(crate) struct History {
    mark: Option<Sequence>,
    minutes: BTreeMap<Minute, Vec<PurchaseFact>>,
}

impl History {
    /// Keeps what is remembered only if it is as of `mark`.
    pub(crate) fn check(&mut self, mark: Option<&Sequence>) {
        if self.mark.as_ref() != mark {
            self.minutes.clear();
            self.mark = mark.copied();
        }
    }

    /// The minutes around purchases that are not remembered.
    pub(crate) fn missing(&self, purchases: &[PurchaseFact], around_ms: i64) -> BTreeSet<Minute> {
        let around = |purchase: &PurchaseFact| {
            let minute = |ms: i64| Minute::from_number(ms.div_euclid(MS_PER_MINUTE));
            let (from, to) = (
                minute(purchase.occurred_at_ms - around_ms),
                minute(purchase.occurred_at_ms + around_ms),
            );
            (from.number()..=to.number()).map(Minute::from_number)
        };
        let wanted = purchases.iter().flat_map(around);
        wanted
            .filter(|minute| !self.minutes.contains_key(minute))
            .collect()
    }

    /// Takes in all purchases of a minute.
    pub(crate) fn remember(&mut self, minute: Minute, purchases: Vec<PurchaseFact>) {
        self.minutes.insert(minute, purchases);
    }

    /// Takes in what a batch brought; what is there already does not mind.
    pub(crate) fn add(&mut self, purchases: &[PurchaseFact]) {
        for purchase in purchases {
            let minute = Minute::from_number(purchase.occurred_at_ms.div_euclid(MS_PER_MINUTE));
            if let Some(known) = self.minutes.get_mut(&minute) {
                known.push(*purchase);
            }
        }
    }

    /// All purchases of some shoppers, some of them maybe twice.
    pub(crate) fn of(&self, users: &BTreeSet<u64>) -> Vec<PurchaseFact> {
        let all = self.minutes.values().flatten();
        all.filter(|purchase| users.contains(&purchase.user_id))
            .copied()
            .collect()
    }

    /// How many purchases are remembered.
    pub(crate) fn len(&self) -> usize {
        self.minutes.values().map(Vec::len).sum()
    }

    /// Moves on to a mark, and forgets the minutes before a time.
    pub(crate) fn move_on(&mut self, mark: Sequence, forget_before: Timestamp) {
        self.mark = Some(mark);
        self.minutes = self.minutes.split_off(&forget_before.minute());
    }
}
