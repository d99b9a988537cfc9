//! Gathers records into calls that keep to the service's limits. No clock, no I/O.

/// Records in one call to `PutRecords`.
pub const MAX_CALL_RECORDS: usize = 500;
/// Data and partition keys in one call to `PutRecords`, in bytes.
pub const MAX_CALL_BYTES: usize = 5 * 1024 * 1024;
/// Data and partition key of one record, in bytes.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// What a call can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records in a call.
    pub call_records: usize,
    /// Bytes in a call, partition keys included.
    pub call_bytes: usize,
    /// Bytes of a record, its partition key included.
    pub record_bytes: usize,
}

impl Default for Limits {
    /// Those of the service.
    fn default() -> Self {
        Self {
            call_records: MAX_CALL_RECORDS,
            call_bytes: MAX_CALL_BYTES,
            record_bytes: MAX_RECORD_BYTES,
        }
    }
}

/// What came of an item put in.
#[derive(Debug, PartialEq, Eq)]
pub enum Pushed<T> {
    /// It waits.
    Waiting,
    /// These are to be sent now.
    Full(Vec<T>),
    /// It is too large for any call, and here it is again.
    TooLarge(T),
}

/// The call that is being filled.
#[derive(Debug)]
pub struct Batcher<T> {
    limits: Limits,
    items: Vec<T>,
    bytes: usize,
}

impl<T> Batcher<T> {
    /// An empty one.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            items: Vec::new(),
            bytes: 0,
        }
    }

    /// Puts in an item of `bytes`. What is full is handed out at once: without the item if it doesn't fit any more, with
    /// it if nothing would fit after it.
    pub fn push(&mut self, item: T, bytes: usize) -> Pushed<T> {
        if bytes > self.limits.record_bytes.min(self.limits.call_bytes) {
            return Pushed::TooLarge(item);
        }
        if self.bytes + bytes > self.limits.call_bytes {
            let full = self.take();
            self.put(item, bytes);
            return Pushed::Full(full);
        }
        self.put(item, bytes);
        if self.items.len() >= self.limits.call_records {
            Pushed::Full(self.take())
        } else {
            Pushed::Waiting
        }
    }

    /// Hands out what there is.
    pub fn take(&mut self) -> Vec<T> {
        self.bytes = 0;
        std::mem::take(&mut self.items)
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn put(&mut self, item: T, bytes: usize) {
        self.items.push(item);
        self.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        call_records: 5,
        call_bytes: 100,
        record_bytes: 40,
    };

    /// The batches that items of these sizes end in, and the items refused; each item is its number and its size.
    fn batches(sizes: &[usize]) -> (Vec<Vec<(usize, usize)>>, Vec<usize>) {
        let mut batcher = Batcher::new(LIMITS);
        let (mut full, mut refused) = (Vec::new(), Vec::new());
        for (n, size) in sizes.iter().enumerate() {
            match batcher.push((n, *size), *size) {
                Pushed::Waiting => {}
                Pushed::Full(batch) => full.push(batch),
                Pushed::TooLarge((n, _)) => refused.push(n),
            }
        }
        full.extend((!batcher.is_empty()).then(|| batcher.take()));
        (full, refused)
    }

    proptest! {
        #[test]
        fn batch_does_not_lose_records(sizes in prop::collection::vec(0..60_usize, 0..100)) {
            let (batches, refused) = batches(&sizes);
            prop_assert_eq!(batches.concat().len() + refused.len(), sizes.len());
            for n in refused {
                prop_assert!(sizes[n] > LIMITS.record_bytes);
            }
        }

        #[test]
        fn batch_does_not_reorder(sizes in prop::collection::vec(0..60_usize, 0..100)) {
            let (batches, _) = batches(&sizes);
            prop_assert!(batches.concat().is_sorted());
        }

        #[test]
        fn batch_size_within_limits(sizes in prop::collection::vec(0..60_usize, 0..100)) {
            for batch in batches(&sizes).0 {
                prop_assert!((1..=LIMITS.call_records).contains(&batch.len()));
                prop_assert!(batch.iter().map(|(_, size)| size).sum::<usize>() <= LIMITS.call_bytes);
                prop_assert!(batch.iter().all(|(_, size)| *size <= LIMITS.record_bytes));
            }
        }

        #[test]
        fn batch_is_as_full_as_can_be(sizes in prop::collection::vec(0..60_usize, 0..100)) {
            for pair in batches(&sizes).0.windows(2) {
                let bytes: usize = pair[0].iter().map(|(_, size)| size).sum();
                prop_assert!(pair[0].len() == LIMITS.call_records || bytes + pair[1][0].1 > LIMITS.call_bytes);
            }
        }
    }
}
