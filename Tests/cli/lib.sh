# Shared by the transcripts in this folder: the real program, real folders, real sockets. deploy/test.sh runs them with
# SPEEM (the program) and RESULTS (a file for "ok" and "failed" lines) set.
set -u
: "${SPEEM:?the program}" "${RESULTS:=/dev/null}"
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
BOX="$(mktemp -d "${TMPDIR:-/tmp}/speem-cli.XXXXXX")"
pids=()
broken=0

clean_up() {
    local pid
    for pid in "${pids[@]:-}"; do [ -z "$pid" ] || kill "$pid" 2>/dev/null; done
    for pid in "${pids[@]:-}"; do [ -z "$pid" ] || gone "$pid" || kill -9 "$pid" 2>/dev/null; done
    for mount in "$BOX"/*/mnt; do mountpoint -q "$mount" 2>/dev/null && umount "$mount"; done
    rm -rf "$BOX"
    [ "$broken" -eq 0 ]
}
trap 'clean_up || exit 1' EXIT

ok() { printf 'ok %s\n' "$1" >>"$RESULTS"; printf '    ok: %s\n' "$1"; }
bad() {
    broken=1
    printf 'failed %s\n' "$1" >>"$RESULTS"
    printf '    FAILED: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/        /' >&2
}
skip() { printf '    skipped: %s\n' "$1"; }

# speem WHO ARGUMENT...: the program with WHO's configuration.
speem() {
    local who="$1"
    shift
    "$SPEEM" "$@" --config "$BOX/$who.toml"
}

# refuses WORDS PATTERN COMMAND...: the command fails with status 1, prints "speem: error: …" that matches PATTERN, and
# nothing on standard output.
refuses() {
    local words="$1" pattern="$2" out err status=0
    shift 2
    err="$("$@" 2>&1 >"$BOX/.stdout" </dev/null)" || status=$?
    out="$(cat "$BOX/.stdout")"
    if [ "$status" -eq 1 ] && [ -z "$out" ] && printf '%s\n' "$err" | grep -qE "^speem: error: .*$pattern"; then
        ok "$words"
    else
        bad "$words" "status $status, wanted: $pattern
$(printf '%s\n%s' "$err" "$out" | cut -c 1-200)"
    fi
}

# prints WORDS PATTERN COMMAND...: the command succeeds and prints a line that matches PATTERN.
prints() {
    local words="$1" pattern="$2" out status=0
    shift 2
    out="$("$@" 2>&1 </dev/null)" || status=$?
    if [ "$status" -eq 0 ] && printf '%s\n' "$out" | grep -qE "$pattern"; then
        ok "$words"
    else
        bad "$words" "status $status, wanted: $pattern
$(printf '%s' "$out" | cut -c 1-200)"
    fi
}

# soon WORDS PATTERN COMMAND...: as prints, but what is waited for may take a while.
soon() {
    local words="$1" pattern="$2" out
    shift 2
    for _ in $(seq 1 150); do
        out="$("$@" 2>&1 </dev/null)"
        if printf '%s\n' "$out" | grep -qE "$pattern"; then
            ok "$words"
            return
        fi
        sleep 0.5
    done
    bad "$words" "wanted: $pattern
$(printf '%s' "$out" | cut -c 1-200)"
}

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 20000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s' "$port"
            return
        fi
    done
}

# node NAME [LINES]: a node's configuration with a free port in $PORT.
node() {
    PORT="$(free_port)"
    printf 'role = "node"\ndata = "%s"\n[listen]\naddresses = ["127.0.0.1:%s"]\n%s\n' \
        "$BOX/$1" "$PORT" "${2:-}" >"$BOX/$1.toml"
}

# device NAME [LINES]: a device's configuration.
device() { printf 'role = "device"\ndata = "%s"\nname = "%s"\n%s\n' "$BOX/$1" "$1" "${2:-}" >"$BOX/$1.toml"; }

# start WHO: runs WHO's daemon; its pid is in $PID.
start() {
    "$SPEEM" run --config "$BOX/$1.toml" >"$BOX/$1.out" 2>>"$BOX/$1.log" </dev/null &
    PID=$!
    pids+=("$PID")
    for _ in $(seq 1 100); do
        if [ -S "$BOX/$1/control.sock" ] && speem "$1" status --json >/dev/null 2>&1; then return 0; fi
        kill -0 "$PID" 2>/dev/null || break
        sleep 0.1
    done
    bad "$1 starts" "$(cat "$BOX/$1.log")"
    return 1
}

# gone PID: waits for a child's end, for 10 seconds at the most.
gone() {
    for _ in $(seq 1 100); do
        kill -0 "$1" 2>/dev/null || { wait "$1" 2>/dev/null; return 0; }
        sleep 0.1
    done
    return 1
}

# stop PID: tells a daemon to end, as systemd does.
stop() {
    kill "$1" 2>/dev/null
    gone "$1" && return 0
    bad "process $1 ends when it is told to" "$(tail -n 5 "$BOX"/*.log 2>/dev/null)"
    kill -9 "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

# own NODE DEVICE: makes DEVICE's account and lets it take NODE.
own() {
    speem "$2" init >/dev/null 2>&1 && speem "$2" accept "$(tail -n 1 "$BOX/$1.out")" >/dev/null
}

# until_ok WORDS COMMAND...: tries for 30 seconds at the most.
until_ok() {
    local words="$1"
    shift
    for _ in $(seq 1 150); do
        if "$@" >/dev/null 2>&1; then
            ok "$words"
            return
        fi
        sleep 0.2
    done
    bad "$words" "$("$@" 2>&1)"
}
