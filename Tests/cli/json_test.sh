# What scripts read: --json of every command that has it, and messages as they come.
source "$(dirname "$0")/lib.sh"

# is_json WORDS PATTERN COMMAND...: the command succeeds, and prints one line, which is JSON. PATTERN matches a line of it
# after python3 -m json.tool has spread it out.
is_json() {
    local words="$1" pattern="$2" out spread status=0
    shift 2
    out="$("$@" 2>"$BOX/.stderr" </dev/null)" || status=$?
    if [ "$status" -eq 0 ] && [ "$(printf '%s\n' "$out" | wc -l)" -eq 1 ] &&
        spread="$(printf '%s\n' "$out" | python3 -m json.tool 2>>"$BOX/.stderr")" &&
        printf '%s\n' "$spread" | grep -qE -- "$pattern"; then
        ok "$words"
    else
        bad "$words" "status $status, wanted JSON with: $pattern
$(printf '%s' "$out" | cut -c 1-400)
$(cat "$BOX/.stderr")"
    fi
}

# member NAME: a member of the JSON object on standard input.
member() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

node alice-node
node bob-node
device alice
device bob
start alice-node
start bob-node

is_json "init --json" '"words": \[' speem alice init --json
is_json "the words of another account" '"words": \[' speem bob init --json
is_json "no contacts are an empty list" '^\[\]$' speem alice contacts --json
is_json "nothing was sent" '"messages": \[\]' speem alice sent --json
is_json "nothing has come" '"messages": \[\]' speem alice inbox --json
is_json "an unowned node's invite" '"kind": "claim"' speem alice-node invite --json
claim="$(speem alice-node invite --json | member invite)"
is_json "accepting a claim invite" '"kind": "claim"' speem alice accept --json "$claim"
is_json "accepting another" '"addresses": \[' speem bob accept --json "$(speem bob-node invite --json | member invite)"
is_json "a node's status" '"owned": true' speem bob-node status --json
is_json "a device's status" '"daemon": false' speem bob status --json

is_json "a contact invite" '"kind": "contact"' speem bob invite --json
is_json "it says when it ends" '"expires": [0-9]{10}' speem bob invite --json --lifetime 1h
invite="$(speem bob invite --json | member invite)"
is_json "accepting it" '"contact": "bob"' speem alice accept --json --name bob "$invite"
is_json "a contact that has not answered yet" '"state": "requested"' speem alice contacts --json
is_json "the other side" '"name": "alice"' speem bob contacts --json
until_ok "alice's contact is confirmed" sh -c "'$SPEEM' contacts --config '$BOX/alice.toml' | grep -q confirmed"
is_json "the safety number" '"safety_number": "([0-9]{5}[ \\n]*)+"' speem alice verify bob --json
is_json "not verified yet" '"verified": false' speem alice verify bob --json
is_json "verified" '"verified": true' speem alice verify bob --json --yes

is_json "sending" '"state": "stored"' speem alice send bob "first" --json
# What JSON must escape, and what a terminal must not see.
odd=$'a "quoted" \\ back\tslash,\na second line, \e[31m red, é and 🦊'
is_json "sending odd characters" '"state": "stored"' speem alice send bob "$odd" --json
is_json "what was sent" '"text": "first"' speem alice sent --json
is_json "what was sent to one contact" '"contact": "bob"' speem alice sent bob --json
is_json "what has come" '"state": "unread"' speem bob inbox --json
text="$(speem bob inbox --all --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["messages"][1]["text"])')"
if [ "$text" = "$odd" ]; then ok "odd characters come back as they were"; else bad "odd characters come back as they were" "$text"; fi
is_json "it is not new a second time" '"messages": \[\]' speem bob inbox --json

# Following: what is unread comes at once, the rest as it comes.
"$SPEEM" inbox --follow --config "$BOX/bob.toml" >"$BOX/alone.out" 2>"$BOX/alone.err" &
follow=$!
pids+=("$follow")
speem alice send bob "to nobody's daemon" >/dev/null
until_ok "following without a daemon" grep -qx "alice: to nobody's daemon" "$BOX/alone.out"
kill "$follow"
if gone "$follow"; then ok "it ends when it is told to, too"; else bad "it ends when it is told to, too"; fi
start bob
bob=$PID
speem alice send bob "before" >/dev/null
"$SPEEM" inbox --follow --config "$BOX/bob.toml" >"$BOX/follow.out" 2>"$BOX/follow.err" &
follow=$!
pids+=("$follow")
until_ok "following begins with what is unread" grep -qx 'alice: before' "$BOX/follow.out"
speem alice send bob "while it follows" >/dev/null
until_ok "a message that comes while it follows" grep -qx 'alice: while it follows' "$BOX/follow.out"
speem alice send bob "and one more" >/dev/null
until_ok "and the next" grep -qx 'alice: and one more' "$BOX/follow.out"
if [ "$(wc -l <"$BOX/follow.out")" -eq 3 ]; then ok "each once"; else bad "each once" "$(cat "$BOX/follow.out")"; fi
kill "$follow"
if gone "$follow"; then ok "it ends when it is told to"; else bad "it ends when it is told to"; fi
is_json "what was followed is read" '"unread": 0' speem bob status --json

"$SPEEM" inbox --follow --json --config "$BOX/bob.toml" >"$BOX/follow.json" 2>"$BOX/follow.err" &
follow=$!
pids+=("$follow")
speem alice send bob "as JSON" >/dev/null
until_ok "following as JSON" grep -q '"text":"as JSON"' "$BOX/follow.json"
is_json "each message is a line of JSON" '"contact": "alice"' cat "$BOX/follow.json"
stop "$bob"
if gone "$follow"; then ok "it ends with the daemon"; else bad "it ends with the daemon"; fi
