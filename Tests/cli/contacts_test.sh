# Contacts that are not wanted any more, and who is on the same network.
source "$(dirname "$0")/lib.sh"

node alice-node $'[discovery]\nmode = "off"'
node bob-node $'[discovery]\nmode = "off"'
device alice $'[discovery]\nmode = "off"'
device bob $'[discovery]\nmode = "off"'
start alice-node
start bob-node
own alice-node alice
own bob-node bob
speem alice accept --name bob "$(speem bob invite 2>/dev/null)" >/dev/null 2>&1
speem bob contacts >/dev/null
speem alice contacts >/dev/null

prints "a contact is blocked" '^bob is blocked$' speem alice contacts block bob
prints "the list says so" $'^bob\tconfirmed\tnot verified\tblocked$' speem alice contacts
refuses "nothing is sent to a blocked contact" '"bob" is blocked' speem alice send bob hello
prints "it is not told" "^(stored|queued)" speem bob send alice "can you hear me"
prints "and not heard" "no new messages" speem alice inbox
prints "it is unblocked" '^bob is not blocked any more$' speem alice contacts unblock bob
speem bob send alice "and now" >/dev/null
prints "and heard again" "^bob: and now" speem alice inbox
refuses "blocking somebody unknown" 'there is no contact "carol"' speem alice contacts block carol

prints "a contact is removed" '^bob was removed$' speem alice contacts remove bob
prints "with all there was" "no contacts yet" speem alice contacts
refuses "nothing is sent to it" 'there is no contact "bob"' speem alice send bob hello
refuses "removing it twice" 'there is no contact "bob"' speem alice contacts remove bob

prints "nobody is looked for when the configuration says so" 'discovery.mode is "off"' speem alice nearby
prints "also on a node" 'discovery.mode is "off"' speem alice-node nearby
prints "in JSON" '"mode":"off"' speem alice nearby --json
refuses "an interface that is none" "'interfaces'.* is not the name of an interface" \
    sh -c "printf 'role = \"node\"\ndata = \"/x\"\n[discovery]\ninterfaces = [\"eth/0\"]\n' >'$BOX/x.toml'; '$SPEEM' config check --config '$BOX/x.toml'"
