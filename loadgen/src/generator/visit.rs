//! One visit: a shopper, the page that the shopper is on, a cart and what happens to it, step by step.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use events::{
    Body, CartLine, Checkout, Compare, Envelope, Event, EventRef, Filter, JsonWriter, Line, ProductView,
    Search, SessionJson, Timestamp, Uuid,
};

use super::anomaly::Anomaly;
use super::block::World;
use super::dice::{Dice, Key, scale, with_version};
use super::order::{self, goods_minor};
use super::outline::Outline;
use super::path::{Left, Page, Seen, Step};
use super::shop::{BRANDS, CATEGORIES, Category, Offer, Shopper, category_of_slot};
use super::{Injected, Moment, Planned};
use crate::source::{Content, Kind, Record};

/// Looks of a hundred that go to a category that the shopper prefers.
const TASTE_PERCENT: u64 = 60;
/// Things put into a cart, of a hundred, that the shopper buys again and again.
const REORDER_PERCENT: u64 = 35;
/// Searches of a hundred that find nothing.
const NOTHING_FOUND_PERCENT: u64 = 4;
/// An offline device sends what happened this much later, at least; and at most 128 times as much.
const LATE_MS: i64 = 60_000;

/// How often something else is looked for that isn't in the cart yet.
const TRIES: u32 = 32;
const QUANTITIES: &[i64] = &[1, 1, 1, 1, 1, 1, 1, 2, 2, 3];
/// Of an order that is anomalous for it.
const HIGH_QUANTITY: (i64, i64) = (200, 1_000);
/// Times the price, likewise.
const HIGH_VALUE: (i64, i64) = (50, 100);
/// What a stolen card is tried with, in minor units.
const CARD_TEST_MINOR: (i64, i64) = (50, 199);

const ADJECTIVES: [&str; 10] = [
    "best", "cheap", "new", "small", "black", "white", "wireless", "organic", "gift", "sale",
];

/// In dollars.
const PRICE_LIMITS: &[&str] = &["10", "20", "30", "50", "75", "100", "150", "200", "300", "500"];

/// What is looked for, by category and adjective.
static QUERIES: LazyLock<Vec<[String; ADJECTIVES.len()]>> = LazyLock::new(|| {
    let queries = |category: &Category| ADJECTIVES.map(|adjective| format!("{adjective} {}", category.name));
    CATEGORIES.iter().map(queries).collect()
});

/// What only the generator knows of an event.
#[derive(Clone, Copy, Debug)]
struct Known {
    anomaly: Option<Injected>,
    late: bool,
    cart_steps: u32,
}

/// The state of a visit.
pub(super) struct Visit {
    shopper: Shopper,
    /// What its events have in common; the id and the time are each one's own.
    envelope: Envelope,
    session: SessionJson,
    cart_id: Uuid,
    /// How many events the cart's life has, its purchase included.
    cart_steps: u32,
    injected: Option<Injected>,
    /// How long after they happened its events are sent.
    late_ms: i64,
    /// Products that were for sale.
    for_sale: u64,
    left: Left,
    page: Page,
    seen: Seen,
    cart: Vec<Line>,
    dice: Dice,
}

impl Visit {
    /// A visit that is yet to begin. Whose it is doesn't matter.
    pub(super) fn blank(world: &World, shopper: Shopper) -> Self {
        let envelope = Envelope {
            event_id: Uuid::nil(),
            occurred_at: world.config.start,
            user_id: shopper.user_id,
            session_id: Uuid::nil(),
            country: shopper.country,
            device: shopper.device,
        };
        Self {
            shopper,
            envelope,
            session: SessionJson::default(),
            cart_id: Uuid::nil(),
            cart_steps: 0,
            injected: None,
            late_ms: 0,
            for_sale: 0,
            left: Left::default(),
            page: Page::Landing,
            seen: Seen::default(),
            cart: Vec::new(),
            dice: world.visit_key.dice(0),
        }
    }

