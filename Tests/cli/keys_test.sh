# Where the store's key comes from: a key file, a credential, a passphrase; and a new key for the store.
source "$(dirname "$0")/lib.sh"

printf 'correct horse\n' >"$BOX/one"
printf 'battery staple\r\n' >"$BOX/two"
printf 'wrong\n' >"$BOX/wrong"

# A terminal, for what is only asked for there; TYPED is what a person types, line by line.
terminal() {
    python3 - "$@" <<'EOF'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
typed = os.environ["TYPED"].split("\n")
seen = b""
end = time.time() + 60
while time.time() < end:
    if not select.select([fd], [], [], 1)[0]:
        continue
    try:
        piece = os.read(fd, 4096)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    # The question comes when the terminal is silent.
    if typed and seen.endswith((b"passphrase: ", b"again: ")):
        os.write(fd, typed.pop(0).encode() + b"\n")
sys.stdout.write(seen.decode(errors="replace").replace("\r", ""))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
EOF
}

# A device: its first passphrase, and what asks for it.
device device
speem device init >/dev/null 2>&1
key="$(cut -d ' ' -f 2 "$BOX/device/store.key")"
prints "status says that the key lies beside the store" 'note: .*beside the store: a thief.*speem passphrase' \
    speem device status
refuses "without a terminal and a file there is no passphrase" 'no terminal to ask .*|passphrase is not' \
    setsid "$SPEEM" passphrase --config "$BOX/device.toml"
: >"$BOX/empty"
refuses "an empty passphrase" 'the passphrase is empty' \
    speem device passphrase --new-passphrase-file "$BOX/empty"
head -c 1025 /dev/zero | tr '\0' a >"$BOX/long"
refuses "a passphrase that is too long" 'more than 1024 bytes' \
    speem device passphrase --new-passphrase-file "$BOX/long"
printf '\377\n' >"$BOX/binary"
refuses "a passphrase that is no text" 'not UTF-8' speem device passphrase --new-passphrase-file "$BOX/binary"
refuses "a passphrase file that is not there" 'cannot open .*/nowhere' \
    speem device passphrase --new-passphrase-file "$BOX/nowhere"
[ -f "$BOX/device/store.key" ] && [ ! -e "$BOX/device/store.wrapped" ] && ok "after all of them the key file is as it was" ||
    bad "after all of them the key file is as it was"

prints "the first passphrase" 'next: set key = "passphrase" in \[store\]' \
    speem device passphrase --new-passphrase-file "$BOX/one"
[ ! -e "$BOX/device/store.key" ] && ok "the key file is gone" || bad "the key file is gone"
if grep -rqa "$key" "$BOX/device"; then bad "the key is in no file any more"; else ok "the key is in no file any more"; fi
[ "$(stat -c %a "$BOX/device/store.wrapped")" = 600 ] && ok "the wrapped key is its owner's" ||
    bad "the wrapped key is its owner's"
refuses "a configuration that still says file" 'store\.key is missing: the store has a passphrase' speem device status
device device '[store]
key = "passphrase"'
refuses "a wrong passphrase" 'the passphrase is wrong' speem device status --passphrase-file "$BOX/wrong"
prints "the right one" '^key: *passphrase' speem device status --passphrase-file "$BOX/one"
if printf 'correct horse\n' | speem device status --passphrase-file - --json | grep -q '"key" *: *"passphrase"'; then
    ok "the passphrase from standard input"
else
    bad "the passphrase from standard input"
fi
prints "doctor says how the key is kept" '^ok.*wrapped under a passphrase' \
    sh -c '"$0" doctor --passphrase-file "$1" --config "$2"; true' "$SPEEM" "$BOX/one" "$BOX/device.toml"
if grep -qrs 'correct horse' "$BOX/device"; then bad "the passphrase is in no file of the store"; else
    ok "the passphrase is in no file of the store"
fi

# Changing it.
cp "$BOX/device/store.wrapped" "$BOX/old.wrapped"
refuses "a change with a wrong passphrase" 'the passphrase is wrong' \
    speem device passphrase --passphrase-file "$BOX/wrong" --new-passphrase-file "$BOX/two"
