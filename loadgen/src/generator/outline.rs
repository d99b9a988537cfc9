//! The visits of a block in outline: what each is to be made of, before it is known who comes and what is bought.

use super::anomaly::{Anomaly, Injected};
use super::dice::Dice;
use super::traffic::Quota;

/// Visits of a hundred that never fill a cart and end after one look.
const BOUNCE_PERCENT: u64 = 45;
/// Carts of a hundred left behind with something to spare that get as far as the till.
const LEFT_AT_THE_TILL_PERCENT: u64 = 30;

/// How a visit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Looks around and goes.
    Browse,
    /// Leaves a cart behind; has been at the till or not.
    LeaveCart { at_till: bool },
    /// Pays.
    Buy,
    /// Comes only to give back an order: which of those bought in the block that the refund goes back to.
    GiveBack { order: u32 },
}

/// What a visit is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outline {
    pub(super) ending: Ending,
    pub(super) looks: u32,
    /// Adds, updates and removals after the first add.
    pub(super) changes: u32,
    pub(super) injected: Option<Injected>,
}

impl Outline {
    /// How many events it comes to.
    pub(super) fn events(&self) -> u32 {
        self.looks + self.cart_steps() + u32::from(matches!(self.ending, Ending::GiveBack { .. }))
    }

    /// How many of them are of the cart's life, its purchase included.
    pub(super) fn cart_steps(&self) -> u32 {
        match self.ending {
            Ending::Browse | Ending::GiveBack { .. } => 0,
            Ending::LeaveCart { at_till } => 1 + self.changes + u32::from(at_till),
            Ending::Buy => 3 + self.changes,
        }
    }

    /// Whether it goes on where the visit before it ended: the same shopper, one order after the other.
    pub(super) fn follows(&self) -> bool {
        self.injected.is_some_and(|injected| injected.member > 0)
    }
}

/// Splits a block into visits: those who buy come first, the anomalous ones in front, then those who leave a cart, those who
/// look around, those who give back.
pub(super) fn outlines(quota: Quota, injected: &[Injected], dice: &mut Dice) -> Vec<Outline> {
    let Quota {
        purchases,
        left_carts,
        browsers,
        refunds,
        views,
        changes,
    } = quota;
    let visit = |ending| Outline {
        ending,
        looks: 0,
        changes: 0,
        injected: None,
    };
    let mut outlines = Vec::with_capacity((purchases + left_carts + browsers + refunds) as usize);
    outlines.extend((0..purchases).map(|_| visit(Ending::Buy)));
    outlines.extend((0..left_carts).map(|_| visit(Ending::LeaveCart { at_till: false })));
    outlines.extend((0..browsers).map(|_| visit(Ending::Browse)));
    let lookers = outlines.len();
    // The orders that are given back are the last ones of their block, the anomalous ones are the first.
    outlines.extend((0..refunds).map(|n| {
        visit(Ending::GiveBack {
            order: purchases.saturating_sub(n + 1),
        })
    }));
    for (outline, injected) in outlines.iter_mut().zip(injected) {
        outline.injected = Some(*injected);
    }
    spread_changes(&mut outlines[..(purchases + left_carts) as usize], changes, dice);
    spread_looks(
        &mut outlines[..lookers],
        (purchases + left_carts) as usize,
        views,
        dice,
    );
    outlines
}

/// A cart that tries stolen cards holds one cheap thing; all others are changed at random.
fn spread_changes(carts: &mut [Outline], changes: u32, dice: &mut Dice) {
    let tests_cards = |outline: &Outline| outline.injected.is_some_and(|i| i.kind == Anomaly::CardTesting);
    let first = carts.iter().take_while(|outline| tests_cards(outline)).count();
    debug_assert!(first == 0 || carts[first..].len() < carts.len());
    for _ in 0..changes {
        let lucky = loop {
            let lucky = dice.index(carts.len());
            if !tests_cards(&carts[lucky]) || carts.iter().all(tests_cards) {
                break lucky;
            }
        };
        carts[lucky].changes += 1;
    }
    for cart in carts {
        if cart.changes > 0
            && cart.ending == (Ending::LeaveCart { at_till: false })
            && dice.percent(LEFT_AT_THE_TILL_PERCENT)
        {
            cart.changes -= 1;
            cart.ending = Ending::LeaveCart { at_till: true };
        }
    }
}

/// Everybody looks once, as far as the looks go; the rest goes to those who stay.
fn spread_looks(lookers: &mut [Outline], carts: usize, views: u32, dice: &mut Dice) {
    let views = views as usize;
    if views <= lookers.len() {
        let mut order: Vec<usize> = (0..lookers.len()).collect();
        dice.shuffle(&mut order);
        order[..views].iter().for_each(|n| lookers[*n].looks = 1);
        return;
    }
    lookers.iter_mut().for_each(|looker| looker.looks = 1);
    let mut stay: Vec<usize> = (0..lookers.len())
        .filter(|n| *n < carts || !dice.percent(BOUNCE_PERCENT))
        .collect();
    if stay.is_empty() {
        stay.extend(0..lookers.len());
    }
    for _ in lookers.len()..views {
        lookers[dice.pick(&stay)].looks += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::generator::anomaly::of_block;
    use crate::generator::dice::Purpose;
    use crate::generator::tests::any_traffic;

    proptest! {
        #[test]
        fn the_visits_share_all_there_is(traffic in any_traffic(), seed: u64, block in -1_000..1_000_i64) {
            let quota = traffic.quota(block, 5);
            let injected = of_block(seed, block, quota.purchases, traffic.mean_purchases(), 0.1, Anomaly::ALL);
            let outlines = outlines(quota, &injected, &mut Dice::new(seed, Purpose::Block, block));
            let sum = |of: fn(&Outline) -> u32| outlines.iter().map(of).sum::<u32>();
            prop_assert_eq!(sum(Outline::events), traffic.block_events());
            prop_assert_eq!(sum(|outline| outline.looks), quota.views);
            prop_assert_eq!(outlines.iter().filter(|outline| outline.ending == Ending::Buy).count(), quota.purchases as usize);
            prop_assert_eq!(outlines.iter().filter_map(|outline| outline.injected).collect::<Vec<_>>(), injected);
            for outline in &outlines {
                prop_assert!(outline.injected.is_none() || outline.ending == Ending::Buy);
                prop_assert!(!matches!(outline.ending, Ending::Browse) || outline.changes == 0);
            }
        }
    }
}
