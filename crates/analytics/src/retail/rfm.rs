//! Recency, frequency and monetary value: who the customers are, in quintiles and segments.
//!
//! | term | definition |
//! |---|---|
//! | customer | a user with an order; users of whom there are only refunds, of orders before the data begins, are none |
//! | snapshot day | the day after the last order of all |
//! | recency | snapshot day − day of the customer's last order, in days; at least 1 |
//! | frequency | number of the customer's orders |
//! | monetary | Σ net over the customer's orders and refunds; negative where more came back than was bought |
//! | score of v | 1 + ⌊5 × count(x < v) / n⌋ over the n customers; for recency, count(x > v) |
//! | cut point of a score | the lowest value that has the score; of recency, the highest |
//! | segment | by the scores of recency and frequency, see [`Segment`] |
//!
//! Scores are quintiles, as in Hughes, "Strategic Database Marketing", but by counting who is below instead of cutting
//! a sorted list into fifths. So equal customers have equal scores, in whatever order they come: if all are equal, all
//! have 1. Where many tie, a score may have nobody. The segments are the common grid over R and F; M is told beside
//! them.

use foldhash::HashMap;

pub use super::segments::{MigrationMatrix, Segment};
use super::{Overflow, narrow};

/// What a row of the sales facts says of its customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RfmRow {
    /// Who bought, or brought back.
    pub user_id: i64,
    /// When, in days since 1970-01-01.
    pub day: i32,
    /// Paid for the goods, in minor units; negative in a refund.
    pub net_minor: i64,
    /// True on exactly one line of each order, false on its others and in refunds.
    pub is_order: bool,
}

/// What is known of a user, in 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Customer {
    /// An i128 as bytes, as its alignment would make 48 bytes of a user and its id in the map, instead of 32.
    net_minor: [u8; 16],
    /// Means nothing without orders.
    last_order_day: i32,
    orders: u32,
}

impl Customer {
    const NONE: Self = Self {
        net_minor: [0; 16],
        last_order_day: i32::MIN,
        orders: 0,
    };

    const fn net_minor(&self) -> i128 {
        i128::from_ne_bytes(self.net_minor)
    }

    /// Adds orders, the last of them on `last_order_day`, and what was spent. The counts of orders stop at 2^32 − 1.
    fn add(&mut self, orders: u32, last_order_day: i32, net_minor: i128) {
        self.orders = self.orders.saturating_add(orders);
        self.last_order_day = self.last_order_day.max(last_order_day);
        self.net_minor = (self.net_minor() + net_minor).to_ne_bytes();
    }
}

/// The day of the snapshot, which is the one after the last order of all; `None` at the end of what days can be counted.
#[must_use]
pub const fn snapshot_day(last_order_day: i32) -> Option<i32> {
    last_order_day.checked_add(1)
}

/// Orders and spending by user. Merging is associative and commutative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customers {
    users: HashMap<i64, Customer>,
}

impl Customers {
    /// Counts a row.
    pub fn add(&mut self, row: RfmRow) {
        let user = self.users.entry(row.user_id).or_insert(Customer::NONE);
        let last_order_day = if row.is_order { row.day } else { i32::MIN };
        user.add(row.is_order.into(), last_order_day, row.net_minor.into());
    }

    /// Adds what others have counted.
    pub fn merge(&mut self, mut other: Self) {
        if other.users.len() > self.users.len() {
            std::mem::swap(self, &mut other);
        }
        for (user_id, of_other) in other.users {
            let user = self.users.entry(user_id).or_insert(Customer::NONE);
            user.add(of_other.orders, of_other.last_order_day, of_other.net_minor());
        }
    }

    /// Scores the customers against each other. Fails if what one of them spent, or the snapshot day, does not fit its
    /// column.
    pub fn segments(self) -> Result<Segmentation, Overflow> {
        let users = self.users.len();
        let mut sorted = Vec::with_capacity(users);
        sorted.extend(self.users.into_iter().filter(|(_, user)| user.orders > 0));
        // By user before sums are narrowed, so that of several that don't fit the same one is named each time.
        sorted.sort_unstable_by_key(|(user_id, _)| *user_id);
        let spending: Result<Vec<Spending>, Overflow> = sorted.into_iter().map(Spending::of).collect();
        let customers = spending?;
        let last_order_day = customers.iter().map(|customer| customer.last_order_day).max();
        let snapshot = |day: i32| {
            snapshot_day(day).ok_or_else(|| Overflow {
                figure: "snapshot_day",
                of: format!("day {day}"),
            })
        };
        let snapshot_day = last_order_day.map(snapshot).transpose()?;
        Ok(Segmentation {
            snapshot_day,
            cut_points: CutPoints::of(&customers, snapshot_day.unwrap_or_default()),
            without_order: users - customers.len(),
            customers,
        })
    }
}

/// A customer before it is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spending {
    user_id: i64,
    monetary_minor: i64,
    last_order_day: i32,
    orders: u32,
}

