# SPDX-License-Identifier: GPL-2.0-or-later
"""What iopath-bench wrote, read from stdin by parsers of others.

readers.py FORMAT VERDICT [DEVICE=NAME]...: a report, held to the numbers of verdict.json, each at the digits that the format
has; what names devices as from run to run does so with NAME. Prints arm, device, scheduler, verdict and loss of throughput.
readers.py otava COLUMN... | jsonl SCHEMA. Exit status 77: no such parser here.
"""
import csv
import io
import json
import re
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from datetime import datetime
from xml.etree import ElementTree

METRICS = ["throughput_loss_pct", "cpu_per_io_pct", "system_cpu_pp", "worst_core_pp"]
TENTH = "{:+.1f}".format


def skip(why):
    print(why)
    sys.exit(77)


def a_cell(workload, device, scheduler, arm, metric, numbers, verdict=None):
    """Of one arm and metric; NUMBERS: estimate, or that and both bounds, as they were written."""
    return (workload, device, scheduler, arm, metric), numbers, verdict


# Each of these: a list of what a_cell() gives.


def read_csv(text):
    cells = []
    for row in csv.DictReader(io.StringIO(text, newline=""), strict=True):
        if None in row or None in row.values():
            sys.exit(f"a row of another length: {row}")
        if row["metric"]:
            cells.append(a_cell(row["workload"], row["device"], row["scheduler"], row["arm"], row["metric"],
                                [row["estimate"], row["lower"], row["upper"]], row["verdict"]))
        elif row["verdict"] != "SKIPPED" or not row["reason"]:
            sys.exit(f"a row of no arm that is none of what was skipped: {row}")
    return cells


def read_gha(text):
    """BenchmarkResult of that action's src/extract.ts; it finds the last run's by name, and range is as extractRangeInfo() takes it."""
    entries = json.loads(text)
    kinds = {"name": str, "unit": str, "value": float, "range": str, "extra": str}
    if not entries or len({e["name"] for e in entries}) != len(entries):
        sys.exit("nothing in it, or a name twice")
    cells = []
    for e in entries:
        if not {"name", "unit", "value"} <= set(e) <= set(kinds) or not all(isinstance(e[k], kinds[k]) for k in e) or not e["value"] > 0:
            sys.exit(f"not a BenchmarkResult: {e}")
        if "range" in e and not re.fullmatch(r"(\+-|±)\s*\d+(\.\d+)?", e["range"]):
            sys.exit(f"not a range: {e}")
        name, metric, _ = e["name"].split(" ")
        device, scheduler, workload, arm = name.split("/")
        verdict = re.search(r"\bverdict=(\S+)", e["extra"]).group(1)
        cells.append(a_cell(workload, device, scheduler, arm, metric, [f"{e['value']:.2f}"], verdict))
    return cells


def read_bmf(text):
    """As Bencher's AdapterResults has it: names (BenchmarkName, MeasureNameId) of JsonNewMetric. Its bmf.json allows keys beside them, ours has none."""
    try:
        import jsonschema
    except ImportError:
        skip("no python3-jsonschema")
    number = {"type": "number"}
    metric = {
        "type": "object",
        "required": ["value"],
        "properties": {"value": number, "lower_value": number, "upper_value": number},
        "additionalProperties": False,
    }
    # no blanks around a name, which is_valid_non_empty() refuses; 1024 and 64 are their MAX_LEN
    name = {"pattern": r"^\S(.*\S)?$"}
    doc = json.loads(text)
    jsonschema.validate(doc, {
        "type": "object",
        "minProperties": 1,
        "propertyNames": dict(name, maxLength=1024),
        "additionalProperties": {"type": "object", "minProperties": 1, "propertyNames": dict(name, maxLength=64), "additionalProperties": metric},
    })
    cells = []
    for name, measures in doc.items():
        device, scheduler, workload, arm = name.split("/")
        for measure, m in measures.items():
            cells.append(a_cell(workload, device, scheduler, arm, measure.replace("-", "_"),
                                [repr(float(m[k])) for k in ("value", "lower_value", "upper_value")]))
    return cells


