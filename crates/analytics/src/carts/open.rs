//! The sweep over what happened to carts.

use std::collections::BTreeMap;

use events::{Minute, Timestamp, Uuid};

use super::life::{AsOf, Kept, Life, first_gap};
use super::minutes::{Tally, numbered};
use super::{
    CartChange, CartFact, CartMinute, CartSession, CartSettings, Fate, SessionChange, Swept, TopCarts,
};

/// A cart is what its first so many facts make of it. Nobody fills one like that; a producer may send one id for all carts.
pub const MAX_FACTS: usize = 10_000;

/// All that the sweep remembers: the carts that may still change, and the figures of the minutes.
///
/// What it tells is lost if the caller dies before passing it on, so pass it on first and store this afterwards: the same
/// facts, swept again from the stored state, tell the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenCarts {
    /// With what the minutes count the carts; `None` before the first sweep.
    pub(super) as_of: Option<AsOf>,
    pub(super) carts: BTreeMap<Uuid, Cart>,
    /// By number since 1970.
    pub(super) minutes: BTreeMap<i64, KeptMinute>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cart {
    /// The time of the sweep that brought the latest fact.
    pub(super) arrived_at: Timestamp,
    pub(super) form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// All facts, in order.
    Whole(Vec<Kept>),
    /// What is left of an abandoned cart, and the latest event time among its facts.
    Figures(CartSession, Timestamp),
}

/// A minute's figures, and the time of the sweep that last changed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeptMinute {
    pub(super) figures: CartMinute,
    pub(super) changed_at: Timestamp,
}

impl OpenCarts {
    /// Takes in facts, with the ids of their events, and brings all carts to `now`. Known facts change nothing. A `now`
    /// before that of an earlier call counts as that one; another timeout than before counts for every cart kept whole.
    pub fn advance<'a>(
        &mut self,
        facts: impl IntoIterator<Item = (Uuid, &'a CartFact)>,
        now: Timestamp,
        settings: &CartSettings,
    ) -> Swept {
        let new = AsOf {
            now: self.as_of.map_or(now, |old| old.now.max(now)),
            timeout_ms: settings.timeout_ms,
        };
        let old = self.as_of.replace(new).unwrap_or(new);
        let arrived = by_cart(facts);
        let mut swept = Swept::default();
        let mut tally = Tally::default();
        let mut note = |before: Life, after: Life| {
            tally.replace(&before, &after);
            if before.session != after.session {
                let (before, after) = (before.session, after.session);
                swept.sessions.push(SessionChange { before, after });
            }
        };
        for (cart_id, cart) in &self.carts {
            if !arrived.contains_key(cart_id) && cart.changes_between(old, new) {
                note(cart.life(*cart_id, old), cart.life(*cart_id, new));
            }
        }
        for (cart_id, facts) in arrived {
            let before = self
                .carts
                .get(&cart_id)
                .map_or_else(Life::default, |cart| cart.life(cart_id, old));
            let cart = self.carts.entry(cart_id).or_insert_with(|| Cart::new(new.now));
            cart.take(facts, new.now);
            note(before, cart.life(cart_id, new));
        }
        swept.minutes = self.apply(tally, new.now);
        self.forget(new, settings);
        swept
    }

    /// The figures of the minutes that are remembered.
    pub fn minutes(&self) -> impl Iterator<Item = (Minute, &CartMinute)> {
        self.minutes
            .iter()
            .map(|(number, minute)| (numbered(*number), &minute.figures))
    }

    /// The carts of the highest value, as of the last call of [`OpenCarts::advance`]; `None` before the first.
    #[must_use]
    pub fn top(&self) -> Option<TopCarts> {
        let as_of = self.as_of?;
        let sessions = self
            .carts
            .iter()
            .filter_map(|(id, cart)| cart.life(*id, as_of).session);
        Some(TopCarts::of(as_of.now, sessions))
    }

    /// Number of carts that are remembered, whatever became of them.
    #[must_use]
    pub fn cart_count(&self) -> usize {
        self.carts.len()
    }

    /// The new figures of the minutes that changed.
    fn apply(&mut self, tally: Tally, now: Timestamp) -> BTreeMap<Minute, CartMinute> {
        let none = KeptMinute {
            figures: CartMinute::default(),
            changed_at: now,
        };
        tally
            .changes()
            .map(|(number, change)| {
                let minute = self.minutes.entry(number).or_insert(none);
                minute.figures.merge(&change);
                minute.changed_at = now;
                (numbered(number), minute.figures)
            })
            .collect()
    }

