#!/usr/bin/env bash
# Makes the Debian package: .build-package/speem_VERSION_ARCHITECTURE.deb, the same bytes for the same commit and binary.
#
#   deploy/package.sh [amd64|arm64] [BINARY]
#
# BINARY is a static, stripped speem of that architecture. Without it amd64 is built here, and of arm64 it takes what
# deploy/cross-arm64.sh has made. PACKAGE_VERSION names another version than that of the program.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

FILES="$ROOT/packaging"
OUT="$ROOT/.build-package"
MAINTAINER="the SPEEM Node authors <maintainers@users.noreply.r-seed-2f680d58.example>"
# What is linked into the binary, and says under which licence in /usr/share/doc.
LINKED=(libsodium-dev libsqlite3-dev libavahi-client-dev libdbus-1-dev libc6-dev)

ARCHITECTURE="${1:-$(dpkg --print-architecture)}"
case "$ARCHITECTURE" in
    amd64) machine="x86-64" emulator="qemu-x86_64-static" ;;
    arm64) machine="ARM aarch64" emulator="qemu-aarch64-static" ;;
    *) fail "there is no package for $ARCHITECTURE" "deploy/package.sh [amd64|arm64] [BINARY]" ;;
esac

# The binary.
if [ $# -ge 2 ]; then
    BINARY="$(from_caller "$2")"
    [ -f "$BINARY" ] || fail "there is no $BINARY"
elif [ "$ARCHITECTURE" = arm64 ]; then
    BINARY="$ROOT/.build-arm64/speem"
    [ -f "$BINARY" ] || fail "there is no $BINARY" "deploy/cross-arm64.sh makes it"
elif [ "$(dpkg --print-architecture)" = amd64 ]; then
    install_packages "${BUILD_PACKAGES[@]}"
    find_swift
    build_static
    BINARY="$SCRATCH_STATIC/speem"
else
    fail "this machine does not build for amd64" "name a binary: deploy/package.sh amd64 BINARY"
fi
install_packages lintian python3 file git "${LINKED[@]}"
kind="$(file -b "$BINARY")"
case "$kind" in
    *"$machine"*"statically linked"*stripped*) ;;
    *) fail "$BINARY is no static program for $ARCHITECTURE: ${kind:0:120}" ;;
esac
# program ARGUMENT...: runs it, if need be under emulation: pages and completions come from the binary itself.
program=("$BINARY")
if ! "$BINARY" --version >/dev/null 2>&1; then
    install_packages qemu-user-static
    program=("$emulator" "$BINARY")
fi
program() { "${program[@]}" "$@"; }
VERSION="$(program --version)"
VERSION="${VERSION#speem }"
DEBIAN_VERSION="${PACKAGE_VERSION:-$VERSION}"
SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
export SOURCE_DATE_EPOCH

WORK="$(mktemp -d)"
TEMPORARY+=("$WORK")
TREE="$WORK/tree"
umask 022

# put MODE PATH: standard input becomes a file of the package.
put() {
    mkdir -p "$TREE/$(dirname "$2")"
    cat >"$TREE/$2"
    chmod "$1" "$TREE/$2"
}
# packed PATH: standard input, packed without name and time.
packed() { gzip -9n | put 644 "$1"; }

put 755 usr/bin/speem <"$BINARY"
put 644 usr/lib/systemd/system/speem.service <"$FILES/speem.service"
put 644 usr/lib/sysusers.d/speem.conf <"$FILES/speem.sysusers"

# The example, with the socket where the sandbox lets others reach it.
program config example --role node >"$WORK/node.toml"
program config example --role device >"$WORK/device.toml"
grep -qx 'data = "/var/lib/speem"' "$WORK/node.toml" && grep -qx '#socket = ""' "$WORK/node.toml" ||
    fail "the example configuration is not what this script adapts" "see where it writes etc/speem/speem.toml"
{
    printf '# The settings of speem.service. Commands reach it so, as root: speem status --config /etc/speem/speem.toml\n'
    sed 's|^#socket = ""$|socket = "/run/speem/control.sock"|' "$WORK/node.toml"
} | put 640 etc/speem/speem.toml
put 644 DEBIAN/conffiles <<<"/etc/speem/speem.toml"

# It is read by a shell, and not run.
program --generate-completion-script bash | sed '1{/^#!/d}' | put 644 usr/share/bash-completion/completions/speem
program --generate-completion-script zsh | put 644 usr/share/zsh/vendor-completions/_speem
program --generate-completion-script fish | put 644 usr/share/fish/vendor_completions.d/speem.fish