def interval(text):
    """"+0.9 [+0.2,+1.7]", or the estimate alone, of a core."""
    m = re.fullmatch(r"(?:cpu\d+ +)?([+-]\d+\.\d)(?: \[([+-]\d+\.\d),([+-]\d+\.\d)\])?", text)
    if not m:
        sys.exit(f"not a figure: {text}")
    return [n for n in m.groups() if n]


def row_cells(workload, device, scheduler, arm, figures, verdict):
    """A row of a table: the verdict is of all its metrics."""
    return [a_cell(workload, device, scheduler, arm, m, interval(f), [verdict]) for m, f in zip(METRICS, figures)]


def read_text(text):
    """The terminal table: sets between empty lines, the disk, a head of two lines, then a row per arm until the next table."""
    row = re.compile(r"(\S+) +(\S+ \[\S+\]) +(\S+ \[\S+\]) +(\S+) +(cpu\d+ \S+) +[+-]\d+ +\S+ +(?:-|\d+)  ([A-Z]+)\b.*")
    cells = []
    for block in text.split("\n\n"):
        lines = block.splitlines()
        if len(lines) > 1 and re.match(r"\S+: ", lines[0]) and lines[1].startswith("bench "):
            lines = lines[1:]
        head = re.match(r"bench (\S+) (\S+) (\S+) kernel ", lines[0])
        if not head:
            continue
        if not lines[1].startswith("tier "):
            sys.exit(f"no head of a table: {lines[1]}")
        for line in lines[2:]:
            if line.startswith(("p99 of ", "CPU per I/O")):
                break
            m = row.fullmatch(line)
            if not m:
                sys.exit(f"no row: {line}")
            cells += row_cells(head.group(3), head.group(1), head.group(2), m.group(1), m.groups()[1:5], m.group(6))
    return cells


HEADING = re.compile(r"(\S+) on (\S+), scheduler (\S+)")


def read_md(text):
    """By the parser that GitHub publishes: what is a table to it, and what stands in each cell."""
    try:
        parsed = subprocess.run(["cmark-gfm", "-e", "table", "-t", "xml"], input=text, capture_output=True, check=True, text=True)
    except FileNotFoundError:
        skip("no cmark-gfm")
    ns = "{http://commonmark.org/xml/1.0}"
    cells, heading = [], None
    for block in ElementTree.fromstring(parsed.stdout):
        if block.tag == ns + "heading":
            heading = HEADING.fullmatch("".join(block.itertext()).strip())
        if block.tag != ns + "table":
            continue
        rows = [["".join(cell.itertext()).strip() for cell in row] for row in block]
        for row in rows[1:]:
            if len(row) != len(rows[0]) or not all(row):
                sys.exit(f"a row of {len(row)} cells, some empty, where {len(rows[0])} are wanted: {row}")
            if rows[0][0] == "tier":
                cells += row_cells(*heading.groups(), row[0], row[1:5], row[-1].split()[0])
    return cells


def read_html(text):
    """It is XML too."""
    cells = []
    for section in ElementTree.fromstring(text).iter("section"):
        heading = HEADING.fullmatch(section.find("h2").text)
        for row in section.iterfind(".//table[@class='arms']/tbody/tr"):
            col = ["".join(td.itertext()).strip() for td in row]
            cells += row_cells(*heading.groups(), col[0], col[2:6], col[1].split()[0])
    return cells


