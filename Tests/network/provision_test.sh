#!/usr/bin/env bash
# A laptop writes a file, a board is started with it on the same network, and is the laptop's: nobody names an address.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
source "$HERE/../network/hosts.sh"
can_make_hosts || exit 0
trap 'remove_hosts lan; clean_up || exit 1' EXIT

segment lan
host attic lan 10.77.0.11/24
host cellar lan 10.77.0.12/24
host laptop lan 10.77.0.13/24
host eve lan 10.77.0.15/24
for who in laptop eve; do
    printf 'role = "device"\ndata = "%s"\nname = "%s"\n' "$BOX/$who/data" "$who" >"$BOX/$who.toml"
done

# speem WHO ARGUMENT...: on WHO's host.
speem() {
    local who="$1"
    shift
    on "$who" "$SPEEM" "$@" --config "$BOX/$who.toml"
}
# run WHO: the daemon, until it answers.
run() {
    enter "$1"
    "${enter[@]}" "$SPEEM" run --config "$BOX/$1.toml" >"$BOX/$1.out" 2>>"$BOX/$1.log" &
    PID=$!
    pids+=("$PID")
    until [ -S "$BOX/$1/data/control.sock" ] && speem "$1" status --json >/dev/null 2>&1; do sleep 0.05; done
}
# file WHO: the laptop writes the file of a board.
file() {
    speem laptop node config --name "$1" --output "$BOX/$1.copied" 2>/dev/null
    sed "s|^data = .*|data = \"$BOX/$1/data\"|" "$BOX/$1.copied" >"$BOX/$1.toml"
}

speem laptop init >/dev/null 2>&1
speem eve init >/dev/null 2>&1
file attic
run laptop
laptop="$PID"
prints "the laptop waits for it" '^attic	waiting for its first start' speem laptop nodes
run attic
attic="$PID"
unowned() { [[ "$(speem eve nearby 2>/dev/null)" == *"a node without an owner"* ]]; }
if unowned; then bad "to a stranger it is no node without an owner"; else ok "to a stranger it is no node without an owner"; fi
soon "the laptop finds it and takes it, of its own accord" '^10\.77\.0\.11:4404	[0-9a-f]{8}	home	reachable	attic(	|$)' speem laptop nodes
prints "it is owned" '"owned" ?: ?true' speem attic status --json
seen() { [[ "$(speem laptop nearby 2>/dev/null)" == *10.77.0.11* ]]; }
until_ok "it is seen under the account's key from then on" seen

# ---- without a daemon a listing looks around
stop "$laptop"
file cellar
run cellar
soon "a command without a daemon finds one, too" '^10\.77\.0\.12:4404	[0-9a-f]{8}	further	reachable	cellar(	|$)' speem laptop nodes
