# SPDX-License-Identifier: GPL-2.0-or-later
"""What iopath-bench wrote, read from stdin by parsers of others: readers.py csv | gha | openmetrics | jsonl SCHEMA.

Exit status 77: no such parser here.
"""
import csv
import json
import sys


def skip(why):
    print(why)
    sys.exit(77)


def read_csv():
    for row in csv.DictReader(sys.stdin, strict=True):
        if None in row or None in row.values():
            sys.exit(f"a row of another length: {row}")
        if row["metric"] == "throughput_loss_pct":
            print(row["arm"], row["scheduler"], row["verdict"], round(float(row["estimate"])))


def read_gha():
    for entry in json.load(sys.stdin):
        if set(entry) - {"name", "unit", "value", "range", "extra"}:
            sys.exit(f"keys that github-action-benchmark does not know: {entry}")
        if "throughput" in entry["name"]:
            print(entry["name"], round(entry["value"]))


def read_jsonl(schema_path):
    try:
        import jsonschema
    except ImportError:
        skip("no python3-jsonschema")
    with open(schema_path) as f:
        schema = json.load(f)
    cls = jsonschema.validators.validator_for(schema)
    cls.check_schema(schema)
    validator = cls(schema)
    nr = 0
    for line in sys.stdin:
        validator.validate(json.loads(line))
        nr += 1
    print(nr, "lines")


def read_openmetrics():
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
    except ImportError:
        skip("no python3-prometheus-client")
    families = list(text_string_to_metric_families(sys.stdin.read()))
    print(len(families) > 0)


what = sys.argv[1]
if what == "jsonl":
    read_jsonl(sys.argv[2])
else:
    {"csv": read_csv, "gha": read_gha, "openmetrics": read_openmetrics}[what]()
