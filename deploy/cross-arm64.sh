#!/usr/bin/env bash
# Builds the program for 64-bit ARM boards (a Raspberry Pi 3 and newer) on an amd64 machine, as one fully static file:
# .build-arm64/speem.
#
#   deploy/cross-arm64.sh [--refresh]
#
# Takes Debian's packages only, and installs none of them: Debian's Swift is unpacked into a root of its own, in
# ${XDG_CACHE_HOME:-~/.cache}/speem-cross, and runs there. The first run downloads 1.2 GB; later ones need no network,
# except for Swift packages that are new. --refresh fetches everything again: security updates of the C libraries come
# with it. Root is not needed where the kernel lets users make namespaces (Debian does).
#
# SPEEM_SWIFT_SNAPSHOT=20261126T000000Z takes the compiler from that day's copy of Debian.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The compiler is in unstable only; 6.0, which trixie has, is too old for this program.
COMPILER_SUITE=sid
COMPILER_PACKAGES=(base-files bash dash coreutils git ca-certificates pkgconf g++ swiftlang)
# The C library is the one of the stable release, which gets security updates. An older one than that compiler's does not
# link: the Swift runtime calls __isoc23_strtol and strlcpy, which glibc has since 2.38.
LIBRARY_SUITE=trixie
LIBRARY_PACKAGES=(libc6-dev libstdc++-14-dev libsodium-dev libsqlite3-dev libavahi-client-dev libavahi-common-dev
    libdbus-1-dev)
# The compiler that this was tried with.
TRIED=6.2.3
TRIPLE=aarch64-unknown-linux-gnu
SNAPSHOT="${SPEEM_SWIFT_SNAPSHOT:-}"
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/speem-cross"
# Bytes that the downloads and what is unpacked of them take at the most, for a moment.
SPACE=5500000000
# Changes when this script puts a root together in another way: an old one is not used then.
RECIPE=1
SCRATCH="$ROOT/.build-arm64"

REFRESH=""
case "${1:-}" in
    "") ;;
    --refresh) REFRESH=1 ;;
    *) fail "deploy/cross-arm64.sh takes nothing or --refresh" ;;
esac
if [ "$(uname -m)" != x86_64 ]; then
    fail "this script builds on amd64, and this machine is $(uname -m)" \
        "on an ARM64 machine deploy/quickstart.sh builds the program for itself"
fi
for tool in apt-get dpkg-deb unshare chroot flock; do
    command -v "$tool" >/dev/null || PATH="$PATH:/usr/sbin:/sbin" command -v "$tool" >/dev/null ||
        fail "there is no $tool here" "this script needs Debian 12 or newer, or a system made from it"
done
export PATH="$PATH:/usr/sbin:/sbin"
[ -f "$KEYRING" ] || fail "there is no $KEYRING, by which Debian's packages are verified" \
    "apt-get install debian-archive-keyring"

# A root of its own for each way to make one.
KEY="$(printf '%s\n' "$RECIPE" "$COMPILER_SUITE" "$SNAPSHOT" "$LIBRARY_SUITE" "${COMPILER_PACKAGES[@]}" \
    "${LIBRARY_PACKAGES[@]}" | sha256sum | cut -c 1-12)"
NEST="$CACHE/$KEY"

# mirror NAME: where this machine's apt takes Debian's archive of that name (debian, debian-security) from.
mirror() {
    local found
    # shellcheck disable=SC2016 # apt fills them in
    found="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        grep -E "^https?://[^ ]*/$1/?\$" | head -n 1 || true)"
    printf '%s' "${found:-http://deb.debian.org/$1}"
}

# source_of URI SUITE ARCHITECTURE: an entry of an apt source file.
source_of() {
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: %s\nSigned-By: %s\n' \
        "$1" "$2" "$3" "$KEYRING"
    # A snapshot is as old as it is meant to be.
    case "$1" in *snapshot.debian.org*) printf 'Check-Valid-Until: no\n' ;; esac
    printf '\n'
}

