//! Events as JSON text, byte by byte: a load generator writes millions of them a second.
//!
//! The bytes are those of serde's derive, which the tests hold them against.

use uuid::Uuid;

use crate::event::{Body, CartLine, Envelope, Event, EventType, Line, Refund, Sale};
use crate::time::MS_PER_DAY;
use crate::{SCHEMA_VERSION, Timestamp};

/// Room for an event but for its lines, and for each of them. It is a guess: what doesn't fit is written once more.
const TYPICAL_BYTES: usize = 512;
const LINE_BYTES: usize = 128;

/// An event whose parts lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventRef<'a> {
    /// Who, when and where.
    pub envelope: &'a Envelope,
    /// What.
    pub body: &'a Body,
}

impl Event {
    /// Appends the event to `out` as one JSON object, without a line break.
    pub fn to_json(&self, out: &mut Vec<u8>) {
        let Self { envelope, body } = self;
        EventRef { envelope, body }.to_json(out);
    }
}

impl EventRef<'_> {
    /// Appends the event to `out` as one JSON object, without a line break.
    pub fn to_json(self, out: &mut Vec<u8>) {
        let start = out.len();
        let mut room = TYPICAL_BYTES + LINE_BYTES * self.body.lines().len();
        loop {
            out.resize(start + room, 0);
            let json = Json {
                rest: &mut out[start..],
            };
            let left = json.event(self).rest.len();
            if left > 0 {
                out.truncate(start + room - left);
                return;
            }
            room *= 2;
        }
    }
}

impl Body {
    fn lines(&self) -> &[Line] {
        match self {
            Self::CartCheckout(checkout) => &checkout.items,
            Self::Purchase(sale) | Self::Refund(Refund { sale, .. }) => &sale.lines,
            _ => &[],
        }
    }
}

