"""Reads Prometheus' text format 0.0.4 from standard input as strictly as `promtool check metrics` does, and prints the samples
that are named on the command line: "name{labels} value".

Of the format: https://prometheus.io/docs/instrumenting/exposition_formats/, and the names' conventions of
https://prometheus.io/docs/practices/naming/.
"""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|\+Inf|-Inf|NaN)")
TYPES = ("counter", "gauge")
# Units are the base ones, in the plural, at the end (before _total).
OTHER_UNITS = ("milliseconds", "minutes", "hours", "days", "kilobytes", "megabytes", "bits", "percent")

raw = sys.stdin.buffer.read()
text = raw.decode("utf-8")
assert text.endswith("\n"), "the last line does not end"
assert "\r" not in text, "a carriage return"
helped, typed, samples, current = {}, {}, {}, None
for line in text[:-1].split("\n"):
    if line.startswith("# HELP "):
        name, words = line[7:].split(" ", 1)
        assert re.fullmatch(NAME, name) and words, line
        assert name not in helped, f"{name} is described twice"
        helped[name] = words
        current = name
    elif line.startswith("# TYPE "):
        name, kind = line[7:].split(" ")
        assert name == current and name not in typed and kind in TYPES, line
        typed[name] = kind
    else:
        match = SAMPLE.fullmatch(line)
        assert match, f"not a sample: {line}"
        name, labels, value = match.groups()
        assert name == current and name in typed, f"{name} comes apart from its type"
        assert (typed[name] == "counter") == name.endswith("_total"), f"{name} is a {typed[name]}"
        assert not any(name.removesuffix("_total").endswith("_" + unit) for unit in OTHER_UNITS), f"the unit of {name}"
        assert not name.endswith(("_count", "_sum", "_bucket")), f"{name} is taken for a histogram"
        assert name == name.lower(), f"{name} is not in lower case"
        key = f"{name}{{{labels}}}" if labels else name
        assert key not in samples, f"{key} comes twice"
        samples[key] = value
assert samples and set(typed) == set(helped), "a name without a type"
for wanted in sys.argv[1:]:
    found = [f"{key} {value}" for key, value in samples.items() if key == wanted or key.startswith(wanted + "{")]
    assert found, f"no {wanted}"
    print("\n".join(found))
