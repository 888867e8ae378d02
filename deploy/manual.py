#!/usr/bin/env python3
"""Writes speem(1) and speem.toml(5) from what the program says of itself.

    manual.py HELP.json NODE.toml DEVICE.toml VERSION SECONDS FOLDER

HELP.json is the output of speem --experimental-dump-help, the .toml files are those of speem config example, and SECONDS is
the pages' date since 1970. What it does not understand is an error: a page never silently lacks something.
"""

import json
import re
import sys
import textwrap
import time

# Options that every command has.
COMMON = {"config", "help", "version"}


def literal(text):
    """Text that is to be typed or read as it stands."""
    marks = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}
    escaped = "".join(marks.get(mark, mark if mark < "\x7f" else "\\[u%04X]" % ord(mark)) for mark in text)
    return re.sub(r"^\.", r"\\&.", escaped)


def prose(text):
    """A sentence; what looks like an option, a path or a quotation of the program's keeps its marks."""
    words = []
    for word in text.split():
        if re.match(r"[(\"'$]*(-|~|/|\.)", word) or "_" in word or '"' in word or word.startswith("'"):
            words.append(literal(word))
        else:
            mark = "".join(c if c < "\x7f" else "\\[u%04X]" % ord(c) for c in word.replace("\\", "\\e"))
            words.append(mark.replace("^", "\\(ha").replace("~", "\\(ti").replace("`", "\\(ga"))
    lines = textwrap.wrap(" ".join(words), 100, break_long_words=False, break_on_hyphens=False)
    return [re.sub(r"^([.'])", r"\\&\1", line) for line in lines]


def paragraphs(text):
    """A discussion: paragraphs are filled, indented blocks stay as they are."""
    result = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if result:
            result.append(".PP")
        if block.startswith("  "):
            lines = textwrap.dedent(block).split("\n")
            result += [".RS 4", ".nf"] + [literal(line) for line in lines] + [".fi", ".RE"]
        else:
            result += prose(block)
    return result


def spelling(argument):
    return ", ".join(("--" if name["kind"] == "long" else "-") + name["name"] for name in argument["names"])


def is_common(argument):
    return any(name["name"] in COMMON for name in argument.get("names", []))


def usage(path, command):
    words = ["\\fB%s\\fR" % literal(" ".join(path))]
    for argument in command.get("arguments", []):
        if not argument["shouldDisplay"] or is_common(argument):
            continue
        value = "\\fI%s\\fR" % literal(argument["valueName"])
        if argument["kind"] == "positional":
            text = value
        else:
            text = "\\fB%s\\fR" % literal(spelling(argument))
            if argument["kind"] == "option":
                text += " " + value
        if argument["isRepeating"]:
            text += " ..."
        words.append("[%s]" % text if argument["isOptional"] else text)
    return " ".join(words)


def option(argument):
    value = "\\fI%s\\fR" % literal(argument["valueName"])
    if argument["kind"] == "positional":
        tag = value
    else:
        tag = "\\fB%s\\fR" % literal(spelling(argument)) + (" " + value if argument["kind"] == "option" else "")
    text = [part for part in (argument.get("abstract"), argument.get("discussion")) if part]
    if "allValues" in argument:
        text.append("One of %s." % ", ".join(argument["allValues"]))
    if "defaultValue" in argument:
        text.append("Default: %s." % argument["defaultValue"])
    return [".TP", tag] + prose(" ".join(text) or "See above.")


def command_pages(command, path):
    """The command and those below it, each with a heading of its own."""
    lines = []
    path = path + [command["commandName"]]
    if command.get("subcommands"):
        lines += [".SS %s" % literal(" ".join(path))] + prose(command["abstract"])
        if "discussion" in command:
            lines += [".PP"] + paragraphs(command["discussion"])
        if "defaultSubcommand" in command:
            lines += [".PP"] + prose("Without a word behind it: %s." % command["defaultSubcommand"])
        for child in command["subcommands"]:
            lines += command_pages(child, path)
        return lines
    lines += [".SS %s" % literal(" ".join(path)), usage(path, command), ".PP"] + prose(command["abstract"])
    if "discussion" in command:
        lines += [".PP"] + paragraphs(command["discussion"])
    for argument in command.get("arguments", []):
        if argument["shouldDisplay"] and not is_common(argument):
            lines += option(argument)
    return lines


def header(title, section, manual, version, date):
    return ['.\\" Made by deploy/manual.py', ".TH %s %s %s %s %s" % tuple(
        '"%s"' % part for part in (title, section, date, "speem " + version, manual))]


FILES = [
    ("~/.config/speem/speem.toml", "The configuration, unless $SPEEM_CONFIG or --config names another file."),
    ("/etc/speem/speem.toml", "The configuration of the service speem.service: speem COMMAND --config /etc/speem/speem.toml asks it."),
    ("~/.local/share/speem", "A device's data, unless its configuration names another folder."),
    ("/var/lib/speem", "The service's data."),
    ("/run/speem/control.sock", "Where the service takes commands, from root and its own user."),
]


