"""Runs the queries of infra/athena/batch in DuckDB over warehouses, and compares what they say with the engine's.

    compare.py <folder of queries>     folders of warehouses, one a line on stdin

A warehouse has `fact_sales/dt=*/`, `dim_date.parquet`, `dim_product.parquet`, `fact_product_views.parquet`, the snapshot
before in `previous.parquet`, the last complete day in `as_of_date`, and the engine's tables in `engine/`. Rows must be
the same in the same order: whole numbers, texts and dates exactly, doubles to 1e-9. Written is, by table and column,
how many values there were and how many nulls.
"""

import collections
import json
import math
import pathlib
import sys

import duckdb
import sqlglot

RELATIVE_TOLERANCE = 1e-9
# Queries whose answers others read.
READ_BY_OTHERS = ("customer_segments", "sales_trends")


def tables_of(warehouse):
    files = {
        "dim_date": "dim_date.parquet",
        "dim_product": "dim_product.parquet",
        "fact_product_views": "fact_product_views.parquet",
    }
    connection = duckdb.connect()
    # As Athena has it, the partition is a text.
    connection.execute(
        f"create view fact_sales as select * from read_parquet('{warehouse}/fact_sales/dt=*/*.parquet', "
        "hive_partitioning = true, hive_types = {'dt': varchar})"
    )
    for table, file in files.items():
        connection.execute(f"create view {table} as select * from read_parquet('{warehouse}/{file}')")
    connection.execute(f"create table customer_segments as select * from read_parquet('{warehouse}/previous.parquet')")
    connection.execute(f"create table sales_trends as from read_parquet('{warehouse}/engine/sales_trends.parquet') limit 0")
    return connection


def same(ours, theirs):
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12)
    return type(ours) is type(theirs) and ours == theirs


def compare(connection, query, parameters, file, counts):
    text = query.read_text()
    for name, value in parameters.items():
        text = text.replace("${" + name + "}", value)
    found = connection.execute(text)
    theirs_columns = [column[0] for column in found.description]
    theirs = found.fetchall()
    ours = connection.execute(f"select * from read_parquet('{file}')")
    columns = [column[0] for column in ours.description]
    ours = ours.fetchall()
    if columns != theirs_columns:
        sys.exit(f"{file}: columns {columns}, SQL has {theirs_columns}")
    if len(ours) != len(theirs):
        sys.exit(f"{file}: {len(ours)} rows, SQL has {len(theirs)}")
    for row, (our_row, their_row) in enumerate(zip(ours, theirs)):
        for column, our, their in zip(columns, our_row, their_row):
            if not same(our, their):
                sys.exit(f"{file}, row {row}, {column}: {our!r}, SQL has {their!r}\n{our_row}\n{their_row}")
            counts[query.stem][column][our is None] += 1
    if query.stem in READ_BY_OTHERS:
        connection.execute(f"insert into {query.stem} {text}")


def check_dialect(query):
    """Whether it is one statement of Trino's, with functions that are known in it."""
    statements = sqlglot.parse(query.read_text(), read="trino", error_level=sqlglot.ErrorLevel.RAISE)
    unknown = {function.name for statement in statements for function in statement.find_all(sqlglot.exp.Anonymous)}
    if len(statements) != 1 or not isinstance(statements[0], sqlglot.exp.Query) or unknown:
        sys.exit(f"{query}: {len(statements)} statements, functions unknown to Trino: {unknown}")


def main():
    queries = sorted(pathlib.Path(sys.argv[1]).glob("*.sql"), key=lambda query: query.stem not in READ_BY_OTHERS)
    for query in queries:
        check_dialect(query)
    counts = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0]))
    for warehouse in map(pathlib.Path, sys.stdin.read().splitlines()):
        parameters = {"as_of_date": (warehouse / "as_of_date").read_text()}
        engine = warehouse / "engine"
        if {query.stem for query in queries} != {file.stem for file in engine.iterdir()}:
            sys.exit(f"{engine} does not have the tables that there are queries for")
        connection = tables_of(warehouse)
        for query in queries:
            compare(connection, query, parameters, engine / f"{query.stem}.parquet", counts)
    json.dump(counts, sys.stdout)


main()
