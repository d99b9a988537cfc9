//! The usual form of an event, read in one pass: what producers send millions of times.
//!
//! Whatever is unusual, right or wrong, is left to serde, which also words what is wrong: escapes in texts, nulls, fields that
//! the contract doesn't know or that come twice, fractions and exponents, numbers of more than 18 digits. So this reader has
//! no rules of its own: it reads as serde would, or not at all.

use std::borrow::Cow;
use std::collections::BTreeMap;

use uuid::Uuid;

use crate::Timestamp;
use crate::wire::{Id, Wire, WireLine};

/// The fields of an event; `None` if its form is not the usual one.
pub(crate) fn read(bytes: &[u8]) -> Option<Wire<'_>> {
    let mut wire = Wire::default();
    let mut json = Cursor { rest: bytes };
    json.object(|json, name| match name {
        b"event_type" => once(&mut wire.event_type, json.text().map(Cow::Borrowed)),
        b"schema_version" => once(&mut wire.schema_version, json.natural()),
        b"event_id" => once(&mut wire.event_id, json.uuid()),
        b"occurred_at" => once(&mut wire.occurred_at, json.time()),
        b"user_id" => once(&mut wire.user_id, json.id()),
        b"session_id" => once(&mut wire.session_id, json.uuid()),
        b"country" => once(&mut wire.country, json.text().map(Cow::Borrowed)),
        b"device" => once(&mut wire.device, json.text().map(Cow::Borrowed)),
        b"product_id" => once(&mut wire.product_id, json.id()),
        b"category" => once(&mut wire.category, json.owned()),
        b"price_minor" => once(&mut wire.price_minor, json.integer()),
        b"query" => once(&mut wire.query, json.owned()),
        b"results" => once(&mut wire.results, json.id()),
        b"filters" => once(&mut wire.filters, json.texts_by_name()),
        b"product_ids" => once(&mut wire.product_ids, json.list(Cursor::id)),
        b"cart_id" => once(&mut wire.cart_id, json.uuid()),
        b"quantity" => once(&mut wire.quantity, json.integer()),
        b"unit_price_minor" => once(&mut wire.unit_price_minor, json.integer()),
        b"items" => once(&mut wire.items, json.list(Cursor::line)),
        b"cart_total_minor" => once(&mut wire.cart_total_minor, json.integer()),
        b"transaction_id" => once(&mut wire.transaction_id, json.uuid()),
        b"refunded_transaction_id" => once(&mut wire.refunded_transaction_id, json.uuid()),
        b"lines" => once(&mut wire.lines, json.list(Cursor::line)),
        b"discount_minor" => once(&mut wire.discount_minor, json.integer()),
        b"shipping_minor" => once(&mut wire.shipping_minor, json.integer()),
        b"tax_minor" => once(&mut wire.tax_minor, json.integer()),
        b"total_minor" => once(&mut wire.total_minor, json.integer()),
        b"currency" => once(&mut wire.currency, json.text().map(Cow::Borrowed)),
        b"payment_method" => once(&mut wire.payment_method, json.text().map(Cow::Borrowed)),
        _ => None,
    })?;
    json.space();
    json.rest.is_empty().then_some(wire)
}

/// Fills a field; `None` if there is no usual value, or was one before.
fn once<T>(field: &mut Option<T>, value: Option<T>) -> Option<()> {
    let value = value?;
    field.replace(value).is_none().then_some(())
}