# apt_here NAME ARCHITECTURE TOOL ARGUMENT...: apt with folders of its own in the cache, which knows of nothing installed
# and of the sources in NAME.sources only. Proxies and the like are the machine's.
apt_here() {
    local folder="$CACHE/apt/$1" architecture="$2" tool="$3"
    shift 3
    mkdir -p "$folder/state/lists/partial" "$folder/cache/archives/partial"
    touch "$folder/status"
    "$tool" -q -o "Dir::Etc::SourceList=$folder.sources" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o "Dir::State=$folder/state" -o "Dir::State::status=$folder/status" -o "Dir::Cache=$folder/cache" \
        -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" \
        -o APT::Install-Recommends=false -o APT::Update::Error-Mode=any -o "APT::Sandbox::User=$(id -un)" \
        -o Acquire::AllowInsecureRepositories=false -o APT::Get::AllowUnauthenticated=false \
        -o Acquire::Retries=3 -o Acquire::http::Timeout=60 -o Acquire::https::Timeout=60 \
        -o APT::Update::Post-Invoke-Success::=true -o Acquire::Languages=none "$@"
}

# fetched LABEL COMMAND...: what apt fetches; ends the script with a word about the network when it cannot.
fetched() {
    local label="$1" log status=0
    shift
    log="$(mktemp "${TMPDIR:-/tmp}/speem-log.XXXXXX")"
    TEMPORARY+=("$log")
    watched "$label" "$log" "$@" || status=$?
    [ "$status" -eq 0 ] && return
    grep -E '^(E|W|Err)' "$log" | tail -n 10 >&2 || true
    # apt tells a bad signature as an error of its own: that is no matter of the network.
    if grep -qE 'NO_PUBKEY|BADSIG|is not signed|EXPKEYSIG|Hash Sum mismatch' "$log"; then
        fail "$label: Debian's signature was not accepted" \
            "a newer debian-archive-keyring knows the newer keys; a mirror between two states is whole again in an hour"
    fi
    fail "$label: Debian's mirror cannot be reached, or has not all of it" \
        "this takes a network once (1.2 GB); what was fetched stays in $CACHE, so run this again"
}

# version_of NAME ARCHITECTURE: which version of Swift that source offers.
version_of() {
    apt_here "$1" "$2" apt-cache policy swiftlang | sed -n 's/^ *Candidate: *//p'
}

# download_runtime: that one package, without what it needs to run.
download_runtime() {
    cd "$CACHE/apt/runtime/cache/archives" && apt_here runtime arm64 apt-get download swiftlang
}

# fetch_all: package lists and packages, verified by apt.
fetch_all() {
    local archive security compiler runtime free
    free="$(($(df --output=avail -k "$CACHE" | tail -n 1) * 1024))"
    [ "$free" -ge "$SPACE" ] || fail "$CACHE has $((free / 1000000)) MB free, and $((SPACE / 1000000)) MB are needed" \
        "make room, or set XDG_CACHE_HOME to another disk"
    archive="$(mirror debian)"
    security="$(mirror debian-security)"
    say "Debian's packages come from $archive"
    mkdir -p "$CACHE/apt"
    local sid="$archive"
    if [ -n "$SNAPSHOT" ]; then sid="http://snapshot.debian.org/archive/debian/$SNAPSHOT"; fi
    source_of "$sid" "$COMPILER_SUITE" amd64 >"$CACHE/apt/compiler.sources"
    source_of "$sid" "$COMPILER_SUITE" arm64 >"$CACHE/apt/runtime.sources"
    {
        source_of "$archive" "$LIBRARY_SUITE" arm64
        source_of "$security" "$LIBRARY_SUITE-security" arm64
    } >"$CACHE/apt/libraries.sources"
    fetched "reading the package lists of $COMPILER_SUITE for amd64" apt_here compiler amd64 apt-get update
    fetched "reading the package lists of $COMPILER_SUITE for arm64" apt_here runtime arm64 apt-get update
    fetched "reading the package lists of $LIBRARY_SUITE for arm64" apt_here libraries arm64 apt-get update

    compiler="$(version_of compiler amd64)"
    runtime="$(version_of runtime arm64)"
    # A compiler reads the standard library of its own version only. Unstable moves, and one of the two may be ahead.
    if [ "$compiler" != "$runtime" ] || [ -z "$compiler" ] || [ "$compiler" = "(none)" ]; then
        fail "Debian's Swift is ${compiler:-missing} for amd64 and ${runtime:-missing} for arm64 just now: they must be the same" \
            "name a day when they were, as https://snapshot.debian.org/package/swiftlang/ lists them: SPEEM_SWIFT_SNAPSHOT=20261126T000000Z deploy/cross-arm64.sh"
    fi
    dpkg --compare-versions "$compiler" ge "$SWIFT_MINIMUM" || fail "Debian's Swift is $compiler, and $SWIFT_MINIMUM is needed" \
        "the day in SPEEM_SWIFT_SNAPSHOT is too early"
    case "$compiler" in
        "$TRIED"-*) say "Swift $compiler" ;;
        *) say "Swift $compiler (this script was tried with $TRIED; SPEEM_SWIFT_SNAPSHOT=20261126T000000Z has that)" ;;
    esac
    fetched "downloading the compiler" apt_here compiler amd64 apt-get install -y --download-only "${COMPILER_PACKAGES[@]}"
    fetched "downloading the C libraries for ARM64" \
        apt_here libraries arm64 apt-get install -y --download-only "${LIBRARY_PACKAGES[@]}"
    fetched "downloading the Swift runtime for ARM64" download_runtime
    printf '%s\n' "$compiler" >"$CACHE/apt/version"
}

