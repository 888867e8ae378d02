# What a service manager hears, and whether the unit locks the service in and still lets it work.
source "$(dirname "$0")/lib.sh"
UNIT="$HERE/../../packaging/speem.service"
PYTHON="${SPEEM_PYTHON:-python3}"

# ---- what it hears
cat >"$BOX/manager.py" <<'PY'
import os, socket, subprocess, sys, time
binary, config, path = sys.argv[1:]
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(path)
sock.settimeout(30)
daemon = subprocess.Popen(
    [binary, "run", "--config", config],
    env=dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC="400000"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
heard = [sock.recv(4096).decode() for _ in range(4)]
begun = time.monotonic()
daemon.terminate()
while heard[-1] != "STOPPING=1":
    heard.append(sock.recv(4096).decode())
status = daemon.wait(10)
print(" ".join(dict.fromkeys(heard)), status, "in time" if time.monotonic() - begun < 1 else "late")
PY
node node
prints "a node says that it is ready, alive, and stopping, and ends within a second" \
    '^READY=1 WATCHDOG=1 STOPPING=1 0 in time$' "$PYTHON" "$BOX/manager.py" "$SPEEM" "$BOX/node.toml" "$BOX/notify"
device laptop
speem laptop init >/dev/null 2>&1
prints "so does a device" '^READY=1 WATCHDOG=1 STOPPING=1 0 in time$' \
    "$PYTHON" "$BOX/manager.py" "$SPEEM" "$BOX/laptop.toml" "$BOX/notify2"

# ---- how tight the unit is
if command -v systemd-analyze >/dev/null; then
    prints "the unit scores 1.3 or better" 'Overall exposure level.* (0|1\.[0-3]) ' \
        systemd-analyze security --offline=true --threshold=13 "$UNIT"
else
    skip "the unit's score takes systemd-analyze"
fi

# ---- whether the program needs a system call that the unit does not allow
if command -v systemd-analyze >/dev/null && command -v strace >/dev/null && strace -f -o /dev/null true 2>/dev/null; then
    calls() { systemd-analyze syscall-filter "$1" | awk '/^ +[a-z0-9_@]/ { print $1 }'; }
    # expand SET: its system calls, and those of the sets in it.
    expand() {
        local name
        for name in $(calls "$1"); do
            case "$name" in @*) expand "$name" ;; *) printf '%s\n' "$name" ;; esac
        done
    }
    { expand @privileged; expand @resources; } | sort -u >"$BOX/denied"
    expand @system-service | sort -u | comm -23 - "$BOX/denied" >"$BOX/allowed"
    # What the unit refuses is refused here, too, with the same error.
    strace -f -qq -o "$BOX/trace" -e trace=all -e inject=clock_adjtime,adjtimex,setpriority,setrlimit:error=EPERM "$SPEEM" run --config "$BOX/node.toml" >"$BOX/node.out" 2>>"$BOX/node.log" &
    pids+=("$!")
    until_ok "the node runs under strace" speem node status
    until [ -s "$BOX/node.out" ]; do sleep 0.1; done
    speem laptop accept "$(tail -n 1 "$BOX/node.out")" >/dev/null 2>&1
    speem laptop nodes >/dev/null 2>&1
    kill "$(sed -n '1s/ .*//p' "$BOX/trace")"
    gone "${pids[-1]}" || bad "it ends"
    sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$BOX/trace" | sort -u >"$BOX/used"
    # It can live without these: the clock's state is asked for in another way, and nothing depends on a priority.
    more="$(comm -23 "$BOX/used" "$BOX/allowed" | grep -vxE 'clock_adjtime|adjtimex|setpriority' | tr '\n' ' ')"
    if [ -n "$more" ]; then bad "the unit allows every system call that it makes" "$more"; else
        ok "the unit allows every system call that it makes ($(wc -l <"$BOX/used") kinds)"; fi
else
    skip "comparing system calls takes systemd-analyze and strace"
fi
