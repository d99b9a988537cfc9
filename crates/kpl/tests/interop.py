"""Amazon's own aggregator and deaggregator, behind JSON on stdin and stdout; interop.rs drives them.

    interop.py deaggregate   a list of aggregates -> for each, the list of its user records
    interop.py aggregate     a list of lists of user records -> the aggregate of each

An aggregate is base64; a user record is [partition key, explicit hash key or null, data as base64].
"""

import base64
import json
import sys

from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import deaggregate_records


def deaggregate(aggregate):
    """As a Lambda function gets it."""
    kinesis = {
        "kinesisSchemaVersion": "1.0",
        "sequenceNumber": "1",
        "approximateArrivalTimestamp": 0,
        "data": aggregate,
    }
    found = [record["kinesis"] for record in deaggregate_records([{"kinesis": kinesis}])]
    if not all(record.get("aggregated") for record in found):
        sys.exit("aws_kinesis_agg takes the record for a plain one")
    return [
        [record["partitionKey"], record["explicitHashKey"], record["data"].decode()]
        for record in found
    ]


def aggregate(records):
    aggregator = RecordAggregator()
    for partition_key, explicit_hash_key, data in records:
        if aggregator.add_user_record(partition_key, base64.b64decode(data), explicit_hash_key):
            sys.exit("more than one aggregate")
    _, _, contents = aggregator.clear_and_get().get_contents()
    return base64.b64encode(contents).decode()


if __name__ == "__main__":
    way = {"deaggregate": deaggregate, "aggregate": aggregate}[sys.argv[1]]
    json.dump([way(item) for item in json.load(sys.stdin)], sys.stdout)
