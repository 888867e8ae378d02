#!/usr/bin/env bash
# The main job, told with the real program: bob's node keeps sealed messages while bob's device sleeps.
#
#   deploy/story.sh SPEEM FOLDER
#
# SPEEM is the program, or a script that ends with exec of it (under an emulator, say); FOLDER is made anew and stays, with
# two nodes and two devices in it, for looking around.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -eq 2 ] || fail "deploy/story.sh takes the program and a folder"
SPEEM="$(realpath "$(from_caller "$1")")"
FOLDER="$(from_caller "$2")"
MESSAGES=10
pids=()

# clean_up STATUS: after a failure the daemons' logs say why; then stops the daemons.
clean_up() {
    local pid log
    if [ "$1" -ne 0 ] && [ "$1" -ne 130 ] && [ -f "$FOLDER/.speem-story" ]; then
        for log in "$FOLDER"/*.log; do
            [ -s "$log" ] || continue
            printf -- '--- the end of %s\n' "$log" >&2
            tail -n 20 "$log" >&2
        done
    fi
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do gone "$pid" || kill -9 "$pid" 2>/dev/null || true; done
}

if [ -e "$FOLDER" ]; then
    [ -f "$FOLDER/.speem-story" ] || fail "$FOLDER exists and was not made by this script" "name another folder"
    rm -rf "$FOLDER"
fi
mkdir -p "$FOLDER"
FOLDER="$(realpath "$FOLDER")"
touch "$FOLDER/.speem-story"

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 20000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s' "$port"
            return
        fi
    done
}

speem() {
    local who="$1"
    shift
    "$SPEEM" "$@" --config "$FOLDER/$who.toml"
}

# start WHO: runs the daemon of WHO in the background; its pid is in $PID.
start() {
    "$SPEEM" run --config "$FOLDER/$1.toml" >"$FOLDER/$1.out" 2>>"$FOLDER/$1.log" &
    PID=$!
    pids+=("$PID")
    for _ in $(seq 1 $((100 * TIMEOUT_FACTOR))); do
        if [ -S "$FOLDER/$1/control.sock" ] && speem "$1" status --json >/dev/null 2>&1; then return; fi
        kill -0 "$PID" 2>/dev/null || fail "$1 has stopped"
        sleep 0.1
    done
    fail "$1 does not start"
}

# wait_for WORDS COMMAND...: until the command succeeds, for 30 seconds (times TIMEOUT_FACTOR) at the most.
wait_for() {
    local words="$1"
    shift
    for _ in $(seq 1 $((150 * TIMEOUT_FACTOR))); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.2
    done
    fail "waited in vain: $words"
}

for who in alice bob; do
    cat >"$FOLDER/$who-node.toml" <<TOML
role = "node"
data = "$FOLDER/$who-node"
[listen]
addresses = ["127.0.0.1:$(free_port)"]
TOML
    cat >"$FOLDER/$who.toml" <<TOML
role = "device"
data = "$FOLDER/$who"
name = "$who"
TOML
done

say "two nodes start; nobody owns them yet"
start alice-node
start bob-node
bob_node=$PID

say "alice and bob make their accounts, and each takes a node"
for who in alice bob; do
    speem "$who" init >"$FOLDER/$who-recovery-words.txt" 2>/dev/null
    speem "$who" accept "$(tail -n 1 "$FOLDER/$who-node.out")"
done
start alice
start bob
bob=$PID

say "bob invites alice; alice accepts"
speem bob invite >"$FOLDER/invite.txt"
speem alice accept --name bob "$(cat "$FOLDER/invite.txt")"
confirmed() { speem "$1" contacts | grep -q confirmed; }
wait_for "alice's contact is confirmed" confirmed alice
confirmed bob || fail "bob does not know alice"
[ "$(speem alice verify bob 2>/dev/null)" = "$(speem bob verify alice 2>/dev/null)" ] ||
    fail "the safety numbers differ"
say "both see the same safety number"

say "bob's device is switched off"
kill "$bob"
gone "$bob" || fail "bob's device does not end when it is told to"

say "alice sends $MESSAGES messages; bob's node says that it stored them"
for number in $(seq 1 "$MESSAGES"); do
    answer="$(speem alice send bob "message $number of $MESSAGES")"
    printf '    %s\n' "$answer"
    [ "$answer" = "stored: bob's node has it" ] || fail "message $number was not stored: $answer"
done

say "bob's node is killed with kill -9, and starts again"
kill -9 "$bob_node"
wait "$bob_node" 2>/dev/null || true
if speem bob-node status >/dev/null 2>&1; then fail "bob's node answers although it was killed"; fi
start bob-node

say "bob's device wakes, drains its mailbox and reads"
start bob
inbox_is_full() { [ "$(speem bob status --json | grep -o '"unread" *: *[0-9]*' | grep -o '[0-9]*$')" = "$MESSAGES" ]; }
wait_for "bob's device has $MESSAGES messages" inbox_is_full
speem bob inbox >"$FOLDER/bob-inbox.txt"
sed 's/^/    /' "$FOLDER/bob-inbox.txt"
for number in $(seq 1 "$MESSAGES"); do printf 'alice: message %s of %s\n' "$number" "$MESSAGES"; done >"$FOLDER/expected.txt"
cmp -s "$FOLDER/expected.txt" "$FOLDER/bob-inbox.txt" || fail "bob did not read all $MESSAGES messages in order"
rm "$FOLDER/expected.txt"

say "alice sees that they were delivered"
all_delivered() { [ "$(speem alice sent bob | grep -c '^delivered')" -eq "$MESSAGES" ]; }
wait_for "all messages are delivered" all_delivered
speem alice sent bob | sed 's/^/    /'

say "the main job is done; everything is in $FOLDER"
