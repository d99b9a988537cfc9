//! Carts: what happens to them, what became of them, and those that were worth most.

use analytics::carts::{CartActivity, CartSession};

use super::super::figures::{CartsFigures, PerMinute};
use super::super::text::{Column, DASH, Line, percent, table, whole};
use super::{facts, indented, named, per_minute};
use crate::sales::dollars;

/// So many carts that were left behind.
const MOST: usize = 3;
/// A UUID's place.
const CART_ID: usize = 36;

pub(super) fn carts(figures: &CartsFigures) -> Vec<Line> {
    let rate = figures.abandonment_rate;
    let activity = |of: fn(&CartActivity) -> i64| {
        let PerMinute {
            last_complete,
            present,
        } = &figures.activity;
        per_minute(PerMinute {
            last_complete: whole(of(last_complete)),
            present: whole(of(present)),
        })
    };
    let mut lines = vec![
        facts(&[
            ("active", whole(figures.active)),
            ("created", whole(figures.created)),
            ("checked out", whole(figures.checked_out)),
            ("abandonment", rate.map_or(DASH.to_owned(), percent)),
        ]),
        named(
            "ended",
            facts(&[
                ("converted", whole(figures.converted)),
                (
                    "left behind",
                    with_value(figures.abandoned, figures.value_abandoned_minor),
                ),
                (
                    "recovered",
                    with_value(figures.recovered, figures.value_recovered_minor),
                ),
            ]),
        ),
        named(
            "a minute",
            facts(&[
                ("adds", activity(|of| of.adds)),
                ("removes", activity(|of| of.removes)),
                ("checkouts", activity(|of| of.checkouts)),
            ]),
        ),
    ];
    let most = figures.top.iter().flat_map(|top| top.abandoned.iter().take(MOST));
    lines.extend(indented(left_behind(most)));
    lines
}

/// The carts that one might still win back.
fn left_behind<'a>(carts: impl Iterator<Item = &'a CartSession>) -> Vec<Line> {
    let row = |cart: &CartSession| {
        [
            cart.cart_id.to_string().into(),
            cart.user_id.to_string().into(),
            whole(cart.units).into(),
            dollars(cart.value_minor).into(),
            whole(cart.adds + cart.updates + cart.removes).into(),
            whole(cart.checkouts).into(),
            duration(cart.duration_ms()).into(),
        ]
    };
    let columns = [
        Column::Text("left behind, the most valuable", CART_ID),
        Column::Number("user"),
        Column::Number("units"),
        Column::Number("value"),
        Column::Number("changes"),
        Column::Number("checkouts"),
        Column::Number("lasted"),
    ];
    table(columns, carts.map(row).collect())
}

fn duration(ms: i64) -> String {
    match ms / 1_000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

fn with_value(carts: i64, value_minor: i64) -> String {
    format!("{} of {}", whole(carts), dollars(value_minor))
}
