# SIGHUP: the configuration is read again, and the log says what became of each change.
source "$(dirname "$0")/lib.sh"
PYTHON="${SPEEM_PYTHON:-python3}"

node node "[mailbox]
quota = \"2GB\"
[log]
level = \"notice\""
start node
node="$PID"
has() { grep -qE "$1" "$BOX/$2.log"; }
# reload WHO PATTERN WORDS: after a SIGHUP a line of WHO's log matches PATTERN.
reload() {
    kill -HUP "$PID"
    until_ok "$3" has "$2" "$1"
}
fresh() { : >"$BOX/$1.log"; }

fresh node
reload node 'notice.*nothing has changed' "an unchanged file changes nothing"

# ---- what a running node takes
sed -i 's/quota = "2GB"/quota = "3GB"/; s/level = "notice"/level = "debug"/' "$BOX/node.toml"
printf '[limits]\nconnections = 99\nidle_timeout = "2m"\n' >>"$BOX/node.toml"
fresh node
reload node 'limits.idle_timeout: "10m" -> "2m"$' "a new limit"
for line in 'mailbox.quota: "2GB" -> "3GB"$' 'limits.connections: 256 -> 99$' 'log.level: "notice" -> "debug"$'; do
    if has "$line" node; then ok "it says $line"; else bad "it says $line" "$(cat "$BOX/node.log")"; fi
done
if has 'needs a restart' node; then bad "none of them needs a restart" "$(cat "$BOX/node.log")"; else ok "none of them needs a restart"; fi
prints "the quota is another one" '"quota_bytes" ?: ?3000000000' speem node status --json
device laptop
own node laptop
until_ok "the log's level is another one" has ' debug ' node

# ---- what needs a restart is said, each time, and does not change
sed -i 's/^role = "node"/role = "node"\nname = "attic"/' "$BOX/node.toml"
printf '[claim]\nnetwork = false\n[provision]\naccount = "%064d"\nsecret = "%032d"\n' 1 7 >>"$BOX/node.toml"
for time in first second; do
    fresh node
    reload node 'warning.*claim.network: true -> false \(needs a restart\)' "what needs a restart is said the $time time"
    if has 'name: "" -> "attic" \(needs a restart\)' node; then ok "for each of them, the $time time"; else bad "for each of them, the $time time"; fi
done
if has 'provision.secret: \(secret\) -> \(secret\)' node && ! has '0000007' node; then ok "secrets are not logged"; else bad "secrets are not logged" "$(cat "$BOX/node.log")"; fi

# ---- a wrong file changes nothing
sed -i 's/quota = "3GB"/quota = "4GB"/; s/connections = 99/conections = 99/' "$BOX/node.toml"
fresh node
reload node "error.*is refused, and the old one stays: .*node.toml:[0-9]+:1: unknown key 'conections'" "a wrong file is refused, with the place"
mv "$BOX/node.toml" "$BOX/away.toml"
fresh node
reload node 'error.*is refused.*there is no such file' "so is one that is gone"
kill -0 "$node" && ok "the node goes on" || bad "the node goes on"
sed 's/conections/connections/' "$BOX/away.toml" >"$BOX/node.toml"
fresh node
reload node 'mailbox.quota: "3GB" -> "4GB"$' "the next right one is taken"
prints "the quota is the new one" '"quota_bytes" ?: ?4000000000' speem node status --json
stop "$node"

# ---- a device
device phone
printf '[device]\npoll = "5m"\n' >>"$BOX/phone.toml"
speem phone init >/dev/null 2>&1
start phone
sed -i 's/poll = "5m"/poll = "1m"/; s/^name = .*/name = "another"/' "$BOX/phone.toml"
reload phone 'device.poll: "5m" -> "1m"$' "a device takes what it can"
if has 'name: "phone" -> "another" \(needs a restart\)' phone; then ok "and says what it cannot"; else bad "and says what it cannot" "$(cat "$BOX/phone.log")"; fi
stop "$PID"

# ---- what a service manager hears
cat >"$BOX/manager.py" <<'PY'
import os, re, signal, socket, subprocess, sys, time
binary, config, path = sys.argv[1:]
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(path)
sock.settimeout(30)
daemon = subprocess.Popen(
    [binary, "run", "--config", config], env=dict(os.environ, NOTIFY_SOCKET=path),
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
heard = [sock.recv(4096).decode()]
before = time.monotonic_ns() // 1000
daemon.send_signal(signal.SIGHUP)
heard += [sock.recv(4096).decode() for _ in range(2)]
daemon.terminate()
heard.append(sock.recv(4096).decode())
daemon.wait(10)
begun = int(re.search(r"MONOTONIC_USEC=(\d+)", heard[1]).group(1))
print(heard[0], heard[1].split("\n")[0], heard[2], heard[3], before <= begun <= time.monotonic_ns() // 1000)
PY
prints "it hears of the beginning and the end" '^READY=1 RELOADING=1 READY=1 STOPPING=1 True$' \
    "$PYTHON" "$BOX/manager.py" "$SPEEM" "$BOX/node.toml" "$BOX/notify"
