//! What a request to AWS is billed as, read off the request and its answer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bill::Bill;
use super::item::item_bytes;
use super::prices::{Charge, READ_UNIT_BYTES, WRITE_UNIT_BYTES};

/// The table whose changes are followed, and which has an index with all attributes.
const INDEXED_TABLE: &str = "alerts";
/// The attributes that place an item in that index.
const INDEX_KEYS: [&str; 2] = ["status", "last_seen"];

/// A request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) method: &'a str,
    pub(crate) query: &'a str,
    /// AWS's JSON protocol names the operation here.
    pub(crate) target: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) status: u16,
    pub(crate) answer: &'a [u8],
}

/// An alert before and after a write of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) old: Option<Value>,
    pub(crate) new: Value,
}

/// Reads requests, and keeps the bill.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) bill: Bill,
    alerts: BTreeMap<String, Value>,
    changes: Vec<Change>,
}

impl Meter {
    /// What changed in the table of alerts since the last time that this was asked.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Takes in what a job asked for.
    pub(crate) fn read(&mut self, job: &'static str, exchange: &Exchange<'_>) -> anyhow::Result<()> {
        match exchange.target.rsplit_once('.') {
            Some((service, operation)) if service.starts_with("DynamoDB") => {
                self.dynamo(job, operation, exchange)
            }
            // Telling shards is free.
            Some(_) => Ok(()),
            None => {
                self.rest(job, exchange);
                Ok(())
            }
        }
    }

    /// S3 is asked by method, SNS by a form.
    fn rest(&mut self, job: &'static str, exchange: &Exchange<'_>) {
        let (what, charge) = match exchange.method {
            "POST" => ("Publish", Charge::Publish),
            "PUT" => ("PutObject", Charge::ObjectPut),
            "HEAD" => ("HeadObject", Charge::ObjectGet),
            _ if exchange.query.contains("list-type") => ("ListObjects", Charge::ObjectPut),
            _ => ("GetObject", Charge::ObjectGet),
        };
        self.bill.charge(job, what, charge, 1.0);
    }

    fn dynamo(&mut self, job: &'static str, operation: &str, exchange: &Exchange<'_>) -> anyhow::Result<()> {
        let request: Value = serde_json::from_slice(exchange.body)?;
        let answer: Value = serde_json::from_slice(exchange.answer)?;
        let table = request["TableName"].as_str().unwrap_or_default();
        let table = table.rsplit('-').next().unwrap_or_default().to_owned();
        let what = |family: &str| format!("{operation} {table} {family}").trim_end().to_owned();
        match operation {
            "PutItem" => {
                let item = &request["Item"];
                let units = write_units(item_bytes(item));
                let name = what(family(&item["window"]["S"]));
                self.bill.charge(job, &name, Charge::WriteUnit, units);
                // A failed condition costs as much, and changes nothing.
                if table == INDEXED_TABLE && exchange.status == 200 {
                    let index = self.changed(item);
                    self.bill.charge(job, "its index", Charge::WriteUnit, index);
                }
            }
            "UpdateItem" | "DeleteItem" => {
                let bytes = item_bytes(&request["Key"]) + item_bytes(&request["ExpressionAttributeValues"]);
                let name = what(family(&request["Key"]["window"]["S"]));
                self.bill
                    .charge(job, &name, Charge::WriteUnit, write_units(bytes));
            }
            "Query" => {
                let found = answer["Items"].as_array().into_iter().flatten();
                let bytes = found.map(item_bytes).sum();
                let values = request["ExpressionAttributeValues"].as_object();
                let window = values.and_then(|values| values.get(":window"));
                let name = what(family(window.map_or(&Value::Null, |window| &window["S"])));
                self.bill.charge(
                    job,
                    &name,
                    Charge::ReadUnit,
                    read_units(bytes, is_consistent(&request)),
                );
            }
            "GetItem" => {
                let units = read_units(item_bytes(&answer["Item"]), is_consistent(&request));
                self.bill.charge(job, &what(""), Charge::ReadUnit, units);
            }
            _ => anyhow::bail!("{operation} has no price here"),
        }
        Ok(())
    }

