//! The plan of a block: a hundred events that hold exactly the mix, split into visits, and the order they come in.

use super::mix::Mix;
use super::random::Dice;

/// Events in a block.
pub(super) const BLOCK: u64 = 100;
/// Transactions of a hundred that are refunds.
const REFUNDS_PERCENT: u32 = 4;
/// Views of a visit that never fills a cart.
const VIEWS_PER_BROWSER: u32 = 8;
/// Carts of a hundred left behind with something to spare that get as far as the till.
const LEFT_AT_THE_TILL_PERCENT: u64 = 30;

/// The length of a block on the clock that orders its steps.
const BLOCK_TICKS: u64 = 1_000_000;
/// How long a visit lasts on that clock, but for a refund, which may come until the block's end.
const VISIT_TICKS: u64 = BLOCK_TICKS / 4;

/// What a visitor does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Looks around: a view, a search, a filter or a comparison.
    Look,
    /// Puts the first product into the cart.
    Fill,
    /// Adds to the cart, changes or removes something in it.
    Change,
    /// Goes to the till.
    Checkout,
    /// Pays.
    Buy,
    /// Gives back.
    Refund,
}

impl Step {
    /// Whether the step belongs to the life of the cart, which ends with its purchase.
    pub(super) fn is_of_cart(self) -> bool {
        matches!(self, Self::Fill | Self::Change | Self::Checkout | Self::Buy)
    }
}

/// How a visit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Browse,
    LeaveCart,
    Buy { refund: bool },
}

/// What a visit is made of.
#[derive(Clone, Copy, Debug)]
struct Outline {
    ending: Ending,
    looks: u32,
    changes: u32,
}

/// The steps of each visit in a block, and the block's positions in order, each as the visit whose turn it is.
pub(super) struct BlockPlan {
    pub(super) visits: Vec<Vec<Step>>,
    pub(super) turns: Vec<usize>,
}

impl BlockPlan {
    pub(super) fn new(mix: Mix, dice: &mut Dice) -> Self {
        let visits: Vec<Vec<Step>> = outlines(mix, dice)
            .iter()
            .map(|outline| steps(outline, dice))
            .collect();
        let turns = turns(&visits, dice);
        Self { visits, turns }
    }
}

/// Splits a hundred events into visits.
fn outlines(mix: Mix, dice: &mut Dice) -> Vec<Outline> {
    let of_hundred = u32::try_from(dice.below(100)).unwrap_or(0);
    let refunds = ((mix.transactions() * REFUNDS_PERCENT + of_hundred) / 100).min(mix.transactions() / 2);
    let purchases = mix.transactions() - refunds;
    let spare = mix.carts() - 2 * purchases;
    let left_behind = match spare {
        0 => 0,
        _ => (spare * u32::try_from(dice.between(3, 6)).unwrap_or(3)).div_ceil(10),
    };
    let carts = purchases + left_behind;
    let browsers = if carts == 0 {
        mix.views().div_ceil(VIEWS_PER_BROWSER)
    } else {
        mix.views() / VIEWS_PER_BROWSER
    };

    let visit = |ending| Outline {
        ending,
        looks: 0,
        changes: 0,
    };
    let mut outlines = Vec::new();
    outlines.extend((0..purchases).map(|n| visit(Ending::Buy { refund: n < refunds })));
    outlines.extend((0..left_behind).map(|_| visit(Ending::LeaveCart)));
    outlines.extend((0..browsers).map(|_| visit(Ending::Browse)));
    for _ in 0..spare - left_behind {
        let lucky = dice.below(u64::from(carts));
        outlines[usize::try_from(lucky).unwrap_or(0)].changes += 1;
    }
    dice.shuffle(&mut outlines);
    for n in 0..mix.views() as usize {
        let lucky = if n < outlines.len() {
            n
        } else {
            dice.index(outlines.len())
        };
        outlines[lucky].looks += 1;
    }
    outlines
}

