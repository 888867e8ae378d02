# A node that is the account's own from its first start, because a device has written its configuration.
source "$(dirname "$0")/lib.sh"

device alice "[discovery]
mode = \"off\""
speem alice init >/dev/null 2>&1
PORT="$(free_port)"
# config FILE [OPTION...]: alice writes a node's configuration.
config() {
    local file="$1"
    shift
    speem alice node config --output "$file" "$@"
}
# here FILE: what a person does with the file on the board, whose folder is another one in this test.
here() {
    sed "s|^data = .*|data = \"$BOX/$2\"|; /^\\[discovery\\]/a mode = \"off\"" "$1" >"$BOX/$2.toml"
    chmod 600 "$BOX/$2.toml"
}

# ---- what is wrong is said, and nothing is left
status=0
speem alice node config >/dev/null 2>&1 || status=$?
if [ "$status" -eq 64 ]; then ok "a name is needed"; else bad "a name is needed" "$status"; fi
refuses "a bad address" 'host:port' config "$BOX/bad.toml" --name attic --advertise nowhere
refuses "a bad name" 'control character' config "$BOX/bad.toml" --name "$(printf 'a\tb')"
refuses "no such node to replace" 'no node "cellar"' config "$BOX/bad.toml" --name attic --replaces cellar
refuses "nobody is waited for" 'no node "attic" is waited for' speem alice node config --cancel attic
if [ -e "$BOX/bad.toml" ]; then bad "a refusal leaves no file"; else ok "a refusal leaves no file"; fi

# ---- the file
options=(--name attic --listen "127.0.0.1:$PORT" --advertise "127.0.0.1:$PORT")
prints "a device writes it" 'wrote ' config "$BOX/speem.toml" "${options[@]}"
if [ "$(stat -c %a "$BOX/speem.toml")" = 600 ]; then ok "for its user's eyes only"; else bad "for its user's eyes only"; fi
prints "it is a node's configuration" 'a node, data in /var/lib/speem' "$SPEEM" config check --config "$BOX/speem.toml"
refuses "it is never overwritten" 'is there already' config "$BOX/speem.toml" --name cellar
if speem alice nodes | grep -q cellar; then bad "and then nobody is waited for"; else ok "and then nobody is waited for"; fi
refuses "a name is good for one node" 'node "attic" is waited for already' config "$BOX/again.toml" "${options[@]}"
prints "the node is waited for" '^attic	waiting for its first start' speem alice nodes
prints "as JSON, too" '"waiting" ?: ?true' speem alice nodes --json

# ---- the board
here "$BOX/speem.toml" board
start board
if grep -q '^speem:[a-z2-7]\|^speem: code' "$BOX/board.log" "$BOX/board.out"; then bad "it shows no invite and no code"; else ok "it shows no invite and no code"; fi
prints "it says for whom it waits" 'waits for a device of the account [0-9a-f]{8}' cat "$BOX/board.log"
refuses "it gives away no invite" 'waits for a device of the account' speem board invite
refuses "and no code" 'waits for a device of the account' speem board claim-code
prints "its status says so" '"provision" ?: ?"waiting"' speem board status --json
# Its state is kept: without the lines it waits all the same.
stop "$PID"
cp "$BOX/board.toml" "$BOX/board.whole"
sed -i '/^account = /d; /^secret = /d; /^expires = /d' "$BOX/board.toml"
start board
refuses "taking the lines away opens it to nobody" 'waits for a device of the account' speem board invite
stop "$PID"
cp "$BOX/board.whole" "$BOX/board.toml"
start board
board="$PID"

# ---- the device finds it: its daemon, of its own accord
start alice
soon "the node is taken" '^127\.0\.0\.1:[0-9]+	[0-9a-f]{8}	home	reachable	attic(	|$)' speem alice nodes
prints "the person is told" 'the node "attic" was found' speem alice inbox
stop "$PID"
prints "the node is owned" '"owned" ?: ?true' speem board status --json
if speem board status --json | grep -q '"provision"'; then bad "and waits for nobody"; else ok "and waits for nobody"; fi

# ---- the secret is worthless, and should go
stop "$board"
: >"$BOX/board.log"
start board
board="$PID"
prints "a start warns while the secret lies in the file" 'delete the lines of \[provision\]' cat "$BOX/board.log"
doctor() { speem board doctor || true; }
prints "so does doctor" '^problem	provision: .*still lies' doctor
stop "$board"
sed -i '/^account = /d; /^secret = /d; /^expires = /d' "$BOX/board.toml"
: >"$BOX/board.log"
start board
board="$PID"
if grep -q 'provision' "$BOX/board.log"; then bad "without it nobody warns"; else ok "without it nobody warns"; fi
if doctor | grep -q 'provision:'; then bad "nor does doctor"; else ok "nor does doctor"; fi
prints "and the node is still there" 'reachable	attic' speem alice nodes

# ---- a thief has copied the file, and starts a board of their own with it, at the same place
stop "$board"
here "$BOX/speem.toml" thief
start thief
refuses "a second board with the file is not to be had" 'waits for a device of the account' speem thief invite
soon "nobody comes for it" '^127.*	not reachable	attic(	|$)' speem alice nodes
prints "it is still waiting" '"provision" ?: ?"waiting"' speem thief status --json
stop "$PID"

# ---- without a daemon, on standard output, and taken back
text="$(speem alice node config --name cellar --output - 2>/dev/null)"
if printf '%s\n' "$text" | grep -q '^secret = "[0-9a-f]\{32\}"$'; then ok "to standard output"; else bad "to standard output" "$text"; fi
prints "a second node is waited for" '^cellar	waiting' speem alice nodes
prints "it is taken back" 'not waited for any more' speem alice node config --cancel cellar
if speem alice nodes | grep -q cellar; then bad "and gone"; else ok "and gone"; fi

start board
OTHER="$(free_port)"
config "$BOX/second.toml" --name shed --listen "127.0.0.1:$OTHER" --advertise "127.0.0.1:$OTHER" 2>/dev/null
here "$BOX/second.toml" shed
start shed
prints "a command without a daemon takes it, too" '	further	reachable	shed(	|$)' speem alice nodes
speem alice node config --name loft --replaces attic --listen "127.0.0.1:$PORT" --output "$BOX/loft.toml" 2>/dev/null
if speem alice nodes | grep -q '^loft	waiting'; then ok "a board may take another's place"; else bad "a board may take another's place"; fi