    /// Notes a changed alert; the write units of the index that follows it.
    fn changed(&mut self, item: &Value) -> f64 {
        let fingerprint = item["fingerprint"]["S"].as_str().unwrap_or_default().to_owned();
        let old = self.alerts.insert(fingerprint, item.clone());
        let units = write_units(item_bytes(item));
        let stays = old
            .as_ref()
            .is_none_or(|old| INDEX_KEYS.iter().all(|key| old[key] == item[key]));
        // An entry that moves is deleted and put anew.
        let deleted = old.as_ref().filter(|_| !stays);
        let index = units + deleted.map_or(0.0, |old| write_units(item_bytes(old)));
        self.changes.push(Change {
            old,
            new: item.clone(),
        });
        index
    }
}

/// `sales#2026-11-22T17:30Z` is one of the windows of `sales`.
fn family(window: &Value) -> &str {
    let window = window.as_str().unwrap_or_default();
    window.split('#').next().unwrap_or_default()
}

fn is_consistent(request: &Value) -> bool {
    request["ConsistentRead"].as_bool().unwrap_or(false)
}

fn write_units(bytes: usize) -> f64 {
    bytes.div_ceil(WRITE_UNIT_BYTES).max(1) as f64
}

fn read_units(bytes: usize, consistent: bool) -> f64 {
    let units = bytes.div_ceil(READ_UNIT_BYTES).max(1) as f64;
    if consistent { units } else { units / 2.0 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cost(meter: &mut Meter, operation: &str, request: &Value, status: u16, answer: &Value) -> f64 {
        let before = meter.bill.per_million(1_000_000);
        let (target, request) = (format!("DynamoDB_20120810.{operation}"), request.to_string());
        let answer = answer.to_string();
        let exchange = Exchange {
            method: "POST",
            query: "",
            target: &target,
            body: request.as_bytes(),
            status,
            answer: answer.as_bytes(),
        };
        meter.read("job", &exchange).unwrap();
        meter.bill.per_million(1_000_000) - before
    }

    #[test]
    fn each_kb_of_a_write_and_each_4_kb_of_a_read_count_and_so_do_failed_conditions() {
        let mut meter = Meter::default();
        let put = json!({ "TableName": "globalmart-local-metrics",
            "Item": { "window": { "S": "sales#x" }, "partial": { "S": "x".repeat(1_020) } } });
        let units = |dollars: f64, price: Charge| format!("{:.3}", dollars / price.dollars());
        let written = cost(&mut meter, "PutItem", &put, 200, &json!({}));
        let refused = cost(&mut meter, "PutItem", &put, 400, &json!({}));
        assert_eq!(
            [written, refused].map(|it| units(it, Charge::WriteUnit)),
            ["2.000", "2.000"]
        );
        let found = json!({ "Items": [put["Item"], put["Item"], put["Item"], put["Item"]] });
        let query = json!({ "TableName": "t-metrics", "ConsistentRead": true });
        let read = cost(&mut meter, "Query", &query, 200, &found);
        assert_eq!(units(read, Charge::ReadUnit), "2.000");
        let none = cost(&mut meter, "GetItem", &query, 200, &json!({}));
        assert_eq!(units(none, Charge::ReadUnit), "1.000");
    }

    #[test]
    fn an_alert_is_written_to_its_index_and_moves_there() {
        let mut meter = Meter::default();
        let put = |seen: &str| {
            json!({ "TableName": "globalmart-local-alerts",
            "Item": { "fingerprint": { "S": "f" }, "status": { "S": "open" }, "last_seen": { "S": seen } } })
        };
        let mut units = |seen: &str| {
            let dollars = cost(&mut meter, "PutItem", &put(seen), 200, &json!({}));
            format!("{:.3}", dollars / Charge::WriteUnit.dollars())
        };
        assert_eq!([units("1"), units("1"), units("2")], ["2.000", "2.000", "3.000"]);
        let changes = meter.take_changes();
        assert_eq!(
            (changes.len(), &changes[0].old, &changes[2].old),
            (3, &None, &Some(put("1")["Item"].clone()))
        );
    }
}