def read_junit(text):
    """What it counts itself must be what the file says that there is."""
    try:
        import junitparser
    except ImportError:
        skip("no python3-junitparser")
    outcome = {junitparser.Failure: "FAIL", junitparser.Error: "INVALID", junitparser.Skipped: "INCONCLUSIVE"}
    counts = ("tests", "failures", "errors", "skipped")
    doc, cells = junitparser.JUnitXml.fromstring(text.encode()), []
    if [getattr(doc, c) for c in counts[:3]] != [sum(getattr(s, c) for s in doc) for c in counts[:3]]:
        sys.exit("the counts of all are not the sums of those of the suites")
    for suite in doc:
        if not suite.hostname or not datetime.strptime(suite.timestamp, "%Y-%m-%dT%H:%M:%S"):
            sys.exit(f"suite {suite.name} at {suite.timestamp} on {suite.hostname}")
        said = [getattr(suite, c) for c in counts]
        suite.update_statistics()
        if said != [getattr(suite, c) for c in counts]:
            sys.exit(f"suite {suite.name} says {said} and has {[getattr(suite, c) for c in counts]}")
        for case in suite:
            if not case.system_out:
                if [type(r) for r in case.result] != [junitparser.Skipped]:
                    sys.exit(f"case {case.name}: no metrics, and not skipped")
                continue
            (device, scheduler), (workload, arm) = case.classname.removeprefix("bench.").rsplit(".", 1), case.name.split("/")
            lines = [line.split(" ", 1) for line in case.system_out.splitlines()]
            verdicts = {rest.rsplit(" ", 1)[1] for _, rest in lines}
            if worst(verdicts) != (outcome[type(case.result[0])] if case.result else "PASS"):
                sys.exit(f"case {case.name}: {case.result} of {verdicts}")
            for metric, rest in lines:
                figure, verdict = rest.rsplit(" ", 1)
                cells.append(a_cell(workload, device, scheduler, arm, metric, interval(figure), verdict))
    return cells


def read_openmetrics(text):
    """Both parsers of Prometheus: of OpenMetrics, and of the older text, which a node_exporter reads and which knows fewer types."""
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
        from prometheus_client.parser import text_string_to_metric_families as parse_old
    except ImportError:
        skip("no python3-prometheus-client")
    families, bounds, verdicts = list(parse(text)), {}, {}
    if [f.samples for f in families] != [f.samples for f in parse_old(text)]:
        sys.exit("OpenMetrics says one thing, the text format another")
    for f in families:
        if f.type not in ("counter", "gauge", "histogram", "summary", "untyped"):
            sys.exit(f"a node_exporter has no type {f.type}")
        for s in f.samples:
            key = (s.labels["workload"], s.labels["device"], s.labels["scheduler"], s.labels["arm"])
            if s.name == "iopath_bench_overhead_ratio":
                bound = bounds.setdefault(key + (s.labels["metric"],), {})
                if s.labels["bound"] in bound:
                    sys.exit(f"a series twice: {s}")
                bound[s.labels["bound"]] = f"{s.value:.6g}"
            elif s.name == "iopath_bench_verdict":
                verdicts.setdefault(key, []).extend([s.labels["verdict"]] * int(s.value))
    metrics = {m.rsplit("_", 1)[0]: m for m in METRICS}
    return [a_cell(*key[:4], metrics[key[4]], [b["estimate"], b["lower"], b["upper"]], verdicts[key[:4]]) for key, b in bounds.items()]


def rank(verdict):
    return ["PASS", "INCONCLUSIVE", "INVALID", "FAIL"].index(verdict)


def worst(verdicts):
    return max(verdicts, key=rank)


# What a format writes for a value of verdict.json, whether it has arms that are not judged, and names of devices from run to run.
FORMATS = {
    "csv": (read_csv, "{:.6g}".format, True, True),
    "gha": (read_gha, lambda v: f"{100 + v:.2f}", False, True),
    "bmf": (read_bmf, repr, False, True),
    "text": (read_text, TENTH, True, False),
    "md": (read_md, TENTH, True, False),
    "html": (read_html, TENTH, True, False),
    "junit": (read_junit, TENTH, False, True),
    "openmetrics": (read_openmetrics, lambda v: f"{v / 100:.6g}", True, True),
}


def verdict_cells(doc, names):
    return {(c["workload"], names.get(c["device"], c["device"]), c["scheduler"], c["arm"], c["metric"]): c for c in doc["cells"]}


