#!/usr/bin/env bash
# Two people on one network, and a stranger: they find each other, what the stranger sees says nothing, and messages go straight
# from device to device, or through the nodes when that does not work.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
source "$HERE/../network/hosts.sh"
can_make_hosts || exit 0
trap 'remove_hosts lan far; clean_up || exit 1' EXIT

segment lan
segment far
for entry in anode:11 bnode:12 alice:13 bob:14 eve:15; do
    host "${entry%%:*}" lan "10.77.0.${entry##*:}/24" 10.77.0.1
done

for who in anode bnode; do
    printf 'role = "node"\ndata = "%s"\n' "$BOX/$who/data" >"$BOX/$who.toml"
done
for who in alice bob; do
    printf 'role = "device"\ndata = "%s"\nname = "%s"\n[device]\npoll = "2s"\n' "$BOX/$who/data" "$who" >"$BOX/$who.toml"
done

# speem WHO ARGUMENT...: on WHO's host.
speem() {
    local who="$1"
    shift
    on "$who" "$SPEEM" "$@" --config "$BOX/$who.toml"
}

declare -A daemon=()
# run WHO: the daemon, until it answers.
run() {
    on "$1" "$SPEEM" run --config "$BOX/$1.toml" >"$BOX/$1.out" 2>>"$BOX/$1.log" &
    daemon[$1]=$!
    pids+=("$!")
    until [ -S "$BOX/$1/data/control.sock" ] && speem "$1" status --json >/dev/null 2>&1; do
        kill -0 "${daemon[$1]}" 2>/dev/null || { bad "$1 runs" "$(tail -n 5 "$BOX/$1.log")"; exit 1; }
        sleep 0.05
    done
}
stop() {
    kill "${daemon[$1]}"
    gone "${daemon[$1]}"
}

# eventually WORDS COMMAND...: within 30 seconds.
eventually() {
    local words="$1" start=$SECONDS
    shift
    while [ $((SECONDS - start)) -lt 30 ]; do
        if "$@" >/dev/null 2>&1; then
            ok "$words"
            return 0
        fi
        sleep 0.1
    done
    bad "$words" "$(for who in alice bob; do tail -n 5 "$BOX/$who.log"; done)"
    return 1
}
sees() { [[ "$(speem "$1" nearby)" == *"$2"* ]]; }
sees_not() { ! sees "$1" "$2"; }
has() { [[ "$(speem "$1" inbox --all 2>/dev/null)" == *"$2"* ]]; }
is_delivered() { speem "$1" sent | grep -q "^delivered.*$2"; }

run anode
run bnode
for who in alice bob; do speem "$who" init >/dev/null 2>&1; done
speem alice accept "$(tail -n 1 "$BOX/anode.out")" >/dev/null 2>&1
speem bob accept "$(tail -n 1 "$BOX/bnode.out")" >/dev/null 2>&1
run alice
run bob
invite="$(speem bob invite 2>/dev/null | grep '^speem:')"
speem alice accept "$invite" >/dev/null 2>&1
confirmed() { [[ "$(speem "$1" contacts)" == *confirmed* ]]; }
eventually "alice and bob are contacts" confirmed alice
speem alice send bob "hello" >/dev/null
eventually "a first message comes" has bob hello

eventually "alice finds bob's device" sees alice $'bob\tdevice'
eventually "bob finds alice's device" sees bob $'alice\tdevice'
eventually "alice finds her own node" sees alice $'you\tnode'
eventually "alice finds bob's node" sees alice $'bob\tnode'
