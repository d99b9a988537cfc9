//! Shops made up from a seed: what they sell, as day files of the facts.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use batch::FactFile;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use warehouse::star::{CalendarDay, StarTable};

/// What a shop is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shop {
    pub(crate) seed: u64,
    pub(crate) first_day: i32,
    pub(crate) days: i32,
    /// Of a hundred days, how many have no file.
    pub(crate) closed_percent: u32,
    pub(crate) orders_a_day: i64,
    /// Of a hundred sales, how many are refunds.
    pub(crate) refund_percent: u32,
    pub(crate) users: i64,
    pub(crate) products: i64,
    /// Prices are among the first of [`PRICES_MINOR`]: with one, all is free, with two, nearly all ties.
    pub(crate) prices: usize,
}

pub(crate) const PRICES_MINOR: [i64; 7] = [0, 1_000, 250, 999, 33_333, 7, 1_000_000];
const COUNTRIES: [&str; 4] = ["DE", "FR", "JP", "US"];

/// A line of an order, or of a refund.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) transaction: usize,
    pub(crate) line_number: i32,
    pub(crate) user_id: i64,
    pub(crate) product_id: i64,
    pub(crate) category: String,
    pub(crate) country: &'static str,
    pub(crate) quantity: i64,
    pub(crate) gross_minor: i64,
    pub(crate) discount_minor: i64,
    pub(crate) is_refund: bool,
}

impl Shop {
    /// One in which most things happen.
    pub(crate) const fn usual(first_day: i32) -> Self {
        Self {
            seed: 1,
            first_day,
            days: 100,
            closed_percent: 10,
            orders_a_day: 4,
            refund_percent: 15,
            users: 50,
            products: 20,
            prices: PRICES_MINOR.len(),
        }
    }

    /// Lines by day. A closed day is not there; on every ninth open one, goods only come back.
    pub(crate) fn lines(&self) -> BTreeMap<i32, Vec<Row>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut transaction = 0;
        let mut days = BTreeMap::new();
        for day in self.first_day..self.first_day + self.days {
            if rng.random_range(0..100) < self.closed_percent {
                continue;
            }
            let only_refunds = self.refund_percent > 0 && rng.random_range(0..9) == 0;
            let mut lines = Vec::new();
            for _ in 0..rng.random_range(0..=2 * self.orders_a_day) {
                let is_refund = only_refunds || rng.random_range(0..100) < self.refund_percent;
                transaction += 1;
                self.sell(&mut rng, transaction, is_refund, &mut lines);
            }
            days.insert(day, lines);
        }
        days
    }

    fn sell(&self, rng: &mut ChaCha8Rng, transaction: usize, is_refund: bool, lines: &mut Vec<Row>) {
        // The smaller its number, the more a user buys.
        let most = rng.random_range(1..=self.users);
        let user_id = rng.random_range(1..=most);
        let home = usize::try_from(user_id).unwrap() % COUNTRIES.len();
        let abroad = usize::from(rng.random_range(0..10) == 0);
        let sign = if is_refund { -1 } else { 1 };
        for line_number in 1..=rng.random_range(1..=4) {
            let product_id = rng.random_range(1..=self.products);
            let moved = i64::from(rng.random_range(0..8) == 0);
            let quantity = rng.random_range(1..=3);
            let gross_minor = quantity * PRICES_MINOR[rng.random_range(0..self.prices)];
            let discount_minor = if rng.random_bool(0.5) { gross_minor / 3 } else { 0 };
            lines.push(Row {
                transaction,
                line_number,
                user_id,
                product_id,
                category: format!("c{}", product_id % 3 + moved),
                country: COUNTRIES[(home + abroad) % COUNTRIES.len()],
                quantity: sign * quantity,
                gross_minor: sign * gross_minor,
                discount_minor: sign * discount_minor,
                is_refund,
            });
        }
    }
}

/// `YYYY-MM-DD`.
pub(crate) fn date(day: i32) -> String {
    let day = CalendarDay::new(day).unwrap();
    format!("{:04}-{:02}-{:02}", day.year, day.month, day.day_of_month)
}

/// Columns as a Parquet file.
pub(crate) fn parquet(schema: Schema, columns: Vec<ArrayRef>) -> Bytes {
    let schema = Arc::new(schema);
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(1_000))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

/// A day of `fact_sales`.
pub(crate) fn fact_file(day: i32, lines: &[Row]) -> FactFile<Bytes> {
    let texts = |of: &dyn Fn(&Row) -> String| -> ArrayRef {
        Arc::new(lines.iter().map(|line| Some(of(line))).collect::<StringArray>())
    };
    let numbers = |of: &dyn Fn(&Row) -> i64| -> ArrayRef {
        Arc::new(lines.iter().map(|line| Some(of(line))).collect::<Int64Array>())
    };
    let small = |of: &dyn Fn(&Row) -> i32| -> ArrayRef {
        Arc::new(lines.iter().map(|line| Some(of(line))).collect::<Int32Array>())
    };
    let schema = StarTable::FactSales.schema();
    let column = |field: &Arc<Field>| match field.name().as_str() {
        "transaction_id" | "event_id" => texts(&|line| format!("t{}", line.transaction)),
        "line_number" => small(&|line| line.line_number),
        "refunded_transaction_id" => Arc::new(StringArray::new_null(lines.len())),
        "user_id" => numbers(&|line| line.user_id),
        "product_id" => numbers(&|line| line.product_id),
        "category" => texts(&|line| line.category.clone()),
        "country" => texts(&|line| line.country.to_owned()),
        "occurred_at" => Arc::new(TimestampMillisecondArray::from(vec![
            i64::from(day) * 86_400_000;
            lines.len()
        ])),
        "quantity" => numbers(&|line| line.quantity),
        "unit_price_minor" => numbers(&|line| line.gross_minor.checked_div(line.quantity).unwrap_or(0)),
        "gross_minor" => numbers(&|line| line.gross_minor),
        "discount_minor" => numbers(&|line| line.discount_minor),
        "net_minor" => numbers(&|line| line.gross_minor.saturating_sub(line.discount_minor)),
        "is_refund" => Arc::new(
            lines
                .iter()
                .map(|line| Some(line.is_refund))
                .collect::<BooleanArray>(),
        ),
        _ => match field.data_type() {
            DataType::Utf8 => texts(&|_| "x".to_owned()),
            DataType::Int32 => small(&|_| 1),
            _ => numbers(&|_| 1),
        },
    };
    FactFile {
        name: format!("dt={}", date(day)),
        day,
        content: parquet(schema.clone(), schema.fields().iter().map(column).collect()),
    }
}

/// The files of days, in order.
pub(crate) fn fact_files(days: &BTreeMap<i32, Vec<Row>>) -> Vec<FactFile<Bytes>> {
    days.iter().map(|(day, lines)| fact_file(*day, lines)).collect()
}