def manual(help_text, version, date):
    root = json.loads(help_text)["command"]
    lines = header("SPEEM", "1", "User Commands", version, date)
    lines += [".SH NAME", "speem \\- %s" % root["abstract"].rstrip(".").lower()]
    lines += [".SH SYNOPSIS", ".B speem", ".I command", "[\\fIoption\\fR ...]", ".br", ".B speem \\-\\-version", ".br",
              ".B speem help", ".I command"]
    lines += [".SH DESCRIPTION"] + paragraphs(root["discussion"])
    lines += [".SH COMMANDS"]
    commands = [child for child in root["subcommands"] if child["shouldDisplay"] and child["commandName"] != "help"]
    for child in commands:
        lines += command_pages(child, ["speem"])
    lines += [".SH OPTIONS OF EVERY COMMAND"]
    for argument in commands[0]["arguments"]:
        if is_common(argument):
            lines += option(argument)
    lines += [".SH ENVIRONMENT", ".TP", ".B SPEEM_CONFIG"] + prose("The configuration file, unless --config names one.")
    lines += [".SH FILES"]
    for path, text in FILES:
        lines += [".TP", ".I %s" % literal(path)] + prose(text)
    lines += [".SH SEE ALSO", ".BR speem.toml (5),", ".BR systemctl (1),", ".BR avahi\\-daemon (8)"]
    return lines


def settings(text, role):
    """[(section, key, default, is_set, [sentence])] of a configuration that speem config example printed."""
    result, comment, section = [], [], ""
    for number, line in enumerate(text.split("\n"), 1):
        setting = re.fullmatch(r"(#?)([a-z0-9_]+) = (.+)", line)
        if setting:
            if not comment:
                raise SystemExit("manual.py: %s example, line %d: a setting without a comment" % (role, number))
            result.append((section, setting[2], setting[3], not setting[1], comment))
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:])
        elif re.fullmatch(r"\[[a-z0-9_]+\]", line):
            section, comment = line, []
        elif line == "":
            comment = []
        else:
            raise SystemExit("manual.py: %s example, line %d is not understood: %s" % (role, number, line))
    return result


def configuration(node, device, version, date):
    lines = header("SPEEM.TOML", "5", "File Formats", version, date)
    lines += [".SH NAME", "speem.toml \\- configuration of a speem node or device"]
    lines += [".SH DESCRIPTION"] + prose(
        "One file sets up a node or a device; it is read when speem run starts. It is TOML: a key, = and a value on a line, in "
        "sections whose names are in brackets. Text is in quotes, lists are in brackets, sizes are written \"1GB\", and times "
        "\"90s\", \"5m\", \"1h\", \"7d\". What is not set has its default. A mistake is refused, with its line and what is valid; "
        "speem config check looks for one, and speem config example prints a whole file.")
    by_role = {"node": settings(node, "node"), "device": settings(device, "device")}
    lines += [".SH SETTINGS"]
    order = []
    for entries in by_role.values():
        for section, key, *_ in entries:
            if (section, key) not in order:
                order.append((section, key))
    sections = [section for section, _ in order]
    order.sort(key=lambda item: sections.index(item[0]))
    current = None
    for section, key in order:
        if section != current:
            current = section
            lines.append(".SS %s" % (literal(section) if section else "Before the first section"))
        found = {role: entry for role, entries in by_role.items() for entry in entries if entry[:2] == (section, key)}
        values = {role: entry[2] for role, entry in found.items()}
        words = sorted({" ".join(entry[4]) for entry in found.values()})
        lines += [".TP", "\\fB%s\\fR" % literal(key)]
        for text in words:
            lines += prose(text + ".")
        kind = "Example" if any(entry[3] for entry in found.values()) else "Default"
        if len(set(values.values())) == 1:
            only = "" if len(values) == len(by_role) else " (a %s has it)" % "".join(values)
            lines += [".br", "%s%s: %s" % (kind, only, literal(next(iter(values.values()))))]
        else:
            lines += [".br", "%s: %s" % (kind, ", ".join("%s of a %s" % (literal(value), role) for role, value in values.items()))]
    lines += [".SH FILES", ".I /etc/speem/speem.toml", ".br", ".I \\(ti/.config/speem/speem.toml"]
    lines += [".SH SEE ALSO", ".BR speem (1)"]
    return lines


def main():
    help_path, node_path, device_path, version, seconds, folder = sys.argv[1:]
    texts = []
    for path in (help_path, node_path, device_path):
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    date = time.strftime("%Y-%m-%d", time.gmtime(int(seconds)))
    pages = {"speem.1": manual(texts[0], version, date), "speem.toml.5": configuration(texts[1], texts[2], version, date)}
    for name, lines in pages.items():
        with open("%s/%s" % (folder, name), "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
