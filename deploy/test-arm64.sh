#!/usr/bin/env bash
# Runs the program for ARM64 under emulation (QEMU, as the Cortex-A53 of a Raspberry Pi 3), with the main job.
#
#   deploy/test-arm64.sh [SPEEM]
#
# SPEEM is the program (default: .build-arm64/speem, built with deploy/cross-arm64.sh where it is missing). Can be run
# again at any time. On an ARM64 machine the program runs as it is.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -le 1 ] || fail "deploy/test-arm64.sh takes the program, or nothing"
PROGRAM="$(from_caller "${1:-$ROOT/.build-arm64/speem}")"
FOLDER="$ROOT/.build-arm64/story"
# Emulation takes ten times as long, and the machine has other work.
TIMEOUT_FACTOR="${SPEEM_TIMEOUT_FACTOR:-10}"
export SPEEM_TIMEOUT_FACTOR="$TIMEOUT_FACTOR"
SECONDS_AT_MOST=1800
# Bytes of the program at the most (30 MB).
SIZE_LIMIT=30000000
passed=0
failed=0

# check WORDS COMMAND...: one check, with what it printed where it failed.
check() {
    local words="$1" start=$SECONDS log
    shift
    log="$(mktemp)"
    TEMPORARY+=("$log")
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        printf '    ok: %s (%s s)\n' "$words" "$((SECONDS - start))"
    else
        failed=$((failed + 1))
        printf '    FAILED: %s\n' "$words" >&2
        tail -n 40 "$log" | sed 's/^/        /' >&2
    fi
}

if [ ! -f "$PROGRAM" ]; then
    [ $# -eq 0 ] || fail "there is no $PROGRAM"
    attended deploy/cross-arm64.sh
fi
install_packages file qemu-user-static

# The program with the emulator before it. exec makes it one process: whom the story kills is the program. Not left to
# the kernel (binfmt_misc), which a container does not let do that.
BOX="$(mktemp -d "${TMPDIR:-/tmp}/speem-arm64.XXXXXX")"
TEMPORARY+=("$BOX")
if [ "$(uname -m)" = aarch64 ]; then
    EMULATOR=()
else
    EMULATOR=("$(command -v qemu-aarch64-static)" -cpu cortex-a53)
fi
{
    printf '#!/bin/sh\nexec'
    [ ${#EMULATOR[@]} -eq 0 ] || printf " '%s'" "${EMULATOR[@]}"
    printf " '%s' \"\$@\"\n" "$PROGRAM"
} >"$BOX/speem"
chmod +x "$BOX/speem"
SPEEM="$BOX/speem"

say "$PROGRAM: $(stat -c %s "$PROGRAM") bytes${EMULATOR:+, under ${EMULATOR[*]}}"
is_static_arm64() { file -L "$PROGRAM" | grep -E 'ARM aarch64.*statically linked, .*stripped' | grep -v 'not stripped'; }
check "it is a static, stripped program for ARM64" is_static_arm64
check "it has at most $SIZE_LIMIT bytes" test "$(stat -c %s "$PROGRAM")" -le "$SIZE_LIMIT"
says_version() { "$SPEEM" version --verbose >"$BOX/version" && cat "$BOX/version" && grep -q '^sqlite 3' "$BOX/version"; }
check "version --verbose" says_version
example_is_good() {
    "$SPEEM" config example --role node >"$BOX/node.toml" && "$SPEEM" config check --config "$BOX/node.toml"
}
check "the example configuration of a node passes config check" example_is_good
refuses_nonsense() {
    printf 'role = "node"\ndata = "%s/data"\nnonsense = 1\n' "$BOX" >"$BOX/bad.toml"
    ! "$SPEEM" config check --config "$BOX/bad.toml" 2>"$BOX/said" && cat "$BOX/said" && grep -q nonsense "$BOX/said"
}
check "a configuration with an unknown key does not" refuses_nonsense
say "the main job: pair, deposit, kill -9, drain"
start=$SECONDS
status=0
attended timeout -k 10 "$SECONDS_AT_MOST" deploy/story.sh "$SPEEM" "$FOLDER" || status=$?
finished() { [ "$status" -eq 0 ] || { printf 'status %s after %s s\n' "$status" "$((SECONDS - start))"; return 1; }; }
check "the main job, in $((SECONDS - start)) s" finished

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
