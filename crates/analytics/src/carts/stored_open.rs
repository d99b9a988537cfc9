//! How [`OpenCarts`] is stored: times as distances, event ids in one run a cart.

use std::collections::BTreeMap;

use events::{Timestamp, Uuid};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::life::{AsOf, Kept};
use super::open::{Cart, Form, KeptMinute};
use super::{CartChange, CartMinute, CartSession, Fate, OpenCarts};
use crate::EventIds;

/// Time and timeout of the last sweep, carts, minutes.
type Stored = (Option<(i64, i64)>, Vec<StoredCart>, Vec<StoredMinute>);

/// `ago` is from the time of the last sweep back, in ms.
#[derive(Serialize, Deserialize)]
struct StoredCart {
    cart_id: [u8; 16],
    arrived_ago: i64,
    form: StoredForm,
}

#[derive(Serialize, Deserialize)]
enum StoredForm {
    Whole {
        first_ago: i64,
        event_ids: EventIds,
        facts: Vec<StoredFact>,
    },
    Figures(StoredFigures),
}

#[derive(Serialize, Deserialize)]
struct StoredFact {
    /// Since the fact before.
    after_ms: u64,
    /// From the user of the fact before, or from 0: nearly always the same one.
    user_step: i64,
    change: CartChange,
}

#[derive(Serialize, Deserialize)]
struct StoredFigures {
    latest_ago: i64,
    user_id: u64,
    created_ago: i64,
    checked_out_ago: Option<i64>,
    last_activity_ago: i64,
    fate: StoredFate,
    value_minor: i64,
    units: i64,
    products: i64,
    adds: i64,
    updates: i64,
    removes: i64,
    checkouts: i64,
}

/// By how long ago.
#[derive(Serialize, Deserialize)]
enum StoredFate {
    Active,
    Converted(i64),
    Abandoned(i64),
    Recovered(i64, i64),
}

#[derive(Serialize, Deserialize)]
struct StoredMinute {
    number: i64,
    changed_ago: i64,
    figures: CartMinute,
}

/// The time that distances are from.
#[derive(Clone, Copy)]
struct Origin(i64);

impl Origin {
    fn ago(self, time: Timestamp) -> i64 {
        self.0 - time.as_ms()
    }

    fn time(self, ago: i64) -> Option<Timestamp> {
        Timestamp::from_ms(self.0.checked_sub(ago)?)
    }
}

impl Serialize for OpenCarts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let as_of = self.as_of.map(|as_of| (as_of.now.as_ms(), as_of.timeout_ms));
        let origin = Origin(as_of.map_or(0, |(now_ms, _)| now_ms));
        let carts = Sequence(|| {
            self.carts
                .iter()
                .map(|(cart_id, cart)| StoredCart::of(*cart_id, cart, origin))
        });
        let minutes = Sequence(|| {
            self.minutes.iter().map(|(number, minute)| StoredMinute {
                number: *number,
                changed_ago: origin.ago(minute.changed_at),
                figures: minute.figures,
            })
        });
        (as_of, carts, minutes).serialize(serializer)
    }
}

/// Serializes items as they are made, so that they never lie in memory all at once.
struct Sequence<F>(F);

impl<I: IntoIterator<Item: Serialize>, F: Fn() -> I> Serialize for Sequence<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0())
    }
}

impl<'de> Deserialize<'de> for OpenCarts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(Stored::deserialize(deserializer)?).ok_or_else(|| {
            D::Error::custom("carts with times outside the calendar, or with facts without ids")
        })
    }
}

fn read((as_of, carts, minutes): Stored) -> Option<OpenCarts> {
    let origin = Origin(as_of.map_or(0, |(now_ms, _)| now_ms));
    let as_of = match as_of {
        Some((now_ms, timeout_ms)) => Some(AsOf {
            now: Timestamp::from_ms(now_ms)?,
            timeout_ms,
        }),
        None => None,
    };
    let carts: Option<BTreeMap<_, _>> = carts.into_iter().map(|cart| cart.read(origin)).collect();
    let minutes: Option<BTreeMap<_, _>> = minutes
        .into_iter()
        .map(|minute| {
            let kept = KeptMinute {
                figures: minute.figures,
                changed_at: origin.time(minute.changed_ago)?,
            };
            Some((minute.number, kept))
        })
        .collect();
    Some(OpenCarts {
        as_of,
        carts: carts?,
        minutes: minutes?,
    })
}

impl StoredCart {
    fn of(cart_id: Uuid, cart: &Cart, origin: Origin) -> Self {
        Self {
            cart_id: cart_id.into_bytes(),
            arrived_ago: origin.ago(cart.arrived_at),
            form: match &cart.form {
                Form::Whole(facts) => whole(facts, origin),
                Form::Figures(session, latest_at) => {
                    StoredForm::Figures(StoredFigures::of(session, *latest_at, origin))
                }
            },
        }
    }

