//! The stack's template describes every table as its files are.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use arrow::datatypes::{DataType, Field, Schema};
use events::Stream;
use warehouse::compacted::{self, CompactedHours};
use warehouse::star::StarTable;
use warehouse::tables::AnalyticsTable;
use warehouse::{CatalogTable, glue_columns, schema_of, table_name};

const TEMPLATE: &str = include_str!("../../../infra/template.yaml");

fn all_tables() -> impl Iterator<Item = (String, Schema)> {
    let archive = Stream::ALL.iter().flat_map(|&stream| {
        let table = table_name(stream);
        [
            (format!("archived_{table}"), schema_of(stream)),
            (format!("compacted_{table}"), compacted::schema_of(stream)),
            (table, with_partitions(&schema_of(stream))),
        ]
    });
    let hours = [("compacted_hours".to_owned(), CompactedHours::schema())];
    let catalog = CatalogTable::ALL.iter();
    let catalog = catalog.map(|table| (format!("catalog_{}", table.as_str()), table.schema()));
    let star = StarTable::ALL.iter();
    let star = star.map(|table| (table.as_str().to_owned(), table.schema()));
    let analytics = AnalyticsTable::ALL.iter();
    let analytics = analytics.map(|table| (table.as_str().to_owned(), table.schema()));
    archive.chain(hours).chain(catalog).chain(star).chain(analytics)
}

/// As a view has it, in which partitions are columns like others.
fn with_partitions(schema: &Schema) -> Schema {
    let partitions = ["dt", "hour"].map(|name| Field::new(name, DataType::Utf8, false));
    let columns = schema.fields().iter().map(|field| field.as_ref().clone());
    Schema::new(columns.chain(partitions).collect::<Vec<_>>())
}

/// The columns that the template gives a table, as name and type.
fn described(table: &str) -> Vec<(String, String)> {
    let name = format!("Name: {table}");
    let lines = TEMPLATE.lines().map(str::trim).skip_while(|line| *line != name);
    let columns = lines.skip_while(|line| *line != "Columns:").skip(1);
    let columns = columns.map_while(|line| line.strip_prefix("- {Name: ")?.strip_suffix('}'));
    columns
        .map(|column| {
            let (name, kind) = column.split_once(", Type: ").unwrap();
            (name.to_owned(), kind.trim_matches('"').to_owned())
        })
        .collect()
}

#[test]
fn the_stack_template_has_the_very_columns() {
    let wrong: Vec<String> = all_tables()
        .filter_map(|(table, schema)| {
            let columns = glue_columns(&schema);
            let right: Vec<String> = columns
                .iter()
                .map(|(name, kind)| format!("- {{Name: {name}, Type: {kind}}}\n"))
                .collect();
            (described(&table) != columns).then(|| format!("{table} should be:\n{}", right.concat()))
        })
        .collect();
    assert!(wrong.is_empty(), "in infra/template.yaml:\n{}", wrong.join("\n"));
}

/// Lines that are no comments, as one.
fn folded<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let lines = lines.map(str::trim).filter(|line| !line.starts_with("--"));
    lines.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_stack_template_has_the_views_of_the_folder() {
    for &stream in Stream::ALL {
        let view = table_name(stream);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../infra/athena/views/{view}.sql"));
        let expected = folded(std::fs::read_to_string(file).unwrap().lines());
        let name = format!("Name: {view}");
        let (_, after) = TEMPLATE.split_once(&format!("{name}\n")).unwrap();
        let (_, sql) = after.split_once("\"originalSql\": \"").unwrap();
        let (sql, columns) = sql.split_once("\",\n").unwrap();
        assert_eq!(folded(sql.lines()), expected, "{view}");
        let (columns, _) = columns.split_once("]}").unwrap();
        let names: Vec<&str> = columns
            .split("{\"name\": \"")
            .skip(1)
            .filter_map(|column| column.split_once('"').map(|(name, _)| name))
            .collect();
        let schema = with_partitions(&schema_of(stream));
        let in_order: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        assert_eq!(names, in_order, "{view}");
    }
}
