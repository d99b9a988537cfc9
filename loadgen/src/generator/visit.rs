//! One visit: a shopper, a cart and what happens to it, step by step.

use std::collections::BTreeMap;

use events::{
    Body, CURRENCY, CartLine, Checkout, Compare, Filter, Line, PaymentMethod, ProductView, Refund, Sale,
    Search, Uuid, lines_total_minor,
};

use super::Anomaly;
use super::block::Step;
use super::catalog::{Catalog, Product, Shopper, category_names};
use super::random::Dice;

/// Purchases of a hundred that are anomalous.
const ANOMALOUS_PERCENT: u64 = 2;
/// Orders of a hundred with a discount, and how much of the goods' price it takes off, in percent.
const DISCOUNTED_PERCENT: u64 = 20;
const DISCOUNTS_PERCENT: &[i64] = &[5, 10, 15, 20];
/// Goods for this much are shipped free of charge.
const FREE_SHIPPING_FROM_MINOR: i64 = 5_000;
const SHIPPING_MINOR: &[i64] = &[399, 499, 799];
/// Sales taxes, in percent of what is paid for the goods.
const TAXES_PERCENT: &[i64] = &[0, 5, 7, 8, 10];
/// Refunds of a hundred that give back the whole order.
const WHOLE_REFUNDS_PERCENT: u64 = 60;

const QUANTITIES: &[i64] = &[1, 1, 1, 1, 1, 1, 1, 2, 2, 3];
const ADJECTIVES: &[&str] = &[
    "best", "cheap", "new", "small", "black", "white", "wireless", "organic", "gift", "sale",
];
const BRANDS: &[&str] = &[
    "acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "tyrell",
];
const PAYMENTS: &[(PaymentMethod, u64)] = &[
    (PaymentMethod::CreditCard, 38),
    (PaymentMethod::DebitCard, 18),
    (PaymentMethod::Paypal, 18),
    (PaymentMethod::ApplePay, 10),
    (PaymentMethod::GooglePay, 7),
    (PaymentMethod::BankTransfer, 6),
    (PaymentMethod::GiftCard, 3),
];

/// The state of a visit.
pub(super) struct Visit<'a> {
    catalog: &'a Catalog,
    products: u64,
    pub(super) shopper: Shopper,
    pub(super) session_id: Uuid,
    /// What the purchase at the end is to be, if there is one.
    pub(super) anomaly: Option<Anomaly>,
    cart_id: Uuid,
    cart: Vec<Line>,
    seen: Vec<Product>,
    sale: Option<Sale>,
}

impl<'a> Visit<'a> {
    pub(super) fn new(
        catalog: &'a Catalog,
        products: u64,
        shopper: Shopper,
        steps: &[Step],
        dice: &mut Dice,
    ) -> Self {
        let anomalous = steps.contains(&Step::Buy) && dice.percent(ANOMALOUS_PERCENT);
        Self {
            catalog,
            products,
            shopper,
            session_id: dice.uuid(),
            anomaly: anomalous.then(|| dice.pick(Anomaly::ALL)),
            cart_id: dice.uuid(),
            cart: Vec::new(),
            seen: Vec::new(),
            sale: None,
        }
    }

    /// Takes the step; the one after it is known, as who is about to fill the cart looks at the product first.
    pub(super) fn take(&mut self, step: Step, next: Option<Step>, dice: &mut Dice) -> Body {
        match step {
            Step::Look if next == Some(Step::Fill) => self.view(dice),
            Step::Look => self.look(dice),
            Step::Fill => self.fill(dice),
            Step::Change => self.change(dice),
            Step::Checkout => Body::CartCheckout(Checkout {
                cart_id: self.cart_id,
                items: self.cart.clone(),
                cart_total_minor: goods_minor(&self.cart),
            }),
            Step::Buy => {
                let sale = self.buy(dice);
                Body::Purchase(self.sale.insert(sale).clone())
            }
            Step::Refund => {
                let bought = self.sale.as_ref().expect("a plan refunds only what it sold");
                Body::Refund(refund(bought, dice))
            }
        }
    }

    fn look(&mut self, dice: &mut Dice) -> Body {
        match dice.below(100) {
            0..68 => self.view(dice),
            68..84 => {
                let category = category(dice);
                let query = format!("{} {category}", dice.pick(ADJECTIVES)).into();
                Body::Search(Search {
                    query,
                    results: dice.skewed(self.products / 10),
                })
            }
            84..93 => {
                let mut filters = BTreeMap::from([("category".to_owned(), category(dice).to_owned())]);
                if dice.percent(50) {
                    filters.insert("brand".to_owned(), dice.pick(BRANDS).to_owned());
                }
                if dice.percent(50) {
                    filters.insert("price_max".to_owned(), (dice.between(1, 50) * 10).to_string());
                }
                Body::Filter(Filter { filters })
            }
            _ => {
                let mut compared: Vec<u64> = Vec::new();
                for product in self.seen.iter().rev() {
                    if compared.len() < 3 && !compared.contains(&product.id) {
                        compared.push(product.id);
                    }
                }
                while compared.len() < 2 {
                    let other = self.product(dice).id;
                    compared.extend((!compared.contains(&other)).then_some(other));
                }
                Body::Compare(Compare {
                    product_ids: compared,
                })
            }
        }
    }

