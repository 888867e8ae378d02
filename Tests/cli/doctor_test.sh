# speem doctor: what it finds, with and without a daemon, and what it says to do. What this machine's clock, disk and firewall
# are like is not for the test to say.
source "$(dirname "$0")/lib.sh"
# No bus of this machine's.
export DBUS_SYSTEM_BUS_ADDRESS="unix:path=$BOX/no-bus"
OFF=$'[discovery]\nmode = "off"'

# doctor WHO [ARGUMENT...]: runs it; what it says is in $OUT, its status in $STATUS.
doctor() {
    local who="$1"
    shift
    STATUS=0
    OUT="$(speem "$who" doctor "$@" 2>"$BOX/.stderr" </dev/null)" || STATUS=$?
}

# says WORDS PATTERN...: the patterns match lines of $OUT, the second right below the first, and so on.
says() {
    local words="$1" line
    shift
    if printf '%s\n' "$OUT" | python3 -c '
import re, sys
lines, patterns = sys.stdin.read().split("\n"), sys.argv[1:]
found = any(all(re.search(p, l) for p, l in zip(patterns, lines[i:i + len(patterns)]))
            for i in range(len(lines) - len(patterns) + 1))
sys.exit(not found)' "$@"; then
        ok "$words"
    else
        bad "$words" "wanted: $*
$OUT
$(cat "$BOX/.stderr")"
    fi
}

# ends WORDS: the status is that of what was found.
ends() {
    local expected=0
    if printf '%s\n' "$OUT" | grep -q '^problem'; then expected=1; fi
    if [ "$STATUS" -eq "$expected" ]; then ok "$1"; else bad "$1" "status $STATUS, wanted $expected"; fi
}

# healthy WORDS: nothing is wrong but what may be with this machine.
healthy() {
    local wrong
    wrong="$(printf '%s\n' "$OUT" | grep -E '^(problem|unknown)' | grep -vE '	(clock synchronised|disk space|firewall): ')"
    if [ -z "$wrong" ]; then ok "$1"; else bad "$1" "$wrong"; fi
}

# ---- nothing is there yet
device alice "$OFF"
doctor alice
says "a device without an identity" '^problem	node reachable: .*no identity yet' '^	to do: run speem init$'
says "it has no key" '^unknown	key file: there is no store yet' '^	to do: run speem init$'
ends "that is a problem"
node node "$OFF"
doctor node
says "a node that does not run" '^unknown	node reachable: this is a node, and it is not running$' '^	to do: start it with: speem run --config '
says "where it listens is unknown" '^unknown	port open: speem run is not running' '^	to do: start speem run'
if grep -q 'speem run is not running' "$BOX/.stderr"; then ok "it says that more can be known"; else bad "it says that more can be known"; fi
ends "unknown is no problem"

# ---- a node
start node
doctor node
says "nobody else reaches a node on the loopback" '^problem	port open: 127\.0\.0\.1:[0-9]+ takes connections, from this machine only' '^	to do: set addresses'
says "nobody owns it" '^ok	node reachable: this is a node, and nobody owns it.*speem accept'
says "a key beside the store" '^ok	key file: only its owner may read it; it lies beside the store: a thief'
says "disk space" '^(ok|problem)	disk space: [0-9.]+ [kMGT]B of [0-9.]+ [kMGT]B are free; the store takes [0-9.]+ [kM]B'
says "the clock" '^(ok|problem)	clock synchronised: '
says "a firewall" '^(ok|unknown)	firewall: '
says "discovery is off" '^ok	avahi-daemon: not used: discovery\.mode is "off"$' '^ok	D-Bus: not used'
says "then multicast is not used either" '^ok	multicast: not used'
ends "nobody can connect: that is a problem"

# ---- a device, without a daemon and with one
own node alice
doctor alice
says "the node answers" "^ok	node reachable: 127\.0\.0\.1:$PORT answers$"
says "it listens nowhere without a daemon" '^unknown	port open: speem run is not running'
start alice
daemon=$PID
doctor alice
says "it listens" '^ok	port open: \[::\]:[0-9]+ takes connections$'
healthy "all is well"
ends "the status says so"
if [ "$(printf '%s\n' "$OUT" | grep -cE '^(ok|problem|unknown)	')" -eq 9 ]; then ok "nine checks"; else bad "nine checks" "$OUT"; fi
doctor node
says "the node is owned" '^ok	node reachable: this is a node, and it has an owner$'

