//! Dimensions whose members the contract fixes.

use arrow::array::{Int32Array, StringArray};
use events::{Country, PaymentMethod};

use super::StarTable;
use crate::EncodeError;
use crate::table_file::{column, encode};

/// The key of a country: its place in the order of codes, from 1.
#[must_use]
pub fn region_key(country: Country) -> i32 {
    let before = Country::all().take_while(|other| *other < country);
    before.zip(2..).last().map_or(1, |(_, key)| key)
}

/// The key of a way to pay: its place in the contract's order, from 1.
#[must_use]
pub const fn payment_method_key(method: PaymentMethod) -> i32 {
    method as i32 + 1
}

/// What sort of payment it is: `card`, `wallet`, `bank` or `gift_card`.
const fn kind(method: PaymentMethod) -> &'static str {
    match method {
        PaymentMethod::CreditCard | PaymentMethod::DebitCard => "card",
        PaymentMethod::Paypal | PaymentMethod::ApplePay | PaymentMethod::GooglePay => "wallet",
        PaymentMethod::BankTransfer => "bank",
        PaymentMethod::GiftCard => "gift_card",
    }
}

/// `dim_region` as a Parquet file: all countries by code.
pub fn encode_regions() -> Result<Vec<u8>, EncodeError> {
    encode(StarTable::DimRegion.schema(), Country::all(), |countries| {
        vec![
            column::<Int32Array, _, _>(countries, |country| Some(region_key(*country))),
            column::<StringArray, _, _>(countries, |country| Some(country.as_str())),
        ]
    })
}

/// `dim_payment_method` as a Parquet file: all ways to pay, in the contract's order.
pub fn encode_payment_methods() -> Result<Vec<u8>, EncodeError> {
    let methods = PaymentMethod::ALL.iter().copied();
    encode(StarTable::DimPaymentMethod.schema(), methods, |methods| {
        vec![
            column::<Int32Array, _, _>(methods, |method| Some(payment_method_key(*method))),
            column::<StringArray, _, _>(methods, |method| Some(method.as_str())),
            column::<StringArray, _, _>(methods, |method| Some(kind(*method))),
        ]
    })
}

/// The keys of regions by a country's two letters, for facts, which ask for one an event.
pub(super) struct RegionKeys([i32; 26 * 26]);

impl RegionKeys {
    pub(super) fn new() -> Self {
        let mut keys = [0; 26 * 26];
        for (country, key) in Country::all().zip(1..) {
            if let Some(place) = Self::place(country.as_str()) {
                keys[place] = key;
            }
        }
        Self(keys)
    }

    /// `None` if there is no such country.
    pub(super) fn get(&self, country: &str) -> Option<i32> {
        Self::place(country)
            .map(|place| self.0[place])
            .filter(|key| *key != 0)
    }

    fn place(country: &str) -> Option<usize> {
        match country.as_bytes() {
            [a @ b'A'..=b'Z', b @ b'A'..=b'Z'] => Some(usize::from(a - b'A') * 26 + usize::from(b - b'A')),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_places_from_1_in_the_order_of_codes_and_of_the_contract() {
        let regions = RegionKeys::new();
        for (country, key) in Country::all().zip(1..) {
            assert_eq!(region_key(country), key, "{country}");
            assert_eq!(regions.get(country.as_str()), Some(key), "{country}");
        }
        for (method, key) in PaymentMethod::ALL.iter().zip(1..) {
            assert_eq!(payment_method_key(*method), key, "{method}");
        }
    }

    #[test]
    fn what_is_no_country_has_no_key() {
        for text in ["", "D", "de", "XX", "DEU", "\u{1F980}"] {
            assert_eq!(RegionKeys::new().get(text), None, "{text}");
        }
    }
}
