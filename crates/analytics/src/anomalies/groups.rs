//! The rules on several orders of one shopper.
//!
//! A rule holds for a window of event time: so many orders, or orders from so many countries. What it names is a run: the
//! tightest window that it holds for, and what goes on around that at its pace. So a shopper's ordinary order a few minutes
//! before a burst of seconds is no part of the burst, while a slower run is named whole.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use events::{Country, Uuid};

use super::finding::{Finding, Subject, derived_id, severity};
use super::{PurchaseFact, Settings};
use crate::alerts::{AlertType, Evidence, MAX_EVENT_IDS};

/// Shorter gaps count as this long: within a second, there is no pace.
const SHORTEST_GAP_MS: i64 = 1_000;

/// Each shopper's purchases by time, each once, whatever pages and shards they come from.
pub fn by_user<'a>(
    purchases: impl IntoIterator<Item = &'a PurchaseFact>,
) -> BTreeMap<u64, Vec<&'a PurchaseFact>> {
    let mut users: BTreeMap<u64, Vec<&PurchaseFact>> = BTreeMap::new();
    for purchase in purchases {
        users.entry(purchase.user_id).or_default().push(purchase);
    }
    for history in users.values_mut() {
        history.sort_unstable_by_key(|purchase| (purchase.occurred_at_ms, purchase.event_id));
        history.dedup_by_key(|purchase| purchase.event_id);
    }
    users
}

/// What is wrong with one shopper's orders together. `history` is sorted by time and id, as [`by_user`] gives it.
#[must_use]
pub fn detect(history: &[&PurchaseFact], settings: &Settings) -> Vec<Finding> {
    let card_testing = Rule {
        alert_type: AlertType::CardTesting,
        need: Need::Orders(settings.card_testing_orders as usize),
        within_ms: settings.card_testing_within_ms,
    };
    let velocity = Rule {
        alert_type: AlertType::Velocity,
        need: Need::Orders(settings.velocity_orders as usize + 1),
        within_ms: settings.velocity_within_ms,
    };
    let country_hopping = Rule {
        alert_type: AlertType::CountryHopping,
        need: Need::Countries(settings.country_hopping_countries as usize),
        within_ms: settings.country_hopping_within_ms,
    };
    let is_tiny = |purchase: &&PurchaseFact| purchase.goods_minor <= settings.card_testing_max_minor;
    let tiny: Vec<&PurchaseFact> = history.iter().copied().filter(is_tiny).collect();
    // Each purchase is told of once, by the rule that says most.
    let mut told = BTreeSet::new();
    let mut findings = card_testing.findings(&tiny, settings.run_pace, &mut told);
    for rule in [country_hopping, velocity] {
        let is_new = |purchase: &&PurchaseFact| !told.contains(&purchase.event_id);
        let others: Vec<&PurchaseFact> = history.iter().copied().filter(is_new).collect();
        findings.extend(rule.findings(&others, settings.run_pace, &mut told));
    }
    findings
}

/// What a window must hold at least.
#[derive(Clone, Copy)]
enum Need {
    Orders(usize),
    Countries(usize),
}

impl Need {
    const fn least(self) -> usize {
        match self {
            Self::Orders(least) | Self::Countries(least) => least,
        }
    }

    fn value(self, orders: &[&PurchaseFact]) -> usize {
        match self {
            Self::Orders(_) => orders.len(),
            Self::Countries(_) => orders
                .iter()
                .map(|order| order.country)
                .collect::<BTreeSet<_>>()
                .len(),
        }
    }
}

struct Rule {
    alert_type: AlertType,
    need: Need,
    within_ms: i64,
}

impl Rule {
    /// One finding for each run, whose orders are added to those that are told of.
    fn findings(&self, orders: &[&PurchaseFact], pace: f64, told: &mut BTreeSet<Uuid>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut parts = vec![orders];
        while let Some(part) = parts.pop() {
            let Some(core) = self.tightest_window(part) else {
                continue;
            };
            let run = self.run_around(part, core, pace);
            parts.push(&part[run.end..]);
            parts.push(&part[..run.start]);
            told.extend(part[run.clone()].iter().map(|order| order.event_id));
            findings.push(self.finding(&part[run]));
        }
        findings.sort_unstable_by_key(|finding| (finding.seen_at, finding.id));
        findings
    }