/// What events begin with, up to the quote before their id, by type: the text and its length.
const HEADS: [([u8; 64], usize); EventType::ALL.len()] = {
    let mut heads = [([0; 64], 0); EventType::ALL.len()];
    let mut n = 0;
    while n < heads.len() {
        let event_type = EventType::ALL[n];
        assert!(event_type as usize == n && SCHEMA_VERSION < 10);
        let head = (&[0; 64], 0);
        let head = joined(head.0, head.1, br#"{"schema_version":"#);
        let head = joined(&head.0, head.1, &[b'0' + SCHEMA_VERSION.to_le_bytes()[0]]);
        let head = joined(&head.0, head.1, br#","event_type":""#);
        let head = joined(&head.0, head.1, event_type.as_str().as_bytes());
        heads[n] = joined(&head.0, head.1, br#"","event_id":""#);
        n += 1;
    }
    heads
};

const fn joined(text: &[u8; 64], len: usize, more: &[u8]) -> ([u8; 64], usize) {
    let mut text = *text;
    let mut n = 0;
    while n < more.len() {
        text[len + n] = more[n];
        n += 1;
    }
    (text, len + n)
}

/// Values and fields behind each other. A value that is handed on, it stays in two registers of the processor.
struct Json<'a> {
    /// Where the next byte goes. Once something doesn't fit, it is empty and stays so.
    rest: &'a mut [u8],
}

impl Json<'_> {
    fn event(self, EventRef { envelope, body }: EventRef<'_>) -> Self {
        let (head, len) = &HEADS[body.event_type() as usize];
        self.padded(head, *len).envelope(envelope).body(body).raw(b"}")
    }

    /// From the quote that begins the event's id.
    fn envelope(self, envelope: &Envelope) -> Self {
        self.uuid(envelope.event_id)
            .raw(br#"","occurred_at":""#)
            .time(envelope.occurred_at)
            .raw(br#"","user_id":"#)
            .unsigned(envelope.user_id)
            .raw(br#","session_id":""#)
            .uuid(envelope.session_id)
            .raw(br#"","country":""#)
            .raw(&envelope.country.letters())
            .raw(br#"","device":""#)
            .plain(envelope.device.as_str())
            .raw(b"\"")
    }

    fn body(self, body: &Body) -> Self {
        match body {
            Body::ProductView(view) => self
                .raw(br#","product_id":"#)
                .unsigned(view.product_id)
                .raw(br#","category":"#)
                .text(&view.category)
                .raw(br#","price_minor":"#)
                .signed(view.price_minor),
            Body::Search(search) => self
                .raw(br#","query":"#)
                .text(&search.query)
                .raw(br#","results":"#)
                .unsigned(search.results),
            Body::Filter(filter) => self
                .raw(br#","filters":{"#)
                .list(&filter.filters, |json, (name, value)| {
                    json.text(name).raw(b":").text(value)
                })
                .raw(b"}"),
            Body::Compare(compare) => self
                .raw(br#","product_ids":["#)
                .list(&compare.product_ids, |json, id| json.unsigned(*id))
                .raw(b"]"),
            Body::CartAdd(cart) | Body::CartUpdate(cart) | Body::CartRemove(cart) => self.cart_line(cart),
            Body::CartCheckout(checkout) => self
                .raw(br#","cart_id":""#)
                .uuid(checkout.cart_id)
                .raw(br#"","items":["#)
                .lines(&checkout.items)
                .raw(br#"],"cart_total_minor":"#)
                .signed(checkout.cart_total_minor),
            Body::Purchase(sale) => self.sale(sale),
            Body::Refund(refund) => self
                .raw(br#","refunded_transaction_id":""#)
                .uuid(refund.refunded_transaction_id)
                .raw(b"\"")
                .sale(&refund.sale),
        }
    }

    fn cart_line(self, cart: &CartLine) -> Self {
        self.raw(br#","cart_id":""#)
            .uuid(cart.cart_id)
            .raw(br#"","#)
            .line(&cart.line)
    }

    fn sale(self, sale: &Sale) -> Self {
        self.raw(br#","transaction_id":""#)
            .uuid(sale.transaction_id)
            .raw(br#"","cart_id":""#)
            .uuid(sale.cart_id)
            .raw(br#"","lines":["#)
            .lines(&sale.lines)
            .raw(br#"],"discount_minor":"#)
            .signed(sale.discount_minor)
            .raw(br#","shipping_minor":"#)
            .signed(sale.shipping_minor)
            .raw(br#","tax_minor":"#)
            .signed(sale.tax_minor)
            .raw(br#","total_minor":"#)
            .signed(sale.total_minor)
            .raw(br#","currency":"#)
            .text(&sale.currency)
            .raw(br#","payment_method":""#)
            .plain(sale.payment_method.as_str())
            .raw(b"\"")
    }

    fn lines(self, lines: &[Line]) -> Self {
        self.list(lines, |json, line| json.raw(b"{").line(line).raw(b"}"))
    }

    /// The fields of a line, without the object around them.
    fn line(self, line: &Line) -> Self {
        self.raw(br#""product_id":"#)
            .unsigned(line.product_id)
            .raw(br#","category":"#)
            .text(&line.category)
            .raw(br#","quantity":"#)
            .signed(line.quantity)
            .raw(br#","unit_price_minor":"#)
            .signed(line.unit_price_minor)
    }

    fn list<T>(self, items: impl IntoIterator<Item = T>, write: impl Fn(Self, T) -> Self) -> Self {
        items.into_iter().enumerate().fold(self, |json, (n, item)| {
            write(if n > 0 { json.raw(b",") } else { json }, item)
        })
    }

    /// Text of a known length: copied without a call.
    #[inline]
    fn raw<const N: usize>(self, bytes: &[u8; N]) -> Self {
        self.padded(bytes, N)
    }

    /// The first `len` of some bytes. All are copied, as a fixed number is faster; the next value goes over the rest.
    #[inline]
    fn padded<const N: usize>(self, bytes: &[u8; N], len: usize) -> Self {
        let rest = match self.rest.first_chunk_mut::<N>() {
            Some(place) => {
                *place = *bytes;
                self.rest.get_mut(len..)
            }
            None => None,
        };
        Self {
            rest: rest.unwrap_or_default(),
        }
    }

    /// A name of the contract, which needs no escapes. The quotes are the caller's.
    #[inline]
    fn plain(self, name: &str) -> Self {
        self.bytes(name.as_bytes())
    }

    #[inline]
    fn bytes(self, bytes: &[u8]) -> Self {
        if let Some((text, _)) = short(bytes) {
            return self.padded(&text, bytes.len());
        }
        let rest = match self.rest.split_at_mut_checked(bytes.len()) {
            Some((place, rest)) => {
                place.copy_from_slice(bytes);
                rest
            }
            None => &mut [],
        };
        Self { rest }
    }

    #[inline]
    fn unsigned(self, number: u64) -> Self {
        match u32::try_from(number) {
            Ok(number @ ..100_000_000) => {
                let digits = eight_digits(number);
                // A zero has one digit, too.
                let zeros = (digits | 1 << 63).trailing_zeros() / 8;
                let text = (digits | 0x3030_3030_3030_3030) >> (8 * zeros);
                self.padded(&text.to_le_bytes(), 8 - zeros as usize)
            }
            _ => self.plain(itoa::Buffer::new().format(number)),
        }
    }

    #[inline]
    fn signed(self, number: i64) -> Self {
        let json = if number < 0 { self.raw(b"-") } else { self };
        json.unsigned(number.unsigned_abs())
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the bits are taken 32 at a time")]
    fn uuid(self, id: Uuid) -> Self {
        let bits = id.as_u128();
        let [a, b, c, d] = [bits >> 96, bits >> 64, bits >> 32, bits].map(|bits| hexadecimal(bits as u32));
        let mut text = *b"________-____-____-____-____________";
        text[..8].copy_from_slice(&a);
        text[9..13].copy_from_slice(&b[..4]);
        text[14..18].copy_from_slice(&b[4..]);
        text[19..23].copy_from_slice(&c[..4]);
        text[24..28].copy_from_slice(&c[4..]);
        text[28..].copy_from_slice(&d);
        self.raw(&text)
    }

    #[inline]
    fn time(self, time: Timestamp) -> Self {
        match rfc3339(time) {
            Some(text) => self.raw(&text),
            None => self.plain(&time.to_string()),
        }
    }

    /// A text in quotes, escaped as far as JSON demands it.
    #[inline]
    fn text(self, text: &str) -> Self {
        let (json, bytes) = (self.raw(b"\""), text.as_bytes());
        let json = match short(bytes) {
            Some((text, halves)) if !halves.into_iter().any(may_need_escapes) => {
                json.padded(&text, bytes.len())
            }
            _ => json.escaped(bytes),
        };
        json.raw(b"\"")
    }

    fn escaped(self, text: &[u8]) -> Self {
        if !text.iter().any(|byte| needs_escape(*byte)) {
            return self.bytes(text);
        }
        text.iter().fold(self, |json, byte| match byte {
            b'"' => json.raw(br#"\""#),
            b'\\' => json.raw(br"\\"),
            b'\n' => json.raw(br"\n"),
            b'\r' => json.raw(br"\r"),
            b'\t' => json.raw(br"\t"),
            0x08 => json.raw(br"\b"),
            0x0C => json.raw(br"\f"),
            0..b' ' => json
                .raw(br"\u00")
                .raw(&[b'0' + (byte >> 4), b"0123456789abcdef"[usize::from(byte & 15)]]),
            _ => json.raw(&[*byte]),
        })
    }
}

/// A text of 4 to 16 bytes, and the two halves of it, which overlap.
#[inline]
fn short(bytes: &[u8]) -> Option<([u8; 16], [u64; 2])> {
    let mut text = [0; 16];
    match bytes.len() {
        8..=16 => {
            let (first, last) = (bytes.first_chunk::<8>()?, bytes.last_chunk::<8>()?);
            let (low, high) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
            let whole = u128::from(low) | u128::from(high) << (8 * (bytes.len() - 8));
            text = whole.to_le_bytes();
            Some((text, [low, high]))
        }
        4..8 => {
            let (first, last) = (bytes.first_chunk::<4>()?, bytes.last_chunk::<4>()?);
            let (low, high) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            let whole = u64::from(low) | u64::from(high) << (8 * (bytes.len() - 4));
            text[..8].copy_from_slice(&whole.to_le_bytes());
            let both = u64::from(low) | u64::from(high) << 32;
            Some((text, [both, both]))
        }
        _ => None,
    }
}

/// Whether one of eight bytes is below a blank, a quote or a backslash, all at once; a byte beyond ASCII may be taken for one.
const fn may_need_escapes(bytes: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    // A byte borrows from its top bit when what is taken from it is more than it is.
    let below_blank = bytes.wrapping_sub(ONES * b' ' as u64);
    let quote = (bytes ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (bytes ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (below_blank | quote | backslash | bytes) & TOPS != 0
}

const fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// The eight decimal digits of a number below 10^8 as bytes, the first digit in the lowest one; halves, quarters and eighths
/// are divided side by side.
const fn eight_digits(number: u32) -> u64 {
    let halves = (number / 10_000) as u64 | ((number % 10_000) as u64) << 32;
    // 10,486 / 2^20 is 1/100 for numbers below 10,000, and 103 / 2^10 is 1/10 for those below 100.
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let quarters = hundreds | (halves - hundreds * 100) << 16;
    let tens = ((quarters * 103) >> 10) & 0x000F_000F_000F_000F;
    tens | (quarters - tens * 10) << 8
}

/// The eight hexadecimal digits of a number, all at once.
const fn hexadecimal(number: u32) -> [u8; 8] {
    let spread = number as u64;
    let spread = (spread | spread << 16) & 0x0000_FFFF_0000_FFFF;
    let spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF;
    let digits = (spread | spread << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    // Adding 6 carries into the upper half of a byte from 10 on.
    let letters = (digits + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    (digits + 0x3030_3030_3030_3030 + letters * (b'a' - b'0' - 10) as u64).to_be_bytes()
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