cmp -s "$BOX/device/store.wrapped" "$BOX/old.wrapped" && ok "it changes nothing" || bad "it changes nothing"
prints "a change" 'the passphrase is changed' \
    speem device passphrase --passphrase-file "$BOX/one" --new-passphrase-file "$BOX/two"
refuses "the old passphrase" 'the passphrase is wrong' speem device status --passphrase-file "$BOX/one"
prints "the new one" '^key: *passphrase' speem device status --passphrase-file "$BOX/two"
if command -v python3 >/dev/null; then
    if TYPED='battery staple' terminal "$SPEEM" status --config "$BOX/device.toml" >"$BOX/typed" &&
        grep -q '^key: *passphrase' "$BOX/typed" && ! grep -q 'battery' "$BOX/typed"; then
        ok "typed at a terminal, which does not show it"
    else
        bad "typed at a terminal, which does not show it" "$(cat "$BOX/typed")"
    fi
    if TYPED=$'battery staple\ncorrect horse\ncorrect hose' terminal "$SPEEM" passphrase --config "$BOX/device.toml" \
        >"$BOX/typed"; then
        bad "two that are not the same" "$(cat "$BOX/typed")"
    elif grep -q 'the two are not the same' "$BOX/typed"; then
        ok "two that are not the same"
    else
        bad "two that are not the same" "$(cat "$BOX/typed")"
    fi
fi

# A new key: the old wrapped key is of no use then.
cp -a "$BOX/device" "$BOX/before"
prints "a new key" 'the store has a new key' speem device rekey --passphrase-file "$BOX/two"
ls "$BOX/device" | grep -q rekey && bad "nothing of it is left behind" "$(ls "$BOX/device")" ||
    ok "nothing of it is left behind"
prints "the store and its passphrase" '^key: *passphrase' speem device status --passphrase-file "$BOX/two"
cp "$BOX/device/store.wrapped" "$BOX/new.wrapped"
cp "$BOX/old.wrapped" "$BOX/device/store.wrapped"
refuses "the old wrapped key with the old passphrase" 'not the one that the store was made with' \
    speem device status --passphrase-file "$BOX/one"
head -c 100 "$BOX/new.wrapped" >"$BOX/device/store.wrapped"
refuses "a wrapped key that was cut" 'store\.wrapped cannot be used' speem device status --passphrase-file "$BOX/two"
# Passes and memory of a hostile file: 100 GB and more.
{ head -c 20 "$BOX/new.wrapped"; printf '\177\377\377\377\177\377\377\377'; tail -c +29 "$BOX/new.wrapped"; } \
    >"$BOX/device/store.wrapped"
refuses "a wrapped key that asks for too much" 'more or less memory or time' \
    speem device status --passphrase-file "$BOX/two"
cp "$BOX/new.wrapped" "$BOX/device/store.wrapped"
prints "after all of them the store opens" '^key: *passphrase' speem device status --passphrase-file "$BOX/two"

# Killed in the middle of a rekey, at any moment: the store opens, and goes on.
lost=""
for round in $(seq 1 12); do
    "$SPEEM" rekey --config "$BOX/device.toml" --passphrase-file "$BOX/two" >/dev/null 2>&1 &
    rekey=$!
    sleep "0.$(printf '%02d' $((round * 6)))"
    kill -9 "$rekey" 2>/dev/null
    wait "$rekey" 2>/dev/null
    speem device status --passphrase-file "$BOX/two" >/dev/null 2>"$BOX/lost" || lost="$lost $round: $(cat "$BOX/lost")"
done
[ -z "$lost" ] && ok "killed in the middle of a rekey" || bad "killed in the middle of a rekey" "$lost"

# A new device that has a passphrase from the beginning.
device fresh '[store]
key = "passphrase"'
refuses "nothing to ask the passphrase for" 'there is no store yet' speem fresh status --passphrase-file "$BOX/one"
speem fresh init --passphrase-file "$BOX/one" >/dev/null 2>&1
[ ! -e "$BOX/fresh/store.key" ] && ok "it never has a key file" || bad "it never has a key file"
prints "it opens" '^key: *passphrase' speem fresh status --passphrase-file "$BOX/one"

