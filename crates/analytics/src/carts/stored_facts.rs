//! How a page stores its facts: times from the first one on, and each cart's id once.

use std::collections::BTreeMap;

use events::{Timestamp, Uuid};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{CartChange, CartFact};
use crate::EventIds;

#[derive(Serialize, Deserialize)]
struct Page {
    first_ms: i64,
    /// The carts in the order in which they first appear: ids of 16 bytes, as those of events.
    carts: EventIds,
    rows: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    /// The place of the cart's id among `carts`.
    cart: usize,
    after_first_ms: i64,
    user_id: u64,
    change: CartChange,
}

pub(super) fn serialize<S: Serializer>(facts: &[CartFact], serializer: S) -> Result<S::Ok, S::Error> {
    let first_ms = facts.first().map_or(0, |fact| fact.occurred_at.as_ms());
    let mut carts = EventIds::default();
    let mut places: BTreeMap<Uuid, usize> = BTreeMap::new();
    let rows = facts
        .iter()
        .map(|fact| Row {
            cart: *places.entry(fact.cart_id).or_insert_with(|| {
                carts.push(fact.cart_id);
                carts.len() - 1
            }),
            after_first_ms: fact.occurred_at.as_ms() - first_ms,
            user_id: fact.user_id,
            change: fact.change,
        })
        .collect();
    let page = Page {
        first_ms,
        carts,
        rows,
    };
    page.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<CartFact>, D::Error> {
    let page = Page::deserialize(deserializer)?;
    let fact = |row: &Row| {
        Some(CartFact {
            cart_id: *page.carts.as_slice().get(row.cart)?,
            occurred_at: Timestamp::from_ms(page.first_ms.checked_add(row.after_first_ms)?)?,
            user_id: row.user_id,
            change: row.change,
        })
    };
    page.rows
        .iter()
        .map(|row| fact(row).ok_or_else(|| D::Error::custom("a fact of no cart or outside the calendar")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_no_cart_or_no_time_are_refused() {
        #[derive(Debug, Deserialize)]
        struct Facts(#[serde(deserialize_with = "deserialize")] Vec<CartFact>);
        let page = |cart, after_first_ms| {
            let mut carts = EventIds::default();
            carts.push(Uuid::nil());
            let change = CartChange::Checkout { total_minor: 1 };
            let rows = vec![Row {
                cart,
                after_first_ms,
                user_id: 1,
                change,
            }];
            let page = Page {
                first_ms: 1,
                carts,
                rows,
            };
            postcard::from_bytes::<Facts>(&postcard::to_allocvec(&page).unwrap())
        };
        assert_eq!(page(0, 7).unwrap().0[0].occurred_at.as_ms(), 8);
        assert!(page(1, 7).is_err());
        assert!(page(0, i64::MAX).is_err());
    }
}