def hold(shown, doc, write, all_arms, names):
    """Each number once, none missing, none of its own; a list in place of a verdict: the one of the arm."""
    want = {k: c for k, c in verdict_cells(doc, names).items() if all_arms or c["gates"]}
    if Counter(key for key, _, _ in shown) != Counter(want.keys()):
        sys.exit(f"cells that are not those of verdict.json: {sorted(set(want) ^ {key for key, _, _ in shown})}")
    for key, numbers, verdict in shown:
        c = want[key]
        said = [write(c[n]) for n in ("estimate", "lower", "upper")][:len(numbers)]
        if numbers != said:
            sys.exit(f"{key}: {numbers}, and verdict.json {said}")
        of_arm = [worst(o["verdict"] for k, o in want.items() if k[:4] == key[:4])]
        if verdict is not None and verdict not in (c["verdict"], of_arm):
            sys.exit(f"{key}: {verdict}, and verdict.json {c['verdict']}, {of_arm}")
        if key[4] == METRICS[0]:
            print(key[3], c["device"], key[2], c["verdict"], round(c["estimate"]))


def read_benchstat(doc, names):
    """
    The Go benchmark format as Go's package benchfmt reads it: lines of "key: value", of "Unit", of results, any other is
    not seen. A number behind the last dash of a name is not of the name, but how many processors there were.
    What benchstat compares is the median of each name and unit. Itself, where it is installed.
    """
    text = sys.stdin.read()
    if shutil.which("benchstat"):
        ran = subprocess.run(["benchstat", "-col", "/tier", "-"], input=text, capture_output=True, text=True)
        if ran.returncode or ran.stderr or "IOPS" not in ran.stdout:
            sys.exit(f"benchstat: {ran.stderr}{ran.stdout}")
    seen, units = {}, {}
    for line in text.splitlines():
        words = line.split()
        if line.startswith("Benchmark"):
            if len(words) < 4 or len(words) % 2 or int(words[1]) <= 0:
                sys.exit(f"not a result: {line}")
            base, *parts = re.sub(r"-\d+$", "", words[0][len("Benchmark"):]).split("/")
            place = dict(p.split("=", 1) for p in parts)
            if base != "Iopath" or list(place) != ["dev", "wl", "tier", "sched"]:
                sys.exit(f"not a name of ours: {words[0]}")
            for value, unit in zip(words[2::2], words[3::2]):
                seen.setdefault((place["wl"], place["dev"], place["sched"], place["tier"], unit), []).append(float(value))
        elif words[:1] == ["Unit"]:
            units.update({(words[1],) + tuple(w.split("=", 1)): line for w in words[2:]})
        elif not re.fullmatch(r"[a-z][^\sA-Z:]*:([ \t].*)?", line):
            sys.exit(f"a line that is not seen: {line}")
    arms = {key[:4] + ("IOPS",): c["rounds"] for key, c in verdict_cells(doc, names).items()}
    arms.update({key[:3] + ("off", "IOPS"): rounds for key, rounds in list(arms.items())})
    if {k: len(v) for k, v in seen.items() if k[4] == "IOPS"} != arms or list(units) != [("IOPS", "better", "higher")]:
        sys.exit(f"not a line per round and arm: {[(k, len(v)) for k, v in seen.items()]}, units {units}")
    for (_, device, scheduler, arm, unit), values in seen.items():
        print(arm, device, scheduler, unit, round(statistics.median(values), 3))


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


def main(what, *args):
    if what == "jsonl":
        read_jsonl(args[0])
        return
    if what == "otava":
        read_otava(args)
        return
    with open(args[0]) as f:
        doc = json.load(f)
    names = dict(word.split("=", 1) for word in args[1:])
    if what == "benchstat":
        read_benchstat(doc, names)
        return
    read, write, all_arms, named = FORMATS[what]
    sys.stdin.reconfigure(newline="")
    hold(read(sys.stdin.read()), doc, write, all_arms, names if named else {})


main(*sys.argv[1:])
