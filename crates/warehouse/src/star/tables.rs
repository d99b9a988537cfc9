//! The tables and their columns.

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use crate::schema::{optional, required};

/// A table of the star schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StarTable {
    /// Lines of purchases and refunds, by day.
    FactSales,
    /// How often products were looked at, by day.
    FactProductViews,
    /// Days.
    DimDate,
    /// Products.
    DimProduct,
    /// Users.
    DimUser,
    /// Categories of products.
    DimCategory,
    /// Countries.
    DimRegion,
    /// Ways to pay.
    DimPaymentMethod,
}

impl StarTable {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::FactSales,
        Self::FactProductViews,
        Self::DimDate,
        Self::DimProduct,
        Self::DimUser,
        Self::DimCategory,
        Self::DimRegion,
        Self::DimPaymentMethod,
    ];

    /// Its name, which is its folder's, too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FactSales => "fact_sales",
            Self::FactProductViews => "fact_product_views",
            Self::DimDate => "dim_date",
            Self::DimProduct => "dim_product",
            Self::DimUser => "dim_user",
            Self::DimCategory => "dim_category",
            Self::DimRegion => "dim_region",
            Self::DimPaymentMethod => "dim_payment_method",
        }
    }

    /// Its Arrow schema. The facts' partition, `dt`, is no column of the file.
    #[must_use]
    pub fn schema(self) -> Schema {
        let text = |name| required(name, DataType::Utf8);
        let number = |name| required(name, DataType::Int64);
        let small = |name| required(name, DataType::Int32);
        let flag = |name| required(name, DataType::Boolean);
        Schema::new(match self {
            Self::FactSales => fact_fields(),
            Self::FactProductViews => vec![
                number("product_id"),
                number("views"),
                small("date_key"),
                number("product_key"),
            ],
            Self::DimDate => vec![
                small("date_key"),
                required("date", DataType::Date32),
                small("year"),
                small("quarter"),
                small("month"),
                small("day"),
                small("iso_year"),
                small("iso_week"),
                small("weekday"),
                flag("is_weekend"),
            ],
            Self::DimProduct => vec![
                number("product_key"),
                number("product_id"),
                optional("name", DataType::Utf8),
                text("category"),
                optional("brand", DataType::Utf8),
                optional("price_minor", DataType::Int64),
                optional("cost_minor", DataType::Int64),
                optional("launched_on", DataType::Date32),
                flag("is_inferred"),
            ],
            Self::DimUser => vec![
                number("user_key"),
                number("user_id"),
                text("country"),
                text("device"),
                optional("joined_on", DataType::Date32),
                flag("is_inferred"),
            ],
            Self::DimCategory => vec![number("category_key"), text("category")],
            Self::DimRegion => vec![small("region_key"), text("country")],
            Self::DimPaymentMethod => {
                vec![small("payment_method_key"), text("payment_method"), text("kind")]
            }
        })
    }
}

fn fact_fields() -> Vec<Field> {
    let text = |name| required(name, DataType::Utf8);
    let number = |name| required(name, DataType::Int64);
    let small = |name| required(name, DataType::Int32);
    vec![
        text("transaction_id"),
        small("line_number"),
        text("event_id"),
        optional("refunded_transaction_id", DataType::Utf8),
        number("user_id"),
        number("product_id"),
        text("category"),
        text("country"),
        text("payment_method"),
        text("device"),
        required("occurred_at", DataType::Timestamp(TimeUnit::Millisecond, None)),
        number("quantity"),
        number("unit_price_minor"),
        number("gross_minor"),
        number("discount_minor"),
        number("net_minor"),
        number("shipping_minor"),
        number("tax_minor"),
        required("is_refund", DataType::Boolean),
        small("date_key"),
        number("product_key"),
        number("user_key"),
        small("region_key"),
        small("payment_method_key"),
        number("category_key"),
    ]
}
