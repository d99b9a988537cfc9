//! What an order comes to, and what is paid back of it.

use events::{CURRENCY, Line, PaymentMethod, Sale, Uuid, lines_total_minor};

use super::dice::{Dice, Hundred};

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
static PAYMENTS: Hundred<PaymentMethod> = Hundred::new(&[
    (PaymentMethod::CreditCard, 38),
    (PaymentMethod::DebitCard, 18),
    (PaymentMethod::Paypal, 18),
    (PaymentMethod::ApplePay, 10),
    (PaymentMethod::GooglePay, 7),
    (PaymentMethod::BankTransfer, 6),
    (PaymentMethod::GiftCard, 3),
]);

/// Pays for what is in a cart. Who tries a stolen card pays for the goods and nothing else.
pub(super) fn pay(cart_id: Uuid, lines: Vec<Line>, tests_card: bool, ids: u128, dice: &mut Dice) -> Sale {
    let goods = goods_minor(&lines);
    let discount = if !tests_card && dice.percent(DISCOUNTED_PERCENT) {
        goods * dice.pick(DISCOUNTS_PERCENT) / 100
    } else {
        0
    };
    let shipping = if !tests_card && goods < FREE_SHIPPING_FROM_MINOR {
        dice.pick(SHIPPING_MINOR)
    } else {
        0
    };
    let tax = if tests_card {
        0
    } else {
        (goods - discount) * dice.pick(TAXES_PERCENT) / 100
    };
    Sale {
        transaction_id: dice.uuid(ids),
        cart_id,
        lines,
        discount_minor: discount,
        shipping_minor: shipping,
        tax_minor: tax,
        total_minor: goods - discount + shipping + tax,
        currency: CURRENCY.into(),
        payment_method: PAYMENTS.at(dice.bits()),
    }
}

/// Gives back the whole order, or one line of it with its share of discount and tax.
pub(super) fn refund(bought: &Sale, dice: &mut Dice, ids: u128) -> Sale {
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
    Sale {
        transaction_id: dice.uuid(ids),
        cart_id: bought.cart_id,
        lines,
        discount_minor: discount,
        shipping_minor: shipping,
        tax_minor: tax,
        total_minor: goods - discount + shipping + tax,
        currency: CURRENCY.into(),
        payment_method: bought.payment_method,
    }
}

/// Σ quantity × unit price. Quantities and prices here are far below what 64 bits hold.
pub(super) fn goods_minor(lines: &[Line]) -> i64 {
    i64::try_from(lines_total_minor(lines)).unwrap_or(i64::MAX)
}
