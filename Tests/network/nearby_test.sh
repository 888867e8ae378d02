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
    enter "$1"
    "${enter[@]}" "$SPEEM" run --config "$BOX/$1.toml" >"$BOX/$1.out" 2>>"$BOX/$1.log" &
    daemon[$1]=$!
    pids+=("$!")
    until [ -S "$BOX/$1/data/control.sock" ] && speem "$1" status --json >/dev/null 2>&1; do
        kill -0 "${daemon[$1]}" 2>/dev/null || { bad "$1 runs" "$(tail -n 5 "$BOX/$1.log")"; exit 1; }
        sleep 0.05
    done
}
stop() {
    kill "${daemon[$1]}"
    gone "${daemon[$1]}" || bad "$1 ends when it is told to"
}

# eventually WORDS COMMAND...: within two minutes, which a lost TCP connection may take to be noticed.
eventually() {
    local words="$1" start=$SECONDS
    shift
    while [ $((SECONDS - start)) -lt 120 ]; do
        if "$@" >/dev/null 2>&1; then
            ok "$words"
            return 0
        fi
        sleep 0.1
    done
    bad "$words" "$(for who in alice bob; do tail -n 5 "$BOX/$who.log"; done)"
    return 1
}
sees() { [[ "$(speem "$1" nearby 2>/dev/null)" == *"$2"* ]]; }
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

# ---- how long it takes
milliseconds() { date +%s%3N; }
times=()
for _ in 1 2 3 4 5; do
    stop alice
    begun="$(milliseconds)"
    run alice
    until sees alice $'bob\tdevice'; do sleep 0.02; done
    times+=("$(($(milliseconds) - begun))")
done
median="$(printf '%s\n' "${times[@]}" | sort -n | sed -n 3p)"
printf '    from the start of the program to "found": %s ms (median of 5: %s)\n' "$median" "${times[*]}"