/// Puts what a visit is made of into an order that makes sense.
fn steps(outline: &Outline, dice: &mut Dice) -> Vec<Step> {
    let looks = outline.looks as usize;
    if outline.ending == Ending::Browse {
        return vec![Step::Look; looks];
    }
    let looks_first = looks - dice.index(looks.max(1));
    let mut changes = outline.changes as usize;
    let at_the_till = match outline.ending {
        Ending::LeaveCart if changes > 0 && dice.percent(LEFT_AT_THE_TILL_PERCENT) => {
            changes -= 1;
            true
        }
        ending => matches!(ending, Ending::Buy { .. }),
    };
    let mut steps = vec![Step::Look; looks_first];
    steps.push(Step::Fill);
    let from = steps.len();
    steps.extend((looks_first..looks).map(|_| Step::Look));
    steps.extend((0..changes).map(|_| Step::Change));
    dice.shuffle(&mut steps[from..]);
    if at_the_till {
        steps.push(Step::Checkout);
    }
    if let Ending::Buy { refund } = outline.ending {
        steps.push(Step::Buy);
        steps.extend(refund.then_some(Step::Refund));
    }
    steps
}

/// Interleaves the visits: their starts are spread over the block, and each keeps its own order.
fn turns(visits: &[Vec<Step>], dice: &mut Dice) -> Vec<usize> {
    let latest_start = BLOCK_TICKS - VISIT_TICKS;
    let mut ticks = Vec::with_capacity(100);
    for (visit, steps) in visits.iter().enumerate() {
        let start = (visit as u64 * latest_start + dice.below(latest_start)) / visits.len() as u64;
        let mut own: Vec<u64> = steps.iter().map(|_| start + dice.below(VISIT_TICKS)).collect();
        own.sort_unstable();
        if let (Some(Step::Refund), Some(tick)) = (steps.last(), own.last_mut()) {
            *tick += dice.below(BLOCK_TICKS - *tick);
        }
        ticks.extend(own.into_iter().map(|tick| (tick, visit)));
    }
    ticks.sort_unstable();
    ticks.into_iter().map(|(_, visit)| visit).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::generator::random::Purpose;

    prop_compose! {
        pub(in crate::generator) fn any_mix()(transactions in 0..=33_u32)
            (carts in 2 * transactions..=100 - transactions, transactions in Just(transactions)) -> Mix {
            Mix::new(100 - carts - transactions, carts, transactions).unwrap()
        }
    }

    proptest! {
        #[test]
        fn a_block_holds_exactly_the_mix(mix in any_mix(), seed: u64) {
            let plan = BlockPlan::new(mix, &mut Dice::new(seed, Purpose::Block, 0));
            let count = |wanted: &[Step]| plan.visits.iter().flatten().filter(|step| wanted.contains(step)).count();
            prop_assert_eq!(count(&[Step::Look]), mix.views() as usize);
            prop_assert_eq!(count(&[Step::Fill, Step::Change, Step::Checkout]), mix.carts() as usize);
            prop_assert_eq!(count(&[Step::Buy, Step::Refund]), mix.transactions() as usize);
            prop_assert_eq!(plan.turns.len(), 100);
        }

        #[test]
        fn each_visit_has_as_many_turns_as_steps(mix in any_mix(), seed: u64) {
            let plan = BlockPlan::new(mix, &mut Dice::new(seed, Purpose::Block, 0));
            for (visit, steps) in plan.visits.iter().enumerate() {
                prop_assert_eq!(plan.turns.iter().filter(|turn| **turn == visit).count(), steps.len());
            }
        }

        #[test]
        fn purchases_come_after_a_fill_and_a_checkout(mix in any_mix(), seed: u64) {
            let plan = BlockPlan::new(mix, &mut Dice::new(seed, Purpose::Block, 0));
            for steps in &plan.visits {
                if let Some(bought) = steps.iter().position(|step| *step == Step::Buy) {
                    prop_assert_eq!(steps[bought - 1], Step::Checkout);
                    prop_assert!(steps[..bought].contains(&Step::Fill));
                }
            }
        }
    }

    #[test]
    fn refunds_are_a_few_percent_of_transactions() {
        let refunds: usize = (0..1_000)
            .map(|n| BlockPlan::new(Mix::default(), &mut Dice::new(42, Purpose::Block, n)))
            .map(|plan| {
                plan.visits
                    .iter()
                    .flatten()
                    .filter(|step| **step == Step::Refund)
                    .count()
            })
            .sum();
        assert!((350..450).contains(&refunds), "{refunds} of 10,000");
    }
}
