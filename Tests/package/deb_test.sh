#!/usr/bin/env bash
# The Debian package in a system of its own: installed, updated, downgraded, removed and purged, with a node's store that must
# live through all but the last.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
source "$HERE/../package/system.sh"
TOOL="${SPEEM_NEWER_STORE:-$HERE/../../.build/debug/NewerStore}"
can_make_system || exit 0

# Everything after the fetching happens in namespaces of its own: the node's port is nobody else's, and mounts go with them.
if [ -z "${SPEEM_OWN_NETWORK:-}" ]; then
    # no_package WORDS PATTERN ARGUMENT...: deploy/package.sh refuses them.
    no_package() {
        local words="$1" pattern="$2" err
        shift 2
        if err="$("$HERE/../../deploy/package.sh" "$@" 2>&1)" || ! grep -qE "^error: $pattern" <<<"$err"; then
            bad "$words" "$err"
        else
            ok "$words"
        fi
    }
    no_package "no package for a machine that there is no program for" 'there is no package for mips$' mips
    no_package "none of a program that is not there" 'there is no /nowhere$' amd64 /nowhere
    no_package "none of one that needs libraries" '/bin/true is no static program for amd64: ELF' amd64 /bin/true
    other=arm64
    [ "$(dpkg --print-architecture)" = amd64 ] || other=amd64
    no_package "none of one for another machine" ".* is no static program for $other: ELF" "$other" "$SPEEM"
    fetch_system || { bad "a Debian system to install it in" "$(tail -n 5 "$BOX/debootstrap.log" 2>/dev/null)"; exit 1; }
    if ! out="$("$HERE/../../deploy/package.sh" "$(dpkg --print-architecture)" "$SPEEM" 2>&1)"; then
        bad "the package is made, and lintian is content" "$out"
        exit 1
    fi
    ok "the package is made, and lintian is content"
    DEB="$(printf '%s\n' "$out" | sed -n 's/^==> \(.*\.deb\): .*/\1/p')"
    sum="$(sha256sum <"$DEB")"
    (umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 TMPDIR="$BOX" "$HERE/../../deploy/package.sh" "$(dpkg --print-architecture)" "$SPEEM" >/dev/null 2>&1)
    [ "$(sha256sum <"$DEB")" = "$sum" ] && ok "the same bytes again" || bad "the same bytes again"
    SPEEM_OWN_NETWORK=1 DEB="$DEB" unshare -n -m bash "${BASH_SOURCE[0]}" || broken=1
    exit
fi
ip link set lo up
make_system

# ---- packages: as it is made, and a later one with another default in its example
version="$(dpkg-deb -f "$DEB" Version)"
cp "$DEB" "$SYSTEM/now.deb"
dpkg-deb -R "$DEB" "$BOX/later"
sed -i "s/^Version: .*/Version: $version+later/" "$BOX/later/DEBIAN/control"
printf '# A line of a later version.\n' >>"$BOX/later/etc/speem/speem.toml"
dpkg-deb --root-owner-group -Znone -b "$BOX/later" "$SYSTEM/later.deb" >/dev/null

CONFIG="$SYSTEM/etc/speem/speem.toml"
STORE="$SYSTEM/var/lib/speem"
WANTS=/etc/systemd/system/multi-user.target.wants/speem.service
# install FILE: as unattended-upgrades does it.
install_deb() { inside dpkg --force-confold -i "/$1" >"$BOX/dpkg.log" 2>&1; }

# run_node: starts the service's program as its user, with the folders that systemd would make; its pid is in $PID.
run_node() {
    inside install -d -m 700 -o speem -g speem /var/lib/speem
    inside install -d -m 750 -o speem -g speem /run/speem
    chroot "$SYSTEM" setpriv --reuid=speem --regid=speem --init-groups --bounding-set=-all --no-new-privs \
        /usr/bin/speem run --config /etc/speem/speem.toml >"$BOX/node.out" 2>>"$BOX/node.log" </dev/null &
    PID=$!
    pids+=("$PID")
    for _ in $(seq 1 100); do
        if service status --json >/dev/null 2>&1; then return; fi
        kill -0 "$PID" 2>/dev/null || break
        sleep 0.1
    done
    bad "the node starts" "$(tail -n 5 "$BOX/node.log")"
}
# service ARGUMENT...: a command to the service.
service() { inside speem "$@" --config /etc/speem/speem.toml; }
key() { service status --json | tr -d ' ' | grep -oE '"node_key":"[0-9a-f]{64}"'; }

