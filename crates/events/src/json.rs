//! Events as JSON text, byte by byte: a load generator writes millions of them a second.
//!
//! The bytes are those of serde's derive, which the tests hold them against.

use uuid::Uuid;

use crate::event::{Body, CartLine, Envelope, Event, Line, Sale};
use crate::time::MS_PER_DAY;
use crate::{SCHEMA_VERSION, Timestamp};

/// Most events are shorter: one growth of an empty buffer at most.
const TYPICAL_BYTES: usize = 512;

impl Event {
    /// Appends the event to `out` as one JSON object, without a line break.
    pub fn to_json(&self, out: &mut Vec<u8>) {
        out.reserve(TYPICAL_BYTES);
        let mut json = Json { out };
        json.raw(br#"{"schema_version":"#);
        json.unsigned(SCHEMA_VERSION.into());
        json.raw(br#","event_type":""#);
        json.plain(self.event_type().as_str());
        json.envelope(&self.envelope);
        json.body(&self.body);
        json.raw(b"}");
    }
}

/// Values and fields behind each other in a buffer.
struct Json<'a> {
    out: &'a mut Vec<u8>,
}

impl Json<'_> {
    /// From the quote that ends the event's type.
    fn envelope(&mut self, envelope: &Envelope) {
        self.raw(br#"","event_id":""#);
        self.uuid(envelope.event_id);
        self.raw(br#"","occurred_at":""#);
        self.time(envelope.occurred_at);
        self.raw(br#"","user_id":"#);
        self.unsigned(envelope.user_id);
        self.raw(br#","session_id":""#);
        self.uuid(envelope.session_id);
        self.raw(br#"","country":""#);
        self.plain(envelope.country.as_str());
        self.raw(br#"","device":""#);
        self.plain(envelope.device.as_str());
        self.raw(b"\"");
    }

    fn body(&mut self, body: &Body) {
        match body {
            Body::ProductView(view) => {
                self.raw(br#","product_id":"#);
                self.unsigned(view.product_id);
                self.raw(br#","category":"#);
                self.text(&view.category);
                self.raw(br#","price_minor":"#);
                self.signed(view.price_minor);
            }
            Body::Search(search) => {
                self.raw(br#","query":"#);
                self.text(&search.query);
                self.raw(br#","results":"#);
                self.unsigned(search.results);
            }
            Body::Filter(filter) => {
                self.raw(br#","filters":{"#);
                self.list(&filter.filters, |json, (name, value)| {
                    json.text(name);
                    json.raw(b":");
                    json.text(value);
                });
                self.raw(b"}");
            }
            Body::Compare(compare) => {
                self.raw(br#","product_ids":["#);
                self.list(&compare.product_ids, |json, id| json.unsigned(*id));
                self.raw(b"]");
            }
            Body::CartAdd(cart) | Body::CartUpdate(cart) | Body::CartRemove(cart) => self.cart_line(cart),
            Body::CartCheckout(checkout) => {
                self.raw(br#","cart_id":""#);
                self.uuid(checkout.cart_id);
                self.raw(br#"","items":["#);
                self.lines(&checkout.items);
                self.raw(br#"],"cart_total_minor":"#);
                self.signed(checkout.cart_total_minor);
            }
            Body::Purchase(sale) => self.sale(sale),
            Body::Refund(refund) => {
                self.raw(br#","refunded_transaction_id":""#);
                self.uuid(refund.refunded_transaction_id);
                self.raw(b"\"");
                self.sale(&refund.sale);
            }
        }
    }

    fn cart_line(&mut self, cart: &CartLine) {
        self.raw(br#","cart_id":""#);
        self.uuid(cart.cart_id);
        self.raw(br#"","#);
        self.line(&cart.line);
    }

    fn sale(&mut self, sale: &Sale) {
        self.raw(br#","transaction_id":""#);
        self.uuid(sale.transaction_id);
        self.raw(br#"","cart_id":""#);
        self.uuid(sale.cart_id);
        self.raw(br#"","lines":["#);
        self.lines(&sale.lines);
        self.raw(br#"],"discount_minor":"#);
        self.signed(sale.discount_minor);
        self.raw(br#","shipping_minor":"#);
        self.signed(sale.shipping_minor);
        self.raw(br#","tax_minor":"#);
        self.signed(sale.tax_minor);
        self.raw(br#","total_minor":"#);
        self.signed(sale.total_minor);
        self.raw(br#","currency":"#);
        self.text(&sale.currency);
        self.raw(br#","payment_method":""#);
        self.plain(sale.payment_method.as_str());
        self.raw(b"\"");
    }

    fn lines(&mut self, lines: &[Line]) {
        self.list(lines, |json, line| {
            json.raw(b"{");
            json.line(line);
            json.raw(b"}");
        });
    }

    /// The fields of a line, without the object around them.
    fn line(&mut self, line: &Line) {
        self.raw(br#""product_id":"#);
        self.unsigned(line.product_id);
        self.raw(br#","category":"#);
        self.text(&line.category);
        self.raw(br#","quantity":"#);
        self.signed(line.quantity);
        self.raw(br#","unit_price_minor":"#);
        self.signed(line.unit_price_minor);
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        for (n, item) in items.into_iter().enumerate() {
            if n > 0 {
                self.raw(b",");
            }
            write(self, item);
        }
    }

    /// Text of a known length: copied without a call.
    fn raw<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.out.extend_from_slice(bytes);
    }

    /// A name of the contract, which needs no escapes. The quotes are the caller's.
    fn plain(&mut self, name: &str) {
        self.out.extend_from_slice(name.as_bytes());
    }

    fn unsigned(&mut self, number: u64) {
        self.plain(itoa::Buffer::new().format(number));
    }

    fn signed(&mut self, number: i64) {
        self.plain(itoa::Buffer::new().format(number));
    }

    fn uuid(&mut self, id: Uuid) {
        self.plain(id.hyphenated().encode_lower(&mut [0; 36]));
    }

    fn time(&mut self, time: Timestamp) {
        match rfc3339(time) {
            Some(text) => self.raw(&text),
            None => self.plain(&time.to_string()),
        }
    }

    /// A text in quotes, escaped as far as JSON demands it.
    fn text(&mut self, text: &str) {
        self.raw(b"\"");
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|&byte| needs_escape(byte)) {
            self.out.extend_from_slice(&rest[..at]);
            self.escaped(rest[at]);
            rest = &rest[at + 1..];
        }
        self.out.extend_from_slice(rest);
        self.raw(b"\"");
    }

    fn escaped(&mut self, byte: u8) {
        match byte {
            b'"' => self.raw(br#"\""#),
            b'\\' => self.raw(br"\\"),
            b'\n' => self.raw(br"\n"),
            b'\r' => self.raw(br"\r"),
            b'\t' => self.raw(br"\t"),
            0x08 => self.raw(br"\b"),
            0x0C => self.raw(br"\f"),
            _ => {
                self.raw(br"\u00");
                self.raw(&[b'0' + (byte >> 4), b"0123456789abcdef"[usize::from(byte & 15)]]);
            }
        }
    }
}

const fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// The two digits of each number below 100.
const DECIMAL_PAIRS: [[u8; 2]; 100] = {
    const DIGITS: &[u8; 10] = b"0123456789";
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < pairs.len() {
        pairs[n] = [DIGITS[n / 10], DIGITS[n % 10]];
        n += 1;
    }
    pairs
};

/// `2026-11-22T17:30:00.000Z`; `None` outside the years 0 to 9999, whose text has another length.
fn rfc3339(time: Timestamp) -> Option<[u8; 24]> {
    let ms = time.as_ms();
    let (year, month, day) = civil_date(ms.div_euclid(MS_PER_DAY))?;
    let ms_of_day = u32::try_from(ms.rem_euclid(MS_PER_DAY)).ok()?;
    let (seconds, millis) = (ms_of_day / 1000, ms_of_day % 1000);
    let mut text = *b"____-__-__T__:__:__.___Z";
    let pairs = [
        (0, year / 100),
        (2, year % 100),
        (5, month),
        (8, day),
        (11, seconds / 3600),
        (14, seconds / 60 % 60),
        (17, seconds % 60),
        (20, millis / 10),
    ];
    for (place, number) in pairs {
        text[place..place + 2].copy_from_slice(&DECIMAL_PAIRS[number as usize]);
    }
    text[22] = DECIMAL_PAIRS[(millis % 10) as usize][1];
    Some(text)
}

/// Year, month and day of a day since 1970-01-01; `None` outside the years 0 to 9999.
///
/// Howard Hinnant's `civil_from_days`: years begin in March, so that the leap day is the last one.
fn civil_date(day: i64) -> Option<(u32, u32, u32)> {
    /// From 0000-03-01, in the calendar's 400-year cycle, to 1970-01-01.
    const DAYS_BEFORE_1970: i64 = 719_468;
    const DAYS_A_CYCLE: u32 = 146_097;
    // One cycle earlier, as January and February of the year 0 lie before its March.
    let day = u32::try_from(day + DAYS_BEFORE_1970 + i64::from(DAYS_A_CYCLE)).ok()?;
    let (cycle, day) = (day / DAYS_A_CYCLE, day % DAYS_A_CYCLE);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day + 2) / 153;
    let day = day - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = (400 * cycle + year + u32::from(month <= 2)).checked_sub(400)?;
    (year <= 9999).then_some((year, month, day))
}

#[cfg(test)]
mod tests;
