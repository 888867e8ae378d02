# A board with little memory: a node that may use 64 MB, the kernel's buffers for its files and sockets included, takes in a
# backlog of 200 MB, is killed, starts again, and gives all of it to its device.
#
# SMALL_BOARD_MB says how large the backlog is. Where the memory cannot be capped (it takes root and the memory controller of
# cgroups) it says so.
source "$(dirname "$0")/lib.sh"

CAP=$((64 * 1024 * 1024))
MEGABYTES="${SMALL_BOARD_MB:-200}"
BENCHMARK="${SPEEM_BENCHMARK:-$HERE/../../.build/debug/speem-benchmark}"
if [ ! -x "$BENCHMARK" ]; then
    skip "there is no $BENCHMARK (swift build makes it)"
    exit 0
fi

# A group of processes that together may use so much memory, and none beside it on a disk.
GROUP=""
leave() {
    local pid
    for pid in $(cat "$GROUP/cgroup.procs" 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
    for _ in $(seq 1 50); do rmdir "$GROUP" 2>/dev/null && break; sleep 0.1; done
}
cap() {
    local root="/sys/fs/cgroup"
    if [ -f "$root/cgroup.controllers" ]; then
        # Version 2, here or below: the group beside ours, where the controller is handed down.
        grep -qw memory "$root/cgroup.controllers" || return 1
        echo +memory >"$root/cgroup.subtree_control" 2>/dev/null
        GROUP="$root/speem-small-board.$$"
        mkdir "$GROUP" 2>/dev/null && echo "$CAP" >"$GROUP/memory.max" 2>/dev/null || return 1
        echo 0 >"$GROUP/memory.swap.max" 2>/dev/null
        PEAK="$GROUP/memory.peak"
        [ "$(cat "$GROUP/memory.max")" = "$CAP" ]
    elif [ -f "$root/memory/cgroup.procs" ]; then
        GROUP="$root/memory/speem-small-board.$$"
        mkdir "$GROUP" 2>/dev/null && echo "$CAP" >"$GROUP/memory.limit_in_bytes" 2>/dev/null || return 1
        echo "$CAP" >"$GROUP/memory.memsw.limit_in_bytes" 2>/dev/null
        PEAK="$GROUP/memory.max_usage_in_bytes"
        [ "$(cat "$GROUP/memory.limit_in_bytes")" = "$CAP" ]
    else
        return 1
    fi
}
if ! cap; then
    [ -z "$GROUP" ] || rmdir "$GROUP" 2>/dev/null
    skip "the memory cannot be capped here: it takes root and the memory controller of cgroups"
    exit 0
fi
trap 'leave; clean_up || exit 1' EXIT

# begin: starts the node inside of the group; its pid is in $PID, and in $TOOK the milliseconds until it answers.
begin() {
    local from
    from="$(date +%s%N)"
    bash -c 'echo $$ >"$1/cgroup.procs" && exec "$2" run --config "$3"' - "$GROUP" "$SPEEM" "$BOX/node.toml" \
        >"$BOX/node.out" 2>>"$BOX/node.log" </dev/null &
    PID=$!
    pids+=("$PID")
    for _ in $(seq 1 600); do
        if [ -S "$BOX/node/control.sock" ] && speem node status --json >/dev/null 2>&1; then
            TOOK=$((($(date +%s%N) - from) / 1000000))
            anonymous >"$BOX/anonymous"
            watch_memory &
            return 0
        fi
        kill -0 "$PID" 2>/dev/null || break
        sleep 0.1
    done
    bad "the node starts" "$(tail -n 5 "$BOX/node.log")"
    exit 1
}
stored() { speem node status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["mailboxes"][0]["envelopes"])'; }
# Anonymous memory is what no kernel can take back.
anonymous() { sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$PID/status"; }
# watch_memory: keeps the most of it, until the node ends.
watch_memory() {
    local now most=0
    while now="$(anonymous 2>/dev/null)" && [ -n "$now" ]; do
        if [ "$now" -gt "$most" ]; then most="$now" && echo "$most" >"$BOX/anonymous"; fi
        sleep 0.1
    done
}
report() { printf '    %s: peak of the group %s MiB of 64, anonymous at most %s MiB, log %s MiB\n' "$1" "$(($(cat "$PEAK") / 1048576))" \
    "$(($(cat "$BOX/anonymous") / 1024))" "$(($(stat -c %s "$BOX/node/store.db-wal") / 1048576))"; }

node node $'[mailbox]\nquota = "2GB"\nquota_own = "1GB"'
begin
printf '    an empty store starts in %s ms\n' "$TOOK"
from=$SECONDS
count="$("$BENCHMARK" fill "$BOX/keys" "$(tail -n 1 "$BOX/node.out")" "$MEGABYTES" 2>"$BOX/fill.log")"
if [ "${count:-0}" -gt 0 ] && [ "$(stored)" = "$count" ]; then
    ok "it takes in $count envelopes, $MEGABYTES MB"
else
    bad "it takes in $MEGABYTES MB" "$(tail -n 3 "$BOX/fill.log" "$BOX/node.log")"
fi
report "filled in $((SECONDS - from)) s"
if [ "$(cat "$BOX/anonymous")" -lt 32768 ]; then ok "of its own memory it needs little"; else bad "of its own memory it needs little" "$(cat "$BOX/anonymous") kB"; fi
# The log is taken over all the time: it does not grow with what was written.
if [ "$(stat -c %s "$BOX/node/store.db-wal")" -lt $((32 * 1024 * 1024)) ]; then
    ok "its log stays small"
else
    bad "its log stays small" "$(stat -c %s "$BOX/node/store.db-wal") bytes"
fi

kill -9 "$PID"
wait "$PID" 2>/dev/null
begin
printf '    with the backlog, after kill -9, it starts in %s ms\n' "$TOOK"
if [ "$(stored)" = "$count" ]; then ok "killed and started again it has all of them"; else bad "killed and started again it has all of them" "$(stored)"; fi
report "started"
if [ "$(anonymous)" -lt 32768 ]; then ok "the start takes little memory"; else bad "the start takes little memory" "$(anonymous) kB"; fi

from=$SECONDS
came="$("$BENCHMARK" drain "$BOX/keys" 2 2>"$BOX/drain.log")"
if [ "$came" = "$count" ]; then
    ok "its device gets every one, once and in order"
else
    bad "its device gets every one, once and in order" "$came of $count; $(tail -n 3 "$BOX/drain.log" "$BOX/node.log")"
fi
report "drained in $((SECONDS - from)) s"
if [ "$(stored)" = 0 ]; then ok "nothing is left"; else bad "nothing is left" "$(stored)"; fi
kill -0 "$PID" && ok "the node was never ended for want of memory" || bad "the node was never ended for want of memory"
stop "$PID"