# ---- install
if install_deb now.deb; then ok "it can be installed"; else bad "it can be installed" "$(cat "$BOX/dpkg.log")"; fi
grep -q "systemctl enable --now speem" "$BOX/dpkg.log" && ok "and says how to start a node" ||
    bad "and says how to start a node" "$(cat "$BOX/dpkg.log")"
[ ! -e "$STORE" ] && [ ! -L "$SYSTEM$WANTS" ] && ok "it starts nothing by itself" || bad "it starts nothing by itself"
prints "the program runs" "^speem [0-9]" inside speem version
prints "the user is a system user without a shell" '^speem:x:[0-9]{3}:[0-9]{3}:.*:/var/lib/speem:.*nologin$' inside getent passwd speem
[ "$(inside stat -c '%a %U:%G' /etc/speem/speem.toml)" = "640 root:speem" ] &&
    ok "the configuration is for root and the service" ||
    bad "the configuration is for root and the service" "$(inside stat -c '%a %U:%G' /etc/speem/speem.toml)"
for file in /usr/lib/systemd/system/speem.service /usr/lib/sysusers.d/speem.conf; do
    [ -f "$SYSTEM$file" ] && ok "$file is there" || bad "$file is there"
done
as_service() { inside setpriv --reuid=speem --regid=speem --init-groups "$@"; }
prints "the service accepts its configuration" ": a node, data in /var/lib/speem$" \
    as_service speem config check --config /etc/speem/speem.toml
refuses "others cannot read it" "speem.toml" inside setpriv --reuid=nobody --regid=nogroup --clear-groups \
    speem config check --config /etc/speem/speem.toml
prints "no file of the package was changed" '^$' inside sh -c 'dpkg -V speem; echo'
if command -v systemd-analyze >/dev/null; then
    # It looks for other units and the program on this machine.
    sed "s|/usr/bin/speem|$SPEEM|" "$SYSTEM/usr/lib/systemd/system/speem.service" >"$BOX/speem.service"
    if out="$(systemd-analyze verify --man=no "$BOX/speem.service" 2>&1)" && ! grep -q 'speem' <<<"$out"; then
        ok "systemd finds nothing wrong with the unit"
    else
        bad "systemd finds nothing wrong with the unit" "$out"
    fi
else
    skip "verifying the unit takes systemd-analyze"
fi

# ---- completions and pages
completes() {
    inside bash -uc 'source /usr/share/bash-completion/completions/speem
        COMP_WORDS=(speem st) COMP_CWORD=1 COMP_LINE="speem st" COMP_POINT=8 COMP_TYPE=9
        function=$(complete -p speem | sed -E "s/.*-F ([^ ]+) .*/\1/")
        "$function" speem st speem && printf "%s\n" "${COMPREPLY[@]}"'
}
prints "bash completes commands" '^status ?$' completes
for shell in zsh fish; do
    file="$(find "$SYSTEM/usr/share/$shell" -name '*speem*')"
    if ! command -v "$shell" >/dev/null; then
        [ -s "$file" ] && ok "there is a completion for $shell" || bad "there is a completion for $shell"
    elif err="$("$shell" -n "$file" 2>&1)"; then ok "$shell reads its completion"; else bad "$shell reads its completion" "$err"; fi
done
if command -v man >/dev/null; then
    for page in man1/speem.1 man5/speem.toml.5; do
        err="$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -Tutf8 -l "$SYSTEM/usr/share/man/$page.gz" 2>&1 >"$BOX/page")"
        [ -z "$err" ] && [ "$(wc -l <"$BOX/page")" -gt 40 ] && ok "$page renders without warnings" ||
            bad "$page renders without warnings" "$err"
    done
else
    skip "rendering pages takes man"
fi

# ---- a node with something to lose
inside ln -s /usr/lib/systemd/system/speem.service "$WANTS"
sed -i 's/^#advertise = .*/advertise = ["127.0.0.1:4404"]/' "$CONFIG"
device laptop
device bob
node bob-node
start bob-node
own bob-node bob
run_node
speem laptop init >/dev/null 2>&1
prints "the node can be taken" "the node is yours" speem laptop accept "$(tail -n 1 "$BOX/node.out")"
speem bob accept --name alice "$(speem laptop invite)" >/dev/null
speem laptop contacts >/dev/null
prints "a message waits on it" "^stored" speem bob send alice "before the update"
identity="$(key)"
[ -n "$identity" ] || bad "the node has a key" "$(service status --json)"
stop "$PID"

