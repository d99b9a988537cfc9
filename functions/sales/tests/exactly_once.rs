//! Histories of everything that can go wrong between the stream of transactions and the table of metrics.

use std::collections::{BTreeMap, BTreeSet};

use analytics::sales::{SalesPartial, Totals};
use events::{Body, Country, Stream};
use testkit::{SimStream, SmallPages, exactly_once};

/// Sums and buyers by country.
type Seen = BTreeMap<Country, (Totals, u64)>;

fn seen(partial: &SalesPartial) -> Seen {
    let countries = partial.countries.iter();
    countries
        .map(|(country, sales)| (*country, (sales.totals, sales.buyers.count())))
        .collect()
}

#[test]
fn every_history_ends_as_if_each_event_had_come_once() {
    exactly_once::<SalesPartial, _>(&[Stream::Transactions], seen);
}

#[test]
fn histories_that_fill_many_pages_end_the_same() {
    exactly_once::<SmallPages<SalesPartial>, _>(&[Stream::Transactions], |partial| seen(&partial.0));
}

/// What is folded in one go, which the histories are compared with, is what a plain model says.
#[test]
fn the_fold_is_what_a_plain_model_says() {
    use analytics::Partial;

    for seed in 0..100 {
        let stream = SimStream::transactions(seed);
        let mut folded = SalesPartial::default();
        let mut plain: BTreeMap<Country, (Totals, BTreeSet<u64>)> = BTreeMap::new();
        for event in stream.events() {
            folded.fold(event);
            let (totals, buyers) = plain.entry(event.envelope.country).or_default();
            match &event.body {
                Body::Purchase(sale) => {
                    totals.orders += 1;
                    totals.units += sale.lines[0].quantity;
                    totals.gross_minor += sale.lines[0].quantity * 1_250;
                    totals.discount_minor += 100;
                    totals.shipping_minor += 495;
                    totals.tax_minor += 10;
                    buyers.insert(event.envelope.user_id);
                }
                Body::Refund(refund) => {
                    totals.refunds += 1;
                    totals.refunded_units += refund.sale.lines[0].quantity;
                    totals.refunded_minor += refund.sale.lines[0].quantity * 1_250 - 100;
                }
                other => unreachable!("the stream carries transactions, not {other:?}"),
            }
        }
        let plain: Seen = plain
            .into_iter()
            .map(|(country, (totals, buyers))| (country, (totals, buyers.len() as u64)))
            .collect();
        assert_eq!(seen(&folded), plain, "seed {seed}");
    }
}
