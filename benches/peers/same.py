"""Whether two Parquet files hold the same rows: columns, types, number of rows, and the sum of all rows' hashes."""

import argparse

import duckdb


def content(file, ordered):
    connection = duckdb.connect()
    rows = f"read_parquet('{file}', file_row_number = {ordered}, hive_partitioning = false)"
    columns = connection.execute(f"select column_name, column_type from (describe from {rows})").fetchall()
    return columns, connection.execute(f"select count(*), sum(hash(file)) from {rows} file").fetchall()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ours")
    parser.add_argument("theirs")
    parser.add_argument("--ordered", action="store_true", help="in the same order, too")
    arguments = parser.parse_args()
    ours, theirs = (content(file, arguments.ordered) for file in (arguments.ours, arguments.theirs))
    if ours != theirs:
        raise SystemExit(f"{arguments.ours} and {arguments.theirs} differ:\n{ours}\n{theirs}")
    print(ours[1][0][0], "rows")


if __name__ == "__main__":
    main()