    fn view(&mut self, dice: &mut Dice) -> Body {
        let product = self.product(dice);
        self.seen.push(product);
        Body::ProductView(ProductView {
            product_id: product.id,
            category: product.category.into(),
            price_minor: product.price_minor,
        })
    }

    /// The first product in the cart; where an order is to be anomalous, it is this line that makes it so.
    fn fill(&mut self, dice: &mut Dice) -> Body {
        let mut line = self.new_line(dice);
        match self.anomaly {
            Some(Anomaly::HighQuantity) => line.quantity = dice.between(200, 1_000),
            Some(Anomaly::HighValue) => line.unit_price_minor *= dice.between(50, 100),
            None => {}
        }
        self.add(line)
    }

    fn change(&mut self, dice: &mut Dice) -> Body {
        // The line that makes an order anomalous stays as it is, and so does the last one in the cart.
        let changeable = usize::from(self.anomaly.is_some());
        let n = changeable + dice.index(self.cart.len() - changeable);
        match dice.below(10) {
            0..4 if n < self.cart.len() => {
                let line = &mut self.cart[n];
                line.quantity = 1 + (line.quantity + dice.between(0, 3)) % 5;
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
                let line = self.new_line(dice);
                self.add(line)
            }
        }
    }

    fn add(&mut self, line: Line) -> Body {
        self.cart.push(line.clone());
        Body::CartAdd(CartLine {
            cart_id: self.cart_id,
            line,
        })
    }

    /// Of the product seen last, or of another one if that is in the cart already.
    fn new_line(&self, dice: &mut Dice) -> Line {
        let in_cart = |product: &Product| self.cart.iter().any(|line| line.product_id == product.id);
        let mut product = self.seen.last().copied().unwrap_or_else(|| self.product(dice));
        while in_cart(&product) {
            product = self.product(dice);
        }
        product.line(dice.pick(QUANTITIES))
    }

    fn product(&self, dice: &mut Dice) -> Product {
        self.catalog.product(1 + dice.skewed(self.products))
    }

    fn buy(&self, dice: &mut Dice) -> Sale {
        let goods = goods_minor(&self.cart);
        let discount = if dice.percent(DISCOUNTED_PERCENT) {
            goods * dice.pick(DISCOUNTS_PERCENT) / 100
        } else {
            0
        };
        let shipping = if goods < FREE_SHIPPING_FROM_MINOR {
            dice.pick(SHIPPING_MINOR)
        } else {
            0
        };
        let tax = (goods - discount) * dice.pick(TAXES_PERCENT) / 100;
        Sale {
            transaction_id: dice.uuid(),
            cart_id: self.cart_id,
            lines: self.cart.clone(),
            discount_minor: discount,
            shipping_minor: shipping,
            tax_minor: tax,
            total_minor: goods - discount + shipping + tax,
            currency: CURRENCY.into(),
            payment_method: payment(dice),
        }
    }
}

/// Gives back the whole order, or one line of it with its share of discount and tax.
fn refund(bought: &Sale, dice: &mut Dice) -> Refund {
    let whole = dice.percent(WHOLE_REFUNDS_PERCENT);
    let lines = if whole {
        bought.lines.clone()
    } else {
        vec![bought.lines[dice.index(bought.lines.len())].clone()]
    };
    let (goods, all_goods) = (goods_minor(&lines), goods_minor(&bought.lines));
    let share = |amount: i64| {
        let part = i128::from(amount) * i128::from(goods) / i128::from(all_goods.max(1));
        i64::try_from(part).unwrap_or(amount)
    };
    let (discount, tax) = (share(bought.discount_minor), share(bought.tax_minor));
    let shipping = if whole { bought.shipping_minor } else { 0 };
    Refund {
        refunded_transaction_id: bought.transaction_id,
        sale: Sale {
            transaction_id: dice.uuid(),
            lines,
            discount_minor: discount,
            shipping_minor: shipping,
            tax_minor: tax,
            total_minor: goods - discount + shipping + tax,
            ..bought.clone()
        },
    }
}

/// Σ quantity × unit price. Quantities and prices here are far below what 64 bits hold.
fn goods_minor(lines: &[Line]) -> i64 {
    i64::try_from(lines_total_minor(lines)).unwrap_or(i64::MAX)
}

fn category(dice: &mut Dice) -> &'static str {
    let n = dice.index(category_names().len());
    category_names().nth(n).unwrap_or_default()
}

fn payment(dice: &mut Dice) -> PaymentMethod {
    let mut rest = dice.below(PAYMENTS.iter().map(|(_, weight)| weight).sum());
    for (method, weight) in PAYMENTS {
        match rest.checked_sub(*weight) {
            None => return *method,
            Some(left) => rest = left,
        }
    }
    PaymentMethod::CreditCard
}
