# Devices and nodes of one account: linked, refused, named, removed, signed in with the words; what is said when it cannot be done.
source "$(dirname "$0")/lib.sh"

# label WHO: the letters that a device shows while it asks to be linked.
label() { sed -n 's/.*this device shows \([0-9a-f]*\).*/\1/p' "$BOX/$1.accept"; }
# join FROM WHO: WHO asks to be linked with an invite of FROM.
join() {
    speem "$1" invite --device 2>/dev/null | grep '^speem:' >"$BOX/$2.invite"
    speem "$2" accept "$(cat "$BOX/$2.invite")" >"$BOX/$2.accept" 2>&1 </dev/null &
    joining=$!
    pids+=("$joining")
}

node home
node second
node fresh
device laptop $'[device]\nname = "laptop"\npoll = "2s"'
device phone $'[device]\nname = "phone"\npoll = "2s"'
device tablet $'[device]\nname = "tablet"'
start home
start second

speem laptop init >"$BOX/words" 2>/dev/null
refuses "a device invite without a node" 'has no node yet' speem laptop invite --device
speem laptop accept "$(tail -n 1 "$BOX/home.out")" >/dev/null
prints "the first node is home" $'\thome\treachable' speem laptop nodes
prints "a further node" 'the node is yours' speem laptop accept "$(tail -n 1 "$BOX/second.out")"
prints "it is listed behind home" $'\tfurther\treachable' speem laptop nodes
prints "nodes as JSON" '"home":true' speem laptop nodes --json
start laptop

prints "a device invite" '^speem:' speem laptop invite --device
join laptop phone
soon "the new device is shown with its letters" "phone.*asks to be linked" speem laptop devices
prints "both show the same letters" "$(label phone)" speem laptop devices
prints "a request as JSON" "\"fingerprint\":\"$(label phone)\"" speem laptop devices --json
refuses "a device that does not ask" 'there is no device "toaster"' speem laptop devices link toaster
refuses "an unknown span" '"all", "none", or days' speem laptop devices link phone --history sometimes
prints "yes" 'phone is linked' speem laptop devices link phone --history 30d
if wait "$joining" && grep -q 'this device is linked' "$BOX/phone.accept"; then ok "the new device is linked"
else bad "the new device is linked" "$(cat "$BOX/phone.accept")"; fi
prints "the first device says so once" 'phone was linked' speem laptop inbox
prints "the phone lists both" '^laptop' speem phone devices
refuses "linking a device that has an account" 'belongs to an account already' \
    speem phone accept "$(speem laptop invite --device 2>/dev/null | grep '^speem:')"
refuses "a device invite as a contact's" 'belongs to an account already' speem phone accept "$(cat "$BOX/phone.invite")"

join laptop tablet
soon "a second one asks" "tablet.*asks to be linked" speem laptop devices
prints "no" 'tablet was not linked' speem laptop devices refuse tablet
if wait "$joining"; then bad "the refused device says so" "$(cat "$BOX/tablet.accept")"
elif grep -q 'the other device said no' "$BOX/tablet.accept"; then ok "the refused device says so"
else bad "the refused device says so" "$(cat "$BOX/tablet.accept")"; fi
refuses "a device that is not linked" 'not linked to its account yet' speem tablet contacts
join laptop tablet
soon "it may ask again with another invite" "tablet.*asks to be linked" speem laptop devices
prints "and then yes" 'tablet is linked' speem laptop devices link tablet --history none
wait "$joining" && ok "it is linked now" || bad "it is linked now" "$(cat "$BOX/tablet.accept")"

refuses "a name that another device has" 'already' speem laptop devices rename phone tablet
prints "a new name" 'it is called pocket now' speem laptop devices rename phone pocket
start phone
soon "the other devices learn it" '^pocket' speem phone devices
refuses "removing the device itself" 'this is the device you are using' speem laptop devices remove laptop
refuses "removing an unknown device" 'there is no device "toaster"' speem laptop devices remove toaster
prints "settings" $'^read_receipts\toff' speem laptop settings
prints "a setting" $'^read_receipts\ton' speem laptop settings read_receipts on
soon "it is the same on the other device" $'^read_receipts\ton' speem phone settings
refuses "an unknown setting" 'the settings are: read_receipts' speem laptop settings volume on

refuses "why, of no message" 'there is no message "beef"' speem laptop why beef
prints "an empty outbox" 'nothing is on its way' speem laptop outbox
refuses "replacing an unknown node" 'there is no node "192.0.2.9:1"' \
    speem laptop nodes replace 192.0.2.9:1 "$(cat "$BOX/phone.invite")"
start fresh
refuses "replacing with something else than a claim invite" 'not a claim invite' \
    speem laptop nodes replace "$(speem laptop nodes | awk '/home/ { print $1 }')" "$(cat "$BOX/phone.invite")"

prints "a device is removed" 'tablet was removed' speem laptop devices remove tablet
soon "the others are told" 'tablet was removed' speem phone devices

refuses "recovery with a key that is none" "this is not a node's key" speem tablet recover 127.0.0.1:1 abc
key="$(speem home status --json | grep -oE '"node_key":"[0-9a-f]*"' | grep -oE '[0-9a-f]{64}')"
address="$(sed -n 's/^addresses = \["\(.*\)"\]/\1/p' "$BOX/home.toml")"
printf 'abandon %.0s' $(seq 1 24) >"$BOX/bad-words"
device rescue
refuses "recovery with words that are none" 'words|checksum' \
    sh -c "'$SPEEM' recover $address $key --config '$BOX/rescue.toml' <'$BOX/bad-words'"
grep -v These "$BOX/words" | grep -oE '[0-9]+ [a-z]+' | sort -n | awk '{ print $2 }' | tr '\n' ' ' >"$BOX/good-words"
prints "recovery" 'this device is signed in' \
    sh -c "'$SPEEM' recover $address $key --config '$BOX/rescue.toml' <'$BOX/good-words'"
soon "the recovered device lists the others" '^pocket' speem rescue devices
soon "and they list it" 'rescue|device' speem laptop devices