# ---- JSON
doctor alice --json
checks="$(printf '%s' "$OUT" | python3 -c '
import json, sys
found = json.load(sys.stdin)
assert all(set(f) == {"check", "state", "words", "to_do"} for f in found)
assert all((f["to_do"] is None) == (f["state"] == "ok") for f in found)
print(" ".join(f["check"] for f in found))' 2>&1)"
if [ "$checks" = "avahi_daemon dbus port firewall multicast clock node disk key_file" ]; then
    ok "the findings as JSON"
else
    bad "the findings as JSON" "$checks
$OUT"
fi
if [ "$(printf '%s\n' "$OUT" | wc -l)" -eq 1 ]; then ok "in a pipe they are one line"; else bad "in a pipe they are one line" "$OUT"; fi

# ---- a device that listens nowhere, or for itself only
stop "$daemon"
device alice "$(printf '[device]\nlisten = []\n%s' "$OFF")"
doctor alice
says "a device may listen nowhere" '^ok	port open: this device listens nowhere'
device alice "$(printf '[device]\nlisten = ["127.0.0.1:0"]\n%s' "$OFF")"
start alice
doctor alice
says "or for this machine only" '^ok	port open: 127\.0\.0\.1:[0-9]+ takes connections, from this machine only: nobody else can connect'
stop "$PID"

# ---- the key file
chmod 644 "$BOX/alice/store.key"
doctor alice
says "a key that others may read" '^problem	key file: others may use .*store\.key \(mode 0644\)$' '^	to do: chmod 600 .*store\.key$'
says "nor does the store open then" '^problem	node reachable: .*others may read it'
[ "$STATUS" -eq 1 ] && ok "that is a problem, too" || bad "that is a problem, too" "status $STATUS"
chmod 600 "$BOX/alice/store.key"
mv "$BOX/alice/store.key" "$BOX/alice/other.key"
doctor alice
says "a key that is gone" '^problem	key file: .*store\.key is missing' '^	to do: put it back'
mv "$BOX/alice/other.key" "$BOX/alice/store.key"

# ---- discovery without a bus
device alice
doctor alice
says "without a bus avahi-daemon is unknown" '^unknown	avahi-daemon: it cannot be asked without D-Bus$' '^	to do: ' '^problem	D-Bus: there is no system bus .*no-bus' '^	to do: install dbus'
says "multicast is looked at" '^(ok|problem)	multicast: [a-z]'
start alice
until_ok "the daemon knows that there is no bus" grep -q 'there is no D-Bus system bus' "$BOX/alice.log"
stop "$PID"
device alice "$(printf '[discovery]\ninterfaces = ["none*"]')"
doctor alice
says "no interface is allowed" '^problem	multicast: the configuration allows none of the network interfaces' '^	to do: .*\[discovery\]$'

# A bus without avahi-daemon.
if command -v dbus-daemon >/dev/null; then
    cat >"$BOX/bus.conf" <<CONF
<busconfig>
  <type>system</type>
  <listen>unix:path=$BOX/bus</listen>
  <policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>
CONF
    dbus-daemon --config-file="$BOX/bus.conf" --nofork --nopidfile >"$BOX/bus.log" 2>&1 &
    pids+=("$!")
    until_ok "a bus" test -S "$BOX/bus"
    export DBUS_SYSTEM_BUS_ADDRESS="unix:path=$BOX/bus"
    doctor alice
    says "avahi-daemon is not there" '^problem	avahi-daemon: it is not running$' '^	to do: start it with: systemctl start avahi-daemon' '^ok	D-Bus: the system bus answers$'
else
    skip "no dbus-daemon: a bus without avahi-daemon"
fi

# ---- a node that does not answer
device alice "$OFF"
kill "${pids[0]}"
gone "${pids[0]}"
doctor alice
says "a node that does not answer" "^problem	node reachable: 127\.0\.0\.1:$PORT does not answer \(.*efused" '^	to do: see that the node has power'
[ "$STATUS" -eq 1 ] && ok "it is a problem" || bad "it is a problem" "status $STATUS"

# ---- another user
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$BOX"
    cp "$SPEEM" "$BOX/speem"
    start node
    STATUS=0
    OUT="$(setpriv --reuid=65534 --clear-groups "$BOX/speem" doctor --config "$BOX/node.toml" 2>"$BOX/.stderr")" || STATUS=$?
    says "another user may not ask" '^problem	node reachable: cannot reach .*ermission denied' '^	to do: run this as the user'
    says "nor look at the key" '^unknown	key file: cannot look at' '^	to do: run this as the user'
else
    skip "another user takes root and setpriv"
fi
