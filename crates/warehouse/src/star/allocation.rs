//! An order's amounts, allocated to its lines by cumulative rounding; see [`super`].

/// One amount of an order, being allocated to its lines in their order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allocation {
    amount: i64,
    given: i64,
}

impl Allocation {
    /// Of an amount of at least 0.
    pub(super) const fn new(amount: i64) -> Self {
        Self { amount, given: 0 }
    }

    /// The share of the next line. `weight_so_far` is the weight of all lines up to it, itself included; at most
    /// `weight_in_all`, which is above 0.
    pub(super) fn share(&mut self, weight_so_far: i64, weight_in_all: i64) -> i64 {
        let due = i128::from(self.amount) * i128::from(weight_so_far) / i128::from(weight_in_all);
        let due = i64::try_from(due).expect("a part of the weight is due at most the amount");
        let share = due - self.given;
        self.given = due;
        share
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(amount: i64, weights: &[i64]) -> Vec<i64> {
        let mut allocation = Allocation::new(amount);
        let in_all = weights.iter().sum();
        weights
            .iter()
            .scan(0, |so_far, weight| {
                *so_far += weight;
                Some(allocation.share(*so_far, in_all))
            })
            .collect()
    }

    proptest! {
        #[test]
        fn shares_add_up_and_lie_within_1_of_their_proportion(
            amount in 0..=i64::MAX,
            weights in prop::collection::vec(prop_oneof![0..9_i64, 0..=i64::MAX / 8], 0..8),
            last_weight in 1..9_i64,
        ) {
            let weights = [weights, vec![last_weight]].concat();
            let in_all: i128 = weights.iter().copied().map(i128::from).sum();
            let shares = shares(amount, &weights);
            prop_assert_eq!(shares.iter().copied().map(i128::from).sum::<i128>(), i128::from(amount));
            for (share, weight) in shares.iter().zip(&weights) {
                prop_assert!(*share >= 0);
                // |share − amount · weight / in all| < 1, without a fraction.
                let distance = i128::from(*share) * in_all - i128::from(amount) * i128::from(*weight);
                prop_assert!(distance.abs() < in_all, "{} of {} for {}", share, amount, weight);
            }
        }
    }

    #[test]
    fn what_cannot_be_shared_evenly_goes_to_the_later_line() {
        assert_eq!(shares(100, &[1, 1, 1]), [33, 33, 34]);
        assert_eq!(shares(1, &[5, 5]), [0, 1]);
        assert_eq!(shares(10, &[0, 3, 0]), [0, 10, 0]);
    }
}