/// Where the next byte is.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Steps over white space.
    fn space(&mut self) {
        while let [b' ' | b'\n' | b'\t' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Steps over a byte, with white space before it; tells whether it was there.
    fn stepped(&mut self, byte: u8) -> bool {
        self.space();
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn step(&mut self, byte: u8) -> Option<()> {
        self.stepped(byte).then_some(())
    }

    /// What stands between brackets, separated by commas.
    fn between(&mut self, brackets: [u8; 2], mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let [open, close] = brackets;
        self.step(open)?;
        if self.stepped(close) {
            return Some(());
        }
        loop {
            each(self)?;
            if !self.stepped(b',') {
                return self.step(close);
            }
        }
    }

    fn object(&mut self, mut field: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        self.between(*b"{}", |json| {
            let name = json.raw()?;
            json.step(b':')?;
            field(json, name)
        })
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = Vec::new();
        self.between(*b"[]", |json| {
            items.push(item(json)?);
            Some(())
        })?;
        Some(items)
    }

    /// A text's bytes, if it has no escapes.
    fn raw(&mut self) -> Option<&'a [u8]> {
        self.step(b'"')?;
        let end = self
            .rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest.strip_prefix(b"\"")?;
        Some(text)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.raw()?).ok()
    }

    fn owned(&mut self) -> Option<Cow<'static, str>> {
        self.text().map(|text| Cow::Owned(text.to_owned()))
    }

    fn uuid(&mut self) -> Option<Uuid> {
        Uuid::try_parse_ascii(self.raw()?).ok()
    }

    fn time(&mut self) -> Option<Timestamp> {
        Timestamp::parse(self.text()?).ok()
    }

    /// A number from 0 on.
    fn natural(&mut self) -> Option<u64> {
        const MAX_DIGITS: usize = 18;
        self.space();
        let digits = self.rest.iter().position(|byte| !byte.is_ascii_digit())?;
        let (number, rest) = self.rest.split_at(digits);
        let is_usual = match number {
            [] | [b'0', _, ..] => false,
            _ => digits <= MAX_DIGITS && !matches!(rest[0], b'.' | b'e' | b'E'),
        };
        self.rest = rest;
        is_usual.then(|| {
            number
                .iter()
                .fold(0, |value, digit| 10 * value + u64::from(digit - b'0'))
        })
    }

    fn integer(&mut self) -> Option<i64> {
        let is_negative = self.stepped(b'-');
        // Minus zero is a fraction to serde.
        if is_negative && !matches!(self.rest.first(), Some(b'1'..=b'9')) {
            return None;
        }
        let value = i64::try_from(self.natural()?).ok()?;
        Some(if is_negative { -value } else { value })
    }

    fn id(&mut self) -> Option<Id> {
        self.natural().map(Id)
    }

    fn texts_by_name(&mut self) -> Option<BTreeMap<Cow<'static, str>, Cow<'static, str>>> {
        let mut texts = BTreeMap::new();
        self.object(|json, name| {
            let name = std::str::from_utf8(name).ok()?.to_owned();
            texts.insert(Cow::Owned(name), json.owned()?);
            Some(())
        })?;
        Some(texts)
    }

    fn line(&mut self) -> Option<WireLine> {
        let (mut product_id, mut category, mut quantity, mut unit_price_minor) = (None, None, None, None);
        self.object(|json, name| match name {
            b"product_id" => once(&mut product_id, json.id()),
            b"category" => once(&mut category, json.owned()),
            b"quantity" => once(&mut quantity, json.integer()),
            b"unit_price_minor" => once(&mut unit_price_minor, json.integer()),
            _ => None,
        })?;
        Some(WireLine {
            product_id: product_id?,
            category: category?,
            quantity: quantity?,
            unit_price_minor: unit_price_minor?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::any::{any_body, any_envelope};
    use crate::{Event, Rejection};

    /// As serde reads it.
    fn by_serde(bytes: &[u8]) -> Result<Event, Rejection> {
        let wire: Wire<'_> = serde_json::from_slice(bytes)
            .map_err(|error| Rejection::new(crate::Rule::NotJson, error.to_string()))?;
        wire.into_event()
    }

    /// Whether it was read quickly; then as serde would have.
    fn agrees(bytes: &[u8]) -> Result<bool, TestCaseError> {
        let Some(wire) = read(bytes) else { return Ok(false) };
        prop_assert_eq!(
            wire.into_event(),
            by_serde(bytes),
            "{}",
            String::from_utf8_lossy(bytes)
        );
        Ok(true)
    }

    const SESSION: &str = r#""event_id": "01936F0E-7b2a-7c11-9d51-0242ac120002", "schema_version": 1,
        "user_id": 0, "occurred_at": "2026-11-22T19:30:00+02:00", "session_id": "5f0c1c8e3b1f4a558a510242ac120003",
        "country": "US","device" : "mobile""#;
    const LINE: &str =
        r#"{"unit_price_minor":-5,"quantity":2,"product_id":123456789012345678,"category":"Bücher"}"#;
    const ID: &str = "5f0c1c8e-3b1f-4a55-8a51-0242ac120003";

    #[test]
    fn the_usual_form_of_every_type_is_read() {
        let cart = format!(r#""cart_id":"{ID}",{}"#, &LINE[1..LINE.len() - 1]);
        let sale = format!(
            r#""transaction_id":"{ID}","cart_id":"{ID}","lines":[{LINE},{LINE} ],"discount_minor":0,"shipping_minor":1,
            "tax_minor":2,"total_minor":3,"currency":"USD","payment_method":"paypal""#
        );
        for (event_type, fields) in [
            (
                "product_view",
                r#""product_id":7,"category":"","price_minor":1"#.to_owned(),
            ),
            ("search", r#""query":"a b","results":0"#.to_owned()),
            ("filter", r#""filters":{"a":"b", "":"c","a":"d"}"#.to_owned()),
            ("compare", r#""product_ids":[1 , 2]"#.to_owned()),
            ("cart_add", cart.clone()),
            ("cart_update", cart.clone()),
            ("cart_remove", cart),
            (
                "cart_checkout",
                format!(r#""cart_id":"{ID}","items":[],"cart_total_minor":0"#),
            ),
            ("purchase", sale.clone()),
            ("refund", format!(r#""refunded_transaction_id":"{ID}",{sale}"#)),
        ] {
            let json = format!(" {{ {fields},{SESSION},\"event_type\":\"{event_type}\" }}\n");
            assert!(agrees(json.as_bytes()).unwrap(), "{json}");
            by_serde(json.as_bytes()).unwrap();
        }
    }

    #[test]
    fn what_is_unusual_is_left_to_serde() {
        for field in [
            r#""unknown":1"#,
            r#""results":1,"results":1"#,
            r#""results":null"#,
            r#""results":01"#,
            r#""results":1.0"#,
            r#""results":1e2"#,
            r#""results":1234567890123456789"#,
            r#""price_minor":-0"#,
            r#""price_minor":- 1"#,
            r#""query":"\n""#,
            "\"query\":\"\n\"",
            r#""items":[[1,"a",2,3]]"#,
            r#""product_ids":[1,]"#,
            r#""country":"US","#,
        ] {
            assert!(read(format!("{{{field}}}").as_bytes()).is_none(), "{field}");
        }
        for json in ["", "{", "[]", "{} {}", "1", "{\"query\":\"", "{\"results\":1"] {
            assert!(read(json.as_bytes()).is_none(), "{json}");
        }
        assert!(read(b"{\"query\":\"\xff\"}").is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn what_is_read_quickly_is_what_serde_reads(
            envelope in any_envelope(),
            body in any_body(),
            place in any::<prop::sample::Index>(),
            put in prop::sample::select(&b"\"\\{}[],:-0129.eE \n\0aZ\xC3"[..]),
            removed in 0..3_usize,
            inserted in 0..2_usize,
        ) {
            let mut json = Vec::new();
            Event { envelope, body }.to_json(&mut json);
            agrees(&json)?;
            let from = place.index(json.len());
            let to = (from + removed).min(json.len());
            json.splice(from..to, std::iter::repeat_n(put, inserted));
            agrees(&json)?;
        }
    }
}