    fn forget(&mut self, as_of: AsOf, settings: &CartSettings) {
        let age_ms = |time: Timestamp| as_of.now.as_ms() - time.as_ms();
        self.minutes
            .retain(|_, minute| age_ms(minute.changed_at) <= settings.minutes_memory_ms);
        self.carts.retain(|cart_id, cart| {
            let quiet_ms = age_ms(cart.arrived_at);
            quiet_ms <= settings.memory_ms.min(settings.abandoned_memory_ms)
                || cart.is_remembered(*cart_id, quiet_ms, as_of, settings)
        });
    }
}

impl Cart {
    fn new(arrived_at: Timestamp) -> Self {
        Self {
            arrived_at,
            form: Form::Whole(Vec::new()),
        }
    }

    fn life(&self, cart_id: Uuid, as_of: AsOf) -> Life {
        match &self.form {
            Form::Whole(facts) => Life::of(cart_id, facts, as_of),
            Form::Figures(session, _) => Life {
                session: Some(*session),
                purchases_without_cart: Vec::new(),
            },
        }
    }

    /// Whether the same facts may come to something else.
    fn changes_between(&self, old: AsOf, new: AsOf) -> bool {
        let abandoned_at =
            |facts, as_of: AsOf| first_gap(facts, as_of.timeout_ms).filter(|(_, over)| *over <= as_of.now);
        match &self.form {
            Form::Whole(facts) => abandoned_at(facts, old) != abandoned_at(facts, new),
            Form::Figures(..) => false,
        }
    }

    fn take(&mut self, new: Vec<Kept>, now: Timestamp) {
        let before = self.form.clone();
        match &mut self.form {
            Form::Whole(facts) => union(facts, new),
            Form::Figures(session, latest_at) => {
                for fact in new {
                    *latest_at = fact.occurred_at.max(*latest_at);
                    session.take(&fact);
                }
            }
        }
        if self.form != before {
            self.arrived_at = now;
        }
    }

    /// Whether to keep a cart whose last fact arrived `quiet_ms` ago; of an abandoned one, only the figures remain.
    fn is_remembered(&mut self, cart_id: Uuid, quiet_ms: i64, as_of: AsOf, settings: &CartSettings) -> bool {
        if self.is_pending(as_of) {
            return true;
        }
        let Some(session) = self.life(cart_id, as_of).session else {
            return quiet_ms <= settings.abandoned_memory_ms;
        };
        if !matches!(session.fate, Fate::Abandoned { .. }) {
            return quiet_ms <= settings.memory_ms;
        }
        if let Form::Whole(facts) = &self.form
            && let Some(latest) = facts.last()
            && quiet_ms > settings.memory_ms
        {
            self.form = Form::Figures(session, latest.occurred_at);
        }
        quiet_ms <= settings.abandoned_memory_ms
    }

    /// Whether time alone will change the cart's fate.
    fn is_pending(&self, as_of: AsOf) -> bool {
        match &self.form {
            Form::Whole(facts) => {
                first_gap(facts, as_of.timeout_ms).is_some_and(|(_, over)| over > as_of.now)
            }
            Form::Figures(..) => false,
        }
    }
}

impl CartSession {
    /// Takes note of what may still happen to an abandoned cart.
    fn take(&mut self, fact: &Kept) {
        match fact.change {
            CartChange::Checkout { .. } => {
                let earliest = self
                    .checked_out_at
                    .map_or(fact.occurred_at, |at| at.min(fact.occurred_at));
                self.checked_out_at = Some(earliest);
            }
            CartChange::Purchase { .. } => self.fate = self.fate.purchased(fact.occurred_at),
            CartChange::Add(_) | CartChange::Update(_) | CartChange::Remove(_) => {}
        }
    }
}

fn by_cart<'a>(facts: impl IntoIterator<Item = (Uuid, &'a CartFact)>) -> BTreeMap<Uuid, Vec<Kept>> {
    let mut by_cart: BTreeMap<Uuid, Vec<Kept>> = BTreeMap::new();
    for (event_id, fact) in facts {
        by_cart.entry(fact.cart_id).or_default().push(Kept {
            occurred_at: fact.occurred_at,
            event_id,
            user_id: fact.user_id,
            change: fact.change,
        });
    }
    by_cart
}

/// Adds facts to those that are known, each event once. Of an id with two contents the smaller one counts, whichever
/// came first; of more than [`MAX_FACTS`], the earliest ones.
fn union(known: &mut Vec<Kept>, new: Vec<Kept>) {
    known.extend(new);
    known.sort_unstable_by_key(|fact| (fact.event_id, *fact));
    known.dedup_by_key(|fact| fact.event_id);
    known.sort_unstable();
    known.truncate(MAX_FACTS);
}
