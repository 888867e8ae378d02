#!/usr/bin/env bash
# speem doctor on a host with a D-Bus and an avahi-daemon of its own: all is well, and then one thing after the other is not.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
source "$HERE/../network/hosts.sh"
can_make_hosts || exit 0
trap 'remove_hosts lan; clean_up || exit 1' EXIT

segment lan
host node lan 10.78.0.11/24
host alice lan 10.78.0.12/24
printf 'role = "node"\ndata = "%s"\n' "$BOX/node/data" >"$BOX/node.toml"
printf 'role = "device"\ndata = "%s"\nname = "alice"\n' "$BOX/alice/data" >"$BOX/alice.toml"

# speem WHO ARGUMENT...: on WHO's host.
speem() {
    local who="$1"
    shift
    on "$who" "$SPEEM" "$@" --config "$BOX/$who.toml"
}

# run WHO: the daemon, until it answers; its pid is in $PID.
run() {
    enter "$1"
    "${enter[@]}" "$SPEEM" run --config "$BOX/$1.toml" >"$BOX/$1.out" 2>>"$BOX/$1.log" &
    PID=$!
    pids+=("$PID")
    until [ -S "$BOX/$1/data/control.sock" ] && speem "$1" status --json >/dev/null 2>&1; do
        kill -0 "$PID" 2>/dev/null || { bad "$1 runs" "$(tail -n 5 "$BOX/$1.log")"; exit 1; }
        sleep 0.05
    done
}

# finds WORDS WHO PATTERN: within 30 seconds.
finds() {
    local words="$1" start=$SECONDS out
    while [ $((SECONDS - start)) -lt 30 ]; do
        out="$(speem "$2" doctor 2>/dev/null)"
        if printf '%s\n' "$out" | grep -qE "$3"; then
            ok "$words"
            return 0
        fi
        sleep 0.2
    done
    bad "$words" "wanted: $3
$out"
}

# healthy WHO: nothing is wrong but what may be with the machine that the hosts are on.
healthy() {
    local out wrong
    out="$(speem "$1" doctor 2>/dev/null)"
    wrong="$(printf '%s\n' "$out" | grep -E '^(problem|unknown)' | grep -vE '	(clock synchronised|disk space|firewall): ')"
    if [ -z "$wrong" ]; then ok "all is well on $1"; else bad "all is well on $1" "$out"; fi
}

run node
speem alice init >/dev/null 2>&1
speem alice accept "$(tail -n 1 "$BOX/node.out")" >/dev/null 2>&1
run alice
daemon=$PID
finds "avahi-daemon answers" alice '^ok	avahi-daemon: avahi '
finds "so does D-Bus" alice '^ok	D-Bus: the system bus answers$'
finds "eth0 carries multicast" alice '^ok	multicast: eth0 carries it'
finds "the device listens" alice '^ok	port open: \[::\]:[0-9]+ takes connections$'
finds "the node answers" alice '^ok	node reachable: '
finds "so does it on its own host" node '^ok	port open: \[::\]:4404 takes connections$'
healthy alice
healthy node

kill_avahi alice
finds "avahi-daemon is gone" alice '^problem	avahi-daemon: it is not running$'
start_avahi alice
finds "and is there again" alice '^ok	avahi-daemon: avahi '

# It answers, and publishes nothing: only speem run notices.
kill_avahi alice
sed -i 's/^publish-workstation=no/disable-publishing=yes/' "$BOX/alice/avahi.conf"
start_avahi alice
finds "avahi-daemon refuses to publish" alice '^problem	avahi-daemon: avahi .*; but speem run says: .*refuses'

link alice down
finds "the cable is pulled" alice '^problem	multicast: eth0 is down$'
finds "the node does not answer" alice '^problem	node reachable: .* does not answer'
link alice up
finds "the cable is back" alice '^ok	multicast: eth0 carries it'
kill "$daemon"
gone "$daemon" || bad "alice ends when she is told to"
