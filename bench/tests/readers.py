# SPDX-License-Identifier: GPL-2.0-or-later
"""What iopath-bench wrote, read from stdin by parsers of others: readers.py csv | otava COLUMN... | gha | bmf | benchstat | openmetrics | md | jsonl SCHEMA.

Exit status 77: no such parser here.
"""
import csv
import json
import re
import shutil
import statistics
import subprocess
import sys
from datetime import datetime
from xml.etree import ElementTree


def skip(why):
    print(why)
    sys.exit(77)


def read_csv():
    for row in csv.DictReader(sys.stdin, strict=True):
        if None in row or None in row.values():
            sys.exit(f"a row of another length: {row}")
        if row["metric"] == "throughput_loss_pct":
            print(row["arm"], row["scheduler"], row["verdict"], round(float(row["estimate"])))


def read_otava(columns):
    """As the CSV importer of Apache Otava does it: a time with its zone, attributes as they are, a number in each row of a metric."""
    reader = csv.reader(sys.stdin, strict=True)
    header = next(reader)
    for row in reader:
        if len(row) != len(header):
            sys.exit(f"a row of another length: {row}")
        at = datetime.strptime(row[header.index("time")], "%Y-%m-%d %H:%M:%S %z")
        values = [round(float(row[header.index(c)])) for c in columns]
        print(int(at.timestamp()), row[header.index("commit")] or "-", *values)


def read_gha():
    for entry in json.load(sys.stdin):
        if set(entry) - {"name", "unit", "value", "range", "extra"}:
            sys.exit(f"keys that github-action-benchmark does not know: {entry}")
        if "throughput" in entry["name"]:
            print(entry["name"], round(entry["value"]))


def read_bmf():
    try:
        import jsonschema
    except ImportError:
        skip("no python3-jsonschema")
    number = {"type": "number"}
    measure = {
        "type": "object",
        "required": ["value"],
        "properties": {"value": number, "lower_value": number, "upper_value": number},
        "additionalProperties": False,
    }
    doc = json.load(sys.stdin)
    jsonschema.validate(doc, {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"type": "object", "minProperties": 1, "additionalProperties": measure},
    })
    for name, measures in doc.items():
        m = measures["throughput-loss-pct"]
        if not m.get("lower_value", m["value"]) <= m["value"] <= m.get("upper_value", m["value"]):
            sys.exit(f"{name}: the value is outside its bounds")
        print(name, round(m["value"]))


def read_benchstat():
    """The Go benchmark format: what benchstat compares is the median of each name and unit. Itself, where it is installed."""
    text = sys.stdin.read()
    if shutil.which("benchstat"):
        ran = subprocess.run(["benchstat", "-col", "/tier", "-"], input=text, capture_output=True, text=True)
        if ran.returncode or ran.stderr or "IOPS" not in ran.stdout:
            sys.exit(f"benchstat: {ran.stderr}{ran.stdout}")
    seen = {}
    for line in text.splitlines():
        if re.fullmatch(r"[a-z][^\sA-Z]*:.*", line) or line.startswith("Unit ") or not line:
            continue
        words = line.split()
        if not re.fullmatch(r"Benchmark([A-Z0-9/].*)?", words[0]) or int(words[1]) <= 0 or len(words) % 2 or len(words) < 4:
            sys.exit(f"not a result: {line}")
        for value, unit in zip(words[2::2], words[3::2]):
            seen.setdefault((words[0], unit), []).append(float(value))
    for (name, unit), values in seen.items():
        print(name, unit, len(values), round(statistics.median(values), 3))


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


def read_md():
    """By the parser that GitHub publishes: what is a table to it, and what stands in each cell."""
    try:
        parsed = subprocess.run(["cmark-gfm", "-e", "table", "-t", "xml"], stdin=sys.stdin, capture_output=True, check=True)
    except FileNotFoundError:
        skip("no cmark-gfm")
    ns = "{http://commonmark.org/xml/1.0}"
    for table in ElementTree.fromstring(parsed.stdout).iter(ns + "table"):
        rows = [["".join(cell.itertext()).strip() for cell in row] for row in table]
        for row in rows[1:]:
            if len(row) != len(rows[0]) or not all(row):
                sys.exit(f"a row of {len(row)} cells, some empty, where {len(rows[0])} are wanted: {row}")
            if rows[0][0] == "tier":
                print(row[0], row[-1].split()[0], round(float(row[1].split()[0])))


what = sys.argv[1]
if what == "jsonl":
    read_jsonl(sys.argv[2])
elif what == "otava":
    read_otava(sys.argv[2:])
else:
    {"csv": read_csv, "gha": read_gha, "bmf": read_bmf, "benchstat": read_benchstat, "openmetrics": read_openmetrics, "md": read_md}[what]()