    /// Begins, where another visit has ended: building it elsewhere and moving it here would cost more.
    pub(super) fn begin(
        &mut self,
        world: &World,
        outline: &Outline,
        shopper: Shopper,
        for_sale: u64,
        dice: Dice,
    ) {
        self.dice = dice;
        let dice = &mut self.dice;
        self.shopper = shopper;
        self.envelope.user_id = shopper.user_id;
        self.envelope.device = shopper.device;
        self.envelope.country = match outline.injected {
            Some(Injected {
                kind: Anomaly::CountryHopping,
                member,
                ..
            }) => world.shop.abroad(&shopper, member as usize),
            _ => shopper.country,
        };
        self.injected = outline.injected;
        // What is found by the time between orders is sent in time.
        let late = outline.injected.is_none() && dice.chance(world.config.faults.late);
        self.envelope.session_id = dice.uuid(world.ids);
        self.session.set(&self.envelope);
        self.cart_id = dice.uuid(world.ids);
        self.late_ms = if late {
            (LATE_MS << dice.below(7)) + dice.between(0, LATE_MS)
        } else {
            0
        };
        self.for_sale = for_sale;
        self.cart_steps = outline.cart_steps();
        self.left = Left::of(outline, dice);
        self.page = Page::Landing;
        self.seen = Seen::default();
        self.cart.clear();
    }

    /// Whether there are no more steps.
    pub(super) fn is_over(&self) -> bool {
        self.left.is_none()
    }

    /// Takes the next step. There must be one left.
    pub(super) fn take(&mut self, world: &World, moment: &Moment, writer: &mut JsonWriter) -> Record {
        let step = self.left.next(self.page, &mut self.dice);
        let body = self.step(step, world);
        let known = Known {
            anomaly: self.injected.filter(|_| step == Step::Buy),
            late: self.late_ms > 0,
            cart_steps: if step.looks() { 0 } else { self.cart_steps },
        };
        self.record(world, moment, body, known, writer)
    }

    /// Takes all steps; what the last one gave, and the dice for what comes after.
    pub(super) fn take_all(&mut self, world: &World) -> (Body, &mut Dice) {
        loop {
            let step = self.left.next(self.page, &mut self.dice);
            let body = self.step(step, world);
            if self.is_over() {
                return (body, &mut self.dice);
            }
        }
    }

    /// What the shopper does in a visit days later, from home.
    pub(super) fn after_the_visit(
        &mut self,
        world: &World,
        moment: &Moment,
        body: Body,
        writer: &mut JsonWriter,
    ) -> Record {
        self.envelope.session_id = self.dice.uuid(world.ids);
        self.envelope.country = self.shopper.country;
        self.session.set(&self.envelope);
        self.late_ms = 0;
        let known = Known {
            anomaly: None,
            late: false,
            cart_steps: 0,
        };
        self.record(world, moment, body, known, writer)
    }

    /// The JSON is written from the parts, which come together only where the event is kept.
    #[inline]
    fn record(
        &self,
        world: &World,
        moment: &Moment,
        body: Body,
        known: Known,
        writer: &mut JsonWriter,
    ) -> Record {
        let &Moment {
            index,
            due,
            now,
            keep,
        } = moment;
        let occurred_at = if self.late_ms == 0 {
            now
        } else {
            now.plus_ms(-self.late_ms.min(now.as_ms()))
        };
        let event_id = event_id(world.event_key, index, occurred_at);
        let event = EventRef {
            event_id,
            occurred_at,
            session: &self.session,
            body: &body,
        };
        let json = writer.write(event);
        let event_type = body.event_type();
        let stream = event_type.stream();
        // Not in a closure, which the body would be copied into whether it is kept or not.
        let content = if keep.any() {
            let envelope = Envelope {
                event_id,
                occurred_at,
                ..self.envelope
            };
            Some(Box::new(Content::Event(Planned {
                index,
                event: Event { envelope, body },
                anomaly: known.anomaly,
                late: known.late,
                cart_steps: Some(known.cart_steps),
            })))
        } else {
            None
        };
        Record {
            stream,
            user_id: self.shopper.user_id,
            due,
            kind: Kind::Event(event_type),
            occurred_at,
            json,
            content,
        }
    }

