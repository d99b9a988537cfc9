"""A day's facts in DuckDB: from the archive and the dimensions to a Parquet file, by the query in etl.sql.

Members get no keys here, and what was written is not read back.
"""

import argparse
import json
import pathlib
import time

import duckdb

QUERY = pathlib.Path(__file__).with_suffix(".sql")
DIMENSIONS = ("dim_date", "dim_product", "dim_category", "dim_user", "dim_region", "dim_payment_method")


def make(folder, day):
    connection = duckdb.connect()
    files = {"transactions": "events/transactions/*/*/*.parquet"}
    files |= {table: f"warehouse/{table}/{table}.parquet" for table in DIMENSIONS}
    for table, file in files.items():
        connection.execute(f"create view {table} as from read_parquet('{folder / file}', hive_partitioning = false)")
    connection.execute(f"set variable day = date '{day}'")
    file = folder / "duckdb/fact_sales.parquet"
    connection.execute(f"copy ({QUERY.read_text()}) to '{file}' (format parquet, compression zstd, compression_level 1)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="with the archive in events/ and the dimensions in warehouse/")
    parser.add_argument("day", help="YYYY-MM-DD")
    arguments = parser.parse_args()
    (arguments.folder / "duckdb").mkdir(exist_ok=True)
    began = time.perf_counter()
    make(arguments.folder, arguments.day)
    print(json.dumps({"elapsed_s": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
