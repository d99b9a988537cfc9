"""Events to Kinesis as one would send them with boto3: one client, full calls, connections kept.

Records are prebuilt, 500 a call, and only calling is timed. With --generate, each event is made on the way, as
generate.py makes it. With --aggregate, each goes through aws_kinesis_agg's RecordAggregator, if that is installed.
"""

import argparse
import importlib.util
import json
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import boto3
import generate
from botocore.config import Config

STREAM = "globalmart-bench-product-views"
CALL_RECORDS = 500
CALL_BYTES = 5 << 20


def put(client, entries):
    answer = client.put_records(StreamName=STREAM, Records=entries)
    if answer["FailedRecordCount"] or len(answer["Records"]) != len(entries):
        raise SystemExit(f"{answer['FailedRecordCount']} of {len(entries)} entries failed")
    return len(entries)


def plain(client, events, total, threads):
    """Sends `total` events, 500 a call; returns the seconds it took and how many records they were."""
    entries = [{"Data": data, "PartitionKey": key} for key, data in events]
    calls = [entries[at : at + CALL_RECORDS] for at in range(0, len(entries) - CALL_RECORDS + 1, CALL_RECORDS)]
    wanted = [calls[n % len(calls)] for n in range(total // CALL_RECORDS)]
    with ThreadPoolExecutor(threads) as pool:
        # Threads and connections are there before the clock starts.
        list(pool.map(lambda entries: put(client, entries), calls[: 2 * threads]))
        began = time.perf_counter()
        if threads == 1:
            records = sum(put(client, entries) for entries in wanted)
        else:
            records = sum(pool.map(lambda entries: put(client, entries), wanted))
        return time.perf_counter() - began, records


def generated(client, total):
    """Makes and sends `total` events, 500 a call."""
    made = generate.events(42, total)
    records = 0
    began = time.perf_counter()
    while entries := [{"Data": line, "PartitionKey": str(user_id)} for user_id, line in islice(made, CALL_RECORDS)]:
        records += put(client, entries)
    return time.perf_counter() - began, records


def aggregated(client, events, total):
    """Sends `total` events in aggregates as large as the library makes them, as many a call as it takes."""
    from aws_kinesis_agg.aggregator import RecordAggregator

    entries, size, records = [], 0, 0

    def add(aggregate):
        nonlocal size, records
        key, _, data = aggregate.get_contents()
        if size + len(data) + len(key) > CALL_BYTES:
            records += put(client, entries)
            entries.clear()
            size = 0
        entries.append({"Data": data, "PartitionKey": key})
        size += len(data) + len(key)

    aggregator = RecordAggregator()
    put(client, [{"Data": data, "PartitionKey": key} for key, data in events[:CALL_RECORDS]])
    began = time.perf_counter()
    for n in range(total):
        key, data = events[n % len(events)]
        aggregate = aggregator.add_user_record(key, data)
        if aggregate:
            add(aggregate)
    aggregate = aggregator.clear_and_get()
    if aggregate:
        add(aggregate)
    records += put(client, entries)
    return time.perf_counter() - began, records


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", required=True, help="events to send, one a line; over again until there are enough")
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--generate", action="store_true")
    parser.add_argument("--aggregate", action="store_true")
    arguments = parser.parse_args()
    with open(arguments.file, "rb") as file:
        events = [(str(json.loads(line)["user_id"]), line.rstrip(b"\n")) for line in file]
    config = Config(tcp_keepalive=True, max_pool_connections=arguments.threads, retries={"mode": "standard"})
    client = boto3.client("kinesis", config=config)
    aggregate = arguments.aggregate and importlib.util.find_spec("aws_kinesis_agg") is not None
    if aggregate:
        elapsed_s, records = aggregated(client, events, arguments.events)
    elif arguments.generate:
        elapsed_s, records = generated(client, arguments.events)
    else:
        elapsed_s, records = plain(client, events, arguments.events, arguments.threads)
    print(json.dumps({
        "events": arguments.events, "records": records, "elapsed_s": elapsed_s, "aggregated": aggregate,
    }))


if __name__ == "__main__":
    main()
