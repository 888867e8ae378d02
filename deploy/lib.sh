# Shared by the scripts in this folder. Source it; do not run it.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"

# What the build and the program need, as Debian 12 calls it.
BUILD_PACKAGES=(libsodium-dev libsqlite3-dev libavahi-client-dev libavahi-common-dev libdbus-1-dev pkg-config
    binutils file git ca-certificates gcc g++ libc6-dev)
# The pinned toolchain, for machines without Swift.
SWIFT_VERSION=6.3.1
SWIFT_SIGNING_KEY=52BB7E3DE28A71BE22EC05FFEF80A866B47A981F
SWIFT_MINIMUM=6.2
SCRATCH_DEBUG="$ROOT/.build"
SCRATCH_STATIC="$ROOT/.build-static"

say() { printf '==> %s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

# with_progress LABEL COMMAND...: runs it with its output in a log, says every 20 seconds that it goes on, and shows the
# log when it fails.
with_progress() {
    local label="$1" log pid start status=0
    shift
    log="$(mktemp "${TMPDIR:-/tmp}/speem-log.XXXXXX")"
    start=$SECONDS
    say "$label"
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            sleep 2
            kill -0 "$pid" 2>/dev/null || break 2
        done
        printf '    … %s s: %s\n' "$((SECONDS - start))" "$(tail -n 1 "$log" | cut -c 1-90)"
    done
    wait "$pid" || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 60 "$log" >&2
        fail "$label failed after $((SECONDS - start)) s" "the whole log: $log"
    fi
    say "$label: done in $((SECONDS - start)) s"
    LAST_LOG="$log"
}

# install_packages PACKAGE...: installs what is missing, with apt.
install_packages() {
    local missing=() package as_root=()
    command -v dpkg >/dev/null || fail "this script installs Debian packages, and there is no dpkg here" \
        "install by hand: $*"
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        say "Debian packages: all there"
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "installing ${missing[*]} takes root" "run this script as root once"
        as_root=(sudo)
    fi
    with_progress "refreshing the package lists" "${as_root[@]}" apt-get update -q
    with_progress "installing ${missing[*]}" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# swift_is_new_enough SWIFT: whether it is at least SWIFT_MINIMUM.
swift_is_new_enough() {
    local version
    version="$("$1" --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)"
    [ -n "$version" ] && [ "$(printf '%s\n%s\n' "$SWIFT_MINIMUM" "$version" | sort -V | head -n 1)" = "$SWIFT_MINIMUM" ]
}

# find_swift: puts a Swift that is new enough first in PATH; fetches the pinned one when there is none.
find_swift() {
    local home="${XDG_DATA_HOME:-$HOME/.local/share}/speem-toolchain/swift-$SWIFT_VERSION"
    if command -v swift >/dev/null && swift_is_new_enough swift; then
        say "Swift: $(swift --version 2>/dev/null | head -n 1)"
        return
    fi
    if [ ! -x "$home/usr/bin/swift" ]; then fetch_swift "$home"; fi
    export PATH="$home/usr/bin:$PATH"
    swift_is_new_enough swift || fail "the Swift in $home does not run" "remove that folder and try again"
    say "Swift: $(swift --version 2>/dev/null | head -n 1)"
}

# fetch_swift FOLDER: the official toolchain for Debian 12, its signature checked against the pinned key.
fetch_swift() {
    local home="$1" platform=debian12 suffix="" archive url work
    case "$(uname -m)" in
        x86_64) ;;
        aarch64) suffix=-aarch64 ;;
        *) fail "there is no official Swift for $(uname -m)" "install Swift $SWIFT_MINIMUM or newer by hand" ;;
    esac
    say "Swift $SWIFT_MINIMUM or newer is not here: fetching the official $SWIFT_VERSION (about 900 MB)"
    # What the toolchain itself needs (swift.org, "Installation via Tarball", Debian 12).
    install_packages curl gnupg libcurl4-openssl-dev libedit2 libncurses6 libpython3-dev libxml2-dev libz3-dev \
        zlib1g-dev tzdata unzip libstdc++-12-dev libgcc-12-dev
    archive="swift-$SWIFT_VERSION-RELEASE-$platform$suffix.tar.gz"
    url="https://download.swift.org/swift-$SWIFT_VERSION-release/$platform$suffix/swift-$SWIFT_VERSION-RELEASE/$archive"
    work="$(mktemp -d)"
    curl -fsSL --retry 3 -o "$work/$archive.sig" "$url.sig" || fail "cannot reach $url.sig" \
        "install Swift $SWIFT_VERSION by hand (https://www.swift.org/install/linux), put it into PATH, run this again"
    with_progress "downloading $archive" curl -fsSL --retry 3 -o "$work/$archive" "$url"
    export GNUPGHOME="$work/gnupg"
    mkdir -m 700 "$GNUPGHOME"
    curl -fsSL --retry 3 -o "$work/keys.asc" https://www.swift.org/keys/all-keys.asc ||
        fail "cannot reach swift.org for its signing keys" "install Swift $SWIFT_VERSION by hand and run this again"
    gpg --quiet --batch --import "$work/keys.asc" 2>/dev/null || true
    # VALIDSIG names the key that signed: any other key than the pinned one is refused, however valid.
    gpg --batch --status-fd 1 --verify "$work/$archive.sig" "$work/$archive" 2>/dev/null |
        grep -q "^\[GNUPG:\] VALIDSIG .*$SWIFT_SIGNING_KEY" ||
        fail "the signature of $archive is not by the pinned Swift key $SWIFT_SIGNING_KEY" "do not use this download: $work"
    # With SWIFT_SHA256 in the environment the checksum must be that one, too.
    if [ -n "${SWIFT_SHA256:-}" ]; then
        printf '%s  %s\n' "$SWIFT_SHA256" "$work/$archive" | sha256sum -c --quiet ||
            fail "the checksum of $archive is not $SWIFT_SHA256"
    fi
    say "signature is good; sha256 $(sha256sum "$work/$archive" | cut -d ' ' -f 1)"
    mkdir -p "$home"
    tar -xzf "$work/$archive" -C "$home" --strip-components=1
    rm -rf "$work"
}

# note_versions: tells the build (Package.swift) which libavahi-client it links; the library itself does not say.
note_versions() {
    SPEEM_AVAHI_VERSION="$(pkg-config --modversion avahi-client)"
    export SPEEM_AVAHI_VERSION
}

# build_static: the program as one fully static, stripped file in $SCRATCH_STATIC/speem.
build_static() {
    note_versions
    with_progress "building the static binary (the first time takes some minutes)" \
        swift build --scratch-path "$SCRATCH_STATIC" -c release --product speem -Xswiftc -static-executable
    strip -o "$SCRATCH_STATIC/speem" "$SCRATCH_STATIC/release/speem"
}
