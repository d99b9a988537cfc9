"""Stands in for Athena: DuckDB over a warehouse, which unloads what it is asked.

    unload.py <folder of the warehouse>     a JSON object a line on stdin: {"select": ..., "to": <an empty folder>}

A table is a folder of the warehouse, with folders `dt=*` in it if it has partitions. A query must be one statement of
Trino's. As Athena does, it leaves its rows in several files in no order, and no file where there are none. After each
one comes a line, which says what was wrong if something was.
"""

import functools
import json
import pathlib
import sys

import duckdb
import sqlglot

FILES = 3


def tables_of(warehouse, text):
    """The tables that a query may read."""
    connection = duckdb.connect()
    for table in (table for table in warehouse.iterdir() if table.name in text):
        # As Athena has it, the partition is a text.
        partitions = ", hive_partitioning = true, hive_types = {'dt': varchar}" if any(table.glob("dt=*")) else ""
        connection.execute(f"create view {table.name} as select * from read_parquet('{table}/**/*.parquet'{partitions})")
    return connection


@functools.cache
def check_dialect(text):
    """Whether it is one statement of Trino's, with functions that are known in it."""
    statements = sqlglot.parse(text, read="trino", error_level=sqlglot.ErrorLevel.RAISE)
    unknown = {function.name for statement in statements for function in statement.find_all(sqlglot.exp.Anonymous)}
    if len(statements) != 1 or not isinstance(statements[0], sqlglot.exp.Query) or unknown:
        raise ValueError(f"{len(statements)} statements, functions unknown to Trino: {unknown}")


def unload(warehouse, select, to):
    check_dialect(select)
    connection = tables_of(warehouse, select)
    connection.execute(f"create table answer as {select}")
    # DuckDB sums in 128 bits where Trino has 64.
    types = "select column_name, data_type from duckdb_columns() where table_name = 'answer'"
    for name, data_type in connection.execute(types).fetchall():
        if data_type == "HUGEINT":
            connection.execute(f'alter table answer alter column "{name}" type bigint')
    if connection.execute("select count(*) from answer").fetchone() == (0,):
        return
    for file in range(FILES):
        rows = f"select * from answer where rowid % {FILES} = {file} order by hash(rowid)"
        connection.execute(f"copy ({rows}) to '{to}/{file}' (format parquet, compression zstd)")


def main():
    warehouse = pathlib.Path(sys.argv[1])
    for line in sys.stdin:
        query = json.loads(line)
        try:
            unload(warehouse, query["select"], query["to"])
            problem = ""
        except (duckdb.Error, sqlglot.errors.SqlglotError, ValueError) as error:
            problem = str(error)
        print(json.dumps(problem), flush=True)


main()