    #[inline]
    fn step(&mut self, step: Step, world: &World) -> Body {
        match step {
            Step::Search => self.search(world),
            Step::Filter => self.filter(),
            Step::Compare if self.seen.ids().len() > 1 => {
                self.page = Page::Comparison;
                Body::Compare(Compare {
                    product_ids: self.seen.ids().to_vec(),
                })
            }
            Step::View | Step::Compare => {
                let offer = match self.page {
                    Page::Results { category } => {
                        world.shop.offer_in(category, self.dice.bits(), self.for_sale)
                    }
                    _ => self.product(world),
                };
                self.view(offer)
            }
            Step::Want => {
                let offer = self.wanted(world);
                self.view(offer)
            }
            Step::Fill => self.fill(world),
            Step::Change => self.change(world),
            Step::Checkout => {
                self.page = Page::Cart;
                Body::CartCheckout(Checkout {
                    cart_id: self.cart_id,
                    items: self.cart.clone(),
                    cart_total_minor: goods_minor(&self.cart),
                })
            }
            Step::Buy => {
                let tests_card = self
                    .injected
                    .is_some_and(|injected| injected.kind == Anomaly::CardTesting);
                let lines = std::mem::take(&mut self.cart);
                Body::Purchase(order::pay(
                    self.cart_id,
                    lines,
                    tests_card,
                    world.ids,
                    &mut self.dice,
                ))
            }
        }
    }

    fn search(&mut self, world: &World) -> Body {
        let category = self.category();
        let n = self.dice.index(ADJECTIVES.len());
        if self.dice.percent(NOTHING_FOUND_PERCENT) {
            // Who mistypes finds nothing.
            self.page = Page::Landing;
            let name = CATEGORIES[usize::from(category)].name;
            let query = format!("{} {}", ADJECTIVES[n], name.replacen(['a', 'e', 'o'], "", 1));
            return Body::Search(Search {
                query: query.into(),
                results: 0,
            });
        }
        self.page = Page::Results { category };
        let results = 1 + self.dice.skewed(world.config.products / 10);
        Body::Search(Search {
            query: QUERIES[usize::from(category)][n].as_str().into(),
            results,
        })
    }

    fn filter(&mut self) -> Body {
        let category = match self.page {
            Page::Results { category } => category,
            _ => self.category(),
        };
        self.page = Page::Results { category };
        let name = CATEGORIES[usize::from(category)].name;
        let mut filters = BTreeMap::from([("category".into(), name.into())]);
        if self.dice.percent(50) {
            filters.insert("brand".into(), self.dice.pick(BRANDS).into());
        }
        if self.dice.percent(50) {
            filters.insert("price_max".into(), self.dice.pick(PRICE_LIMITS).into());
        }
        Body::Filter(Filter { filters })
    }

    fn view(&mut self, offer: Offer) -> Body {
        self.page = Page::Product;
        self.seen.see(offer);
        Body::ProductView(ProductView {
            product_id: offer.product_id,
            category: offer.category().into(),
            price_minor: offer.price_minor,
        })
    }

    /// The first product in the cart; where an order is to stand out by what is in it, it is this line that makes it so.
    fn fill(&mut self, world: &World) -> Body {
        let mut line = self.new_line(world);
        match self.injected.map(|injected| injected.kind) {
            Some(Anomaly::HighQuantity) => {
                line.quantity = self.dice.between(HIGH_QUANTITY.0, HIGH_QUANTITY.1);
            }
            Some(Anomaly::HighValue) => {
                line.unit_price_minor *= self.dice.between(HIGH_VALUE.0, HIGH_VALUE.1);
            }
            Some(Anomaly::CardTesting) => {
                line.quantity = 1;
                line.unit_price_minor = self.dice.between(CARD_TEST_MINOR.0, CARD_TEST_MINOR.1);
            }
            Some(Anomaly::Velocity | Anomaly::CountryHopping) | None => {}
        }
        self.add(line)
    }

