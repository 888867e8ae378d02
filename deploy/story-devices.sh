#!/usr/bin/env bash
# Seven processes: alice with a laptop, a phone and a node, bob with a laptop, a phone and two nodes. Devices are linked,
# sleep, are removed and recovered; a node is killed, another replaced; and every conversation stays the same everywhere.
#
#   deploy/story-devices.sh SPEEM FOLDER
#
# SPEEM is the program; FOLDER is made anew and stays, for looking around.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -eq 2 ] || fail "deploy/story-devices.sh takes the program and a folder"
SPEEM="$(realpath "$(from_caller "$1")")"
FOLDER="$(from_caller "$2")"
MARK=".speem-story-devices"
declare -A pids=()

# clean_up STATUS: after a failure the daemons' logs say why; then stops the daemons.
clean_up() {
    local who log
    if [ "$1" -ne 0 ] && [ "$1" -ne 130 ] && [ -f "$FOLDER/$MARK" ]; then
        for log in "$FOLDER"/*.log; do
            [ -s "$log" ] || continue
            printf -- '--- the end of %s\n' "$log" >&2
            tail -n 20 "$log" | cut -c 1-300 >&2
        done
    fi
    for who in "${!pids[@]}"; do kill "${pids[$who]}" 2>/dev/null || true; done
    for who in "${!pids[@]}"; do gone "${pids[$who]}" || kill -9 "${pids[$who]}" 2>/dev/null || true; done
}

if [ -e "$FOLDER" ]; then
    [ -f "$FOLDER/$MARK" ] || fail "$FOLDER exists and was not made by this script" "name another folder"
    rm -rf "$FOLDER"
fi
mkdir -p "$FOLDER"
FOLDER="$(realpath "$FOLDER")"
touch "$FOLDER/$MARK"

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

# start WHO: runs the daemon of WHO in the background.
start() {
    "$SPEEM" run --config "$FOLDER/$1.toml" >"$FOLDER/$1.out" 2>>"$FOLDER/$1.log" &
    pids[$1]=$!
    for _ in $(seq 1 $((100 * TIMEOUT_FACTOR))); do
        if [ -S "$FOLDER/$1/control.sock" ] && speem "$1" status --json >/dev/null 2>&1; then return; fi
        kill -0 "${pids[$1]}" 2>/dev/null || fail "$1 has stopped"
        sleep 0.1
    done
    fail "$1 does not start"
}

# stop WHO: as when a lid is closed.
stop() {
    kill "${pids[$1]}"
    gone "${pids[$1]}" || fail "$1 does not end when it is told to"
    unset "pids[$1]"
}

# wait_for WORDS COMMAND...: until the command succeeds, for 45 seconds (times TIMEOUT_FACTOR) at the most.
wait_for() {
    local words="$1"
    shift
    for _ in $(seq 1 $((225 * TIMEOUT_FACTOR))); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.2
    done
    fail "waited in vain: $words"
}

node() {
    printf 'role = "node"\ndata = "%s"\n[listen]\naddresses = ["127.0.0.1:%s"]\n' "$FOLDER/$1" "$(free_port)" \
        >"$FOLDER/$1.toml"
}

# device NAME PERSON LABEL
device() {
    printf 'role = "device"\ndata = "%s"\nname = "%s"\n[device]\nname = "%s"\npoll = "2s"\n' "$FOLDER/$1" "$2" "$3" \
        >"$FOLDER/$1.toml"
}

# link FROM TO LABEL HISTORY: TO is linked with an invite that FROM has made; the person compares the letters.
link() {
    local shown
    speem "$1" invite --device 2>/dev/null | grep '^speem:' >"$FOLDER/$2-invite.txt"
    speem "$2" accept "$(cat "$FOLDER/$2-invite.txt")" >"$FOLDER/$2-accept.txt" 2>&1 &
    local joining=$!
    asks() { [[ "$(speem "$1" devices 2>/dev/null)" == *"asks to be linked"* ]]; }
    wait_for "$2 asks to be linked" asks "$1"
    shown="$(sed -n 's/.*this device shows \([0-9a-f]*\).*/\1/p' "$FOLDER/$2-accept.txt")"
    [[ "$(speem "$1" devices 2>/dev/null)" == *"$shown"*asks* ]] || fail "the devices show different letters"
    speem "$1" devices link "$3" --history "$4" | sed 's/^/    /'
    wait "$joining" || fail "$2 was not linked: $(cat "$FOLDER/$2-accept.txt")"
}