program --experimental-dump-help >"$WORK/help.json"
python3 deploy/manual.py "$WORK/help.json" "$WORK/node.toml" "$WORK/device.toml" "$VERSION" "$SOURCE_DATE_EPOCH" "$WORK"
packed usr/share/man/man1/speem.1.gz <"$WORK/speem.1"
packed usr/share/man/man5/speem.toml.5.gz <"$WORK/speem.toml.5"

# What it is, and under which licences.
DOC=usr/share/doc/speem
for page in OPERATE THREATS; do packed "$DOC/$page.md.gz" <"docs/$page.md"; done
# The packaging is in the same tree, so the package's version is the program's (Debian calls it native).
packed "$DOC/changelog.gz" <<EOF
speem ($DEBIAN_VERSION) unstable; urgency=medium

  * SPEEM Node $VERSION, built from commit $(git describe --always --dirty --abbrev=12 --exclude '*').

 -- $MAINTAINER  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
EOF
licence="$(tail -n +3 LICENSE | sed 's/^$/./; s/^/ /')"
while IFS= read -r line; do
    if [ "$line" = "@LICENSE@" ]; then printf '%s\n' "$licence"; else printf '%s\n' "$line"; fi
done <"$FILES/debian/copyright" | put 644 "$DOC/copyright"
checkouts=""
for folder in "$SCRATCH_STATIC" "$ROOT/.build-arm64" "$SCRATCH_DEBUG"; do
    if [ -z "$checkouts" ] && [ -d "$folder/checkouts" ]; then checkouts="$folder/checkouts"; fi
done
[ -n "$checkouts" ] || fail "the sources of the Swift packages are not here, and their licences belong into the package" \
    "swift package resolve fetches them"
{
    for folder in "$checkouts"/*/; do
        name="$(basename "$folder")"
        grep -qE "^(Files:)? .*\b$name\b" "$FILES/debian/copyright" ||
            fail "packaging/debian/copyright does not name $name, which is linked into the program"
        for text in "$folder"LICENSE* "$folder"NOTICE*; do
            if [ -f "$text" ]; then printf '==== %s: %s\n\n' "$name" "$(basename "$text")"; cat "$text"; fi
        done
    done
    for package in "${LINKED[@]}" "$(basename "$(printf '%s\n' /usr/share/doc/libstdc++-*-dev | head -n 1)")"; do
        printf '==== %s: copyright\n\n' "$package"
        cat "/usr/share/doc/$package/copyright"
    done
} >"$WORK/third-party"
packed "$DOC/third-party.gz" <"$WORK/third-party"
put 644 usr/share/lintian/overrides/speem <"$FILES/debian/lintian-overrides"

# The control files.
for script in postinst prerm postrm; do put 755 "DEBIAN/$script" <"$FILES/debian/$script"; done
(cd "$TREE" && find . -path ./DEBIAN -prune -o -type f -printf '%P\n' | LC_ALL=C sort | grep -v '^etc/' | xargs md5sum) |
    put 644 DEBIAN/md5sums
# In KiB, each file and folder rounded up, as dpkg-gencontrol counts.
size="$(find "$TREE" -path "$TREE/DEBIAN" -prune -o -type f -printf '%s\n' -o -printf '0\n' |
    awk '{ sum += $1 == 0 ? 1 : int(($1 + 1023) / 1024) } END { print sum }')"
sed "s|@VERSION@|$DEBIAN_VERSION|; s|@ARCHITECTURE@|$ARCHITECTURE|; s|@MAINTAINER@|$MAINTAINER|; s|@SIZE@|$size|" \
    "$FILES/debian/control" | put 644 DEBIAN/control

mkdir -p "$OUT"
DEB="$OUT/speem_${DEBIAN_VERSION}_$ARCHITECTURE.deb"
# One thread: with several, the bytes depend on how many there are.
with_progress "packing" dpkg-deb --root-owner-group --threads-max=1 -Zxz --build "$TREE" "$DEB.new"
mv "$DEB.new" "$DEB"
say "lintian"
lintian --allow-root --fail-on error,warning "$DEB" ||
    fail "lintian has objections" "lintian-explain-tags TAG says what one means"
say "$DEB: $(stat -c %s "$DEB") bytes, sha256 $(sha256sum "$DEB" | cut -d ' ' -f 1)"