    fn change(&mut self, world: &World) -> Body {
        self.page = Page::Cart;
        // The line that makes an order anomalous stays as it is, and so does the last one in the cart.
        let changeable = usize::from(self.injected.is_some());
        let n = changeable + self.dice.index(self.cart.len() - changeable);
        match self.dice.below(10) {
            0..4 if n < self.cart.len() => {
                let line = &mut self.cart[n];
                line.quantity = 1 + (line.quantity + self.dice.between(0, 3)) % 5;
                Body::CartUpdate(CartLine {
                    cart_id: self.cart_id,
                    line: line.clone(),
                })
            }
            4..6 if n < self.cart.len() && self.cart.len() > 1 => {
                let line = self.cart.remove(n);
                Body::CartRemove(CartLine {
                    cart_id: self.cart_id,
                    line,
                })
            }
            _ => {
                let line = self.new_line(world);
                self.add(line)
            }
        }
    }

    fn add(&mut self, line: Line) -> Body {
        self.page = Page::Cart;
        self.cart.push(line.clone());
        Body::CartAdd(CartLine {
            cart_id: self.cart_id,
            line,
        })
    }

    /// Of the product seen last, or of another one if that is in the cart already.
    fn new_line(&mut self, world: &World) -> Line {
        let mut offer = match self.seen.last {
            Some(offer) => offer,
            None => self.wanted(world),
        };
        for _ in 0..TRIES {
            if !self.holds(&offer) {
                return offer.line(self.dice.pick(QUANTITIES));
            }
            offer = self.wanted(world);
        }
        // All that this shopper wants is in the cart: it is what sells best then. A cart is smaller than the shop.
        let mut others = (0..).map(|rank| world.shop.offer_at(rank));
        let offer = others.find(|offer| !self.holds(offer)).unwrap_or(offer);
        offer.line(self.dice.pick(QUANTITIES))
    }

    fn holds(&self, offer: &Offer) -> bool {
        self.cart.iter().any(|line| line.product_id == offer.product_id)
    }

    /// What goes into a cart: something that the shopper has bought before, or anything.
    fn wanted(&mut self, world: &World) -> Offer {
        if self.dice.percent(REORDER_PERCENT) {
            let (category, bits) = world.shop.favourite(&self.shopper, &mut self.dice);
            world.shop.offer_in(category, bits, self.for_sale)
        } else {
            self.product(world)
        }
    }

    fn product(&mut self, world: &World) -> Offer {
        if let Some(sale) = world.config.sale
            && self.dice.chance(sale.share)
        {
            return world.shop.offer_at(self.dice.below(sale.products.into()));
        }
        let category = self.category();
        world.shop.offer_in(category, self.dice.bits(), self.for_sale)
    }

    fn category(&mut self) -> u8 {
        // All from one draw: no branch for the processor to guess.
        let bits = self.dice.bits();
        let by_taste = scale(bits << 32, 100) < TASTE_PERCENT;
        let (taste, any) = (
            Dice::choice(bits, &self.shopper.tastes),
            category_of_slot(bits >> 58),
        );
        if by_taste { taste } else { any }
    }
}

/// A UUID (version 7) of the time, with bits of the seed, which makes the key, and the index.
pub(super) fn event_id(key: Key, index: u64, occurred_at: Timestamp) -> Uuid {
    let ms = u128::try_from(occurred_at.as_ms()).unwrap_or(0);
    // 64 bits of the index's hash make ids of a seed differ; the rest may follow from them.
    let high = key.hash(index);
    let low = high.wrapping_mul(0xD1B5_4A32_D192_ED03) >> 48;
    with_version(ms << 80 | u128::from(high) << 16 | u128::from(low), 7)
}
