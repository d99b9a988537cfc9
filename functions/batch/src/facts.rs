//! The sales facts: from day files to aggregates.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;

use analytics::retail::products::{ProductRow, ProductSales};
use analytics::retail::regions::Regions;
use analytics::retail::rfm::{Customers, RfmRow};
use analytics::retail::trends::DaySales;
use analytics::retail::{SalesRow, SalesSums};
use arrow::array::{BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray};
use events::Country;
use parquet::file::reader::ChunkReader;
use warehouse::star::CalendarDay;

use crate::buyers::{Buyers, MonthlyBuyers};
use crate::orders::{CustomerRows, LatestCountry, OrderProducts};
use crate::parallel::{self, lock};
use crate::{FileError, FileProblem};
use warehouse::read::{required, rows};

/// What RFM needs to know.
const CUSTOMER_COLUMNS: &[&str] = &["line_number", "user_id", "net_minor", "is_refund"];
/// What all aggregates need to know.
const SALES_COLUMNS: &[&str] = &[
    "line_number",
    "user_id",
    "product_id",
    "category",
    "country",
    "quantity",
    "gross_minor",
    "discount_minor",
    "net_minor",
    "is_refund",
];

/// A day of `fact_sales`.
#[derive(Clone, Debug)]
pub struct FactFile<R> {
    /// What errors call it.
    pub name: String,
    /// Its day, since 1970-01-01.
    pub day: i32,
    /// The Parquet file: bytes, or something to read them from as they are needed.
    pub content: R,
}

/// All that the tables are made of.
#[derive(Debug)]
pub struct SalesFacts {
    /// Orders and spending by user.
    pub customers: Customers,
    /// Sales by product; no views yet.
    pub products: ProductSales,
    /// Sales by country and month.
    pub regions: Regions,
    /// Different users who purchased, by the month's first day since 1970-01-01, and country.
    pub region_buyers: BTreeMap<(i32, Country), i64>,
    /// Sales of the days that have rows, by day since 1970-01-01.
    pub days: BTreeMap<i32, DaySales>,
    /// The last complete day.
    pub as_of_day: i32,
}

/// Reads what is needed of customers, and no more, on as many threads as there are cores. Fails if a file cannot be
/// used.
pub fn read_customers<R: ChunkReader + 'static>(
    files: impl IntoIterator<Item = FactFile<R>, IntoIter: Send>,
) -> Result<Customers, FileError> {
    let add = |customers: &mut Customers, file: FactFile<R>| {
        let FactFile { name, day, content } = file;
        add_customers(customers, day, content).map_err(|problem| FileError { file: name, problem })
    };
    let files = files.into_iter();
    parallel::fold(threads(), files, Customers::default, add, Customers::merge)
}

/// Reads all that is needed for the tables, on as many threads as there are cores. Files must come in order of their
/// days, one a day. `as_of_day`, since 1970-01-01, is the last day of which all sales are in. Fails if a file cannot be
/// used.
pub fn read_sales<R: ChunkReader + 'static>(
    files: impl IntoIterator<Item = FactFile<R>, IntoIter: Send>,
    as_of_day: i32,
) -> Result<SalesFacts, FileError> {
    let monthly = Mutex::new(MonthlyBuyers::default());
    let mut before = None;
    // One thread at a time takes a file, so months begin in order.
    let in_order = files.into_iter().map(|file| {
        let month = next_month(file.day, before.replace(file.day));
        if let Ok(month) = &month {
            lock(&monthly).begin_file(*month);
        }
        (file, month)
    });
    let add = |aggregates: &mut Aggregates, (file, month): (FactFile<R>, Result<i32, FileProblem>)| {
        let FactFile { name, day, content } = file;
        let add = || -> Result<(), FileProblem> {
            let month = month?;
            let buyers = aggregates.add_file(day, content)?;
            lock(&monthly).end_file(month, buyers);
            Ok(())
        };
        add().map_err(|problem| FileError { file: name, problem })
    };
    let new = || Aggregates::new(as_of_day);
    let all = parallel::fold(threads(), in_order, new, add, Aggregates::merge)?;
    let region_buyers = monthly.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(SalesFacts {
        customers: all.customers,
        products: all.products,
        regions: all.regions,
        region_buyers: region_buyers.finish(),
        days: all.days,
        as_of_day,
    })
}

fn threads() -> usize {
    available_parallelism().map_or(1, usize::from)
}

