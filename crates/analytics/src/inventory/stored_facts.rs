//! How a page stores its facts: times from the first one on.

use events::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{InventoryFact, ProductUnits};

/// Milliseconds after the page's first fact, whether the goods came back, the goods.
type Row<Lines> = (i64, bool, Lines);

pub(super) fn serialize<S: Serializer>(facts: &[InventoryFact], serializer: S) -> Result<S::Ok, S::Error> {
    let first_ms = facts.first().map_or(0, |fact| fact.occurred_at.as_ms());
    let rows: Vec<Row<&[ProductUnits]>> = facts
        .iter()
        .map(|fact| {
            let after_first_ms = fact.occurred_at.as_ms() - first_ms;
            (after_first_ms, fact.is_refund, fact.lines.as_slice())
        })
        .collect();
    (first_ms, rows).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<InventoryFact>, D::Error> {
    let (first_ms, rows) = <(i64, Vec<Row<Vec<ProductUnits>>>)>::deserialize(deserializer)?;
    rows.into_iter()
        .map(|(after_first_ms, is_refund, lines)| {
            let occurred_at = first_ms
                .checked_add(after_first_ms)
                .and_then(Timestamp::from_ms)
                .ok_or_else(|| D::Error::custom("a fact outside the calendar"))?;
            Ok(InventoryFact {
                occurred_at,
                is_refund,
                lines,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Page(#[serde(deserialize_with = "deserialize")] Vec<InventoryFact>);

    fn page(first_ms: i64, after_first_ms: i64) -> Result<Page, postcard::Error> {
        let rows: Vec<Row<Vec<ProductUnits>>> = vec![(after_first_ms, true, Vec::new())];
        postcard::from_bytes(&postcard::to_allocvec(&(first_ms, rows)).unwrap())
    }

    #[test]
    fn facts_outside_the_calendar_are_refused() {
        assert_eq!(page(1, 7).unwrap().0[0].occurred_at.as_ms(), 8);
        assert!(page(1, i64::MAX).is_err());
        assert!(page(0, i64::MAX).is_err());
    }
}
