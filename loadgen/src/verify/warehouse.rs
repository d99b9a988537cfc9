//! The star schema against the ledgers, and the analytical tables against the star schema.
//!
//! Facts of the ledgers' minutes are compared as the archive's transactions are. The tables hold every sale there ever was, so
//! they are compared with the facts of all days, whoever sent them.

mod facts;
mod tables;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use events::Timestamp;
use warehouse::read::ReadError;
use warehouse::star::StarTable;
use warehouse::tables::AnalyticsTable;

use self::facts::Facts;
use super::report::Check;
use super::{Sent, objects};
use crate::deployment::Deployment;
use crate::failure::Failure;

/// What all keys of the warehouse begin with.
const FOLDER: &str = "warehouse/";
/// Objects that are fetched at a time. A day of facts is one object, however many there are.
const AT_ONCE: usize = 2;
/// What makes the tables anew.
const MAKE: &str = "`make batch`, or an invocation of the function batch, makes the tables anew";

/// An object to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Facts of a day, counted from 1970-01-01.
    Facts(i32),
    /// All there is to compare of an analytical table.
    Table(AnalyticsTable),
}

/// What is read, and what it comes to.
struct Reading<'a> {
    sent: &'a Sent,
    facts: Facts<'a>,
    has_facts: bool,
    /// Tables that have not been read.
    unread: Vec<AnalyticsTable>,
    of_tables: Vec<Check>,
}

/// Compares the facts of the ledgers' minutes, and the tables. If anything differs, there is also something to say of it.
pub(super) async fn compare(
    deployment: &Deployment,
    sent: &Sent,
) -> Result<(Vec<Check>, Option<String>), Failure> {
    let keys = objects::list(deployment, FOLDER, None, None).await?;
    let mut reading = Reading::new(sent);
    let parts = reading.parts(&keys);
    objects::read_each(deployment, parts, AT_ONCE, |part, bytes| reading.add(part, bytes)).await?;
    Ok(reading.checks())
}

impl<'a> Reading<'a> {
    fn new(sent: &'a Sent) -> Self {
        Self {
            sent,
            facts: Facts::new(sent),
            has_facts: false,
            unread: tables::COMPARED.to_vec(),
            of_tables: Vec::new(),
        }
    }

    /// What is to be read of the objects that are there, in this order: the ledgers' days, other days, and of each table its
    /// latest object, that being the latest snapshot.
    fn parts(&self, keys: &[String]) -> Vec<(String, Part)> {
        let facts = keys.iter().filter_map(|key| Some((key, day_of_facts(key)?)));
        let (mut days, others): (Vec<_>, Vec<_>) =
            facts.partition(|(_, day)| self.facts.is_in_question(*day));
        days.extend(others);
        let facts = days.into_iter().map(|(key, day)| (key.clone(), Part::Facts(day)));
        let tables = tables::COMPARED.into_iter().filter_map(|table| {
            let folder = folder(table.as_str());
            let latest = keys.iter().rfind(|key| key.starts_with(&folder))?;
            Some((latest.clone(), Part::Table(table)))
        });
        facts.chain(tables).collect()
    }

    fn add(&mut self, part: Part, bytes: Bytes) -> Result<(), ReadError> {
        match part {
            Part::Facts(day) => {
                self.has_facts = true;
                self.facts.add_file(day, bytes)
            }
            Part::Table(table) => {
                self.unread.retain(|unread| *unread != table);
                let checks = tables::checks(table, bytes, self.facts.totals())?;
                self.of_tables.extend(checks);
                Ok(())
            }
        }
    }

    fn checks(self) -> (Vec<Check>, Option<String>) {
        let mut missing = Vec::new();
        let mut checks = if self.has_facts || self.sent.sales.is_empty() {
            self.facts.checks()
        } else {
            missing.push(StarTable::FactSales.as_str());
            Vec::new()
        };
        checks.extend(self.of_tables);
        // Without an order there are no tables.
        if self.facts.totals().orders > 0 || self.sent.sales.values().any(|sales| sales.orders > 0) {
            missing.extend(self.unread.iter().map(|table| table.as_str()));
        }
        let is_there = |table: &&str| Check::new(format!("{table} is there"), 1, 0);
        checks.extend(missing.iter().map(is_there));
        let advice = if !missing.is_empty() {
            Some(format!("there is no {}: {MAKE}", missing.join(", no ")))
        } else if checks.iter().any(|check| check.difference != 0) {
            Some(format!("the warehouse is as it was made last: {MAKE}"))
        } else {
            None
        };
        (checks, advice)
    }
}

fn folder(table: &str) -> String {
    format!("{FOLDER}{table}/")
}

/// The day, since 1970-01-01, of a file of facts.
fn day_of_facts(key: &str) -> Option<i32> {
    let partition = key.strip_prefix(&folder(StarTable::FactSales.as_str()))?;
    let (date, _) = partition.strip_prefix("dt=")?.split_once('/')?;
    Timestamp::of_date(date).map(Timestamp::day)
}
