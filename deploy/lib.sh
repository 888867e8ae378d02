# Shared by the scripts in this folder. Source it; do not run it.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# Relative paths on the command line mean the caller's folder.
CALLER="$PWD"
cd "$ROOT"

# What the build and the program need, as Debian 12 calls it.
BUILD_PACKAGES=(libsodium-dev libsqlite3-dev libavahi-client-dev libavahi-common-dev libdbus-1-dev pkg-config
    binutils file git ca-certificates gcc g++ libc6-dev)
# The pinned toolchain, for machines without Swift.
SWIFT_VERSION=6.3.1
SWIFT_SIGNING_KEY=52BB7E3DE28A71BE22EC05FFEF80A866B47A981F
SWIFT_MINIMUM=6.2
# Known checksums of that toolchain, as sha256sum prints them: one line for each platform's archive.
SWIFT_CHECKSUMS="$ROOT/deploy/swift-toolchain.sha256"
SCRATCH_DEBUG="$ROOT/.build"
SCRATCH_STATIC="$ROOT/.build-static"

# How many times as long as usual the scripts wait for the program: more than 1 under emulation, or on a very slow machine.
TIMEOUT_FACTOR="${SPEEM_TIMEOUT_FACTOR:-1}"

say() { printf '==> %s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

# from_caller PATH: a path of the command line, as it was meant.
from_caller() {
    case "$1" in
        /*) printf '%s' "$1" ;;
        *) printf '%s/%s' "$CALLER" "$1" ;;
    esac
}

# Folders that go when the script ends, however it ends. A script with more to do then defines clean_up STATUS.
TEMPORARY=()
finish() {
    local status=$?
    if declare -F clean_up >/dev/null; then clean_up "$status"; fi
    if [ ${#TEMPORARY[@]} -gt 0 ]; then rm -rf "${TEMPORARY[@]}"; fi
}
trap finish EXIT

# What this script waits for. A shell's background children do not hear Ctrl-C, so it is passed on to them.
WORKER=""
interrupted() {
    trap '' INT TERM
    printf 'error: interrupted\n' >&2
    if [ -n "$WORKER" ]; then
        # shellcheck disable=SC2046 # one word for each process
        kill $(tree "$WORKER") 2>/dev/null || true
        # shellcheck disable=SC2046
        gone "$WORKER" || kill -9 $(tree "$WORKER") 2>/dev/null || true
    fi
    exit "$1"
}
trap 'interrupted 130' INT
trap 'interrupted 143' TERM

case "$TIMEOUT_FACTOR" in
    [1-9] | [1-9][0-9]) ;;
    *) fail "SPEEM_TIMEOUT_FACTOR is $TIMEOUT_FACTOR instead of a number from 1 to 99" ;;
esac

# tree PID: it, and all processes below it.
tree() {
    local child
    printf '%s ' "$1"
    for child in $(cat "/proc/$1/task/"*/children 2>/dev/null || true); do tree "$child"; done
}

# gone PID: waits for a child's end, for 10 seconds (times TIMEOUT_FACTOR) at the most.
gone() {
    local _
    for _ in $(seq 1 $((100 * TIMEOUT_FACTOR))); do
        kill -0 "$1" 2>/dev/null || { wait "$1" 2>/dev/null || true; return 0; }
        sleep 0.1
    done
    return 1
}

# attended COMMAND...: runs it and returns its status; Ctrl-C ends it, also behind timeout.
attended() {
    local status=0
    "$@" </dev/null &
    WORKER=$!
    wait "$WORKER" || status=$?
    WORKER=""
    return "$status"
}

# watched LABEL LOG COMMAND...: the same with its output in LOG, and says every 20 seconds that it goes on.
watched() {
    local label="$1" log="$2" start=$SECONDS status=0 ticks=0
    shift 2
    say "$label"
    "$@" >"$log" 2>&1 </dev/null &
    WORKER=$!
    while kill -0 "$WORKER" 2>/dev/null; do
        sleep 1
        ticks=$((ticks + 1))
        if [ $((ticks % 20)) -eq 0 ]; then
            printf '    … %s s: %s\n' "$((SECONDS - start))" "$(tail -n 1 "$log" | cut -c 1-90)"
        fi
    done
    wait "$WORKER" || status=$?
    WORKER=""
    return "$status"
}

