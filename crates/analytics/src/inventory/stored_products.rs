//! How the stock's products are stored: ids as steps from one to the next, times as ages.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::Moved;
use super::conditions::{Episode, Episodes};
use super::demand::Demand;
use super::stock::Product;
use crate::alerts::Severity;

#[derive(Serialize, Deserialize)]
struct Row {
    /// The id less that of the row before.
    id_step: u64,
    initial: Option<i64>,
    moved: Moved,
    demand: Option<StoredDemand>,
    /// Each the episode's number × 4 + 0 when it is over, else 1 to 3 for the severity; `None` if there was never one.
    episodes: Option<[u64; 3]>,
}

#[derive(Serialize, Deserialize)]
struct StoredDemand {
    /// Minutes before the newest of all products.
    age: i64,
    short: f64,
    velocity: f64,
    long: f64,
}

/// Written one by one: a second copy of all products would cost more memory than they do.
struct Rows<'a> {
    products: &'a BTreeMap<u64, Product>,
    newest: i64,
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut before = 0;
        serializer.collect_seq(self.products.iter().map(|(product_id, product)| {
            let id_step = product_id - before;
            before = *product_id;
            Row {
                id_step,
                initial: product.initial,
                moved: product.moved,
                demand: product.demand.map(|demand| StoredDemand {
                    age: self.newest - demand.as_of,
                    short: demand.short,
                    velocity: demand.velocity,
                    long: demand.long,
                }),
                episodes: (product.episodes != Episodes::default()).then(|| product.episodes.0.map(packed)),
            }
        }))
    }
}

pub(super) fn serialize<S: Serializer>(
    products: &BTreeMap<u64, Product>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let demands = products.values().filter_map(|product| product.demand);
    let newest = demands.map(|demand| demand.as_of).max().unwrap_or_default();
    (newest, Rows { products, newest }).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<u64, Product>, D::Error> {
    let (newest, rows) = <(i64, Vec<Row>)>::deserialize(deserializer)?;
    let mut before = 0_u64;
    rows.into_iter()
        .map(|row| {
            let product = product(&row, newest).zip(before.checked_add(row.id_step));
            let (product, product_id) =
                product.ok_or_else(|| D::Error::custom("a product's id, time or episode is out of range"))?;
            before = product_id;
            Ok((product_id, product))
        })
        .collect()
}

/// `None` if a figure is out of range.
fn product(row: &Row, newest: i64) -> Option<Product> {
    let demand = match &row.demand {
        None => None,
        Some(stored) => Some(Demand {
            as_of: newest.checked_sub(stored.age)?,
            short: stored.short,
            velocity: stored.velocity,
            long: stored.long,
        }),
    };
    let [out_of_stock, low_stock, high_demand] = row.episodes.unwrap_or_default();
    let episodes = [
        unpacked(out_of_stock)?,
        unpacked(low_stock)?,
        unpacked(high_demand)?,
    ];
    Some(Product {
        initial: row.initial,
        moved: row.moved,
        demand,
        episodes: Episodes(episodes),
    })
}

fn packed(episode: Episode) -> u64 {
    let on = match episode.on {
        None => 0,
        Some(Severity::Info) => 1,
        Some(Severity::Warning) => 2,
        Some(Severity::Critical) => 3,
    };
    u64::from(episode.number) << 2 | on
}

fn unpacked(packed: u64) -> Option<Episode> {
    let on = match packed & 3 {
        0 => None,
        1 => Some(Severity::Info),
        2 => Some(Severity::Warning),
        _ => Some(Severity::Critical),
    };
    let number = u32::try_from(packed >> 2).ok()?;
    Some(Episode { number, on })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    struct Products(#[serde(with = "super")] BTreeMap<u64, Product>);

    fn decode(rows: Vec<Row>) -> Result<Products, postcard::Error> {
        postcard::from_bytes(&postcard::to_allocvec(&(5_i64, rows)).unwrap())
    }

    fn row(id_step: u64, age: i64, episode: u64) -> Row {
        let (short, velocity, long) = (1.0, 2.0, 3.0);
        Row {
            id_step,
            initial: None,
            moved: Moved::default(),
            demand: Some(StoredDemand {
                age,
                short,
                velocity,
                long,
            }),
            episodes: Some([0, 0, episode]),
        }
    }

    #[test]
    fn every_severity_and_the_largest_numbers_survive() {
        for number in [0, 1, u32::MAX] {
            for on in [
                None,
                Some(Severity::Info),
                Some(Severity::Warning),
                Some(Severity::Critical),
            ] {
                let episode = Episode { number, on };
                assert_eq!(unpacked(packed(episode)), Some(episode));
            }
        }
        let products = Products(BTreeMap::from([
            (0, Product::default()),
            (u64::MAX, Product::default()),
        ]));
        let stored = postcard::to_allocvec(&products).unwrap();
        assert_eq!(postcard::from_bytes::<Products>(&stored).unwrap(), products);
    }

    #[test]
    fn figures_out_of_range_are_refused() {
        assert!(decode(vec![row(1, 2, 7)]).is_ok());
        assert!(decode(vec![row(u64::MAX, 0, 0), row(1, 0, 0)]).is_err());
        assert!(decode(vec![row(1, i64::MIN, 0)]).is_err());
        assert!(decode(vec![row(1, 0, u64::MAX)]).is_err());
    }
}