fn add_customers<R: ChunkReader + 'static>(
    customers: &mut Customers,
    day: i32,
    content: R,
) -> Result<(), FileProblem> {
    let mut orders = CustomerRows::default();
    for batch in rows(content, CUSTOMER_COLUMNS)? {
        let batch = batch?;
        let line_number: &Int32Array = required(&batch, "line_number")?;
        let is_refund: &BooleanArray = required(&batch, "is_refund")?;
        let user_id: &Int64Array = required(&batch, "user_id")?;
        let net_minor: &Int64Array = required(&batch, "net_minor")?;
        let columns = line_number
            .values()
            .iter()
            .zip(user_id.values())
            .zip(net_minor.values());
        for (place, ((line_number, user_id), net_minor)) in columns.enumerate() {
            let is_first = *line_number == 1;
            let row = RfmRow {
                user_id: *user_id,
                day,
                net_minor: *net_minor,
                is_order: is_first && !is_refund.value(place),
            };
            orders.push(customers, row, is_first);
        }
    }
    orders.finish(customers);
    Ok(())
}

/// What a thread keeps.
struct Aggregates {
    customers: Customers,
    products: ProductSales,
    regions: Regions,
    days: BTreeMap<i32, DaySales>,
}

impl Aggregates {
    fn new(as_of_day: i32) -> Self {
        Self {
            customers: Customers::default(),
            products: ProductSales::new(as_of_day),
            regions: Regions::default(),
            days: BTreeMap::new(),
        }
    }

    fn merge(&mut self, other: Self) {
        self.customers.merge(other.customers);
        self.products.merge(other.products);
        self.regions.merge(&other.regions);
        // Each day is one thread's.
        self.days.extend(other.days);
    }

    /// Adds a day's rows, and returns who bought.
    fn add_file<R: ChunkReader + 'static>(&mut self, day: i32, content: R) -> Result<Buyers, FileProblem> {
        let mut open = OpenDay::default();
        for batch in rows(content, SALES_COLUMNS)? {
            self.add_rows(day, &batch?, &mut open)?;
        }
        open.customer_rows.finish(&mut self.customers);
        if open.has_rows {
            let mut users: Vec<i64> = open.buyers.iter().map(|(user_id, _)| *user_id).collect();
            users.sort_unstable();
            users.dedup();
            let buyers = i64::try_from(users.len()).unwrap_or(i64::MAX);
            let sales = open.sums;
            self.days.insert(day, DaySales { sales, buyers });
        }
        Ok(open.buyers)
    }

    fn add_rows(&mut self, day: i32, batch: &RecordBatch, open: &mut OpenDay) -> Result<(), FileProblem> {
        let number = |name| required::<Int64Array>(batch, name).map(Int64Array::values);
        let line_number: &Int32Array = required(batch, "line_number")?;
        let is_refund: &BooleanArray = required(batch, "is_refund")?;
        let category: &StringArray = required(batch, "category")?;
        let country: &StringArray = required(batch, "country")?;
        let (user_id, product_id) = (number("user_id")?, number("product_id")?);
        let (quantity, net_minor) = (number("quantity")?, number("net_minor")?);
        let (gross_minor, discount_minor) = (number("gross_minor")?, number("discount_minor")?);
        open.has_rows |= batch.num_rows() > 0;
        for row in 0..batch.num_rows() {
            let is_refund = is_refund.value(row);
            let is_first = line_number.value(row) == 1;
            let is_order = is_first && !is_refund;
            let (user_id, product_id) = (user_id[row], product_id[row]);
            let country = open.country.parse(country.value(row))?;
            let sales = SalesRow {
                is_refund,
                is_first,
                units: quantity[row],
                gross_minor: gross_minor[row],
                discount_minor: discount_minor[row],
            };
            open.sums.add(&sales);
            self.regions.add(country, day, &sales);
            if is_order {
                open.buyers.insert((user_id, country));
            }
            let of_product = SalesRow {
                is_first: open.products.is_first(product_id, is_first),
                ..sales
            };
            self.products.add(&ProductRow {
                product_id,
                category: category.value(row),
                day,
                sales: of_product,
            });
            let of_customer = RfmRow {
                user_id,
                day,
                net_minor: net_minor[row],
                is_order,
            };
            open.customer_rows
                .push(&mut self.customers, of_customer, is_first);
        }
        Ok(())
    }
}

/// A day whose rows are being read.
#[derive(Default)]
struct OpenDay {
    has_rows: bool,
    sums: SalesSums,
    buyers: Buyers,
    country: LatestCountry,
    products: OrderProducts,
    customer_rows: CustomerRows,
}

/// The first day of a day's month, if it comes after the day before.
fn next_month(day: i32, before: Option<i32>) -> Result<i32, FileProblem> {
    match before {
        Some(before) if day <= before => Err(FileProblem::DayOrder { day, before }),
        _ => Ok(day - (CalendarDay::new(day)?.day_of_month - 1)),
    }
}
