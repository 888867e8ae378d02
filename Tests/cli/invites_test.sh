# Invites that are wrong, and lost replies.
source "$(dirname "$0")/lib.sh"

node alice-node
node bob-node
device alice
device bob
start alice-node
start bob-node
bob_node=$PID
own alice-node alice
claim="$(tail -n 1 "$BOX/bob-node.out")"
speem bob init >/dev/null 2>&1

refuses "no invite at all" 'this is not an invite' speem bob accept hello
flipped="${claim%?}$(printf '%s' "${claim: -1}" | tr 'a-z2-7' 'b-z2-7a')"
refuses "a mistyped invite" 'mistyped' speem bob accept "$flipped"
refuses "half an invite" 'mistyped' speem bob accept "${claim:0:60}"
refuses "an oversized invite" 'more than 4096' speem bob accept "speem:$(printf 'a%.0s' $(seq 1 5000))"
refuses "a contact without an own node" 'has no node yet' speem bob accept "$(speem alice invite)"

prints "a claim invite, typed in capitals with spaces" 'the node is yours' \
    speem bob accept "$(printf '%s' "$claim" | tr 'a-z' 'A-Z' | sed 's/..../& /g')"
refuses "the same node once more" 'belongs to this account already' speem bob accept "$claim"
device carol
speem carol init >/dev/null 2>&1
refuses "a claim invite that was used" 'belongs to somebody|does not know this invite' speem carol accept "$claim"
refuses "an owned node has no claim invite" 'the node is owned' speem bob-node invite

invite="$(speem bob invite)"
refuses "one's own invite" 'this invite is your own' speem bob accept "$invite"
refuses "a name with control characters" 'cannot be used' speem alice accept --name $'a\nb' "$invite"
short="$(speem bob invite --lifetime 1s)"
sleep 2
refuses "an expired invite" 'has expired' speem alice accept "$short"

# The reply is lost: the node is stopped between the request and the second try; the same command goes on.
prints "a contact invite" 'bob is a contact now' speem alice accept --name bob "$invite"
refuses "an invite of a contact" '"bob" is a contact already' speem alice accept "$invite"
node carol-node
start carol-node
speem carol accept "$(tail -n 1 "$BOX/carol-node.out")" >/dev/null
refuses "an invite that somebody else has used" 'cannot be used: the invite was used' speem carol accept "$invite"
prints "nothing is left of a refused invite" 'no contacts yet' speem carol contacts

kill -9 "$bob_node"
wait "$bob_node" 2>/dev/null
offline="$(speem alice invite)"
refuses "an inviter's node that cannot be reached" 'cannot reach|closed the connection|did not answer' \
    speem bob accept "$(printf '%s' "$offline")"
start bob-node
until_ok "bob knows alice" sh -c "'$SPEEM' contacts --config '$BOX/bob.toml' | grep -q confirmed"
refuses "an invite of somebody who is a contact already" 'is a contact already' speem bob accept "$offline"
prints "verify shows 60 digits" '^([0-9]{5} ){3}[0-9]{5}$' speem alice verify bob
prints "verify --yes" 'bob is verified' speem alice verify bob --yes
prints "the contact is verified now" 'verified$' speem alice contacts
