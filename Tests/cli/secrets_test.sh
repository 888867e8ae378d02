# After real use nothing readable is on disk; and nothing stops a daemon's clients from being kept apart.
source "$(dirname "$0")/lib.sh"

node alice-node
node bob-node
device alice
device bob
start alice-node
start bob-node
own alice-node alice
own bob-node bob
start alice
alice=$PID
start bob
bob=$PID
speem alice accept --name "bob-the-contact" "$(speem bob invite)" >/dev/null
for number in $(seq 1 20); do speem alice send bob-the-contact "the-secret-text-$number" >/dev/null; done
until_ok "bob has the messages" sh -c "'$SPEEM' status --json --config '$BOX/bob.toml' | grep -q '\"unread\":20'"
prints "the daemon answers commands" 'the-secret-text-20' speem bob inbox
until_ok "alice sees delivered" \
    sh -c "test \$('$SPEEM' sent --config '$BOX/alice.toml' | grep -c ^delivered) -eq 20"

# While everything runs, and again after it was stopped.
scan() {
    local found=0 word
    for word in "SQLite format 3" "CREATE TABLE" "mailbox" "envelope" "contact" "message" "the-secret-text" \
        "bob-the-contact" "alice" "127.0.0.1"; do
        if grep -rqaiF "$word" "$BOX/alice" "$BOX/bob" "$BOX/alice-node" "$BOX/bob-node" 2>/dev/null; then
            bad "no file holds \"$word\" $1" "$(grep -rlaiF "$word" "$BOX"/*/ 2>/dev/null)"
            found=1
        fi
    done
    [ "$found" -ne 0 ] || ok "no file holds anything readable $1"
}
scan "while it runs"
stop "$alice"
stop "$bob"
scan "after it was stopped"
modes="$(find "$BOX/alice" "$BOX/alice-node" \( -type f -o -type d -o -type s \) -perm /077)"
if [ -z "$modes" ]; then ok "no file is open to others"; else bad "no file is open to others" "$modes"; fi

ask() { python3 "$HERE/control_socket.py" "$BOX/alice-node/control.sock" "$1"; }
prints "an answer for scripts over the socket" '"role":"node"' ask '{"jsonrpc":"2.0","id":1,"method":"status"}'
prints "no JSON on the socket" '"code":-32700' ask 'hello'
prints "an unknown method on the socket" '"code":-32601' ask '{"jsonrpc":"2.0","id":1,"method":"x"}'
