#!/usr/bin/env bash
# What deploy/cross-arm64.sh says where it cannot build, without a download: no network, two versions of the compiler.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
CROSS="$HERE/../../deploy/cross-arm64.sh"
STORY="$HERE/../../deploy/story.sh"
export XDG_CACHE_HOME="$BOX/cache"

# fails WORDS PATTERN COMMAND...: the command fails, and prints an error that matches PATTERN, and a hint.
fails() {
    local words="$1" pattern="$2" out status=0
    shift 2
    out="$("$@" 2>&1 </dev/null)" || status=$?
    if [ "$status" -eq 1 ] && printf '%s\n' "$out" | grep -qE "^error: .*$pattern" &&
        printf '%s\n' "$out" | grep -q '^hint: '; then
        ok "$words"
    else
        bad "$words" "status $status, wanted: $pattern
$(printf '%s' "$out" | tail -n 20 | cut -c 1-300)"
    fi
}

if [ "$(uname -m)" != x86_64 ]; then
    skip "cross building takes an amd64 machine"
    exit 0
fi
if ! unshare --mount --map-root-user true 2>/dev/null; then
    skip "cross building takes mount namespaces"
    exit 0
fi

# Nobody listens on port 1.
fails "without a network it says so" "mirror cannot be reached" \
    env http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 "$CROSS"
if compgen -G "$BOX/cache/speem-cross/*/usr" >/dev/null; then
    bad "and leaves no half of a root"
else
    ok "and leaves no half of a root"
fi

# An apt that fetches nothing, and knows two versions.
mkdir "$BOX/bin"
printf '#!/bin/sh\nexit 0\n' >"$BOX/bin/apt-get"
cat >"$BOX/bin/apt-cache" <<'SH'
#!/bin/sh
case "$*" in
    *APT::Architecture=amd64*) echo "  Candidate: $AMD64" ;;
    *APT::Architecture=arm64*) echo "  Candidate: $ARM64" ;;
esac
SH
chmod +x "$BOX/bin/apt-get" "$BOX/bin/apt-cache"
with_versions() { env PATH="$BOX/bin:$PATH" AMD64="$1" ARM64="$2" "$CROSS"; }
fails "two versions of the compiler are refused" "6\.3-1 for amd64 and 6\.2\.3-1 for arm64" with_versions 6.3-1 6.2.3-1
fails "so is a compiler for one of the two only" "6\.2\.3-1 for amd64 and \(none\) for arm64" with_versions 6.2.3-1 "(none)"
fails "and one that is too old" "is 6\.0\.3-2, and 6\.2 is needed" with_versions 6.0.3-2 6.0.3-2
pinning="$(with_versions 6.3-1 6.2.3-1 2>&1 | grep '^hint: ')"
case "$pinning" in
    *snapshot.debian.org*SPEEM_SWIFT_SNAPSHOT=*) ok "the hint tells how to pin one" ;;
    *) bad "the hint tells how to pin one" "$pinning" ;;
esac
with_versions 6.3-1 6.2.3-1 >/dev/null 2>&1
SPEEM_SWIFT_SNAPSHOT=20260102T030405Z with_versions 6.3-1 6.2.3-1 >/dev/null 2>&1
if grep -qx 'URIs: http://snapshot.debian.org/archive/debian/20260102T030405Z' "$BOX/cache/speem-cross/apt/compiler.sources" &&
    ! grep -q snapshot "$BOX/cache/speem-cross/apt/libraries.sources"; then
    ok "a pinned day is asked for the compiler, and not for the libraries"
else
    bad "a pinned day is asked for the compiler, and not for the libraries" "$(cat "$BOX"/cache/speem-cross/apt/*.sources)"
fi
if SPEEM_TIMEOUT_FACTOR=none "$STORY" "$SPEEM" "$BOX/story" >/dev/null 2>&1 || [ -e "$BOX/story" ]; then
    bad "a factor that is no number is refused before anything starts"
else
    ok "a factor that is no number is refused before anything starts"
fi
