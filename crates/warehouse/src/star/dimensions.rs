//! Dimensions whose members turn up: products, users and categories.

use arrow::array::{BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use events::{Country, Device};

use super::input::value;
use super::members::{Member, Members};
use super::orders::Orders;
use super::views::views;
use super::{Keys, StarError, StarTable};
use crate::read::{optional, required};
use crate::table_file::column;

/// The dimensions with assigned keys, of which facts take theirs.
///
/// A member keeps its key for ever. New ones get the next numbers, from 1, in ascending order of their natural key, each
/// time that keys are assigned. A product or user that facts name and the catalog doesn't know is inferred: it has what
/// its first fact says. Once the catalog knows it, its row is filled, under the same key. What the catalog says replaces
/// what it said before (type 1: no history is kept); what is no longer in it stays as last known.
pub struct Dimensions {
    /// Products.
    pub products: ProductDimension,
    /// Users.
    pub users: UserDimension,
    /// Categories, those of the facts and those of the catalog.
    pub categories: CategoryDimension,
}

impl Dimensions {
    /// Takes products as the catalog has them now, with their categories.
    pub fn take_products(&mut self, catalog: &RecordBatch) -> Result<(), StarError> {
        let categories: &StringArray = required(catalog, "category")?;
        categories
            .iter()
            .flatten()
            .for_each(|category| self.categories.infer(category));
        self.products.take_catalog(catalog)
    }

    /// Takes what archived transactions, of whichever days, name and is not known.
    pub fn infer(&mut self, transactions: &RecordBatch) -> Result<(), StarError> {
        let orders = Orders::new(transactions)?;
        for order in 0..orders.len() {
            let (country, device) = (orders.country.value(order), orders.device.value(order));
            self.users.infer(
                orders.user_id[order],
                parse_country(country)?,
                parse_device(device)?,
            );
            for line in orders.lines(order) {
                let category = orders.category.value(line);
                self.products.infer(orders.product_id[line], category);
                self.categories.infer(category);
            }
        }
        Ok(())
    }

    /// Takes the products that archived views name and that are not known.
    pub fn infer_viewed(&mut self, product_views: &RecordBatch) -> Result<(), StarError> {
        for view in views(product_views)? {
            self.products.infer(view.product_id, view.category);
            self.categories.infer(view.category);
        }
        Ok(())
    }

    /// Gives new members their keys.
    pub fn assign_keys(&mut self) {
        self.products.assign_keys();
        self.users.assign_keys();
        self.categories.assign_keys();
    }
}

impl Keys for Dimensions {
    fn product_key(&self, product_id: i64) -> Option<i64> {
        self.products.key(product_id)
    }

    fn user_key(&self, user_id: i64) -> Option<i64> {
        self.users.key(user_id)
    }

    fn category_key(&self, category: &str) -> Option<i64> {
        self.categories.key(category)
    }
}

/// `dim_product`.
pub struct ProductDimension(Members<i64, Product>);

struct Product {
    name: Option<Box<str>>,
    category: Box<str>,
    brand: Option<Box<str>>,
    price_minor: Option<i64>,
    cost_minor: Option<i64>,
    launched_on: Option<i32>,
    is_inferred: bool,
}

impl ProductDimension {
    /// From its Parquet file; without one, it has no members.
    pub fn read(file: Option<Bytes>) -> Result<Self, StarError> {
        Members::read(StarTable::DimProduct, "product_key", file, |batch| {
            let is_inferred: &BooleanArray = required(batch, "is_inferred")?;
            products(batch, |row| is_inferred.value(row))
        })
        .map(Self)
    }

    /// Takes products as the catalog has them now, in place of what was known of them.
    pub fn take_catalog(&mut self, catalog: &RecordBatch) -> Result<(), StarError> {
        for product in products(catalog, |_| false)? {
            self.0.put(product.id, product.attributes);
        }
        Ok(())
    }

    /// Takes a product that a fact names, if it is not known.
    pub fn infer(&mut self, product_id: i64, category: &str) {
        if !self.0.contains(&product_id) {
            let product = Product {
                name: None,
                category: category.into(),
                brand: None,
                price_minor: None,
                cost_minor: None,
                launched_on: None,
                is_inferred: true,
            };
            self.0.put(product_id, product);
        }
    }

    /// Gives new products their keys.
    pub fn assign_keys(&mut self) {
        self.0.assign_keys();
    }

    /// A product's key; `None` if it is not known, or new.
    #[must_use]
    pub fn key(&self, product_id: i64) -> Option<i64> {
        self.0.key(&product_id)
    }

    /// The Parquet file, by key. New products get theirs first.
    pub fn encode(&mut self) -> Result<Vec<u8>, StarError> {
        self.0.encode(StarTable::DimProduct, |rows| {
            vec![
                column::<Int64Array, _, _>(rows, |row| Some(row.id)),
                column::<StringArray, _, _>(rows, |row| row.attributes.name.as_deref()),
                column::<StringArray, _, _>(rows, |row| Some(&*row.attributes.category)),
                column::<StringArray, _, _>(rows, |row| row.attributes.brand.as_deref()),
                column::<Int64Array, _, _>(rows, |row| row.attributes.price_minor),
                column::<Int64Array, _, _>(rows, |row| row.attributes.cost_minor),
                column::<Date32Array, _, _>(rows, |row| row.attributes.launched_on),
                column::<BooleanArray, _, _>(rows, |row| Some(row.attributes.is_inferred)),
            ]
        })
    }
}

/// `dim_user`. Takes about 50 bytes a user.
pub struct UserDimension(Members<i64, User>);

struct User {
    country: Country,
    device: Device,
    joined_on: Option<i32>,
    is_inferred: bool,
}

impl UserDimension {
    /// From its Parquet file; without one, it has no members.
    pub fn read(file: Option<Bytes>) -> Result<Self, StarError> {
        Members::read(StarTable::DimUser, "user_key", file, |batch| {
            let is_inferred: &BooleanArray = required(batch, "is_inferred")?;
            users(batch, |row| is_inferred.value(row))
        })
        .map(Self)
    }

    /// Takes users as the catalog has them now, in place of what was known of them.
    pub fn take_catalog(&mut self, catalog: &RecordBatch) -> Result<(), StarError> {
        for user in users(catalog, |_| false)? {
            self.0.put(user.id, user.attributes);
        }
        Ok(())
    }

    /// Takes a user that a fact names, if not known.
    pub fn infer(&mut self, user_id: i64, country: Country, device: Device) {
        if !self.0.contains(&user_id) {
            let user = User {
                country,
                device,
                joined_on: None,
                is_inferred: true,
            };
            self.0.put(user_id, user);
        }
    }

    /// Gives new users their keys.
    pub fn assign_keys(&mut self) {
        self.0.assign_keys();
    }

    /// A user's key; `None` for one who is not known, or new.
    #[must_use]
    pub fn key(&self, user_id: i64) -> Option<i64> {
        self.0.key(&user_id)
    }

    /// The Parquet file, by key. New users get theirs first.
    pub fn encode(&mut self) -> Result<Vec<u8>, StarError> {
        self.0.encode(StarTable::DimUser, |rows| {
            vec![
                column::<Int64Array, _, _>(rows, |row| Some(row.id)),
                column::<StringArray, _, _>(rows, |row| Some(row.attributes.country.as_str())),
                column::<StringArray, _, _>(rows, |row| Some(row.attributes.device.as_str())),
                column::<Date32Array, _, _>(rows, |row| row.attributes.joined_on),
                column::<BooleanArray, _, _>(rows, |row| Some(row.attributes.is_inferred)),
            ]
        })
    }
}

/// `dim_category`. All that is known of a category is its name.
pub struct CategoryDimension(Members<Box<str>, ()>);

impl CategoryDimension {
    /// From its Parquet file; without one, it has no members.
    pub fn read(file: Option<Bytes>) -> Result<Self, StarError> {
        Members::read(StarTable::DimCategory, "category_key", file, |batch| {
            let categories: &StringArray = required(batch, "category")?;
            let member = |category: &str| Member {
                id: category.into(),
                attributes: (),
            };
            Ok(categories.iter().flatten().map(member).collect())
        })
        .map(Self)
    }

    /// Takes a category, if it is not known.
    pub fn infer(&mut self, category: &str) {
        if !self.0.contains(category) {
            self.0.put(category.into(), ());
        }
    }

    /// Gives new categories their keys.
    pub fn assign_keys(&mut self) {
        self.0.assign_keys();
    }

    /// A category's key; `None` if it is not known, or new.
    #[must_use]
    pub fn key(&self, category: &str) -> Option<i64> {
        self.0.key(category)
    }

    /// The Parquet file, by key. New categories get theirs first.
    pub fn encode(&mut self) -> Result<Vec<u8>, StarError> {
        self.0.encode(StarTable::DimCategory, |rows| {
            vec![column::<StringArray, _, _>(rows, |row| Some(&*row.id))]
        })
    }
}

/// Products of a batch of the catalog or of the dimension, whose columns have the same names.
fn products(
    batch: &RecordBatch,
    is_inferred: impl Fn(usize) -> bool,
) -> Result<Vec<Member<i64, Product>>, StarError> {
    let ids: &Int64Array = required(batch, "product_id")?;
    let names: &StringArray = optional(batch, "name")?;
    let categories: &StringArray = required(batch, "category")?;
    let brands: &StringArray = optional(batch, "brand")?;
    let prices: &Int64Array = optional(batch, "price_minor")?;
    let costs: &Int64Array = optional(batch, "cost_minor")?;
    let launched_on: &Date32Array = optional(batch, "launched_on")?;
    let product = |row| Product {
        name: value(names, row).map(Into::into),
        category: categories.value(row).into(),
        brand: value(brands, row).map(Into::into),
        price_minor: value(prices, row),
        cost_minor: value(costs, row),
        launched_on: value(launched_on, row),
        is_inferred: is_inferred(row),
    };
    let member = |(row, id): (usize, &i64)| Member {
        id: *id,
        attributes: product(row),
    };
    Ok(ids.values().iter().enumerate().map(member).collect())
}

/// Users of a batch of the catalog or of the dimension, whose columns have the same names.
fn users(
    batch: &RecordBatch,
    is_inferred: impl Fn(usize) -> bool,
) -> Result<Vec<Member<i64, User>>, StarError> {
    let ids: &Int64Array = required(batch, "user_id")?;
    let countries: &StringArray = required(batch, "country")?;
    let devices: &StringArray = required(batch, "device")?;
    let joined_on: &Date32Array = optional(batch, "joined_on")?;
    let member = |(row, id): (usize, &i64)| {
        let attributes = User {
            country: parse_country(countries.value(row))?,
            device: parse_device(devices.value(row))?,
            joined_on: value(joined_on, row),
            is_inferred: is_inferred(row),
        };
        Ok(Member { id: *id, attributes })
    };
    ids.values().iter().enumerate().map(member).collect()
}

fn parse_country(text: &str) -> Result<Country, StarError> {
    text.parse().map_err(|_| StarError::value("country", text))
}

fn parse_device(text: &str) -> Result<Device, StarError> {
    Device::from_name(text).ok_or_else(|| StarError::value("device", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_takes_24_bytes_beside_the_map() {
        assert_eq!(size_of::<Member<i64, User>>(), 24);
    }
}
