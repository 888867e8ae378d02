# A node is told to stop in the middle of deposits: it ends within a second, and nothing that it has acknowledged is lost.
source "$(dirname "$0")/lib.sh"

quiet="[discovery]
mode = \"off\""
for who in alice bob; do
    node "$who-node" "$quiet"
    start "$who-node"
    eval "${who}_node=$PID"
    device "$who" "$quiet"
    own "$who-node" "$who"
done
speem alice accept "$(speem bob invite 2>/dev/null | tail -n 1)" --name bob >/dev/null 2>&1
speem bob contacts >/dev/null
speem alice contacts >/dev/null
start alice

# flood FROM: four senders side by side, until there is a file "enough"; what was sent is in sent.N, a line each.
flood() {
    rm -f "$BOX/enough"
    for sender in 1 2 3 4; do
        (
            number=0
            until [ -e "$BOX/enough" ]; do
                number=$((number + 1))
                speem alice send bob "$1-$sender-$number" >/dev/null 2>&1 && printf '%s\n' "$1-$sender-$number" >>"$BOX/sent.$sender"
            done
        ) &
        senders+=("$!")
    done
}
senders=()
milliseconds() { date +%s%3N; }
# interrupt WHICH: tells that node to stop while deposits are on their way to it, and starts it again; what it took is in $took.
interrupt() {
    local pid before
    before="$(cat "$BOX"/sent.* 2>/dev/null | wc -l)"
    until [ "$(cat "$BOX"/sent.* 2>/dev/null | wc -l)" -gt $((before + 4)) ]; do sleep 0.05; done
    eval "pid=\$${1%-node}_node"
    before="$(milliseconds)"
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
    took=$(($(milliseconds) - before))
    wait "$pid"
    status=$?
    start "$1"
    eval "${1%-node}_node=$PID"
}

for which in alice-node bob-node; do
    best=100000
    for attempt in 1 2 3; do
        flood "$which-$attempt"
        interrupt "$which"
        touch "$BOX/enough"
        wait "${senders[@]}"
        senders=()
        if [ "$status" -ne 0 ]; then bad "$which ends without an error" "$(tail -n 5 "$BOX/$which.log")"; fi
        if [ "$took" -lt "$best" ]; then best="$took"; fi
        # On a busy machine the best of three counts.
        [ "$best" -ge 1000 ] || break
    done
    if [ "$best" -lt 1000 ]; then ok "$which ends within a second with deposits in flight"; else
        bad "$which ends within a second with deposits in flight" "$best ms"; fi
done

# ---- all of it is there, once
sent="$(cat "$BOX"/sent.* | sort)"
inbox() { speem bob inbox --all --json 2>/dev/null | grep -oE '(alice|bob)-node-[0-9]+-[0-9]+-[0-9]+' | sort; }
arrived() {
    speem bob contacts >/dev/null 2>&1
    [ -z "$(comm -23 <(printf '%s\n' "$sent") <(inbox))" ]
}
until_ok "all $(printf '%s\n' "$sent" | wc -l) messages arrive" arrived
if [ -z "$(inbox | uniq -d)" ]; then ok "each of them once"; else bad "each of them once" "$(inbox | uniq -d)"; fi