impl Spending {
    fn of((user_id, user): (i64, Customer)) -> Result<Self, Overflow> {
        Ok(Self {
            user_id,
            monetary_minor: narrow("monetary_minor", format_args!("user {user_id}"), user.net_minor())?,
            last_order_day: user.last_order_day,
            orders: user.orders,
        })
    }

    fn recency_days(&self, snapshot_day: i32) -> i64 {
        i64::from(snapshot_day) - i64::from(self.last_order_day)
    }
}

/// Where each score from 1 to 5 begins; `None` where nobody has it. Who has the scores follows from these alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CutPoints {
    /// The longest recency that has the score, in days.
    pub recency_days: [Option<i64>; 5],
    /// The lowest number of orders that has the score.
    pub frequency: [Option<i64>; 5],
    /// The lowest spend that has the score, in minor units.
    pub monetary_minor: [Option<i64>; 5],
}

impl CutPoints {
    fn of(customers: &[Spending], snapshot_day: i32) -> Self {
        let customers = customers.iter();
        // The shorter, the better.
        let negated = customers
            .clone()
            .map(|customer| -customer.recency_days(snapshot_day));
        Self {
            recency_days: cuts(negated).map(|cut| cut.map(|days| -days)),
            frequency: cuts(customers.clone().map(|customer| customer.orders.into())),
            monetary_minor: cuts(customers.map(|customer| customer.monetary_minor)),
        }
    }

    /// The score of a recency, in days.
    #[must_use]
    pub fn r(&self, recency_days: i64) -> u8 {
        score(&self.recency_days, |cut| recency_days <= cut)
    }

    /// The score of a number of orders.
    #[must_use]
    pub fn f(&self, frequency: i64) -> u8 {
        score(&self.frequency, |cut| frequency >= cut)
    }

    /// The score of a spend, in minor units.
    #[must_use]
    pub fn m(&self, monetary_minor: i64) -> u8 {
        score(&self.monetary_minor, |cut| monetary_minor >= cut)
    }
}

/// The lowest value that has each score. As count(x < v) grows with v, a score is what its lowest value and all above
/// it have, up to where the next begins.
fn cuts(values: impl Iterator<Item = i64>) -> [Option<i64>; 5] {
    let mut values: Vec<i64> = values.collect();
    values.sort_unstable();
    let mut cuts = [None; 5];
    let mut place = 0;
    while let Some(value) = values.get(place) {
        // `place` values are below this one, so the score is at most 1 + 5 (n − 1) / n.
        let score = 5 * place / values.len();
        cuts[score] = Some(*value);
        // The first value that reaches the next score: ⌈(score + 1) n / 5⌉ values are below it, or more if it ties.
        let next = ((score + 1) * values.len()).div_ceil(5);
        place = match values.get(next) {
            Some(reached) if values[next - 1] == *reached => values.partition_point(|below| below <= reached),
            _ => next,
        };
    }
    cuts
}

/// The highest score whose cut point is reached; 1 for what is below all of them.
fn score(cuts: &[Option<i64>; 5], reaches: impl Fn(i64) -> bool) -> u8 {
    let highest = (1..=5).zip(cuts).rev().find(|(_, cut)| cut.is_some_and(&reaches));
    highest.map_or(1, |(score, _)| score)
}

/// All customers, scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segmentation {
    /// The day after the last order of all, in days since 1970-01-01; `None` without customers.
    pub snapshot_day: Option<i32>,
    /// Where the scores begin.
    pub cut_points: CutPoints,
    /// Users of whom there are only refunds.
    pub without_order: usize,
    /// By user id.
    customers: Vec<Spending>,
}

/// A customer with its scores and segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomerSegment {
    /// Who.
    pub user_id: i64,
    /// The day as of which this holds, in days since 1970-01-01.
    pub snapshot_day: i32,
    /// Days since the last order; at least 1.
    pub recency_days: i64,
    /// Number of orders.
    pub frequency: i64,
    /// Spend net of refunds, in minor units.
    pub monetary_minor: i64,
    /// Score of recency, 5 for those who bought last.
    pub r: u8,
    /// Score of frequency, 5 for those who order most often.
    pub f: u8,
    /// Score of spend, 5 for those who spend most.
    pub m: u8,
    /// What that makes of the customer.
    pub segment: Segment,
}

impl Segmentation {
    /// The customers, by user id.
    #[must_use]
    pub fn customers(&self) -> impl ExactSizeIterator<Item = CustomerSegment> {
        // There is one wherever there are customers.
        let snapshot_day = self.snapshot_day.unwrap_or_default();
        let cut_points = &self.cut_points;
        self.customers.iter().map(move |customer| {
            let (recency_days, frequency) = (customer.recency_days(snapshot_day), customer.orders.into());
            let (r, f) = (cut_points.r(recency_days), cut_points.f(frequency));
            CustomerSegment {
                user_id: customer.user_id,
                snapshot_day,
                recency_days,
                frequency,
                monetary_minor: customer.monetary_minor,
                r,
                f,
                m: cut_points.m(customer.monetary_minor),
                segment: Segment::of(r, f),
            }
        })
    }
}
