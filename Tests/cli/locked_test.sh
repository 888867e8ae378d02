# A node that starts locked: it takes messages in, loses none of them to kill -9, and is unlocked on its console or from a
# device over the network.
source "$(dirname "$0")/lib.sh"

printf 'attic window\n' >"$BOX/pass"
printf 'cellar door\n' >"$BOX/wrong"
quiet=$'[discovery]\nmode = "off"'

# cut: as a power cut, as far as the process sees it.
cut_power() {
    kill -9 "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

# unlocks ANSWER PASSPHRASE: alice's device unlocks her node.
unlocks() { printf "%s\n" "$1" | speem alice unlock --node-passphrase-file "$BOX/$2"; }

node attic "$quiet"
node bobs "$quiet"
sed -i '1i name = "attic"' "$BOX/attic.toml"
device alice "$quiet"
device bob "$quiet"
start attic
attic=$PID
start bobs
own attic alice
own bobs bob
speem alice accept --name bob "$(speem bob invite)" >/dev/null
speem bob contacts >/dev/null
prints "they have met" '^stored' speem bob send alice "before"
prints "and talk" 'bob: before' speem alice inbox
speem alice send bob "hello" >/dev/null
speem bob inbox >/dev/null

# The first start with a passphrase knows nobody yet: it is unlocked on the console.
stop "$attic"
prints "a passphrase is set" 'store has a passphrase' speem attic passphrase --new-passphrase-file "$BOX/pass"
sed -i 's/^\[discovery\]/[store]\nkey = "passphrase"\n[discovery]/' "$BOX/attic.toml"
start attic
attic=$PID
prints "the status says that it is locked" '^locked: *yes' speem attic status
prints "and why it takes nothing in at the first time" '^problem: *it was never unlocked' speem attic status
refuses "a wrong passphrase on the console" 'the passphrase is wrong' \
    speem attic unlock --passphrase-file "$BOX/wrong"
prints "unlocked on the console" '^unlocked' speem attic unlock --passphrase-file "$BOX/pass"
prints "it is open" '^locked: *no' speem attic status
[ -f "$BOX/attic/machine.access" ] && [ "$(stat -c %a "$BOX/attic/machine.key")" = 600 ] &&
    ok "it has what a locked start needs" || bad "it has what a locked start needs" "$(ls -l "$BOX/attic")"
[ ! -e "$BOX/attic/store.key" ] && ok "and no key beside the store" || bad "and no key beside the store"

# A power cut, and messages while it is locked; two more power cuts in the middle of them.
cut_power "$attic"
start attic
attic=$PID
prints "locked, it listens" '^listening: *127.0.0.1' speem attic status
prints "a message while it is locked" '^stored' speem bob send alice "locked 0"
prints "the spool shows it" '^spool: *1 deposit,' speem attic status
prints "the owner's device hears that it is locked" 'problem: *.*is locked.*speem unlock' speem alice status
prints "nodes says so, too" '\blocked\b' speem alice nodes
prints "nothing is handed out" '' speem alice inbox
refuses "on the console other commands are refused" 'the node is locked' speem attic invite
number=0
for round in 1 2; do
    (
        for message in $(seq 1 12); do
            speem bob send alice "locked $round-$message" >/dev/null 2>&1
        done
    ) &
    sender=$!
    for _ in $(seq 1 200); do
        number="$(find "$BOX/attic/spool" -name '*.spool' | wc -l)"
        [ "$number" -gt "$((round - 1))" ] && break
        sleep 0.1
    done
    sleep 1
    cut_power "$attic"
    start attic
    attic=$PID
    wait "$sender"
done
prints "one more" '^(stored|queued)' speem bob send alice "locked last"
[ "$(find "$BOX/attic/spool" -name '*.spool' | wc -l)" -ge 2 ] && ok "each boot has a file of its own" ||
    bad "each boot has a file of its own" "$(ls "$BOX/attic/spool")"
if grep -rq "locked 1-1" "$BOX/attic"; then bad "nothing is in clear"; else ok "nothing is in clear"; fi

# The spool is under the key that the store has now.
cut_power "$attic"
refuses "no new key while something waits in the spool" 'messages in while it was locked' \
    speem attic rekey --passphrase-file "$BOX/pass"
start attic
attic=$PID

# From the device: it shows where and since when, and never goes on by itself.
prints "what is shown before" 'answers at 127.0.0.1' sh -c \
    "echo no | '$SPEEM' unlock --node-passphrase-file '$BOX/pass' --config '$BOX/alice.toml' 2>&1 || true"
refuses "no is no" 'was not unlocked' unlocks no pass
refuses "nor is silence yes" 'was not unlocked' unlocks "" pass
refuses "a wrong passphrase on the device" 'the passphrase is wrong' unlocks yes wrong
prints "still locked" '^locked: *yes' speem attic status
refuses "another's device has no node to unlock" 'no node of this account is locked' \
    sh -c "echo yes | '$SPEEM' unlock --node-passphrase-file '$BOX/pass' --config '$BOX/bob.toml'"
prints "unlocked from the device" '^unlocked' unlocks yes pass
soon "it is open again" '^locked: *no' speem attic status
[ -z "$(find "$BOX/attic/spool" -type f)" ] && ok "the spool is empty" ||
    bad "the spool is empty" "$(find "$BOX/attic/spool" -type f)"

# Everything came, once.
inbox() { speem alice inbox --all 2>/dev/null || speem alice inbox; }
: >"$BOX/got"
for _ in $(seq 1 60); do
    speem bob outbox >/dev/null 2>&1
    speem alice inbox 2>/dev/null | grep -o 'locked [0-9l][-0-9a-z]*' >>"$BOX/got"
    [ "$(sort -u "$BOX/got" | wc -l)" -ge 26 ] && break
    sleep 1
done
[ "$(sort -u "$BOX/got" | wc -l)" -eq 26 ] && ok "every message is there" || bad "every message is there" "$(sort "$BOX/got")"
[ -z "$(sort "$BOX/got" | uniq -d)" ] && ok "and once" || bad "and once" "$(sort "$BOX/got" | uniq -d)"
refuses "nothing to unlock any more" 'no node of this account is locked' unlocks yes pass
stop "$attic"