# conversation WHO: all texts that a device has, whoever sent them, in a form that is the same on all devices of a person.
conversation() {
    {
        speem "$1" inbox --all --json | { grep -o '"text":"[^"]*"' || true; } | sed 's/^/received /'
        speem "$1" sent --json | { grep -o '"text":"[^"]*"' || true; } | sed 's/^/sent /'
    } | sort
}
same() { [ -n "$(conversation "$1")" ] && [ "$(conversation "$1")" = "$(conversation "$2")" ]; }
has() { [[ "$(conversation "$1")" == *"$2"* ]]; }
delivered() { [[ "$(speem "$1" sent | grep "$2")" =~ ^(delivered|read) ]]; }

for name in alice-node bob-home bob-second; do node "$name"; done
device alice-laptop alice laptop
device alice-phone alice phone
device bob-laptop bob laptop
device bob-phone bob phone

say "three nodes start; alice takes one, bob takes two"
for name in alice-node bob-home bob-second; do start "$name"; done
for who in alice bob; do speem "$who-laptop" init >"$FOLDER/$who-recovery-words.txt" 2>/dev/null; done
speem alice-laptop accept "$(tail -n 1 "$FOLDER/alice-node.out")"
speem bob-laptop accept "$(tail -n 1 "$FOLDER/bob-home.out")"
speem bob-laptop accept "$(tail -n 1 "$FOLDER/bob-second.out")"
start alice-laptop
start bob-laptop

say "alice and bob meet, and say hello"
speem alice-laptop accept --name bob "$(speem bob-laptop invite | grep '^speem:')" >/dev/null
confirmed() { [[ "$(speem "$1" contacts)" == *confirmed* ]]; }
wait_for "alice's contact is confirmed" confirmed alice-laptop
speem alice-laptop send bob "hello bob" | sed 's/^/    /'
wait_for "bob has it" has bob-laptop "hello bob"

say "both link a phone: alice's gets the history, bob's gets none"
link alice-laptop alice-phone phone all
link bob-laptop bob-phone phone none
start alice-phone
start bob-phone
wait_for "alice's phone knows bob" confirmed alice-phone
wait_for "bob's phone knows alice" confirmed bob-phone
wait_for "alice's phone has the history" has alice-phone "hello bob"
[[ "$(speem alice-phone inbox 2>&1)" != *"was linked"* ]] || fail "the phone is told that it was linked itself"
speem alice-laptop inbox 2>&1 | sed 's/^/    /'

say "everybody writes from everywhere"
for who in alice-laptop alice-phone; do speem "$who" send bob "to bob from $who" >/dev/null; done
for who in bob-laptop bob-phone; do speem "$who" send alice "to alice from $who" >/dev/null; done
for text in "to bob from alice-laptop" "to bob from alice-phone" "to alice from bob-laptop" "to alice from bob-phone"; do
    for who in alice-laptop alice-phone bob-laptop bob-phone; do wait_for "$who has \"$text\"" has "$who" "$text"; done
done
wait_for "alice's devices have the same conversation" same alice-laptop alice-phone
! has bob-phone "hello bob" || fail "bob's phone has a history that it was not given"
for who in alice-laptop alice-phone; do wait_for "$who sees it delivered" delivered "$who" "to bob from alice-phone"; done