# unpack NAME FOLDER: every package that apt fetched for NAME.
unpack() {
    local folder="$2" package
    # Since Debian has merged them, programs and libraries are in /usr only.
    mkdir -p "$folder/usr/bin" "$folder/usr/sbin" "$folder/usr/lib" "$folder/usr/lib64"
    ln -sfn usr/bin "$folder/bin"
    ln -sfn usr/sbin "$folder/sbin"
    ln -sfn usr/lib "$folder/lib"
    ln -sfn usr/lib64 "$folder/lib64"
    for package in "$CACHE/apt/$1/cache/archives"/*.deb; do
        printf '%s\n' "${package##*/}"
        dpkg-deb --fsys-tarfile "$package" | tar -x --no-same-owner --keep-directory-symlink -C "$folder"
    done
}

# lay_out: makes the root: the compiler's system for amd64; in /arm64 what it builds with and links (the "sysroot").
lay_out() {
    local new="$NEST.new" package library
    rm -rf "$new"
    mkdir -p "$new"/{dev,proc,tmp,home,etc/ssl/certs}
    unpack compiler "$new"
    unpack libraries "$new/arm64"
    # The runtime belongs into the sysroot: swiftrt.o is looked for there, whatever the description says.
    for package in "$CACHE/apt/runtime/cache/archives"/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x --no-same-owner --strip-components=5 -C "$new/arm64/usr/lib" \
            ./usr/libexec/swift/lib/swift_static ./usr/libexec/swift/lib/clang
    done
    # The program uses FoundationEssentials only, but libraries name the whole Foundation to the linker, too, and a generic
    # function that this compiler has left out of one of the former's files is in both: with it 38 MB would come, most of
    # them ICU. So there is nothing in those, and whoever really needs them does not link.
    for library in Foundation FoundationInternationalization FoundationNetworking FoundationXML CoreFoundation \
        _FoundationICU; do
        printf '!<arch>\n' >"$new/arm64/usr/lib/swift_static/linux/lib$library.a"
    done
    # For git. Nothing runs the scripts of the packages; this is what the one of ca-certificates does.
    cat "$new"/usr/share/ca-certificates/mozilla/*.crt >"$new/etc/ssl/certs/ca-certificates.crt"
    cp "$CACHE/apt/version" "$new/version"
    rm -rf "$NEST"
    mv "$new" "$NEST"
    # A root without its packages can be made again with a network only; half of the space is theirs.
    rm -rf "$CACHE/apt"
}

# describe: tells SwiftPM of the sysroot. Debian's compiler calls its own machine "pc".
describe() {
    local sdk
    sdk="$NEST/sdks/speem-arm64.artifactbundle"
    mkdir -p "$sdk/arm64"
    cat >"$sdk/info.json" <<JSON
{"schemaVersion": "1.0", "artifacts": {"speem-arm64": {"type": "swiftSDK", "version": "1",
    "variants": [{"path": "arm64", "supportedTriples": ["x86_64-unknown-linux-gnu", "x86_64-pc-linux-gnu"]}]}}}
JSON
    cat >"$sdk/arm64/swift-sdk.json" <<JSON
{"schemaVersion": "4.0", "targetTriples": {"$TRIPLE": {"sdkRootPath": "/arm64",
    "swiftResourcesPath": "/arm64/usr/lib/swift_static", "swiftStaticResourcesPath": "/arm64/usr/lib/swift_static",
    "toolsetPaths": ["toolset.json"]}}}
JSON
    cat >"$sdk/arm64/toolset.json" <<JSON
{"schemaVersion": "1.0", "swiftCompiler": {"extraCLIOptions": ["-use-ld=lld"]}}
JSON
}

# in_nest COMMAND...: runs it in the root, with this clone where it is here. The mounts are gone when it ends.
in_nest() {
    local folders=("$ROOT") base
    # Where git has copies of the Swift packages on this machine (url.FOLDER.insteadOf), those too.
    if command -v git >/dev/null; then
        while read -r base; do
            base="${base#url.}"
            base="${base%.insteadof}"
            base="${base#file://}"
            if [ -d "$base" ] && [ "${base#/}" != "$base" ]; then folders+=("$base"); fi
        done < <(git config --name-only --get-regexp '^url\..*\.insteadof$' | sort -u || true)
    fi
    # shellcheck disable=SC2016 # the shell in the namespace fills them in
    unshare "${NAMESPACES[@]}" bash -euc '
        nest="$1" here="$2" count="$3"
        shift 3
        # show PATH [AS]: a file or folder of this machine, if it is there.
        show() {
            local as="$nest${2:-$1}"
            if [ -d "$1" ]; then mkdir -p "$as"; elif [ -f "$1" ]; then mkdir -p "${as%/*}"; : >>"$as"; else return 0; fi
            mount --rbind "$1" "$as"
        }
        mount --make-rprivate /
        mount --bind "$nest" "$nest"
        show /dev
        show /proc
        show "$here" /tmp
        show "$(realpath /etc/resolv.conf)" /etc/resolv.conf
        show /etc/hosts
        show /etc/ssl/certs/ca-certificates.crt
        show /etc/gitconfig
        show "$HOME/.gitconfig" /home/.gitconfig
        for _ in $(seq "$count"); do show "$1"; shift; done
        exec chroot "$nest" /usr/bin/env HOME=/home TMPDIR=/tmp LANG=C.UTF-8 LD_LIBRARY_PATH= \
            PATH=/usr/libexec/swift/bin:/usr/bin:/usr/sbin "$@"
    ' bash "$NEST" "$WORK" "${#folders[@]}" "${folders[@]}" "$@"
}

# in_clone COMMAND...: the same, in the folder of this clone.
in_clone() {
    # shellcheck disable=SC2016 # the shell in the root fills it in
    in_nest /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$ROOT" "$@"
}

NAMESPACES=(--mount)
[ "$(id -u)" -eq 0 ] || NAMESPACES+=(--map-root-user)
unshare "${NAMESPACES[@]}" true 2>/dev/null ||
    fail "this machine does not let $(id -un) make a mount namespace" \
        "run this as root, or set the sysctl kernel.unprivileged_userns_clone to 1"
WORK="$(mktemp -d "${TMPDIR:-/tmp}/speem-cross.XXXXXX")"
TEMPORARY+=("$WORK")
mkdir -p "$CACHE"
# Of two builds at a time the second waits for the root that the first one makes.
exec 9>"$CACHE/lock"
flock 9
if [ -n "$REFRESH" ]; then rm -rf "$NEST" "$CACHE/apt"; fi
if [ ! -f "$NEST/version" ]; then
    fetch_all
    with_progress "unpacking" lay_out
fi
exec 9>&-
say "Swift $(cat "$NEST/version") of $(date -u -r "$NEST/version" +%Y-%m-%d), in $NEST"

describe
SPEEM_AVAHI_VERSION="$(sed -n 's/^Version: *//p' "$NEST/arm64/usr/lib/aarch64-linux-gnu/pkgconfig/avahi-client.pc")"
export SPEEM_AVAHI_VERSION
# SwiftPM looks here, and ignores PKG_CONFIG_LIBDIR.
export PKG_CONFIG_PATH=/arm64/usr/lib/aarch64-linux-gnu/pkgconfig:/arm64/usr/share/pkgconfig PKG_CONFIG_SYSROOT_DIR=/arm64
with_progress "building the static binary for ARM64 (the first time takes about ten minutes)" in_clone \
    swift build --scratch-path "$SCRATCH" --swift-sdks-path /sdks --swift-sdk "$TRIPLE" -c release --product speem \
    -Xswiftc -static-executable "${SMALL[@]}"
in_clone llvm-objcopy --strip-all "$SCRATCH/release/speem" "$SCRATCH/speem.new"
mv "$SCRATCH/speem.new" "$SCRATCH/speem"
if in_clone llvm-objdump -p "$SCRATCH/speem" | grep -qE 'INTERP|NEEDED'; then
    fail "$SCRATCH/speem is not static"
fi
say "the program for ARM64: $SCRATCH/speem, $(stat -c %s "$SCRATCH/speem") bytes, stripped"