    /// The shortest window that holds what is needed, the first of them; `None` where all are too long.
    fn tightest_window(&self, orders: &[&PurchaseFact]) -> Option<Range<usize>> {
        // Nothing to look for, as with most shoppers.
        if orders.len() < self.need.least() {
            return None;
        }
        let mut held = Held::default();
        let mut start = 0;
        let mut tightest: Option<(i64, Range<usize>)> = None;
        for (end, order) in orders.iter().enumerate() {
            held.add(order);
            while held.meets(self.need) {
                let span_ms = order.occurred_at_ms - orders[start].occurred_at_ms;
                if span_ms <= self.within_ms && tightest.as_ref().is_none_or(|(least, _)| span_ms < *least) {
                    tightest = Some((span_ms, start..end + 1));
                }
                held.remove(orders[start]);
                start += 1;
            }
        }
        tightest.map(|(_, window)| window)
    }

    /// The window, and all before and after it that follow each other at its pace.
    fn run_around(&self, orders: &[&PurchaseFact], core: Range<usize>, pace: f64) -> Range<usize> {
        let gap = |n: usize| orders[n].occurred_at_ms - orders[n - 1].occurred_at_ms;
        let longest = (core.start + 1..core.end).map(gap).max().unwrap_or(0);
        #[expect(clippy::cast_possible_truncation, reason = "a cast from a float saturates")]
        let paced = (longest.max(SHORTEST_GAP_MS) as f64 * pace) as i64;
        let most = paced.min(self.within_ms);
        let Range { mut start, mut end } = core;
        while start > 0 && gap(start) <= most {
            start -= 1;
        }
        while end < orders.len() && gap(end) <= most {
            end += 1;
        }
        start..end
    }

    /// Of a run, which holds at least one order.
    fn finding(&self, run: &[&PurchaseFact]) -> Finding {
        let (first, last) = (run[0], run[run.len() - 1]);
        let value = self.need.value(run) as f64;
        let limit = (self.need.least() - 1) as f64;
        let subject = Subject::User(first.user_id);
        Finding {
            id: derived_id(self.alert_type, subject, &first.event_id.to_string()),
            rule: self.alert_type,
            subject,
            severity: severity(value / limit),
            evidence: Evidence {
                value,
                baseline: None,
                limit: Some(limit),
                score: Some(value / limit),
                // No more than is stored: a shopper may be a bot that orders all day.
                event_ids: run
                    .iter()
                    .take(MAX_EVENT_IDS)
                    .map(|order| order.event_id)
                    .collect(),
            },
            seen_at: last.occurred_at(),
        }
    }
}

/// What a sliding window holds.
#[derive(Default)]
struct Held {
    orders: usize,
    countries: BTreeMap<Country, usize>,
}

impl Held {
    fn add(&mut self, order: &PurchaseFact) {
        self.orders += 1;
        *self.countries.entry(order.country).or_default() += 1;
    }

    fn remove(&mut self, order: &PurchaseFact) {
        self.orders -= 1;
        if let Some(count) = self.countries.get_mut(&order.country) {
            *count -= 1;
            if *count == 0 {
                self.countries.remove(&order.country);
            }
        }
    }

