//! How many different users bought in each country and month.
//!
//! Files come in order of their days, so the users of a month can be forgotten once its last file is done: the sets
//! held are those of the few months that threads are at.

use std::collections::BTreeMap;

use events::Country;
use foldhash::HashSet;

/// Users who bought, with their country then.
pub(crate) type Buyers = HashSet<(i64, Country)>;

/// A month that files are still to come of, or in work.
#[derive(Debug, Default)]
struct OpenMonth {
    files_in_work: usize,
    buyers: Buyers,
}

/// Buyers by month; a month is named by its first day since 1970-01-01.
#[derive(Debug, Default)]
pub(crate) struct MonthlyBuyers {
    open: BTreeMap<i32, OpenMonth>,
    counted: BTreeMap<(i32, Country), i64>,
}

impl MonthlyBuyers {
    /// A file of a month was taken into work. Files of earlier months are all taken.
    pub(crate) fn begin_file(&mut self, month: i32) {
        self.open.entry(month).or_default().files_in_work += 1;
        self.close_before(month);
    }

    /// A file of a month is done; `buyers` are those of its day.
    pub(crate) fn end_file(&mut self, month: i32, buyers: Buyers) {
        let open = self.open.entry(month).or_default();
        open.files_in_work = open.files_in_work.saturating_sub(1);
        if open.buyers.is_empty() {
            open.buyers = buyers;
        } else {
            open.buyers.extend(buyers);
        }
        if let Some(latest) = self.open.last_key_value().map(|(month, _)| *month) {
            self.close_before(latest);
        }
    }

    /// The counts, when all files are done.
    pub(crate) fn finish(mut self) -> BTreeMap<(i32, Country), i64> {
        for open in std::mem::take(&mut self.open) {
            self.count(open);
        }
        self.counted
    }

    fn close_before(&mut self, latest: i32) {
        let is_done = |month: &i32, open: &mut OpenMonth| *month < latest && open.files_in_work == 0;
        let done: Vec<(i32, OpenMonth)> = self.open.extract_if(.., is_done).collect();
        done.into_iter().for_each(|open| self.count(open));
    }

    fn count(&mut self, (month, open): (i32, OpenMonth)) {
        for (_, country) in open.buyers {
            *self.counted.entry((month, country)).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buyers(users: &[(i64, &str)]) -> Buyers {
        users
            .iter()
            .map(|(user, country)| (*user, country.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_month_is_forgotten_when_its_last_file_is_done_in_whatever_order_files_end() {
        let mut monthly = MonthlyBuyers::default();
        monthly.begin_file(0);
        monthly.begin_file(0);
        monthly.end_file(0, buyers(&[(1, "DE"), (2, "DE")]));
        assert_eq!(monthly.open.len(), 1, "more files of the month may come");
        monthly.begin_file(31);
        assert_eq!(monthly.open.len(), 2, "a file of the first month is in work");
        monthly.end_file(31, buyers(&[(1, "DE")]));
        monthly.end_file(0, buyers(&[(2, "DE"), (1, "FR"), (3, "DE")]));
        assert_eq!(monthly.open.len(), 1);
        let counts: Vec<(i32, String, i64)> = monthly
            .finish()
            .into_iter()
            .map(|((month, country), count)| (month, country.to_string(), count))
            .collect();
        let expected = [(0, "DE", 3), (0, "FR", 1), (31, "DE", 1)];
        assert_eq!(
            counts,
            expected.map(|(month, country, count)| (month, country.to_owned(), count))
        );
    }
}