say "bob's devices sleep, and his home node is killed with kill -9"
stop bob-laptop
stop bob-phone
kill -9 "${pids[bob-home]}"
wait "${pids[bob-home]}" 2>/dev/null || true
unset "pids[bob-home]"
say "alice writes five messages, and her laptop sleeps, too: her node brings them to bob's second node"
for number in 1 2 3 4 5; do speem alice-laptop send bob "while asleep $number" | sed 's/^/    /'; done
stop alice-laptop
say "bob's laptop wakes: it reads them from the second node"
start bob-laptop
for number in 1 2 3 4 5; do wait_for "bob has message $number" has bob-laptop "while asleep $number"; done
start bob-home
start bob-phone
for number in 1 2 3 4 5; do wait_for "bob's phone has message $number" has bob-phone "while asleep $number"; done
start alice-laptop
wait_for "alice sees them delivered" delivered alice-laptop "while asleep 5"
for who in bob-laptop bob-phone; do
    [ "$(conversation "$who" | grep -c 'while asleep')" -eq 5 ] || fail "$who has a message twice"
done

say "what bob has seen on one device he has seen on the other; what he deletes goes everywhere"
unread() { [[ "$(speem "$1" status --json)" =~ \"unread\":$2 ]]; }
speem alice-phone send bob "look at this" >/dev/null
for who in bob-laptop bob-phone; do wait_for "$who has something unread" unread "$who" 1; done
speem bob-laptop inbox >/dev/null 2>&1
wait_for "bob's phone has nothing unread" unread bob-phone 0
speem bob-phone verify alice --yes >/dev/null 2>&1
verified() { [[ "$(speem "$1" contacts)" == *$'\tverified'* ]]; }
wait_for "alice is verified on bob's laptop" verified bob-laptop
speem bob-laptop delete alice | sed 's/^/    /'
empty() { [ -z "$(conversation "$1")" ]; }
wait_for "bob's phone has deleted it, too" empty bob-phone

say "bob loses his phone and removes it; what alice writes then it does not get"
speem bob-laptop devices remove phone | sed 's/^/    /'
for who in alice-laptop alice-phone; do speem "$who" send bob "after the loss, from $who" >/dev/null; done
for who in alice-laptop alice-phone; do wait_for "bob has it" has bob-laptop "after the loss, from $who"; done
sleep 2
! has bob-phone "after the loss" || fail "the removed phone reads on"

say "bob's home board is replaced; nothing is lost, and alice finds the new one by herself"
node bob-new
start bob-new
home="$(speem bob-laptop nodes | awk '/home/ { print $1 }')"
speem bob-laptop nodes replace "$home" "$(tail -n 1 "$FOLDER/bob-new.out")" | sed 's/^/    /'
stop bob-home
kill -9 "${pids[bob-second]}"
wait "${pids[bob-second]}" 2>/dev/null || true
unset "pids[bob-second]"
speem alice-phone send bob "to the new board" | sed 's/^/    /'
wait_for "bob has it" has bob-laptop "to the new board"

say "bob signs a new laptop in with his recovery words; his other one is gone"
stop bob-laptop
device bob-rescue bob rescue
words="$(grep -v These "$FOLDER/bob-recovery-words.txt" | grep -oE '[0-9]+ [a-z]+' | sort -n | awk '{ print $2 }' | tr '\n' ' ')"
key="$(speem bob-new status --json | grep -oE '"node_key" ?: ?"[0-9a-f]*"' | grep -oE '[0-9a-f]{64}')"
address="$(sed -n 's/^addresses = \["\(.*\)"\]/\1/p' "$FOLDER/bob-new.toml")"
printf '%s\n' "$words" | speem bob-rescue recover "$address" "$key" --alone 2>/dev/null | sed 's/^/    /'
speem bob-rescue devices 2>/dev/null | sed 's/^/    /'
[ "$(speem bob-rescue devices 2>/dev/null | grep -c .)" -eq 1 ] || fail "other devices are still listed"

say "the devices' story is told; everything is in $FOLDER"
