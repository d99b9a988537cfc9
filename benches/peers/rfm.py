"""The tables of the customers by the queries of infra/athena/batch, in DuckDB: from the day files of facts to Parquet."""

import argparse
import json
import pathlib
import time

import duckdb

QUERIES = pathlib.Path(__file__).parents[2] / "infra/athena/batch"
# customer_segments is what the others read.
TABLES = ("customer_segments", "rfm_cut_points", "segment_migration")


def make(folder):
    connection = duckdb.connect()
    connection.execute(
        f"create view fact_sales as from read_parquet('{folder}/warehouse/fact_sales/dt=*/*.parquet', "
        "hive_partitioning = true, hive_types = {'dt': date})"
    )
    for table in TABLES:
        query = (QUERIES / f"{table}.sql").read_text()
        if table == "customer_segments":
            # A count_if has 128 bits here, which Parquet has not.
            query = f"select * replace (cast(frequency as bigint) as frequency) from ({query})"
        file = folder / "duckdb" / f"{table}.parquet"
        connection.execute(f"copy ({query}) to '{file}' (format parquet, compression zstd, compression_level 1)")
        connection.execute(f"create view {table} as from read_parquet('{file}')")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    (folder / "duckdb").mkdir(exist_ok=True)
    began = time.perf_counter()
    make(folder)
    print(json.dumps({"elapsed_s": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
