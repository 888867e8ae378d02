# What Prometheus reads of a node: off by default, on the loopback only, and a file for node_exporter.
source "$(dirname "$0")/lib.sh"

# fetch PORT [CURL-LIKE HEAD]: the answer to a request on the loopback, head and all.
fetch() {
    python3 - "$@" <<'PYTHON'
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as connection:
    connection.sendall((sys.argv[2] if len(sys.argv) > 2 else "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").encode())
    while part := connection.recv(65536):
        sys.stdout.write(part.decode())
PYTHON
}
body() { fetch "$@" | sed '1,/^\r$/d'; }

# check WORDS PATTERN FILE NAME...: the metrics are in the format, and the samples of NAME match.
check() {
    local words="$1" pattern="$2" file="$3" out
    shift 3
    if out="$(python3 "$HERE/check_metrics.py" "$@" <"$file" 2>&1)" && printf '%s\n' "$out" | grep -qE "$pattern"; then
        ok "$words"
    else
        bad "$words" "$(printf '%s' "$out" | tail -n 3)"
    fi
}

node plain
start plain
if grep -q metrics "$BOX/plain.log"; then bad "without settings there are none"; else ok "without settings there are none"; fi
stop "$PID"

for address in 0.0.0.0:9404 192.0.2.1:9404 '[::]:9404' localhost:9404; do
    node open "[metrics]"$'\n'"listen = \"$address\""
    refuses "not at $address" "not an address of this machine's loopback" speem open config check
done

METRICS="$(free_port)"
node home "[metrics]"$'\n'"listen = \"127.0.0.1:$METRICS\""$'\n'"file = \"$BOX/speem.prom\""
device alice
# As the service does: nothing that the node makes is for others, but this file.
umask 077
start home
home=$PID
umask 022
own home alice
body "$METRICS" >"$BOX/metrics"
check "the format" '^speem_build_info\{version="[^"]+"\} 1$' "$BOX/metrics" speem_build_info
check "an owner" '^speem_owned 1$' "$BOX/metrics" speem_owned
check "a queue" '^speem_mailbox_envelopes\{device="[0-9a-f]{32}"\} 0$' "$BOX/metrics" speem_mailbox_envelopes
check "the disk" '^speem_disk_free_bytes [0-9]+$' "$BOX/metrics" speem_disk_free_bytes
check "wear" '^speem_disk_written_bytes_total [1-9][0-9]+$' "$BOX/metrics" speem_disk_written_bytes_total
if command -v promtool >/dev/null; then
    prints "promtool has nothing to say" '^$' sh -c "promtool check metrics <'$BOX/metrics' && echo"
else
    skip "promtool is not here (Debian package prometheus)"
fi
prints "it says what it is" '^Content-Type: text/plain; version=0\.0\.4; charset=utf-8' fetch "$METRICS"
prints "other paths are not there" '^HTTP/1.1 404 ' fetch "$METRICS" $'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
prints "it is for reading" '^HTTP/1.1 405 ' fetch "$METRICS" $'POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'
prints "a page in a browser gets nothing" '^HTTP/1.1 421 ' fetch "$METRICS" $'GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n'
prints "a long head is refused" '^HTTP/1.1 431 ' fetch "$METRICS" "$(printf 'x%.0s' $(seq 1 5000))"
until_ok "the file is there" test -s "$BOX/speem.prom"
check "in the same format" '^speem_locked 0$' "$BOX/speem.prom" speem_locked
[ "$(stat -c %a "$BOX/speem.prom")" = 644 ] && ok "others may read it" || bad "others may read it" "$(stat -c %a "$BOX/speem.prom")"
node second "[metrics]"$'\n'"listen = \"127.0.0.1:$METRICS\""
refuses "a port in use" "127\.0\.0\.1:$METRICS" speem second run
kill -0 "$home" && ok "the node goes on" || bad "the node goes on"
