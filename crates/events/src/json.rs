//! Events as JSON text, byte by byte: a load generator writes millions of them a second.
//!
//! The bytes are those of serde's derive, which the tests hold them against.

use uuid::Uuid;

use crate::event::{Body, CartLine, Envelope, Event, EventType, Line, Sale};
use crate::time::MS_PER_DAY;
use crate::{SCHEMA_VERSION, Timestamp};

/// Room for most events. It is a guess: what doesn't fit is written once more, into twice the room.
const TYPICAL_BYTES: usize = 1_024;
/// What is copied of an event that has no more than this: a fixed number of bytes is copied the faster way.
const COPIED_BYTES: usize = 512;

/// An event whose parts lie apart, for whoever writes many of one session.
#[derive(Clone, Copy, Debug)]
pub struct EventRef<'a> {
    /// The event's id.
    pub event_id: Uuid,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Who, and where.
    pub session: &'a SessionJson,
    /// What.
    pub body: &'a Body,
}

/// The fields that a session's events have in common, as they stand in each, from the quote after `occurred_at` on: written
/// once, then copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionJson {
    text: [u8; SESSION_BYTES],
    len: usize,
}

/// The longest one has a user id of 20 digits: 118 bytes.
const SESSION_BYTES: usize = 128;

impl SessionJson {
    /// Of the session that an event belongs to.
    #[must_use]
    pub fn new(envelope: &Envelope) -> Self {
        let mut session = Self::default();
        session.set(envelope);
        session
    }

