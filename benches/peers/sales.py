"""The sales function as one would write it in Python: with boto3, and the standard library for the rest.

Per minute and country it keeps the same sums as the Rust function, once per event id, and writes them on the same
condition. It checks less (a handful of the rules, no aggregated records) and counts buyers with sets, not sketches.
"""

import base64
import http.client
import json
import os

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

DYNAMODB = boto3.client("dynamodb")
TABLE = os.environ["METRICS_TABLE"]
RETENTION_S = int(os.environ["METRICS_RETENTION_DAYS"]) * 86_400
SUMS = (
    "orders", "units", "gross_minor", "discount_minor", "shipping_minor", "tax_minor",
    "refunds", "refunded_units", "refunded_minor",
)


def handle(event):
    windows = {}
    for record in event["Records"]:
        kinesis = record["kinesis"]
        transaction = json.loads(base64.b64decode(kinesis["data"]))
        if not valid(transaction):
            continue
        window = "sales#" + transaction["occurred_at"][:16] + "Z"
        delivered = (kinesis["sequenceNumber"].zfill(64), kinesis["approximateArrivalTimestamp"], transaction)
        windows.setdefault(window, []).append(delivered)
        shard = record["eventID"].split(":")[0]
    for window, delivered in windows.items():
        fold(window, shard, delivered)


def valid(transaction):
    if transaction.get("schema_version") != 1 or transaction.get("event_type") not in ("purchase", "refund"):
        return False
    goods = sum(line["quantity"] * line["unit_price_minor"] for line in transaction["lines"])
    extras = transaction["shipping_minor"] + transaction["tax_minor"] - transaction["discount_minor"]
    return bool(transaction["lines"]) and transaction["total_minor"] == goods + extras


def fold(window, shard, delivered):
    item = load(window, shard)
    mark = item.get("mark")
    seen = set(item["event_ids"])
    for sequence, arrived_at, transaction in delivered:
        if mark is not None and sequence <= mark:
            continue
        if transaction["event_id"] not in seen:
            seen.add(transaction["event_id"])
            add(item["countries"], transaction)
        item["mark"] = sequence
        item["expires_at"] = int(arrived_at) + RETENTION_S
    item["event_ids"] = list(seen)
    save(item, mark)


def load(window, shard):
    found = DYNAMODB.query(
        TableName=TABLE,
        ConsistentRead=True,
        KeyConditionExpression="#window = :window AND begins_with(writer, :shard)",
        ExpressionAttributeNames={"#window": "window"},
        ExpressionAttributeValues={":window": {"S": window}, ":shard": {"S": shard}},
    )["Items"]
    if not found:
        return {"window": window, "writer": shard, "countries": {}, "event_ids": []}
    deserialize = TypeDeserializer().deserialize
    item = {name: deserialize(value) for name, value in found[0].items()}
    for sales in item["countries"].values():
        sales["buyers"] = set(sales["buyers"])
    return item


def save(item, mark):
    for sales in item["countries"].values():
        sales["buyers"] = list(sales["buyers"])
    serialize = TypeSerializer().serialize
    guard = {"ConditionExpression": "attribute_not_exists(mark)"}
    if mark is not None:
        guard = {"ConditionExpression": "mark = :mark", "ExpressionAttributeValues": {":mark": {"S": mark}}}
    DYNAMODB.put_item(TableName=TABLE, Item={name: serialize(value) for name, value in item.items()}, **guard)


def add(countries, transaction):
    sales = countries.get(transaction["country"])
    if sales is None:
        sales = countries[transaction["country"]] = {**dict.fromkeys(SUMS, 0), "buyers": set()}
    units = sum(line["quantity"] for line in transaction["lines"])
    goods = sum(line["quantity"] * line["unit_price_minor"] for line in transaction["lines"])
    if transaction["event_type"] == "refund":
        sales["refunds"] += 1
        sales["refunded_units"] += units
        sales["refunded_minor"] += goods - transaction["discount_minor"]
        return
    sales["orders"] += 1
    sales["units"] += units
    sales["gross_minor"] += goods
    for name in ("discount_minor", "shipping_minor", "tax_minor"):
        sales[name] += transaction[name]
    sales["buyers"].add(transaction["user_id"])


def main():
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        runtime.request("GET", "/2018-06-01/runtime/invocation/next")
        response = runtime.getresponse()
        request_id = response.getheader("Lambda-Runtime-Aws-Request-Id")
        event = json.load(response)
        outcome, body = "response", "null"
        try:
            handle(event)
        except (ClientError, KeyError, TypeError, ValueError) as error:
            outcome, body = "error", json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
        runtime.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/{outcome}", body)
        runtime.getresponse().read()


if __name__ == "__main__":
    main()
