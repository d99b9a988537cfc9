//! From events to Arrow columns, in the order of the schema.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int64Array, Int64Builder, ListBuilder, MapBuilder, MapFieldNames, RecordBatch,
    StringArray, StringBuilder, StructBuilder, TimestampMillisecondArray,
};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use events::{Body, CartLine, Event, Line, SCHEMA_VERSION, Sale, Stream, Uuid};

use crate::ArchivedEvent;
use crate::schema::{line_fields, list_item, schema_of};

/// The rows of one table as columns. Every event is of `stream`.
pub(crate) fn record_batch(stream: Stream, rows: &[ArchivedEvent<'_>]) -> Result<RecordBatch, ArrowError> {
    let table = Table { rows };
    let mut columns = vec![
        table.text(|row| Some(row.event.envelope.event_id.to_string())),
        Arc::new(
            rows.iter()
                .map(|_| Some(i32::from(SCHEMA_VERSION)))
                .collect::<Int32Array>(),
        ),
        table.text(|row| Some(row.event.event_type().as_str())),
        table.time(|row| row.event.envelope.occurred_at.as_ms()),
        table.number(|event| Some(id(event.envelope.user_id))),
        table.text(|row| Some(row.event.envelope.session_id.to_string())),
        table.text(|row| Some(row.event.envelope.country.to_string())),
        table.text(|row| Some(row.event.envelope.device.as_str())),
    ];
    columns.extend(match stream {
        Stream::ProductViews => table.product_views(),
        Stream::CartEvents => table.cart_events(),
        Stream::Transactions => table.transactions(),
    });
    columns.extend([
        table.time(|row| row.arrived_at.as_ms()),
        table.text(|row| Some(row.shard_id)),
        table.text(|row| Some(row.sequence_number)),
    ]);
    RecordBatch::try_new(Arc::new(schema_of(stream)), columns)
}

struct Table<'a> {
    rows: &'a [ArchivedEvent<'a>],
}

impl<'a> Table<'a> {
    fn product_views(&self) -> Vec<ArrayRef> {
        vec![
            self.number(|event| match &event.body {
                Body::ProductView(view) => Some(id(view.product_id)),
                _ => None,
            }),
            self.text(|row| match &row.event.body {
                Body::ProductView(view) => Some(&*view.category),
                _ => None,
            }),
            self.number(|event| match &event.body {
                Body::ProductView(view) => Some(view.price_minor),
                _ => None,
            }),
            self.text(|row| match &row.event.body {
                Body::Search(search) => Some(&*search.query),
                _ => None,
            }),
            self.number(|event| match &event.body {
                Body::Search(search) => Some(id(search.results)),
                _ => None,
            }),
            self.filters(),
            self.product_ids(),
        ]
    }

    fn cart_events(&self) -> Vec<ArrayRef> {
        vec![
            self.text(|row| cart_id(row.event).map(|id| id.to_string())),
            self.number(|event| cart_line(event).map(|cart| id(cart.line.product_id))),
            self.text(|row| cart_line(row.event).map(|cart| &*cart.line.category)),
            self.number(|event| cart_line(event).map(|cart| cart.line.quantity)),
            self.number(|event| cart_line(event).map(|cart| cart.line.unit_price_minor)),
            self.lines(|event| match &event.body {
                Body::CartCheckout(checkout) => Some(&checkout.items),
                _ => None,
            }),
            self.number(|event| match &event.body {
                Body::CartCheckout(checkout) => Some(checkout.cart_total_minor),
                _ => None,
            }),
        ]
    }

