# A device is backed up while it runs, dies, and comes back from the file as a new one.
source "$(dirname "$0")/lib.sh"

# restore WHO FILE: with the words of alice on standard input.
restore() { speem "$@" <"$BOX/words"; }
# all WHO: everything that WHO has received; what the person is to be told is left for later.
all() { speem "$1" inbox --all --json; }

node home
node bobs
device alice $'[device]\nname = "laptop"\npoll = "2s"'
device bob $'[device]\npoll = "2s"'
device back $'[device]\npoll = "2s"'
start home
start bobs
home_pid="${pids[0]}"
speem alice init >"$BOX/init" 2>/dev/null
grep -v These "$BOX/init" | grep -oE '[0-9]+ [a-z]+' | sort -n | awk '{ print $2 }' | tr '\n' ' ' >"$BOX/words"
speem alice accept "$(tail -n 1 "$BOX/home.out")" >/dev/null
own bobs bob
start alice
alice_pid="$PID"
start bob
speem bob accept "$(speem alice invite 2>/dev/null | grep '^speem:')" --name alice >/dev/null
soon "they have met" 'bob.*confirmed' speem alice contacts
speem bob send alice "before the backup" >/dev/null
soon "a message comes" 'before the backup' all alice

refuses "a node has no backup" 'configuration of a node' speem home backup "$BOX/file"
refuses "a folder that is not there" 'cannot create' speem alice backup "$BOX/nowhere/file"
prints "a backup while it runs" '1 message, [0-9]+ bytes' speem alice backup "$BOX/file"
if [ "$(stat -c %a "$BOX/file")" = 600 ] && [ ! -e "$BOX/file.part" ]; then ok "the file is the user's alone"
else bad "the file is the user's alone" "$(ls -l "$BOX"/file*)"; fi
if grep -qa 'before the backup' "$BOX/file"; then bad "nothing of it can be read"; else ok "nothing of it can be read"; fi
refuses "a file that is there stays" 'is there already' speem alice backup "$BOX/file"
prints "unless it is to be replaced" '"messages":1' speem alice backup "$BOX/file" --force --json

speem bob send alice "read by the old laptop" >/dev/null
soon "it goes on after the backup" 'read by the old laptop' all alice
soon "and that is confirmed" 'delivered.*read by the old laptop' speem bob sent
# Else it still waits for the restored device, and nobody needs to send it again.
soon "and its node keeps it no longer" '"envelopes":0' speem home status --json
cp -r "$BOX/alice" "$BOX/copy"
rm -f "$BOX/copy/control.sock"
sed "s|$BOX/alice|$BOX/copy|" "$BOX/alice.toml" >"$BOX/copy.toml"
kill -9 "$alice_pid"
gone "$alice_pid"
speem bob send alice "to the dead laptop" >/dev/null

refuses "no words" 'words' speem back restore "$BOX/file"
if restore alice restore "$BOX/file" >"$BOX/out" 2>&1; then bad "not over a device"
elif grep -q 'holds a device already' "$BOX/out"; then ok "not over a device"
else bad "not over a device" "$(cat "$BOX/out")"; fi
head -c 3000 "$BOX/file" >"$BOX/short"
if restore back restore "$BOX/short" >"$BOX/out" 2>&1; then bad "a file that was cut"
elif grep -q 'ends too early' "$BOX/out" && [ ! -e "$BOX/back/store.db" ]; then ok "a file that was cut"
else bad "a file that was cut" "$(cat "$BOX/out")"; fi

stop "$home_pid"
if restore back restore "$BOX/file" >"$BOX/out" 2>&1; then bad "without the node"
elif grep -q 'hint: run the same speem restore again' "$BOX/out"; then ok "without the node"
else bad "without the node" "$(cat "$BOX/out")"; fi
refuses "half a device does nothing" 'not restored yet' speem back send bob "too early"
start home
if restore back restore "$BOX/file" >"$BOX/out" 2>&1 && grep -q 'restored: 1 contact, [12] message' "$BOX/out"; then
    ok "with the node it goes on"
else
    bad "with the node it goes on" "$(cat "$BOX/out")"
fi
start back
# What a person is told is said once, by whatever command comes next that is not for a script.
speem back contacts >"$BOX/told" 2>&1
prints "the contact is back" 'bob.*confirmed' cat "$BOX/told"
prints "with the device's name" '"name":"laptop"' speem back devices --json
prints "the history is back" 'before the backup' all back
soon "and what waited" 'to the dead laptop' all back
speem back send bob "from the new laptop" >>"$BOX/told" 2>&1
told() {
    speem back inbox >>"$BOX/told" 2>&1
    cat "$BOX/told"
}
soon "it can write" 'from the new laptop' all bob
soon "what the old one had read comes again" 'read by the old laptop' all back
soon "the person is told" 'bob has sent again' told
speem bob send alice "to the new laptop" >/dev/null
soon "and be written to" 'to the new laptop' all back

"$SPEEM" run --config "$BOX/copy.toml" >"$BOX/copy.out" 2>&1 </dev/null &
copy=$!
pids+=("$copy")
if gone "$copy" && grep -q 'old copy' "$BOX/copy.out"; then ok "an old copy that still runs stops"
else bad "an old copy that still runs stops" "$(cat "$BOX/copy.out")"; fi
refuses "and says so from then on" 'old copy' speem copy send bob "from the past"
