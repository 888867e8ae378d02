# A small Debian system in a folder, for tests of the package: its own files, users and package database. Source it after lib.sh.
SUITE=bookworm
# Fetching it takes a minute or two; it is kept, as one file.
SYSTEM_CACHE="${SPEEM_SYSTEM_CACHE:-$HERE/../../.build-package/$SUITE-$(dpkg --print-architecture 2>/dev/null).tar}"
SYSTEM="$BOX/system"
ASKED="$BOX/asked"

# can_make_system: whether there is one here at all; says why not.
can_make_system() {
    local tool
    if [ "$(id -u)" -ne 0 ]; then
        skip "installing a package in a system of its own takes root"
        return 1
    fi
    for tool in dpkg-deb lintian debootstrap unshare ip; do
        if ! command -v "$tool" >/dev/null; then
            skip "the package takes Debian and $tool"
            return 1
        fi
    done
    if ! unshare -n -m true 2>/dev/null; then
        skip "a system of its own takes namespaces"
        return 1
    fi
    if ! file -bL "$SPEEM" | grep -q 'statically linked.*stripped'; then
        skip "the package takes the static program, and $SPEEM is another one"
        return 1
    fi
}

# fetch_system: makes $SYSTEM_CACHE, from the machine's own mirror.
fetch_system() {
    local mirror
    [ ! -f "$SYSTEM_CACHE" ] || return 0
    mirror="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' "Codename: $SUITE" | head -n 1)"
    debootstrap --variant=minbase --include=systemd-standalone-sysusers "$SUITE" "$SYSTEM" \
        "${mirror:-http://deb.debian.org/debian}" >"$BOX/debootstrap.log" 2>&1 || return 1
    rm -rf "$SYSTEM"/var/cache/apt/archives/*.deb "$SYSTEM"/var/lib/apt/lists/*
    mkdir -p "$(dirname "$SYSTEM_CACHE")"
    tar -C "$SYSTEM" --numeric-owner -cf "$SYSTEM_CACHE.new" . && mv "$SYSTEM_CACHE.new" "$SYSTEM_CACHE"
}

# make_system: a fresh one in $SYSTEM.
make_system() {
    mkdir -p "$SYSTEM"
    tar -C "$SYSTEM" --numeric-owner -xf "$SYSTEM_CACHE"
    mkdir -p "$SYSTEM/etc/systemd/system/multi-user.target.wants"
}

# inside COMMAND...: in it, with little of the caller's environment.
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$SYSTEM" "$@"; }

# with_systemctl: systemd seems to run there. What it is asked, asked prints.
with_systemctl() {
    mkdir -p "$SYSTEM/run/systemd/system"
    printf '#!/bin/sh\nfor word; do case "$word" in --*) ;; *) printf "%%s " "$word" ;; esac; done >>/asked\necho >>/asked\n' \
        >"$SYSTEM/usr/bin/systemctl"
    chmod 755 "$SYSTEM/usr/bin/systemctl"
    ASKED="$SYSTEM/asked"
    : >"$ASKED"
}
asked() { sed 's/ *$//' "$ASKED"; }
without_systemctl() {
    rm -rf "$SYSTEM/run/systemd" "$SYSTEM/usr/bin/systemctl" "$SYSTEM/asked"
}