    fn read(self, origin: Origin) -> Option<(Uuid, Cart)> {
        let cart_id = Uuid::from_bytes(self.cart_id);
        let form = match self.form {
            StoredForm::Whole {
                first_ago,
                event_ids,
                facts,
            } => Form::Whole(read_whole(origin.time(first_ago)?, &event_ids, &facts)?),
            StoredForm::Figures(stored) => {
                Form::Figures(stored.session(cart_id, origin)?, origin.time(stored.latest_ago)?)
            }
        };
        let arrived_at = origin.time(self.arrived_ago)?;
        Some((cart_id, Cart { arrived_at, form }))
    }
}

fn whole(facts: &[Kept], origin: Origin) -> StoredForm {
    let mut event_ids = EventIds::default();
    let mut before: Option<&Kept> = None;
    let stored = facts
        .iter()
        .map(|fact| {
            event_ids.push(fact.event_id);
            let (last, user_id) = before.map_or((fact.occurred_at, 0), |b| (b.occurred_at, b.user_id));
            before = Some(fact);
            StoredFact {
                after_ms: last.as_ms().abs_diff(fact.occurred_at.as_ms()),
                user_step: fact.user_id.wrapping_sub(user_id).cast_signed(),
                change: fact.change,
            }
        })
        .collect();
    StoredForm::Whole {
        first_ago: facts.first().map_or(0, |fact| origin.ago(fact.occurred_at)),
        event_ids,
        facts: stored,
    }
}

fn read_whole(first_at: Timestamp, event_ids: &EventIds, facts: &[StoredFact]) -> Option<Vec<Kept>> {
    if event_ids.len() != facts.len() {
        return None;
    }
    let (mut at_ms, mut user_id) = (first_at.as_ms(), 0_u64);
    let fact = |(event_id, fact): (&Uuid, &StoredFact)| {
        at_ms = at_ms.checked_add_unsigned(fact.after_ms)?;
        user_id = user_id.wrapping_add(fact.user_step.cast_unsigned());
        Some(Kept {
            occurred_at: Timestamp::from_ms(at_ms)?,
            event_id: *event_id,
            user_id,
            change: fact.change,
        })
    };
    event_ids.as_slice().iter().zip(facts).map(fact).collect()
}

impl StoredFigures {
    fn of(session: &CartSession, latest_at: Timestamp, origin: Origin) -> Self {
        Self {
            latest_ago: origin.ago(latest_at),
            user_id: session.user_id,
            created_ago: origin.ago(session.created_at),
            checked_out_ago: session.checked_out_at.map(|at| origin.ago(at)),
            last_activity_ago: origin.ago(session.last_activity_at),
            fate: match session.fate {
                Fate::Active => StoredFate::Active,
                Fate::Converted { at } => StoredFate::Converted(origin.ago(at)),
                Fate::Abandoned { at } => StoredFate::Abandoned(origin.ago(at)),
                Fate::Recovered { at, abandoned_at } => {
                    StoredFate::Recovered(origin.ago(at), origin.ago(abandoned_at))
                }
            },
            value_minor: session.value_minor,
            units: session.units,
            products: session.products,
            adds: session.adds,
            updates: session.updates,
            removes: session.removes,
            checkouts: session.checkouts,
        }
    }

    fn session(&self, cart_id: Uuid, origin: Origin) -> Option<CartSession> {
        let checked_out_at = match self.checked_out_ago {
            Some(ago) => Some(origin.time(ago)?),
            None => None,
        };
        let fate = match self.fate {
            StoredFate::Active => Fate::Active,
            StoredFate::Converted(ago) => Fate::Converted {
                at: origin.time(ago)?,
            },
            StoredFate::Abandoned(ago) => Fate::Abandoned {
                at: origin.time(ago)?,
            },
            StoredFate::Recovered(ago, abandoned_ago) => Fate::Recovered {
                at: origin.time(ago)?,
                abandoned_at: origin.time(abandoned_ago)?,
            },
        };
        Some(CartSession {
            cart_id,
            user_id: self.user_id,
            created_at: origin.time(self.created_ago)?,
            checked_out_at,
            last_activity_at: origin.time(self.last_activity_ago)?,
            fate,
            value_minor: self.value_minor,
            units: self.units,
            products: self.products,
            adds: self.adds,
            updates: self.updates,
            removes: self.removes,
            checkouts: self.checkouts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_without_ids_and_times_outside_the_calendar_are_refused() {
        let stored = |ids: usize, first_ago: i64| {
            let mut event_ids = EventIds::default();
            (0..ids).for_each(|_| event_ids.push(Uuid::nil()));
            let fact = StoredFact {
                after_ms: 0,
                user_step: 1,
                change: CartChange::Checkout { total_minor: 1 },
            };
            let form = StoredForm::Whole {
                first_ago,
                event_ids,
                facts: vec![fact],
            };
            let cart = StoredCart {
                cart_id: [0; 16],
                arrived_ago: 0,
                form,
            };
            let stored: Stored = (Some((0, 0)), vec![cart], Vec::new());
            postcard::from_bytes::<OpenCarts>(&postcard::to_allocvec(&stored).unwrap())
        };
        assert_eq!(stored(1, 7).unwrap().cart_count(), 1);
        assert!(stored(0, 7).is_err());
        assert!(stored(2, 7).is_err());
        assert!(stored(1, i64::MIN).is_err());
    }
}
