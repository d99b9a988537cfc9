//! What is counted by product and by category.

use super::*;

#[test]
fn views_and_units_are_those_of_the_events() {
    let events = events();
    let ledger = ledger_of(&events);
    let mut views: BTreeMap<u64, u64> = BTreeMap::new();
    let mut categories: BTreeMap<(Minute, &str), u64> = BTreeMap::new();
    let mut units: BTreeMap<u64, UnitsFacts> = BTreeMap::new();
    for planned in &events {
        match &planned.event.body {
            Body::ProductView(view) => {
                *views.entry(view.product_id).or_default() += 1;
                let minute = planned.event.envelope.occurred_at.minute();
                *categories.entry((minute, &*view.category)).or_default() += 1;
            }
            Body::Purchase(sale) => sale
                .lines
                .iter()
                .for_each(|line| units.entry(line.product_id).or_default().sold += line.quantity),
            Body::Refund(refund) => refund
                .sale
                .lines
                .iter()
                .for_each(|line| units.entry(line.product_id).or_default().returned += line.quantity),
            _ => {}
        }
    }
    let of_minutes: BTreeMap<(Minute, &str), u64> = ledger
        .minutes
        .iter()
        .flat_map(|facts| {
            let categories = facts.categories.iter();
            categories.map(|(category, views)| ((facts.minute, category.as_str()), *views))
        })
        .collect();
    assert_eq!(of_minutes, categories);
    assert!(units.values().any(|units| units.sold > 0 && units.returned == 0));
    assert!(units.values().any(|units| units.returned > 0));
    assert_eq!((ledger.product_views, ledger.product_units), (views, units));
}

#[test]
fn a_category_is_counted_under_one_name_however_it_is_written() {
    let long = format!("{}é", "x".repeat(63));
    let mut written = ["Shoes", " shoes ", "SHOES", "ÉTÉ", "été", &long]
        .map(str::to_owned)
        .into_iter();
    let mut views = events();
    views.retain_mut(|planned| match &mut planned.event.body {
        Body::ProductView(view) => match written.next() {
            Some(category) => {
                view.category = category.into();
                true
            }
            None => false,
        },
        _ => false,
    });
    let ledger = ledger_of(&views);
    let mut total: BTreeMap<String, u64> = BTreeMap::new();
    for (category, views) in ledger.minutes.iter().flat_map(|facts| &facts.categories) {
        *total.entry(category.clone()).or_default() += views;
    }
    let expected = [("shoes", 3), ("été", 2), (&"x".repeat(63), 1)];
    assert_eq!(
        total,
        expected
            .map(|(category, views)| (category.to_owned(), views))
            .into()
    );
}
