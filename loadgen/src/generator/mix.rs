//! The shares of the three streams.

use std::fmt;
use std::str::FromStr;

/// How many events of a hundred go to each stream. They always sum to 100, and carts are at least twice transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    views: u32,
    carts: u32,
    transactions: u32,
}

/// A text is not a mix that a shop can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MixError {
    /// Not three whole numbers.
    #[error("a mix is three whole percentages of views/carts/transactions, such as 60/30/10")]
    Form,
    /// The parts don't make a whole.
    #[error("the parts must sum to 100, these come to {0}")]
    Sum(u64),
    /// Purchases without an add and a checkout.
    #[error(
        "every purchase needs an add to a cart and a checkout before it: with {carts} % cart events at most {} % transactions \
         are allowed, or at least {} % cart events with {transactions} % transactions",
        carts / 2,
        transactions * 2
    )]
    Cartless {
        /// The share of cart events.
        carts: u32,
        /// The share of transactions.
        transactions: u32,
    },
}

impl Mix {
    /// A mix from its parts.
    pub fn new(views: u32, carts: u32, transactions: u32) -> Result<Self, MixError> {
        let sum = u64::from(views) + u64::from(carts) + u64::from(transactions);
        if sum != 100 {
            return Err(MixError::Sum(sum));
        }
        if carts < 2 * transactions {
            return Err(MixError::Cartless { carts, transactions });
        }
        Ok(Self {
            views,
            carts,
            transactions,
        })
    }

    /// Views, searches, filters and comparisons in a hundred events.
    #[must_use]
    pub fn views(self) -> u32 {
        self.views
    }

    /// Cart events in a hundred events.
    #[must_use]
    pub fn carts(self) -> u32 {
        self.carts
    }

    /// Purchases and refunds in a hundred events.
    #[must_use]
    pub fn transactions(self) -> u32 {
        self.transactions
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            views: 60,
            carts: 30,
            transactions: 10,
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.views, self.carts, self.transactions)
    }
}

impl FromStr for Mix {
    type Err = MixError;

    fn from_str(text: &str) -> Result<Self, MixError> {
        let parts: Vec<u32> = text
            .split('/')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| MixError::Form)?;
        match parts[..] {
            [views, carts, transactions] => Self::new(views, carts, transactions),
            _ => Err(MixError::Form),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_reads_what_it_writes() {
        for text in ["60/30/10", "100/0/0", "0/100/0", "1/66/33", "40/40/20"] {
            assert_eq!(text.parse::<Mix>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_refused_mix_says_what_is_allowed() {
        let message = |text: &str| text.parse::<Mix>().unwrap_err().to_string();
        assert!(message("60/30").contains("60/30/10"));
        assert!(message("a/b/c").contains("60/30/10"));
        assert!(message("60/30/9").contains("99"));
        assert!(message("4294967295/4294967295/10").contains("sum to 100"));
        assert!(message("70/15/15").contains("at most 7 % transactions"));
        assert!(message("70/15/15").contains("at least 30 % cart events"));
    }
}
