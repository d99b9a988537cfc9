//! Inventory: what is in stock, how fast it sells, and when to order more.
//!
//! Two tiers. [`InventoryPartial`] keeps what each purchase and refund moved, once, in the minute in which it occurred.
//! [`Stock`] is advanced, every minute or so, over what is new there; it keeps each product's stock and demand, and tells
//! which conditions began or ended.
//!
//! | term | definition |
//! |---|---|
//! | on hand | initial − sold + returned; below 0 where more was sold than there was |
//! | closed minute | a minute of event time before the minute of `now`; `now` never goes back |
//! | data minutes, n | number of closed minutes in which the shop sold anything, at most a week of them |
//! | weight, w | 2^(−1 / half-life in minutes), and λ = 1 − w |
//! | decayed units, u | Σ units × w^age over the product's sales in closed minutes, age in minutes up to the last closed one |
//! | velocity | λ × u / (1 − w^n), in units a minute; below one unit a year it is 0 |
//! | daily demand, d | velocity × 1,440 |
//! | days of cover | on hand / d, at least 0; none without velocity |
//! | safety stock | z × σ × √lead time, with σ = √d as for Poisson demand |
//! | reorder point, s | ⌈d × lead time + safety stock⌉, or `low_stock_fraction` of the initial stock where that is more |
//! | order-up-to level, S | s + ⌈d × review period⌉ |
//! | suggested quantity | S − on hand where on hand ≤ s, else 0 |
//!
//! Velocity is the exponentially weighted moving average (Roberts 1959), written as a sum: a late sale gets the weight
//! that it would have had in time, so order leaves no trace beyond rounding. λu is that average from a start at 0;
//! the division takes the start's bias off (Kingma and Ba 2015, section 3), without which all sales of a new shop
//! would look like a surge. Refunds bring stock back, but are no negative demand. The rules of ordering are those of the
//! (s, S) policy under continuous review (Silver, Pyke and Thomas, "Inventory and Production Management in Supply Chains").
//!
//! Demand is measured once the shop has `min_minutes` of data and u of the product is at least `velocity_min_units`:
//! one sale would else stand for 33 a day. Until then s is the fraction of the initial stock, and S the initial stock.
//!
//! | condition | begins when | ends when | severity |
//! |---|---|---|---|
//! | out of stock | on hand ≤ 0 | on hand > 0 | critical |
//! | low stock | on hand ≤ s | on hand > s × `low_stock_clear` | warning |
//! | high demand | short velocity ≥ ratio × long, u (short) ≥ the least, with `min_minutes` of data | short < clear ratio × long | info, warning from twice the ratio on |
//!
//! A product that the catalog doesn't know has no known stock, so it can only be in high demand.

mod conditions;
mod demand;
mod fact;
mod partial;
mod reading;
mod restock;
mod settings;
mod stock;
mod stored_facts;
mod stored_products;

pub use fact::{InventoryFact, Moved, ProductUnits};
pub use partial::InventoryPartial;
pub use reading::{ProductStock, Status};
pub use settings::Settings;
pub use stock::{Advanced, Stock};
