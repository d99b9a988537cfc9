//! Events to test with, of every form and most of them against the rules.

use std::borrow::Cow;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use uuid::Uuid;

use crate::event::{
    Body, CartLine, Checkout, Compare, Device, Envelope, Filter, Line, PaymentMethod, ProductView, Refund,
    Sale, Search,
};
use crate::{Country, Timestamp};

fn any_text() -> impl Strategy<Value = Cow<'static, str>> {
    let char = prop_oneof![
        any::<char>(),
        proptest::char::range('\0', '\x7f'),
        Just('"'),
        Just('\\')
    ];
    vec(char, 0..12).prop_map(|chars| chars.into_iter().collect::<String>().into())
}

fn any_uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

prop_compose! {
    /// Who, when and where.
    pub(crate) fn any_envelope()(
        event_id in any_uuid(), session_id in any_uuid(), user_id in any::<u64>(),
        ms in prop_oneof![-377_705_023_201_000..253_402_207_200_000_i64, -90_000_000_000..90_000_000_000_i64],
        country in prop::sample::select(Country::all().collect::<Vec<_>>()),
        device in prop::sample::select(Device::ALL),
    ) -> Envelope {
        let occurred_at = Timestamp::from_ms(ms).unwrap();
        Envelope { event_id, occurred_at, user_id, session_id, country, device }
    }
}

prop_compose! {
    fn any_line()(
        product_id in any::<u64>(), category in any_text(), quantity in any::<i64>(), price in any::<i64>(),
    ) -> Line {
        Line { product_id, category, quantity, unit_price_minor: price }
    }
}

prop_compose! {
    fn any_sale()(
        (transaction_id, cart_id) in (any_uuid(), any_uuid()), lines in vec(any_line(), 0..4),
        amounts in any::<[i64; 4]>(), currency in any_text(),
        payment_method in prop::sample::select(PaymentMethod::ALL),
    ) -> Sale {
        let [discount_minor, shipping_minor, tax_minor, total_minor] = amounts;
        Sale {
            transaction_id, cart_id, lines, discount_minor, shipping_minor, tax_minor, total_minor, currency,
            payment_method,
        }
    }
}

/// What any type of event says.
pub(crate) fn any_body() -> impl Strategy<Value = Body> {
    let cart_line = || (any_uuid(), any_line()).prop_map(|(cart_id, line)| CartLine { cart_id, line });
    prop_oneof![
        (any::<u64>(), any_text(), any::<i64>()).prop_map(|(product_id, category, price_minor)| {
            Body::ProductView(ProductView {
                product_id,
                category,
                price_minor,
            })
        }),
        (any_text(), any::<u64>()).prop_map(|(query, results)| Body::Search(Search { query, results })),
        btree_map(any_text(), any_text(), 0..4).prop_map(|filters| Body::Filter(Filter { filters })),
        vec(any::<u64>(), 0..4).prop_map(|product_ids| Body::Compare(Compare { product_ids })),
        cart_line().prop_map(Body::CartAdd),
        cart_line().prop_map(Body::CartUpdate),
        cart_line().prop_map(Body::CartRemove),
        (any_uuid(), vec(any_line(), 0..4), any::<i64>()).prop_map(|(cart_id, items, cart_total_minor)| {
            Body::CartCheckout(Checkout {
                cart_id,
                items,
                cart_total_minor,
            })
        }),
        any_sale().prop_map(Body::Purchase),
        (any_uuid(), any_sale()).prop_map(|(refunded_transaction_id, sale)| {
            Body::Refund(Refund {
                refunded_transaction_id,
                sale,
            })
        }),
    ]
}
