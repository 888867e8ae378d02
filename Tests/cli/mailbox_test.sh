# A mailbox that is full, an envelope over the limit, a disk that is full: the sender keeps the message and says so.
source "$(dirname "$0")/lib.sh"

node alice-node
node bob-node $'[mailbox]\nquota = "10MB"\nquota_per_contact = "1MB"\nquota_own = "1MB"'
device alice
device bob
start alice-node
start bob-node
own alice-node alice
own bob-node bob
speem alice accept --name bob "$(speem bob invite)" >/dev/null
speem bob contacts >/dev/null

prints "a message that fits" "^stored" speem alice send bob "first"
long="$(printf 'x%.0s' $(seq 1 60000))"
answer=stored
for _ in $(seq 1 14); do
    answer="$(speem alice send bob "$long")"
    case "$answer" in stored*) ;; *) break ;; esac
done
case "$answer" in
    stored*) ok "messages that fit the share" ;;
    *) bad "messages that fit the share" "$answer" ;;
esac
speem alice send bob "$long" >/dev/null
speem alice send bob "$long" >/dev/null
prints "a full mailbox" "^queued: your node has it" speem alice send bob "$long"
prints "it is kept" "^queued.bob" speem alice sent bob
prints "bob makes room by reading" "alice: first" speem bob inbox
soon "and it goes out" "^(stored|delivered).bob.xxx" sh -c "'$SPEEM' sent --config '$BOX/alice.toml' | tail -n 1"
prints "bob reads it" "alice: xxx" speem bob inbox
printf 'y%.0s' $(seq 1 70000) >"$BOX/too-long"
refuses "a text over the limit" 'it has 70000 bytes; the limit is 65536' \
    sh -c "'$SPEEM' send bob - --config '$BOX/alice.toml' <'$BOX/too-long'"
refuses "an empty text" 'it is empty' speem alice send bob ""

if [ "$(id -u)" -ne 0 ] || ! mkdir -p "$BOX/small/mnt" || ! mount -t tmpfs -o size=24m tmpfs "$BOX/small/mnt" 2>/dev/null
then
    skip "a full disk: making a small one takes root"
    exit 0
fi
node carol-node
sed -i "s#^data = .*#data = \"$BOX/small/mnt/node\"#" "$BOX/carol-node.toml"
printf '[control]\nsocket = "%s/carol-node/control.sock"\n' "$BOX" >>"$BOX/carol-node.toml"
mkdir "$BOX/carol-node"
device carol
start carol-node
carol=$PID
own carol-node carol
speem alice accept --name carol "$(speem carol invite)" >/dev/null
speem carol contacts >/dev/null
prints "a message while there is space" "^stored" speem alice send carol "before"
dd if=/dev/zero of="$BOX/small/mnt/ballast" bs=1k 2>/dev/null
for _ in $(seq 1 80); do
    answer="$(speem alice send carol "$long" 2>&1)"
    case "$answer" in queued*) break ;; esac
done
prints "a full disk is told to the sender, who keeps the message" "its disk is full" speem alice outbox
kill -0 "$carol" 2>/dev/null && ok "the node goes on" || bad "the node goes on" "$(tail -n 5 "$BOX/carol-node.log")"
rm "$BOX/small/mnt/ballast"
soon "with space again, all of it goes out" "^(stored|delivered).carol" \
    sh -c "'$SPEEM' sent carol --config '$BOX/alice.toml' | tail -n 1"
prints "carol reads what was stored before the disk was full" "alice: before" speem carol inbox
kill "$carol"
wait "$carol" 2>/dev/null
