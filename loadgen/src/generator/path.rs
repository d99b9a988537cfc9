//! Where a visit stands: the page, what was seen, and what is left to do.

use std::hint::select_unpredictable;

use super::dice::{Dice, Hundred, scale};
use super::outline::{Ending, Outline};
use super::shop::Offer;

/// What a visitor does next: looks around, first of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    View,
    Search,
    Filter,
    Compare,
    /// Looks at what is then put into the cart.
    Want,
    /// Puts the first product into the cart.
    Fill,
    /// Adds to the cart, changes or removes something in it.
    Change,
    /// Goes to the till.
    Checkout,
    /// Pays.
    Buy,
}

impl Step {
    pub(super) fn looks(self) -> bool {
        self <= Self::Want
    }
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

/// Where visitors go from each page, in percent.
static WAYS: [Hundred<Step>; 5] = [
    Hundred::new(&[(Step::View, 42), (Step::Search, 40), (Step::Filter, 18)]),
    Hundred::new(&[(Step::View, 72), (Step::Filter, 14), (Step::Search, 14)]),
    Hundred::new(&[
        (Step::View, 64),
        (Step::Search, 17),
        (Step::Compare, 12),
        (Step::Filter, 7),
    ]),
    Hundred::new(&[(Step::View, 85), (Step::Search, 15)]),
    Hundred::new(&[(Step::View, 75), (Step::Search, 25)]),
];

impl Page {
    fn ways(self) -> &'static Hundred<Step> {
        let page = match self {
            Self::Landing => 0,
            Self::Results { .. } => 1,
            Self::Product => 2,
            Self::Comparison => 3,
            Self::Cart => 4,
        };
        &WAYS[page]
    }
}

/// What is left to do on a visit, as numbers of steps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    /// All of them.
    steps: u32,
    /// Looks before the cart is filled; all looks where it isn't.
    looks_first: u32,
    fills: bool,
    /// Looks and changes between filling the cart and the till, in any order.
    looks: u32,
    changes: u32,
    checks_out: bool,
}

impl Left {
    /// Puts what a visit is made of into an order that makes sense.
    pub(super) fn of(outline: &Outline, dice: &mut Dice) -> Self {
        let (fills, checks_out) = match outline.ending {
            Ending::Browse | Ending::GiveBack { .. } => (false, false),
            Ending::LeaveCart { at_till } => (true, at_till),
            Ending::Buy => (true, true),
        };
        let looks = if fills {
            u32::try_from(dice.below(outline.looks.max(1).into())).unwrap_or(0)
        } else {
            0
        };
        Self {
            steps: outline.looks + outline.cart_steps(),
            looks_first: outline.looks - looks,
            fills,
            looks,
            changes: outline.changes,
            checks_out,
        }
    }

    /// The next step, of which there is one, for somebody on this page. What comes next is anybody's guess, the processor's
    /// as well: so there are no branches here, and one jump where the step is taken.
    pub(super) fn next(&mut self, page: Page, dice: &mut Dice) -> Step {
        const PHASES: [Step; 5] = [Step::View, Step::Fill, Step::Change, Step::Checkout, Step::Buy];
        let bits = dice.bits();
        let between = self.looks + self.changes;
        let phases = u32::from(self.looks_first > 0)
            | u32::from(self.fills) << 1
            | u32::from(between > 0) << 2
            | u32::from(self.checks_out) << 3
            | 1 << 4;
        let phase = phases.trailing_zeros();
        let looks_first = phase == 0;
        let looks = phase == 2 && scale(bits << 32, between.into()) < self.looks.into();
        let wants = looks_first && self.looks_first == 1 && self.fills;
        self.steps -= 1;
        self.looks_first -= u32::from(looks_first);
        self.fills &= phase != 1;
        self.looks -= u32::from(looks);
        self.changes -= u32::from(phase == 2 && !looks);
        self.checks_out &= phase != 3;
        let look = select_unpredictable(wants, Step::Want, page.ways().at(bits));
        select_unpredictable(looks_first || looks, look, PHASES[phase as usize])
    }

    pub(super) fn is_none(&self) -> bool {
        self.steps == 0
    }
}

/// The products seen last, each once, the latest one first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Ids begin with 1.
    ids: [u64; 3],
    count: usize,
    pub(super) last: Option<Offer>,
}

impl Seen {
    pub(super) fn see(&mut self, offer: Offer) {
        let (id, [first, second, third]) = (offer.product_id, self.ids);
        let known = self.ids.contains(&id);
        self.ids = [
            id,
            if first == id { second } else { first },
            if first == id || second == id {
                third
            } else {
                second
            },
        ];
        self.count = (self.count + usize::from(!known)).min(self.ids.len());
        self.last = Some(offer);
    }

    pub(super) fn ids(&self) -> &[u64] {
        &self.ids[..self.count]
    }
}