    /// Becomes that of another session.
    pub fn set(&mut self, envelope: &Envelope) {
        let json = Json { rest: &mut self.text };
        let left = json
            .raw(br#"","user_id":"#)
            .unsigned(envelope.user_id)
            .raw(br#","session_id":""#)
            .uuid(envelope.session_id)
            .raw(br#"","country":""#)
            .raw(&envelope.country.letters())
            .raw(br#"","device":""#)
            .plain(envelope.device.as_str())
            .raw(b"\"")
            .rest
            .len();
        self.len = SESSION_BYTES - left;
    }
}

impl Default for SessionJson {
    /// Of nobody's session: no text.
    fn default() -> Self {
        Self {
            text: [0; SESSION_BYTES],
            len: 0,
        }
    }
}

impl Event {
    /// Appends the event to `out` as one JSON object, without a line break.
    pub fn to_json(&self, out: &mut Vec<u8>) {
        out.extend(JsonWriter::default().write_event(self));
    }
}

/// Writes one event after the other, quicker than each by itself: its memory serves again, and so does the text of the second
/// in which most events fall that the one before fell in.
#[derive(Clone, Debug, Default)]
pub struct JsonWriter {
    room: Vec<u8>,
    spare: Vec<u8>,
    second: Option<Second>,
}

impl JsonWriter {
    /// The event as one JSON object, without a line break.
    pub fn write_event(&mut self, event: &Event) -> Vec<u8> {
        let Event { envelope, body } = event;
        self.write(EventRef {
            event_id: envelope.event_id,
            occurred_at: envelope.occurred_at,
            session: &SessionJson::new(envelope),
            body,
        })
    }

    /// The event as one JSON object, without a line break.
    pub fn write(&mut self, event: EventRef<'_>) -> Vec<u8> {
        let len = self.write_in_room(event);
        let mut json = std::mem::take(&mut self.spare);
        json.clear();
        match self.room.first_chunk::<COPIED_BYTES>() {
            Some(most) if len <= most.len() => json.extend_from_slice(most),
            _ => json.extend_from_slice(&self.room[..len]),
        }
        json.truncate(len);
        json
    }

    /// Takes back an event's JSON that nobody needs any more: its memory serves for the next one.
    #[inline]
    pub fn recycle(&mut self, json: Vec<u8>) {
        self.spare = json;
    }

    /// Its length.
    fn write_in_room(&mut self, event: EventRef<'_>) -> usize {
        let number = event.occurred_at.as_ms().div_euclid(1_000);
        if self.second.is_none_or(|second| second.number != number) {
            self.second = Second::new(number);
        }
        loop {
            let json = Json { rest: &mut self.room };
            let left = json.event(event, self.second.as_ref()).rest.len();
            if left > 0 {
                return self.room.len() - left;
            }
            self.room.resize((2 * self.room.len()).max(TYPICAL_BYTES), 0);
        }
    }
}

/// A second and its text up to the milliseconds: `2026-11-22T17:30:00.`
#[derive(Clone, Copy, Debug)]
struct Second {
    /// Since 1970.
    number: i64,
    text: [u8; 20],
}

impl Second {
    /// `None` outside the years 0 to 9999, whose text has another length.
    fn new(number: i64) -> Option<Self> {
        let (year, month, day) = civil_date(number.div_euclid(SECONDS_PER_DAY))?;
        let second = u32::try_from(number.rem_euclid(SECONDS_PER_DAY)).ok()?;
        let mut text = *b"____-__-__T__:__:__.";
        let pairs = [
            (0, year / 100),
            (2, year % 100),
            (5, month),
            (8, day),
            (11, second / 3600),
            (14, second / 60 % 60),
            (17, second % 60),
        ];
        for (place, number) in pairs {
            text[place..place + 2].copy_from_slice(&DECIMAL_PAIRS[number as usize]);
        }
        Some(Self { number, text })
    }
}

const SECONDS_PER_DAY: i64 = MS_PER_DAY / 1_000;

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
    fn event(self, event: EventRef<'_>, second: Option<&Second>) -> Self {
        let (head, len) = &HEADS[event.body.event_type() as usize];
        self.padded(head, *len)
            .uuid(event.event_id)
            .raw(br#"","occurred_at":""#)
            .time(event.occurred_at, second)
            .padded(&event.session.text, event.session.len)
            .body(event.body)
            .raw(b"}")
    }

    fn body(self, body: &Body) -> Self {
        match body {
            Body::ProductView(view) => self
                .raw(br#","product_id":"#)
                .unsigned(view.product_id)
                .raw(br#","category":""#)
                .escaped(&view.category)
                .raw(br#"","price_minor":"#)
                .signed(view.price_minor),
            Body::Search(search) => self
                .raw(br#","query":""#)
                .escaped(&search.query)
                .raw(br#"","results":"#)
                .unsigned(search.results),
            Body::Filter(filter) => self
                .raw(br#","filters":{"#)
                .list(&filter.filters, |json, (name, value)| {
                    json.raw(b"\"")
                        .escaped(name)
                        .raw(br#"":""#)
                        .escaped(value)
                        .raw(b"\"")
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
            .raw(br#","currency":""#)
            .escaped(&sale.currency)
            .raw(br#"","payment_method":""#)
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
            .raw(br#","category":""#)
            .escaped(&line.category)
            .raw(br#"","quantity":"#)
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

    fn unsigned(self, number: u64) -> Self {
        const ZEROS: u64 = 0x3030_3030_3030_3030;
        let Ok(number @ ..100_000_000) = u32::try_from(number) else {
            return self.plain(itoa::Buffer::new().format(number));
        };
        if number < 10_000 {
            let digits = four_digits(number.into());
            // A zero has one digit, too.
            let zeros = (digits | 1 << 31).trailing_zeros() / 8;
            let text = (digits | ZEROS) >> (8 * zeros);
            return self.padded(&text.to_le_bytes(), 4 - zeros as usize);
        }
        let digits = eight_digits(number);
        let zeros = digits.trailing_zeros() / 8;
        let text = (digits | ZEROS) >> (8 * zeros);
        self.padded(&text.to_le_bytes(), 8 - zeros as usize)
    }

    #[inline]
    fn signed(self, number: i64) -> Self {
        let json = if number < 0 { self.raw(b"-") } else { self };
        json.unsigned(number.unsigned_abs())
    }

    #[inline]
    fn uuid(self, id: Uuid) -> Self {
        let digits = hexadecimal(id.as_bytes());
        self.written(|place: &mut [u8; 36]| {
            *place = *b"________-____-____-____-____________";
            place[..8].copy_from_slice(&digits[..8]);
            place[9..13].copy_from_slice(&digits[8..12]);
            place[14..18].copy_from_slice(&digits[12..16]);
            place[19..23].copy_from_slice(&digits[16..20]);
            place[24..].copy_from_slice(&digits[20..]);
        })
    }

    #[inline]
    fn time(self, time: Timestamp, second: Option<&Second>) -> Self {
        let Some(second) = second else {
            return self.plain(&time.to_string());
        };
        let millis = usize::try_from(time.as_ms() - 1_000 * second.number).unwrap_or(0);
        self.written(|place: &mut [u8; 24]| {
            place[..20].copy_from_slice(&second.text);
            place[20..22].copy_from_slice(&DECIMAL_PAIRS[millis / 10 % 100]);
            place[22] = DECIMAL_PAIRS[millis % 10][1];
            place[23] = b'Z';
        })
    }

    /// Text of a known length, written in its place.
    #[inline]
    fn written<const N: usize>(self, write: impl FnOnce(&mut [u8; N])) -> Self {
        let rest = match self.rest.split_first_chunk_mut::<N>() {
            Some((place, rest)) => {
                write(place);
                rest
            }
            None => &mut [],
        };
        Self { rest }
    }

    /// A text, escaped as far as JSON demands it. The quotes are the caller's.
    #[inline]
    fn escaped(self, text: &str) -> Self {
        let bytes = text.as_bytes();
        match short(bytes) {
            Some((text, [low, high])) if !(may_need_escapes(low) | may_need_escapes(high)) => {
                self.padded(&text, bytes.len())
            }
            _ => self.escaped_bytes(bytes),
        }
    }

    fn escaped_bytes(self, text: &[u8]) -> Self {
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

/// The eight decimal digits of a number below 10^8 as bytes, the first digit in the lowest one.
const fn eight_digits(number: u32) -> u64 {
    four_digits((number / 10_000) as u64 | ((number % 10_000) as u64) << 32)
}

/// The four decimal digits of a number below 10^4 as bytes, the first digit in the lowest one, and those of another number in
/// the upper half likewise; quarters and eighths are divided side by side.
const fn four_digits(halves: u64) -> u64 {
    // 10,486 / 2^20 is 1/100 for numbers below 10,000, and 103 / 2^10 is 1/10 for those below 100.
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let quarters = hundreds | (halves - hundreds * 100) << 16;
    let tens = ((quarters * 103) >> 10) & 0x000F_000F_000F_000F;
    tens | (quarters - tens * 10) << 8
}

/// The two hexadecimal digits of each byte. Whole arrays at a time, as that compiles to vector instructions.
fn hexadecimal(bytes: &[u8; 16]) -> [u8; 32] {
    let digit = |nibble: u8| nibble + b'0' + if nibble > 9 { b'a' - b'0' - 10 } else { 0 };
    let (high, low) = (
        bytes.map(|byte| digit(byte >> 4)),
        bytes.map(|byte| digit(byte & 15)),
    );
    let mut digits = [0; 32];
    for (pair, both) in digits.as_chunks_mut().0.iter_mut().zip(high.into_iter().zip(low)) {
        *pair = [both.0, both.1];
    }
    digits
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
