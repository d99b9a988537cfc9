//! How a run stands: what is due, on its way and settled. At every instant, offered = acknowledged + failed + dropped + in
//! flight + waiting.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use crate::account::Account;

/// Records between the schedule and their settlement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Records due so far, as far as they have been looked at.
    pub offered: u64,
    /// 1 when the next record is due and the budget has no room for it.
    pub waiting: u64,
    /// Records handed to the sink and not settled.
    pub in_flight: u64,
    /// What those take in memory.
    pub in_flight_bytes: u64,
    /// The most that they ever took.
    pub largest_backlog_bytes: u64,
    /// Records that were due and never handed to the sink.
    pub dropped: u64,
    /// How long the sink has held records up.
    pub blocked: Duration,
    /// When the waiting record was due.
    pub waiting_since: Option<Duration>,
}

/// What may be handed over now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes left of the budget.
    pub bytes: u64,
    /// Nothing is in flight: then one record goes, however large it is.
    pub empty: bool,
}

impl Flow {
    /// What may be handed over within a budget.
    #[must_use]
    pub fn room(&self, budget_bytes: u64) -> Room {
        Room {
            bytes: budget_bytes.saturating_sub(self.in_flight_bytes),
            empty: self.in_flight == 0,
        }
    }

    /// Takes note of records that are handed to the sink, the one that waited first.
    pub fn hand_over(&mut self, records: u64, bytes: u64) {
        if records == 0 {
            return;
        }
        self.offered += records - self.waiting;
        (self.waiting, self.waiting_since) = (0, None);
        self.in_flight += records;
        self.in_flight_bytes += bytes;
        self.largest_backlog_bytes = self.largest_backlog_bytes.max(self.in_flight_bytes);
    }

    /// Takes note of a record that is due and finds no room.
    pub fn hold(&mut self, due: Duration) {
        self.offered += 1 - self.waiting;
        (self.waiting, self.waiting_since) = (1, Some(due));
    }

    /// Takes note of `records` that will not be handed over any more, the waiting one among them.
    pub fn drop_rest(&mut self, records: u64) {
        self.offered += records.saturating_sub(self.waiting);
        (self.waiting, self.waiting_since) = (0, None);
        self.dropped += records;
    }

    /// Takes out what is settled.
    pub(crate) fn settle(&mut self, records: u64, bytes: u64) {
        self.in_flight -= records;
        self.in_flight_bytes -= bytes;
    }
}

/// The flow and the account, shared by all parts of a run.
#[derive(Debug)]
pub struct Standing {
    // Whoever needs both locks takes the account first. The pacer needs the flow alone, so that it never waits for the books.
    account: Mutex<Account>,
    flow: Mutex<Flow>,
    pacer: OnceLock<Thread>,
}

impl Standing {
    /// Of a run that has not begun.
    #[must_use]
    pub fn new(account: Account) -> Self {
        Self {
            account: Mutex::new(account),
            flow: Mutex::default(),
            pacer: OnceLock::new(),
        }
    }

    /// The flow, for as long as the guard lives; not across an await.
    pub fn flow(&self) -> MutexGuard<'_, Flow> {
        // Counts stay true if a holder panicked: the panic itself is reported.
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the account. What `settle` settles leaves the flow at the same instant, and makes room for what waits.
    pub fn settle(&self, settle: impl FnOnce(&mut Account)) {
        let mut account = self.account();
        let before = account.settled;
        settle(&mut account);
        let (records, bytes) = (
            account.settled.records - before.records,
            account.settled.bytes - before.bytes,
        );
        let mut flow = self.flow();
        flow.settle(records, bytes);
        let waiting = flow.waiting > 0;
        drop(flow);
        drop(account);
        if waiting {
            self.wake_pacer();
        }
    }

    /// Both at one instant.
    pub fn read<T>(&self, read: impl FnOnce(&Account, &Flow) -> T) -> T {
        let account = self.account();
        let flow = self.flow();
        read(&account, &flow)
    }

    /// The account of a run that is over.
    pub fn take_account(&self) -> Account {
        std::mem::replace(&mut *self.account(), Account::new(None))
    }

    /// Says which thread to wake when there is room, or when the run is stopped.
    pub fn paced_by(&self, pacer: Thread) {
        // There is one pacer a run.
        let _ = self.pacer.set(pacer);
    }

    /// Wakes the pacer.
    pub fn wake_pacer(&self) {
        if let Some(pacer) = self.pacer.get() {
            pacer.unpark();
        }
    }
}
