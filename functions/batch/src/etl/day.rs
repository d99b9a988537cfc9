//! The tables of facts: what of the archive they are made of, and how a day of each is made.

use std::collections::BTreeSet;
use std::thread;

use bytes::Bytes;
use events::Stream;
use warehouse::read::{required, rows};
use warehouse::star::{
    DayFacts, DayViews, Dimensions, StarTable, event_days, product_views_reader, transactions_reader,
    view_days,
};

use super::gate::Control;
use super::progress::Published;
use crate::FileProblem;

/// A table of facts, a file a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Facts {
    /// `fact_sales`.
    Sales,
    /// `fact_product_views`.
    Views,
}

impl Facts {
    pub(super) const ALL: [Self; 2] = [Self::Sales, Self::Views];

    pub(super) const fn table(self) -> StarTable {
        match self {
            Self::Sales => StarTable::FactSales,
            Self::Views => StarTable::FactProductViews,
        }
    }

    /// Whose archive it is made of.
    pub(super) const fn stream(self) -> Stream {
        match self {
            Self::Sales => Stream::Transactions,
            Self::Views => Stream::ProductViews,
        }
    }

    /// The days of an archive object, since 1970-01-01; takes its members.
    pub(super) fn look_at(
        self,
        dimensions: &mut Dimensions,
        object: Bytes,
    ) -> Result<BTreeSet<i32>, FileProblem> {
        let mut days = BTreeSet::new();
        match self {
            Self::Sales => {
                for batch in transactions_reader(object)? {
                    let batch = batch?;
                    days.extend(event_days(&batch)?);
                    dimensions.infer(&batch)?;
                }
            }
            Self::Views => {
                for batch in product_views_reader(object)? {
                    let batch = batch?;
                    days.extend(view_days(&batch)?);
                    dimensions.infer_viewed(&batch)?;
                }
            }
        }
        Ok(days)
    }

    /// Begins a day, since 1970-01-01.
    pub(super) fn begin(self, day: i32, dimensions: &Dimensions) -> Result<OpenDay<'_>, FileProblem> {
        Ok(match self {
            Self::Sales => OpenDay::Sales(Box::new(DayFacts::new(day, dimensions)?), Control::new(day)),
            Self::Views => OpenDay::Views(DayViews::new(day, dimensions)?),
        })
    }
}

/// A day that is being made.
pub(super) enum OpenDay<'a> {
    Sales(Box<DayFacts<'a, Dimensions>>, Control),
    Views(DayViews<'a, Dimensions>),
}

/// A day's file.
pub(super) struct MadeDay {
    pub(super) bytes: Bytes,
    pub(super) totals: Published,
    /// Why it may not be published, if it may not.
    pub(super) objection: Option<String>,
}

impl OpenDay<'_> {
    /// Adds an archive object's rows of the day.
    pub(super) fn add(&mut self, object: Bytes) -> Result<(), FileProblem> {
        match self {
            Self::Sales(facts, control) => thread::scope(|scope| {
                let counted = scope.spawn(|| control.add(object.clone()));
                for batch in transactions_reader(object.clone())? {
                    facts.add(&batch?)?;
                }
                counted.join().expect("counting does not panic")
            }),
            Self::Views(views) => {
                for batch in product_views_reader(object)? {
                    views.add(&batch?)?;
                }
                Ok(())
            }
        }
    }

    pub(super) fn finish(self) -> Result<MadeDay, FileProblem> {
        match self {
            Self::Sales(facts, control) => {
                let file = facts.finish()?;
                Ok(MadeDay {
                    objection: control.objection(&file)?,
                    totals: Published::from(&file.totals),
                    bytes: file.bytes,
                })
            }
            Self::Views(views) => {
                let (bytes, views) = views.finish()?;
                let bytes = Bytes::from(bytes);
                let (rows, found) = views_in(bytes.clone())?;
                let objection = (views != found).then(|| format!("views should be {views} and is {found}"));
                Ok(MadeDay {
                    bytes,
                    totals: Published {
                        events: views.unsigned_abs(),
                        rows,
                        net_minor: 0,
                    },
                    objection,
                })
            }
        }
    }
}

/// A file's rows and their views, read back.
fn views_in(file: Bytes) -> Result<(u64, i64), FileProblem> {
    let (mut count, mut views) = (0, 0);
    for batch in rows(file, &["views"])? {
        let batch = batch?;
        let of_rows: &arrow::array::Int64Array = required(&batch, "views")?;
        count += batch.num_rows() as u64;
        views += of_rows.values().iter().sum::<i64>();
    }
    Ok((count, views))
}
