"""Asks a warehouse queries of infra/athena in DuckDB, and prints what it answers.

    answer.py <folder of the warehouse>     queries, one a line on stdin

A table is a folder of the warehouse, with folders `dt=*` in it if it has partitions. Each query must be one statement of
Trino's. It must answer the same whether `/` of whole numbers is a whole number, as in Trino, or not, as in DuckDB, and
nothing where the tables have no rows. Written is a JSON object: by query, the answer as CSV.
"""

import csv
import io
import json
import pathlib
import sys

import duckdb
import sqlglot


def tables_of(warehouse, limit=""):
    connection = duckdb.connect()
    for table in warehouse.iterdir():
        # As Athena has it, the partition is a text.
        partitions = ", hive_partitioning = true, hive_types = {'dt': varchar}" if any(table.glob("dt=*")) else ""
        connection.execute(
            f"create view {table.name} as select * from read_parquet('{table}/**/*.parquet'{partitions}) {limit}"
        )
    return connection


def check_dialect(query, text):
    """Whether it is one statement of Trino's, with functions that are known in it."""
    statements = sqlglot.parse(text, read="trino", error_level=sqlglot.ErrorLevel.RAISE)
    unknown = {function.name for statement in statements for function in statement.find_all(sqlglot.exp.Anonymous)}
    if len(statements) != 1 or not isinstance(statements[0], sqlglot.exp.Query) or unknown:
        sys.exit(f"{query}: {len(statements)} statements, functions unknown to Trino: {unknown}")


def answer(connection, text):
    found = connection.execute(text)
    columns = [column[0] for column in found.description]
    return columns, found.fetchall()


def as_csv(columns, rows):
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows([columns, *rows])
    return lines.getvalue()


def main():
    warehouse = pathlib.Path(sys.argv[1])
    connection, empty = tables_of(warehouse), tables_of(warehouse, "limit 0")
    answers = {}
    for query in map(pathlib.Path, sys.stdin.read().splitlines()):
        text = query.read_text()
        check_dialect(query, text)
        connection.execute("set integer_division = false")
        columns, rows = answer(connection, text)
        connection.execute("set integer_division = true")
        if answer(connection, text) != (columns, rows):
            sys.exit(f"{query}: the answer depends on how whole numbers are divided")
        if answer(empty, text) != (columns, []):
            sys.exit(f"{query}: without rows there should be no answer")
        answers[query.stem] = as_csv(columns, rows)
    json.dump(answers, sys.stdout)


main()
