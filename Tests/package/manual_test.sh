#!/usr/bin/env bash
# The pages of the manual say what the program says, all of it; and what they would get wrong is an error.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
PYTHON="${SPEEM_PYTHON:-python3}"
MANUAL="$HERE/../../deploy/manual.py"

"$SPEEM" --experimental-dump-help >"$BOX/help.json"
for role in node device; do "$SPEEM" config example --role "$role" >"$BOX/$role.toml"; done
# pages FOLDER: of what is in it.
pages() { "$PYTHON" "$MANUAL" "$1/help.json" "$1/node.toml" "$1/device.toml" 1.2.3 1700000000 "$1"; }
prints "the pages are made" '^$' sh -c "'$PYTHON' '$MANUAL' '$BOX/help.json' '$BOX/node.toml' '$BOX/device.toml' 1.2.3 1700000000 '$BOX' && echo"

# ---- their bytes
sums() { (cd "$BOX" && sha256sum speem.1 speem.toml.5); }
before="$(sums)"
TZ=Asia/Tokyo pages "$BOX"
[ "$(sums)" = "$before" ] && ok "the same again, in every time zone" || bad "the same again, in every time zone"
prints "date and version are those that were given" '^.TH "SPEEM" "1" "2023-11-14" "speem 1.2.3"' cat "$BOX/speem.1"
if LC_ALL=C grep -qP '[^\x00-\x7f]' "$BOX/speem.1" "$BOX/speem.toml.5"; then bad "they are ASCII, for every reader"; else
    ok "they are ASCII, for every reader"; fi

# ---- everything is in them
cat >"$BOX/missing.py" <<'PY'
import json, re, sys
plain = lambda text: re.sub(r"\\f[A-Z]", "", text).replace("\\-", "-").replace("\\&", "").replace("\\(dq", '"')
box = sys.argv[1]
page, missing = plain(open(box + "/speem.1").read()), []
def walk(command, path):
    path = path + [command["commandName"]]
    name = " ".join(path)
    if len(path) > 1 and path[1] == "help":
        return
    start = page.find(".SS %s\n" % name) if len(path) > 1 else 0
    if start < 0:
        missing.append(name)
        return
    end = page.find("\n.S", start + 1) if len(path) > 1 else len(page)
    for argument in command.get("arguments", []):
        for option in argument.get("names", []):
            text = ("--" if option["kind"] == "long" else "-") + option["name"]
            where = page if option["name"] in ("config", "help", "version", "h") else page[start:end]
            if text not in where:
                missing.append(name + " " + text)
    for child in command.get("subcommands", []):
        walk(child, path)
walk(json.load(open(box + "/help.json"))["command"], [])
settings = plain(open(box + "/speem.toml.5").read())
for role in ("node", "device"):
    section = ""
    for line in open("%s/%s.toml" % (box, role)):
        if line.startswith("["):
            section = line.strip()
        found = re.match(r"#?([a-z_]+) = ", line)
        if found:
            start = settings.find("\n.SS " + section) if section else 0
            if start < 0 or "\n%s\n" % found[1] not in settings[start:]:
                missing.append(section + " " + found[1])
print("missing:", missing)
PY
prints "every command, option and setting is in them" '^missing: \[\]$' "$PYTHON" "$BOX/missing.py" "$BOX"

# ---- what is special to the language of the pages, at the beginning of a line and inside
mkdir "$BOX/odd"
cat >"$BOX/odd/help.json" <<'JSON'
{"command": {"commandName": "speem", "abstract": "An abstract.", "shouldDisplay": true,
 "discussion": ".de is no macro\n\n  'quoted' and C:\\path --long\n  .br",
 "arguments": [], "subcommands": [{"commandName": "run", "abstract": "See .config, ~/x and …", "shouldDisplay": true,
 "arguments": [{"kind": "option", "names": [{"kind": "long", "name": "config"}], "valueName": "file", "isOptional": true,
  "isRepeating": false, "shouldDisplay": true, "abstract": "The file."}]}]}}
JSON
printf '# One\n# two (1 to 2)\n#key = "a\\\\b"\n\n[part]\n# Three\nother = -1\n' | tee "$BOX/odd/node.toml" >"$BOX/odd/device.toml"
pages "$BOX/odd"
if command -v man >/dev/null; then
    # show PAGE: what a reader sees, and what the formatter objects to.
    show() { LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -Tutf8 -l "$BOX/odd/$1" | sed 's/\x1b\[[0-9;]*m//g; s/.\x08//g'; }
    err="$({ show speem.1; show speem.toml.5; } 2>&1 >/dev/null)"
    [ -z "$err" ] && ok "odd text makes no warnings" || bad "odd text makes no warnings" "$err"
    for text in "       .de is no macro" "           'quoted' and C:\\\\path --long" "           \.br" "See .config, ~/x and …"; do
        prints "and is read as it was written: $text" "^ *$text" show speem.1
    done
    prints "so is a default" 'Default: "a\\\\+b"$' show speem.toml.5
    prints "and a comment of two lines" 'One two \(1 to 2\)\.' show speem.toml.5
    prints "a setting that is set is an example" 'Example: -1$' show speem.toml.5
else
    skip "reading pages takes man"
fi

# ---- what is not understood
# not_understood WORDS PATTERN TEXT: a page of such a configuration is not made.
not_understood() {
    local err
    mkdir -p "$BOX/bad"
    cp "$BOX/odd/help.json" "$BOX/odd/device.toml" "$BOX/bad"
    printf '%b' "$3" >"$BOX/bad/node.toml"
    if err="$(pages "$BOX/bad" 2>&1)" || ! grep -q "$2" <<<"$err" || [ -e "$BOX/bad/speem.toml.5" ]; then bad "$1" "$err"; else ok "$1"; fi
}
not_understood "a setting without a comment is refused" 'node example, line 1: a setting without a comment' 'key = 1\n'
not_understood "a line of another kind is refused" 'node example, line 2 is not understood: key: 1' '# One\nkey: 1\n'
