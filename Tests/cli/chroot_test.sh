# The program alone in an empty directory tree; and names that it resolves there, although it is static.
source "$(dirname "$0")/lib.sh"
if [ "$(id -u)" -ne 0 ]; then
    skip "a chroot takes root"
    exit 0
fi
JAIL="$BOX/jail"
mkdir -p "$JAIL/etc"
cp "$SPEEM" "$JAIL/speem"
prints "it runs in an empty directory tree" '^sqlite 3' chroot "$JAIL" /speem version --verbose
# libdispatch used to end the program now and then where there is no /proc: once would prove little.
runs=0
for _ in $(seq 1 20); do
    if err="$(chroot "$JAIL" /speem version --verbose 2>&1 >/dev/null)"; then
        runs=$((runs + 1))
    else
        failure="status $?: $err"
    fi
done
if [ "$runs" -eq 20 ]; then ok "it runs there 20 times"; else bad "it runs there 20 times" "$runs times; $failure"; fi

# A node outside, addressed by a name from /etc/hosts, and by one that only a DNS server knows.
PORT="$(free_port)"
printf 'role = "node"\ndata = "%s"\n[listen]\naddresses = ["127.0.0.1:%s"]\nadvertise = ["%s"]\n' \
    "$BOX/hosts-node" "$PORT" "node.in-hosts:$PORT" >"$BOX/hosts-node.toml"
DNS_PORT="$(free_port)"
printf 'role = "node"\ndata = "%s"\n[listen]\naddresses = ["127.0.0.1:%s"]\nadvertise = ["%s"]\n' \
    "$BOX/dns-node" "$DNS_PORT" "node.in-dns.test:$DNS_PORT" >"$BOX/dns-node.toml"
start hosts-node
start dns-node
printf '127.0.0.1 localhost\n127.0.0.1 node.in-hosts\n' >"$JAIL/etc/hosts"
printf 'nameserver 127.0.0.153\noptions timeout:1 attempts:2\n' >"$JAIL/etc/resolv.conf"
printf 'role = "device"\ndata = "/alice"\nname = "alice"\n' >"$JAIL/alice.toml"
printf 'role = "device"\ndata = "/bob"\nname = "bob"\n' >"$JAIL/bob.toml"
# Not 127.0.0.53: systemd-resolved listens there.
python3 "$HERE/dns_server.py" 127.0.0.153 53 node.in-dns.test 127.0.0.1 >"$BOX/dns.out" 2>"$BOX/dns.log" &
pids+=("$!")
until_ok "the test's own DNS server listens" grep -q ready "$BOX/dns.out"
for who in alice bob; do chroot "$JAIL" /speem init --config "/$who.toml" >/dev/null 2>&1; done
prints "a node by its name in /etc/hosts" 'the node is yours' \
    chroot "$JAIL" /speem accept --config /alice.toml "$(tail -n 1 "$BOX/hosts-node.out")"
prints "a node by its name in DNS" 'the node is yours' \
    chroot "$JAIL" /speem accept --config /bob.toml "$(tail -n 1 "$BOX/dns-node.out")"