    fn meets(&self, need: Need) -> bool {
        match need {
            Need::Orders(least) => self.orders >= least,
            Need::Countries(least) => self.countries.len() >= least,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::CategoryKey;
    use super::*;

    const SECOND_MS: i64 = 1_000;
    const MINUTE_MS: i64 = 60 * SECOND_MS;

    /// An order of user 1 from the US.
    fn order(id: u128, at_ms: i64, goods_minor: i64) -> PurchaseFact {
        from("US", id, at_ms, goods_minor)
    }

    fn from(code: &str, id: u128, at_ms: i64, goods_minor: i64) -> PurchaseFact {
        PurchaseFact {
            event_id: Uuid::from_u128(id),
            occurred_at_ms: 1_780_000_000_000 + at_ms,
            user_id: 1,
            country: code.parse().unwrap(),
            goods_minor,
            total_minor: goods_minor,
            units: 1,
            category: CategoryKey::of("books"),
            price_minor: goods_minor,
        }
    }

    fn found(orders: &[PurchaseFact]) -> Vec<Finding> {
        let users = by_user(orders);
        users
            .values()
            .flat_map(|history| detect(history, &Settings::default()))
            .collect()
    }

    fn rules(orders: &[PurchaseFact]) -> Vec<(AlertType, usize)> {
        found(orders)
            .iter()
            .map(|finding| (finding.rule, finding.evidence.event_ids.len()))
            .collect()
    }

    fn every(step_ms: i64, n: u32, goods_minor: i64) -> Vec<PurchaseFact> {
        (0..n)
            .map(|k| order(u128::from(k) + 1, i64::from(k) * step_ms, goods_minor))
            .collect()
    }

    #[test]
    fn velocity_is_more_than_so_many_orders_within_so_long() {
        assert_eq!(rules(&every(48 * SECOND_MS, 5, 5_000)), []);
        assert_eq!(
            rules(&every(48 * SECOND_MS, 6, 5_000)),
            [(AlertType::Velocity, 6)]
        );
        assert_eq!(rules(&every(48 * SECOND_MS + 1, 6, 5_000)), []);
        assert_eq!(
            rules(&every(48 * SECOND_MS, 9, 5_000)),
            [(AlertType::Velocity, 9)]
        );
    }

    #[test]
    fn card_testing_is_tiny_orders_and_no_velocity() {
        assert_eq!(rules(&every(200 * SECOND_MS, 3, 200)), []);
        assert_eq!(
            rules(&every(200 * SECOND_MS, 4, 200)),
            [(AlertType::CardTesting, 4)]
        );
        assert_eq!(rules(&every(200 * SECOND_MS + 1, 4, 200)), []);
        assert_eq!(rules(&every(200 * SECOND_MS, 4, 201)), []);
        assert_eq!(rules(&every(SECOND_MS, 8, 200)), [(AlertType::CardTesting, 8)]);
        // What is bought in between is no test.
        let mut orders = every(2 * SECOND_MS, 6, 99);
        orders.push(order(50, 3 * SECOND_MS, 9_900));
        assert_eq!(rules(&orders), [(AlertType::CardTesting, 6)]);
    }

    #[test]
    fn country_hopping_is_three_countries_within_so_long() {
        let hops = |step_ms, codes: &[&str]| {
            let orders: Vec<PurchaseFact> = (0..)
                .zip(codes)
                .map(|(n, code)| from(code, n, i64::try_from(n).unwrap() * step_ms, 5_000))
                .collect();
            rules(&orders)
        };
        assert_eq!(hops(MINUTE_MS, &["US", "DE", "US"]), []);
        assert_eq!(
            hops(5 * MINUTE_MS, &["US", "DE", "JP"]),
            [(AlertType::CountryHopping, 3)]
        );
        assert_eq!(hops(5 * MINUTE_MS + 1, &["US", "DE", "JP"]), []);
        assert_eq!(
            hops(SECOND_MS, &["US", "DE", "JP", "US", "DE", "JP"]),
            [(AlertType::CountryHopping, 6)]
        );
    }

    #[test]
    fn an_ordinary_order_shortly_before_a_burst_is_no_part_of_it() {
        let mut orders = every(SECOND_MS, 6, 5_000);
        orders.push(order(90, -20 * SECOND_MS, 5_000));
        orders.push(order(91, 25 * SECOND_MS, 5_000));
        assert_eq!(rules(&orders), [(AlertType::Velocity, 6)]);
    }

    #[test]
    fn two_bursts_are_two_findings() {
        let mut orders = every(SECOND_MS, 6, 5_000);
        orders
            .extend((0..7).map(|n| order(100 + n, MINUTE_MS + i64::try_from(n).unwrap() * SECOND_MS, 5_000)));
        assert_eq!(
            rules(&orders),
            [(AlertType::Velocity, 6), (AlertType::Velocity, 7)]
        );
    }

    #[test]
    fn evidence_of_a_long_run_names_the_earliest_and_none_of_it_is_told_twice() {
        let orders = every(SECOND_MS, 150, 200);
        let findings = found(&orders);
        assert_eq!(findings.len(), 1, "{findings:?}");
        let evidence = &findings[0].evidence;
        assert!((evidence.value - 150.0).abs() < f64::EPSILON);
        let earliest = orders[..MAX_EVENT_IDS].iter().map(|order| order.event_id);
        assert_eq!(evidence.event_ids, earliest.collect::<Vec<_>>());
        assert_eq!(findings[0].seen_at, orders[149].occurred_at());
    }

    #[test]
    fn a_finding_told_again_has_the_same_id() {
        let orders = every(SECOND_MS, 7, 5_000);
        let (early, late) = (&found(&orders[..6])[0], &found(&orders)[0]);
        assert_eq!(early.id, late.id);
        assert_eq!(late.id.get_version_num(), 8);
        assert_ne!(found(&orders[1..])[0].id, late.id);
        // The same purchase read from two pages is one.
        let twice: Vec<PurchaseFact> = orders.iter().chain(&orders).copied().collect();
        assert_eq!(found(&twice), found(&orders));
    }
}
