//! Where a visit stands: the page, what was seen, and what is left to do.

use super::dice::Dice;
use super::outline::{Ending, Outline};
use super::shop::Offer;

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
}

/// The page that the visitor is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Landing,
    /// What a search or a filter has found.
    Results {
        category: u8,
    },
    Product,
    Comparison,
    Cart,
}

/// What to look at next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    View,
    Search,
    Filter,
    Compare,
}

impl Page {
    /// Where visitors go from here, in percent.
    pub(super) const fn ways(self) -> &'static [(Look, u64)] {
        match self {
            Self::Landing => &[(Look::View, 42), (Look::Search, 40), (Look::Filter, 18)],
            Self::Results { .. } => &[(Look::View, 72), (Look::Filter, 14), (Look::Search, 14)],
            Self::Product => &[
                (Look::View, 64),
                (Look::Search, 17),
                (Look::Compare, 12),
                (Look::Filter, 7),
            ],
            Self::Comparison => &[(Look::View, 85), (Look::Search, 15)],
            Self::Cart => &[(Look::View, 75), (Look::Search, 25)],
        }
    }
}

/// What is left to do on a visit, as numbers of steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    /// Looks before the cart is filled; all looks where it isn't.
    looks_first: u32,
    fills: bool,
    /// Looks and changes between filling the cart and the till, in any order.
    looks: u32,
    changes: u32,
    checks_out: bool,
    buys: bool,
}

impl Left {
    /// Puts what a visit is made of into an order that makes sense.
    pub(super) fn of(outline: &Outline, dice: &mut Dice) -> Self {
        let (fills, checks_out, buys) = match outline.ending {
            Ending::Browse | Ending::GiveBack { .. } => (false, false, false),
            Ending::LeaveCart { at_till } => (true, at_till, false),
            Ending::Buy => (true, true, true),
        };
        let looks = if fills {
            u32::try_from(dice.below(outline.looks.max(1).into())).unwrap_or(0)
        } else {
            0
        };
        Self {
            looks_first: outline.looks - looks,
            fills,
            looks,
            changes: outline.changes,
            checks_out,
            buys,
        }
    }

    /// The next step; the last one for ever.
    pub(super) fn next(&mut self, dice: &mut Dice) -> Step {
        if self.looks_first > 0 {
            self.looks_first -= 1;
            Step::Look
        } else if std::mem::take(&mut self.fills) {
            Step::Fill
        } else if self.looks + self.changes > 0 {
            if dice.below((self.looks + self.changes).into()) < self.looks.into() {
                self.looks -= 1;
                Step::Look
            } else {
                self.changes -= 1;
                Step::Change
            }
        } else if std::mem::take(&mut self.checks_out) {
            Step::Checkout
        } else {
            self.buys = false;
            Step::Buy
        }
    }

    pub(super) fn fills_next(&self) -> bool {
        self.looks_first == 0 && self.fills
    }

    pub(super) fn is_none(&self) -> bool {
        let some = self.fills || self.checks_out || self.buys;
        self.looks_first + self.looks + self.changes == 0 && !some
    }
}

/// The products seen last, each once, the latest one first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    ids: [u64; 3],
    count: usize,
    pub(super) last: Option<Offer>,
}

impl Seen {
    pub(super) fn see(&mut self, offer: Offer) {
        let known = self.ids().iter().position(|id| *id == offer.product_id);
        let until = known.unwrap_or(self.count.min(2));
        self.ids.copy_within(..until, 1);
        self.ids[0] = offer.product_id;
        self.count = self.count.max(until + 1);
        self.last = Some(offer);
    }

    pub(super) fn ids(&self) -> &[u64] {
        &self.ids[..self.count]
    }
}
