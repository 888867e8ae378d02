# Hosts for the tests in this folder: network namespaces joined by bridges, each with a /run, a D-Bus and an avahi-daemon of its
# own. Sourced after Tests/cli/lib.sh.
TAG="sp$((RANDOM % 1000))"
declare -A host_pid=() bus_pid=() avahi_pid=() cable=()
hosts=()

# can_make_hosts: whether this machine lets us; says why not.
can_make_hosts() {
    local name
    [ "$(id -u)" -eq 0 ] || { skip "a network of hosts takes root"; return 1; }
    for name in ip nsenter unshare dbus-daemon avahi-daemon; do
        command -v "$name" >/dev/null || { skip "a network of hosts takes $name"; return 1; }
    done
    ip netns add "$TAG-probe" 2>/dev/null || { skip "this machine makes no network namespaces"; return 1; }
    if ! ip link add "$TAG-p" type veth peer name eth0 netns "$TAG-probe" 2>/dev/null; then
        ip netns del "$TAG-probe"
        skip "this machine makes no virtual links"
        return 1
    fi
    ip netns del "$TAG-probe"
}

# segment NAME: a bridge.
segment() {
    ip link add "$TAG-$1" type bridge mcast_snooping 0
    ip link set "$TAG-$1" up
}

# host NAME SEGMENT ADDRESS/LENGTH [GATEWAY]
host() {
    local name="$1"
    hosts+=("$name")
    ip netns add "$TAG-$name"
    ip -n "$TAG-$name" link set lo up
    join "$name" "$2" "$3" eth0
    [ -z "${4:-}" ] || ip -n "$TAG-$name" route add default via "$4"
    mkdir -p "$BOX/$name"
    cat >"$BOX/$name/avahi.conf" <<CONF
[server]
host-name=$name
use-ipv4=yes
use-ipv6=yes
[publish]
publish-workstation=no
[rlimits]
CONF
    # The namespace of mounts lives as long as this process.
    ip netns exec "$TAG-$name" unshare -m --propagation private bash -c \
        'mount -t tmpfs tmpfs /run && mkdir -p /run/dbus /run/avahi-daemon && echo ready && exec sleep 100000' \
        >"$BOX/$name/ready" 2>>"$BOX/$name/host.log" &
    host_pid[$name]=$!
    pids+=("$!")
    until grep -qs ready "$BOX/$name/ready"; do sleep 0.05; done
    start_bus "$name"
    start_avahi "$name"
}

# join HOST SEGMENT ADDRESS/LENGTH INTERFACE: another interface.
join() {
    # Names of interfaces are short.
    cable[$1$4]="$TAG-v${#cable[@]}"
    ip link add "${cable[$1$4]}" type veth peer name "$4" netns "$TAG-$1"
    ip link set "${cable[$1$4]}" master "$TAG-$2" up
    ip -n "$TAG-$1" addr add "$3" dev "$4"
    ip -n "$TAG-$1" link set "$4" up
}

# on HOST COMMAND...: in the host.
on() {
    enter "$1"
    shift
    "${enter[@]}" "$@"
}

# enter HOST: what goes in front of a command for it to run in the host, in ${enter[@]}: the process that a `&` behind it starts is
# the command's own.
enter() {
    enter=(nsenter --net="/run/netns/$TAG-$1" --mount="/proc/${host_pid[$1]}/ns/mnt" --wdns="$PWD")
}

start_bus() {
    enter "$1"
    "${enter[@]}" dbus-daemon --system --nofork --nopidfile >>"$BOX/$1/host.log" 2>&1 &
    bus_pid[$1]=$!
    pids+=("$!")
    until on "$1" test -S /run/dbus/system_bus_socket; do sleep 0.05; done
}

kill_bus() {
    end "${bus_pid[$1]}"
    on "$1" rm -f /run/dbus/system_bus_socket
}

start_avahi() {
    enter "$1"
    "${enter[@]}" avahi-daemon --no-drop-root --no-chroot --no-rlimits -f "$BOX/$1/avahi.conf" >>"$BOX/$1/avahi.log" 2>&1 &
    avahi_pid[$1]=$!
    pids+=("$!")
    until on "$1" test -S /run/avahi-daemon/socket; do sleep 0.05; done
}

# end PID: with kill -9, and without the words of the shell about it.
end() {
    kill -9 "$1"
    wait "$1" 2>/dev/null
}

# kill_avahi HOST: with kill -9.
kill_avahi() {
    end "${avahi_pid[$1]}"
    on "$1" rm -f /run/avahi-daemon/socket /run/avahi-daemon/pid
}

# link HOST up|down: the cable is pulled, or plugged in again.
link() { ip link set "${cable[$1eth0]}" "$2"; }

remove_hosts() {
    local name
    for name in "${hosts[@]:-}"; do [ -z "$name" ] || ip netns del "$TAG-$name" 2>/dev/null; done
    for name in "$@"; do ip link del "$TAG-$name" 2>/dev/null; done
}