    fn transactions(&self) -> Vec<ArrayRef> {
        let amount = |of: fn(&Sale) -> i64| self.number(move |event| event.sale().map(of));
        vec![
            self.text(|row| row.event.sale().map(|sale| sale.transaction_id.to_string())),
            self.text(|row| cart_id(row.event).map(|id| id.to_string())),
            self.text(|row| match &row.event.body {
                Body::Refund(refund) => Some(refund.refunded_transaction_id.to_string()),
                _ => None,
            }),
            self.lines(|event| event.sale().map(|sale| sale.lines.as_slice())),
            amount(|sale| sale.discount_minor),
            amount(|sale| sale.shipping_minor),
            amount(|sale| sale.tax_minor),
            amount(|sale| sale.total_minor),
            self.text(|row| row.event.sale().map(|sale| &*sale.currency)),
            self.text(|row| row.event.sale().map(|sale| sale.payment_method.as_str())),
        ]
    }

    fn text<T: AsRef<str>>(&self, of: impl Fn(&ArchivedEvent<'a>) -> Option<T>) -> ArrayRef {
        Arc::new(self.rows.iter().map(of).collect::<StringArray>())
    }

    fn number(&self, of: impl Fn(&'a Event) -> Option<i64>) -> ArrayRef {
        Arc::new(self.rows.iter().map(|row| of(row.event)).collect::<Int64Array>())
    }

    fn time(&self, of: impl Fn(&ArchivedEvent<'a>) -> i64) -> ArrayRef {
        Arc::new(
            self.rows
                .iter()
                .map(|row| Some(of(row)))
                .collect::<TimestampMillisecondArray>(),
        )
    }

    fn lines(&self, of: impl Fn(&'a Event) -> Option<&'a [Line]>) -> ArrayRef {
        let item = StructBuilder::from_fields(line_fields(), self.rows.len());
        let mut lists = ListBuilder::new(item).with_field(list_item(DataType::Struct(line_fields())));
        for row in self.rows {
            let lines = of(row.event);
            for line in lines.unwrap_or_default() {
                let item = lists.values();
                item.field_builder::<Int64Builder>(0)
                    .expect("product_id")
                    .append_value(id(line.product_id));
                item.field_builder::<StringBuilder>(1)
                    .expect("category")
                    .append_value(&line.category);
                item.field_builder::<Int64Builder>(2)
                    .expect("quantity")
                    .append_value(line.quantity);
                item.field_builder::<Int64Builder>(3)
                    .expect("unit_price_minor")
                    .append_value(line.unit_price_minor);
                item.append(true);
            }
            lists.append(lines.is_some());
        }
        Arc::new(lists.finish())
    }

    fn filters(&self) -> ArrayRef {
        let names = MapFieldNames {
            entry: "key_value".into(),
            key: "key".into(),
            value: "value".into(),
        };
        let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
        for row in self.rows {
            let Body::Filter(filter) = &row.event.body else {
                maps.append(false).expect("keys and values are appended in pairs");
                continue;
            };
            for (name, value) in &filter.filters {
                maps.keys().append_value(name);
                maps.values().append_value(value);
            }
            maps.append(true).expect("keys and values are appended in pairs");
        }
        Arc::new(maps.finish())
    }

    fn product_ids(&self) -> ArrayRef {
        let mut lists = ListBuilder::new(Int64Builder::new()).with_field(list_item(DataType::Int64));
        for row in self.rows {
            let ids = match &row.event.body {
                Body::Compare(compare) => {
                    Some(compare.product_ids.iter().map(|product_id| Some(id(*product_id))))
                }
                _ => None,
            };
            lists.append_option(ids);
        }
        Arc::new(lists.finish())
    }
}

fn cart_line(event: &Event) -> Option<&CartLine> {
    match &event.body {
        Body::CartAdd(cart) | Body::CartUpdate(cart) | Body::CartRemove(cart) => Some(cart),
        _ => None,
    }
}

fn cart_id(event: &Event) -> Option<Uuid> {
    match &event.body {
        Body::CartCheckout(checkout) => Some(checkout.cart_id),
        _ => cart_line(event)
            .map(|cart| cart.cart_id)
            .or_else(|| event.sale().map(|sale| sale.cart_id)),
    }
}

/// Identifiers are at most 2^63 − 1 by the contract.
pub(crate) fn id(number: u64) -> i64 {
    i64::try_from(number).expect("a valid event's identifiers fit in 63 bits")
}