# ---- what a stranger sees
printf 'role = "device"\ndata = "%s"\nname = "eve"\n' "$BOX/eve/data" >"$BOX/eve.toml"
speem eve init >/dev/null 2>&1
run eve
strangers() { [[ "$(speem eve nearby --json)" =~ \"strangers\":[1-9] ]]; }
eventually "a stranger sees that somebody is here" strangers
[[ "$(speem eve nearby --json)" == *'"peers":[]'* ]] && ok "and does not know who" || bad "and does not know who"
stop eve
PYTHON="${SPEEM_PYTHON:-python3}"
on eve "$PYTHON" "$HERE/../network/capture.py" 4 >"$BOX/first"
for who in alice bob anode bnode; do stop "$who"; done
for who in anode bnode bob alice; do run "$who"; done
eventually "alice finds bob again" sees alice $'bob\tdevice'
on eve "$PYTHON" "$HERE/../network/capture.py" 4 >"$BOX/second"
count() { grep -c "$1" "$BOX/first"; }
if [ "$(count '^r=')" -ge 4 ] && [ "$(count '^t=')" -ge 4 ] && [ "$(count '^[0-9a-f]\{16\}$')" -ge 4 ]; then
    ok "records of four processes were captured"
else
    bad "records of four processes were captured" "$(cat "$BOX/first")"
fi
common="$(comm -12 "$BOX/first" "$BOX/second")"
[ -z "$common" ] && ok "no part of a record is the same in two runs" || bad "no part of a record is the same in two runs" "$common"
! grep -q '^other' "$BOX/first" && ok "records say nothing else" || bad "records say nothing else" "$(grep '^other' "$BOX/first")"

# ---- avahi-daemon is killed, and started again
kill_avahi alice
eventually "nobody is found without avahi-daemon" sees_not alice $'bob\tdevice'
[[ "$(speem alice nearby 2>&1)" == *"avahi-daemon is not running"* ]] &&
    ok "alice is told why" || bad "alice is told why" "$(speem alice nearby 2>&1)"
start_avahi alice
eventually "alice finds bob once avahi-daemon runs again" sees alice $'bob\tdevice'
eventually "bob finds alice, too" sees bob $'alice\tdevice'
[ "$(grep -c 'avahi-daemon is not running' "$BOX/alice.log")" -eq 1 ] &&
    ok "the log says it once" || bad "the log says it once" "$(grep avahi "$BOX/alice.log")"

# ---- neither D-Bus nor avahi-daemon, and both later
kill_avahi bob
kill_bus bob
stop bob
run bob
why() { [[ "$(speem bob nearby 2>&1)" == *"$1"* ]]; }
eventually "without D-Bus bob is told what is missing" why "no D-Bus system bus"
start_bus bob
start_avahi bob
eventually "bob finds alice once both are there" sees bob $'alice\tdevice'
[ "$(grep -c 'no D-Bus system bus' "$BOX/bob.log")" -eq 1 ] &&
    ok "the log says that once" || bad "the log says that once" "$(grep D-Bus "$BOX/bob.log")"

# ---- somebody else has the name by chance
stop bob
enter eve
"${enter[@]}" "$PYTHON" "$HERE/../network/collide.py" 20 >"$BOX/collision" &
pids+=("$!")
until grep -qs listening "$BOX/collision"; do sleep 0.05; done
run bob
taken() { grep -qE '^[0-9a-f]{16}$' "$BOX/collision"; }
eventually "another host claims the name of bob's service" taken
eventually "alice finds bob under another name" sees alice $'bob\tdevice'

# ---- thousands of made-up records
memory() { awk '/^VmRSS/ { print $2 }' "/proc/${daemon[alice]}/status"; }
before="$(memory)"
on eve "$PYTHON" "$HERE/../network/flood.py" 3000 10.77.0.15
many() { [[ "$(speem alice nearby --json)" =~ \"strangers\":[0-9]{2,} ]]; }
eventually "alice sees a crowd" many
grown=$(($(memory) - before))
[ "$grown" -lt 8192 ] && ok "it costs her less than 8 MB" || bad "it costs her less than 8 MB" "$grown KB"
[ "$(speem alice nearby --json | grep -oE '"strangers":[0-9]+' | cut -d : -f 2)" -le 1024 ] &&
    ok "not all of them are remembered" || bad "not all of them are remembered"
stop bob
run bob
eventually "alice finds bob in the crowd" sees alice $'bob\tdevice'

# ---- the cable is pulled, and plugged in again
link bob down
sleep 1
link bob up
on bob ip route replace default via 10.77.0.1
eventually "bob finds alice after his cable was pulled" sees bob $'alice\tdevice'

# ---- straight from device to device
stop anode
stop bnode
speem alice send bob "straight" >/dev/null 2>&1
eventually "a message comes without any node" has bob straight
eventually "its receipt comes, too" is_delivered alice straight

# ---- over link-local IPv6 alone
for who in alice bob; do on "$who" ip -4 addr flush dev eth0; done
link_local() { [[ "$(speem alice nearby 2>/dev/null)" == *"bob"*"[fe80:"*"%eth0]"* ]]; }
eventually "alice finds bob at a link-local address" link_local
speem alice send bob "link-local" >/dev/null 2>&1
eventually "a message comes there" has bob link-local
on alice ip addr add 10.77.0.13/24 dev eth0
on bob ip addr add 10.77.0.14/24 dev eth0
for who in alice bob; do on "$who" ip route replace default via 10.77.0.1; done

# ---- the device leaves: the node takes over
run anode
run bnode
link bob down
speem alice send bob "while away" >/dev/null 2>&1
stored() { speem alice sent | grep -q "^stored.*while away"; }
eventually "what is sent while he is away is stored at his node" stored
link bob up
on bob ip route replace default via 10.77.0.1
eventually "he gets it when he is back" has bob "while away"
eventually "and alice is told" is_delivered alice "while away"
[ "$(speem bob inbox --all 2>/dev/null | grep -c 'straight\|link-local\|while away')" -eq 3 ] &&
    ok "nothing is doubled" || bad "nothing is doubled" "$(speem bob inbox --all)"

# ---- a node has moved to another address, which nobody was told of
stop bob
on bnode ip -4 addr flush dev eth0
on bnode ip -6 addr flush dev eth0 scope global
on bnode ip addr add 10.77.0.22/24 dev eth0
speem alice send bob "to another address" >/dev/null 2>&1
stored_there() { speem alice sent | grep -q "^stored.*to another address"; }
eventually "the other node finds it on the network and brings what waits" stored_there
on bnode ip -4 addr flush dev eth0
on bnode ip addr add 10.77.0.12/24 dev eth0
on bnode ip route replace default via 10.77.0.1
run bob
eventually "bob finds his node, and reads it" has bob "to another address"

# ---- two segments without multicast between them
ip netns add "$TAG-router"
hosts+=(router)
ip -n "$TAG-router" link set lo up
join router lan 10.77.0.1/24 near0
join router far 10.78.0.1/24 far0
on_router() { ip netns exec "$TAG-router" "$@"; }
on_router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
ip link set "${cable[bobeth0]}" master "$TAG-far"
on bob ip addr flush dev eth0 scope global
on bob ip addr add 10.78.0.14/24 dev eth0
on bob ip route replace default via 10.78.0.1
speem alice send bob "over the nodes" >/dev/null 2>&1
eventually "alice does not find bob in another segment" sees_not alice $'bob\tdevice'
eventually "a message comes over configured addresses" has bob "over the nodes"
eventually "and alice is told of that one" is_delivered alice "over the nodes"