# A node with a passphrase starts locked.
node node
start node
kept="$(speem node status --json | grep -o '"node_key" *: *"[0-9a-f]*"')"
refuses "no new key while the node runs" 'another process uses the store' speem node rekey
prints "a passphrase while the node runs" 'store has a passphrase' speem node passphrase --new-passphrase-file "$BOX/one"
prints "an unlocked node" 'not locked' speem node unlock
stop "$PID"
printf '[store]\nkey = "passphrase"\n' >>"$BOX/node.toml"
start node
prints "it starts locked" '^locked: *yes' speem node status
refuses "a locked node makes no invites" 'the node is locked' speem node invite
refuses "a locked node and a wrong passphrase" 'the passphrase is wrong' \
    speem node unlock --passphrase-file "$BOX/wrong"
refuses "a second process beside a locked node" 'another process uses the store' speem node run
prints "still locked" '^locked: *yes' speem node status
prints "unlocked" '^unlocked' speem node unlock --passphrase-file "$BOX/one"
prints "it runs" '^locked: *no' speem node status
[ "$(speem node status --json | grep -o '"node_key" *: *"[0-9a-f]*"')" = "$kept" ] && ok "it is the same node" ||
    bad "it is the same node"
stop "$PID"
start node
stop "$PID" && ok "a locked node ends when it is told to"
"$SPEEM" run --config "$BOX/node.toml" --passphrase-file "$BOX/one" >"$BOX/node.out" 2>>"$BOX/node.log" </dev/null &
PID=$!
pids+=("$PID")
soon "a node whose passphrase is in a file is not locked" '^locked: *no' speem node status
stop "$PID"
prints "the key file that was left is told of" 'opens the store without the passphrase' \
    sh -c 'touch "$1/store.key"; "$0" doctor --config "$2"; rm "$1/store.key"' "$SPEEM" "$BOX/node" "$BOX/node.toml"

# A credential.
node credential '[store]
key = "credential"'
refuses "a credential that nobody has loaded" 'CREDENTIALS_DIRECTORY is not set' speem credential run
mkdir "$BOX/credentials"
export CREDENTIALS_DIRECTORY="$BOX/credentials"
refuses "a credential that is not there" 'speem-store-key is missing: the service manager' speem credential run
printf 'nonsense' >"$BOX/credentials/speem-store-key"
refuses "a credential that is no key" 'neither the text of a speem key file nor 32 bytes' speem credential run
"$SPEEM" key make >"$BOX/credentials/speem-store-key"
chmod 440 "$BOX/credentials/speem-store-key"
start credential
prints "a credential" '^key: *credential' speem credential status
stop "$PID"
[ ! -e "$BOX/credential/store.key" ] && ok "no key is written to the disk" || bad "no key is written to the disk"
printf '%b' "$(cut -d ' ' -f 2 "$BOX/credentials/speem-store-key" | sed 's/../\\x&/g')" >"$BOX/raw"
mv -f "$BOX/raw" "$BOX/credentials/speem-store-key"
start credential && ok "the same key as 32 bytes"
stop "$PID"
head -c 32 /dev/urandom >"$BOX/credentials/speem-store-key"
refuses "another credential" 'not the one that the store was made with' speem credential run
refuses "no passphrase over a credential" 'key of this store is a credential' \
    speem credential passphrase --new-passphrase-file "$BOX/one"
refuses "no new key for a credential" 'key of this store is a credential' speem credential rekey
unset CREDENTIALS_DIRECTORY

# What the configuration may say.
printf 'role = "node"\ndata = "x"\n[store]\nkey = "passphrase"\nkey_file = "y"\n' >"$BOX/wrong.toml"
refuses "a key file beside a passphrase" "wrong.toml:5:.*'key_file' is not used with key = \"passphrase\"" \
    "$SPEEM" config check --config "$BOX/wrong.toml"
printf 'role = "node"\ndata = "x"\n[store]\nkey = "credential"\ncredential = "a/b"\n' >"$BOX/wrong.toml"
refuses "a credential in a folder" "wrong.toml:5:.*'credential' must be the name" "$SPEEM" config check --config "$BOX/wrong.toml"