# ---- update
if install_deb later.deb; then ok "it can be updated"; else bad "it can be updated" "$(cat "$BOX/dpkg.log")"; fi
prints "to the later version" "^$version\+later$" inside dpkg-query -W -f '${Version}\n' speem
prints "a configuration that was changed is kept" '^advertise = ' cat "$CONFIG"
prints "and the new one is beside it" '^# A line of a later version' cat "$CONFIG.dpkg-dist"
[ "$(inside stat -c '%a %U:%G' /etc/speem/speem.toml)" = "640 root:speem" ] && ok "it is still private" || bad "it is still private"
[ -L "$SYSTEM$WANTS" ] && ok "it still starts with the machine" || bad "it still starts with the machine"
run_node
[ "$(key)" = "$identity" ] && ok "it is the same node" || bad "it is the same node" "$(key)"
prints "the message is there" "before the update" speem laptop inbox
prints "and another one" "^stored" speem bob send alice "before the downgrade"
stop "$PID"

# ---- downgrade
if install_deb now.deb; then ok "it can be downgraded"; else bad "it can be downgraded" "$(cat "$BOX/dpkg.log")"; fi
run_node
prints "a store that the older program knows goes on" "before the downgrade" speem laptop inbox
speem bob send alice "before the removal" >/dev/null
stop "$PID"
if [ -x "$TOOL" ]; then
    inside cp -a /var/lib/speem /var/lib/speem.kept
    # A key that belongs to somebody else would be refused.
    inside chown -R root:root /var/lib/speem
    "$TOOL" "$STORE" >/dev/null || bad "a newer program uses the store"
    inside chown -R speem:speem /var/lib/speem
    before="$(cd "$STORE" && sha256sum store.* initialised)"
    refuses "one that it does not know is refused in words" \
        "a newer speem has used the store in /var/lib/speem: it has version 1000" \
        as_service timeout 20 speem run --config /etc/speem/speem.toml
    [ "$(cd "$STORE" && sha256sum store.* initialised)" = "$before" ] && ok "and not changed" || bad "and not changed"
    rm -r "$STORE"
    mv "$STORE.kept" "$STORE"
else
    skip "a newer store takes $TOOL, which swift build --build-tests makes"
fi

# ---- one who does not want it to start
rm "$SYSTEM$WANTS"
install_deb later.deb
[ ! -L "$SYSTEM$WANTS" ] && ok "an update does not make it start with the machine" ||
    bad "an update does not make it start with the machine"
inside ln -s /usr/lib/systemd/system/speem.service "$WANTS"

# ---- what systemd is asked to do, by a systemctl that writes it down
with_systemctl
install_deb now.deb
prints "an update starts a running node again" '^try-restart speem.service$' asked
prints "after the units were read anew" '^daemon-reload$' asked
: >"$ASKED"
inside dpkg --remove speem >/dev/null 2>&1 && ok "it can be removed" || bad "it can be removed"
prints "which stops it" '^stop speem.service$' asked
[ ! -e "$SYSTEM/usr/bin/speem" ] && [ -f "$CONFIG" ] && [ -f "$STORE/store.db" ] &&
    ok "configuration and store stay" || bad "configuration and store stay"
: >"$ASKED"
install_deb now.deb
if asked | grep -qE '^(re)?start speem'; then bad "nothing is started when it comes back" "$(asked)"; else
    ok "nothing is started when it comes back"; fi
without_systemctl
run_node
[ "$(key)" = "$identity" ] && ok "what it finds is the same node" || bad "what it finds is the same node"
prints "with what it kept" "before the removal" speem laptop inbox
stop "$PID"

# ---- purge
inside dpkg --purge speem >"$BOX/dpkg.log" 2>&1 && ok "it can be purged" || bad "it can be purged" "$(cat "$BOX/dpkg.log")"
left="$(find "$SYSTEM" -xdev -iname '*speem*' -not -path "$SYSTEM/proc/*" -not -path "$SYSTEM/run/*" -printf '%P\n')"
[ -z "$left" ] && ok "nothing is left, the store included" || bad "nothing is left, the store included" "$left"
prints "but the user, whose files may be elsewhere" '^speem:' inside getent passwd speem
install_deb now.deb && ok "it can be installed again" || bad "it can be installed again" "$(cat "$BOX/dpkg.log")"
inside dpkg --purge speem >/dev/null 2>&1 && ok "and purged at once" || bad "and purged at once"