# with_progress LABEL COMMAND...: runs it, and ends the script with the end of its log when it fails.
with_progress() {
    local label="$1" log start=$SECONDS status=0
    shift
    log="$(mktemp "${TMPDIR:-/tmp}/speem-log.XXXXXX")"
    watched "$label" "$log" "$@" || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 60 "$log" >&2
        fail "$label failed after $((SECONDS - start)) s" "the whole log: $log"
    fi
    rm -f "$log"
    say "$label: done in $((SECONDS - start)) s"
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

# known_checksums ARCHIVE: what is known of it, one a line: from the file beside this one, and from SWIFT_SHA256 in the
# environment.
known_checksums() {
    local checksum name
    if [ -f "$SWIFT_CHECKSUMS" ]; then
        # sha256sum marks binary reading with an asterisk before the name.
        while read -r checksum name; do
            if [ "${name#\*}" = "$1" ]; then printf '%s\n' "$checksum"; fi
        done <"$SWIFT_CHECKSUMS"
    fi
    if [ -n "${SWIFT_SHA256:-}" ]; then printf '%s\n' "$SWIFT_SHA256"; fi
}

# fetch_swift FOLDER: the official toolchain for Debian 12. Its signature must be by the pinned key, and its checksum one
# that is known, where one is.
fetch_swift() {
    local home="$1" platform=debian12 suffix="" archive url work checksum known wanted
    # One that stalls ends, too.
    local curl=(curl -fsSL --retry 3 --connect-timeout 20 --speed-limit 1000 --speed-time 60)
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
    # Beside its place, so that it gets there whole or not at all.
    TEMPORARY+=("$work" "$home.new")
    "${curl[@]}" -o "$work/$archive.sig" "$url.sig" || fail "cannot reach $url.sig" \
        "install Swift $SWIFT_VERSION by hand (https://www.swift.org/install/linux), put it into PATH, run this again"
    with_progress "downloading $archive" "${curl[@]}" -o "$work/$archive" "$url"
    mkdir -m 700 "$work/gnupg"
    "${curl[@]}" -o "$work/keys.asc" https://www.swift.org/keys/all-keys.asc ||
        fail "cannot reach swift.org for its signing keys" "install Swift $SWIFT_VERSION by hand and run this again"
    gpg --homedir "$work/gnupg" --quiet --batch --import "$work/keys.asc" 2>/dev/null || true
    # VALIDSIG names the key that signed: any other key than the pinned one is refused, however valid.
    if ! gpg --homedir "$work/gnupg" --batch --status-fd 1 --verify "$work/$archive.sig" "$work/$archive" \
        >"$work/verified" 2>/dev/null || ! grep -q "^\[GNUPG:\] VALIDSIG .*$SWIFT_SIGNING_KEY" "$work/verified"; then
        fail "the signature of $archive is not by the pinned Swift key $SWIFT_SIGNING_KEY" \
            "the download was thrown away; try again, or install Swift $SWIFT_VERSION by hand"
    fi
    checksum="$(sha256sum "$work/$archive" | cut -d ' ' -f 1)"
    known="$(known_checksums "$archive")"
    for wanted in $known; do
        [ "$checksum" = "${wanted,,}" ] || fail "the checksum of $archive is $checksum instead of $wanted" \
            "the download was thrown away; $SWIFT_CHECKSUMS and SWIFT_SHA256 say what is expected"
    done
    if [ -n "$known" ]; then
        say "the signature is good, and the checksum is the known one: sha256 $checksum"
    else
        say "the signature is good; no checksum of $archive is known here, so ONLY the signature was checked: sha256 $checksum"
    fi
    rm -rf "$home" "$home.new"
    mkdir -p "$home.new"
    with_progress "unpacking $archive" tar -xzf "$work/$archive" -C "$home.new" --strip-components=1
    mv "$home.new" "$home"
    rm -rf "$work"
}

# note_versions: tells the build (Package.swift) which libavahi-client it links; the library itself does not say.
note_versions() {
    SPEEM_AVAHI_VERSION="$(pkg-config --modversion avahi-client)"
    export SPEEM_AVAHI_VERSION
}

# A section for each function, so that the linker leaves out those that nobody calls, and keeps one of those that are the
# same: 1.9 MB of 30.8. And code for its size, not for its speed, which saves 1.5 MB more.
SMALL=(-Xswiftc -Osize -Xswiftc -Xfrontend -Xswiftc -function-sections -Xcc -ffunction-sections -Xcc -fdata-sections
    -Xlinker --icf=safe)

# build_static: the program as one fully static, stripped file in $SCRATCH_STATIC/speem.
build_static() {
    note_versions
    with_progress "building the static binary (the first time takes some minutes)" \
        swift build --scratch-path "$SCRATCH_STATIC" -c release --product speem -Xswiftc -static-executable "${SMALL[@]}"
    strip -o "$SCRATCH_STATIC/speem" "$SCRATCH_STATIC/release/speem"
}
