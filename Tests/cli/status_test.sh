# speem status and speem nodes: what a person and a script read of a node and of a device.
source "$(dirname "$0")/lib.sh"

# get WHO PATH: a value of the status as JSON; PATH is a Python expression behind "status".
get() { speem "$1" status --json | python3 -c "import json, sys; status = json.load(sys.stdin); print(status$2)"; }

# is WORDS WANTED WHO PATH
is() {
    local value
    value="$(get "$3" "$4")"
    if [ "$value" = "$2" ]; then ok "$1"; else bad "$1" "wanted $2, got $value"; fi
}

node home
device alice
start home
home=$PID

prints "an unowned node" '^owned: +no$' speem home status
prints "it is not locked" '^locked: +no$' speem home status
prints "where it listens" "^listening: +127\.0\.0\.1:$PORT$" speem home status
prints "the clock, and why" '^clock: +(trusted: .* has set it|not trusted: nothing has set it)' speem home status
prints "the disk" '^disk: +[0-9.]+ [kMGT]?B of [0-9.]+ [kMGT]?B free; the data folder takes [0-9.]+ [kM]B$' speem home status
prints "wear" '^written: +[0-9.]+ ([kMG]B|bytes) since the start$' speem home status
prints "nobody" '^online: +0 own devices, 0 contacts of 0$' speem home status
prints "the key" '^key: +file$' speem home status
speem home status 2>&1 >/dev/null | grep -q 'note: .*beside the store' && ok "it says that the key lies beside the store" ||
    bad "it says that the key lies beside the store"

own home alice
device bob
node bob-node
start bob-node
bob_node=$PID
own bob-node bob
speem alice accept --name bob "$(speem bob invite)" >/dev/null
speem bob contacts >/dev/null
until_ok "they have met" sh -c "'$SPEEM' contacts --config '$BOX/alice.toml' | grep -q confirmed"
before="$(get bob-node '["written_bytes"]')"
long="$(printf 'x%.0s' $(seq 1 60000))"
prints "a message" '^stored' speem alice send bob "$long"
prints "it waits in bob's queue" '^ +[0-9a-f]{8}: [0-9]+ envelopes?, [0-9]+ kB, the oldest [0-9]+ (s|min) old$' speem bob-node status
is "as a script reads it" True bob-node '["mailboxes"][0]["envelopes"] > 0'
is "its device is away" False bob-node '["mailboxes"][0]["online"]'
is "nothing is refused" False bob-node '["disk"]["refuses"]'
after="$(get bob-node '["written_bytes"]')"
if [ $((after - before)) -ge 60000 ] && [ $((after - before)) -lt 2000000 ]; then
    ok "the wear that it costs"
else
    bad "the wear that it costs" "from $before to $after"
fi
# The kernel counts the same, and a little more for files that are not the store's.
kernel="$(sed -n 's/^write_bytes: //p' "/proc/$bob_node/io" 2>/dev/null || true)"
if [ -n "$kernel" ] && [ "$kernel" -gt 0 ]; then
    if [ "$after" -le $((kernel + kernel / 5)) ] && [ "$after" -ge $((kernel / 2)) ]; then
        ok "the kernel counts about the same"
    else
        bad "the kernel counts about the same" "the node $after, the kernel $kernel"
    fi
else
    skip "the kernel counts no writes of this disk"
fi

prints "a device shows its node" '^node: +127\.0\.0\.1:[0-9]+, home$' speem bob status
prints "with the name of the queue's device" '^ +[^ :]+: [0-9]+ envelopes?, [0-9]+ kB, .*; online$' speem bob status
is "as a script reads it, too" True bob '["nodes"][0]["state"]["mailboxes"][0]["envelopes"] > 0'
is "the same disk" "$(get bob-node '["disk"]["total_bytes"]')" bob '["nodes"][0]["state"]["disk"]["total_bytes"]'
if speem bob nodes --json | python3 -c 'import json, sys; assert json.load(sys.stdin)[0]["state"]["version"]'; then
    ok "speem nodes has it"
else
    bad "speem nodes has it"
fi
prints "and says it" 'home.reachable.*free' speem bob nodes
start bob
bob=$PID
until_ok "a device that runs is online" sh -c "'$SPEEM' status --config '$BOX/bob-node.toml' | grep -qE '^online: +1 own device, '"
stop "$bob"
until_ok "and away again" sh -c "'$SPEEM' status --config '$BOX/bob-node.toml' | grep -qE '^online: +0 own devices'"

stop "$bob_node"
prints "a node that is off" '^reachable: +no: ' speem bob status
stop "$home"
refuses "a node that is not there has no status" 'the node is not running' speem home status

if [ "$(id -u)" -ne 0 ] || ! mkdir -p "$BOX/small/mnt" || ! mount -t tmpfs -o size=24m tmpfs "$BOX/small/mnt" 2>/dev/null
then
    skip "a full disk: making a small one takes root"
    exit 0
fi
node tight
sed -i "s#^data = .*#data = \"$BOX/small/mnt/node\"#" "$BOX/tight.toml"
printf '[control]\nsocket = "%s/tight/control.sock"\n' "$BOX" >>"$BOX/tight.toml"
mkdir "$BOX/tight"
device carol
start tight
tight=$PID
own tight carol
is "a small disk with room" False tight '["disk"]["refuses"]'
stop "$tight"
# A full one, on which the node finds no room for its reserve.
rm "$BOX/small/mnt/node/store.ballast"
dd if=/dev/zero of="$BOX/small/mnt/filler" bs=1k 2>/dev/null
start tight
prints "a full disk" '^disk: +.*TOO FULL: nothing more is taken in$' speem tight status
is "as a script reads it" True tight '["disk"]["refuses"]'
if speem tight doctor 2>/dev/null | grep -q '^problem	disk space: .*; the node takes in nothing more$'; then
    ok "speem doctor says so, too"
else
    bad "speem doctor says so, too" "$(speem tight doctor 2>&1 | grep disk)"
fi
rm "$BOX/small/mnt/filler"
is "with room again it takes in, and says so" False tight '["disk"]["refuses"]'
