#!/usr/bin/env bash
# Installs what is needed, builds, and runs every test. .ci/run calls it.
#
#   deploy/test.sh
#
# Can be run again at any time. Tests that need root (a chroot, a small disk) say so and are skipped without.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

TEST_PACKAGES=(python3 python3-venv dbus avahi-daemon iproute2 util-linux systemd strace debootstrap lintian man-db)
VENV="$ROOT/.build-venv"
# Bytes of the stripped static program at the most (30 MB).
SIZE_LIMIT=30000000
# Far more than a suite or a script takes on a slow machine: one that hangs ends as a failure.
SUITE_SECONDS=1200
SCRIPT_SECONDS=600
passed=0
failed=0

# check WORDS COMMAND...: one check of this script's own.
check() {
    local words="$1"
    shift
    if "$@"; then
        passed=$((passed + 1))
        printf '    ok: %s\n' "$words"
    else
        failed=$((failed + 1))
        printf '    FAILED: %s\n' "$words" >&2
    fi
}

# why STATUS START LIMIT: prints that a command which began at START (of SECONDS) was ended by timeout, if it was.
why() {
    case "$1" in
        # 137: it did not listen to TERM. Without the time it was killed by somebody else.
        124 | 137) if [ $((SECONDS - $2)) -ge "$3" ]; then printf '    it took longer than %s s\n' "$3" >&2; fi ;;
    esac
}

install_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
find_swift

if [ ! -x "$VENV/bin/python" ]; then with_progress "making a Python environment" python3 -m venv "$VENV"; fi
with_progress "installing the second implementations that tests compare with" \
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check -r Tests/interop/requirements.txt
export SPEEM_PYTHON="$VENV/bin/python"
export SPEEM_VECTORS="${SPEEM_VECTORS:-$ROOT/../shared/vectors}"

say "style"
check "swift format lint --strict is clean" swift format lint --strict --recursive Package.swift Sources Tests

with_progress "building the tests" swift build --scratch-path "$SCRATCH_DEBUG" --build-tests \
    --explicit-target-dependency-import-check error

# run_tests WORDS OPTION...: runs a part of the tests and counts them.
run_tests() {
    local words="$1" log start=$SECONDS status=0 count
    shift
    log="$(mktemp "${TMPDIR:-/tmp}/speem-tests.XXXXXX")"
    watched "running the tests: $words" "$log" timeout -k 10 "$SUITE_SECONDS" \
        swift test --scratch-path "$SCRATCH_DEBUG" --skip-build "$@" || status=$?
    grep -E '(✘|recorded an issue|skipped)' "$log" | cut -c 1-300 | head -n 60 || true
    grep -E 'Test run with' "$log" || true
    count="$(sed -n 's/.*Test run with \([0-9]*\) tests.*/\1/p' "$log" | tail -n 1)"
    if [ "$status" -eq 0 ] && [ "${count:-0}" -gt 0 ]; then
        passed=$((passed + count))
        rm -f "$log"
        return
    fi
    failed=$((failed + 1))
    {
        printf '    FAILED: %s (status %s)\n' "$words" "$status"
        why "$status" "$start" "$SUITE_SECONDS"
        # A trap of Swift's says where in the middle of the log, with the stack behind it.
        grep -n -B 5 -A 40 -E 'Fatal error|Crash' "$log" | cut -c 1-300 | head -n 120 || true
        printf -- '--- the end of the log\n'
        tail -n 60 "$log" | cut -c 1-300
        printf 'the whole log: %s\n' "$log"
    } >&2
}

# Those with sockets run on their own, and few at a time: beside many that keep both cores busy they would wait for time-outs.
sockets='SpeemTransportTests|SpeemNodeTests|SpeemDeviceTests'
run_tests "rules, crypto and store" --skip "$sockets"
SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4 run_tests "sockets" --filter "$sockets"

build_static
SPEEM="$SCRATCH_STATIC/speem"
size="$(stat -c %s "$SPEEM")"
say "the program: $size bytes, stripped"
is_static() { file "$SPEEM" | grep -q 'statically linked'; }
# Full Foundation brings ICU, and 44 MB with it. The symbols go through a file: with a pipe, an nm that fails would look
# the same as one that finds nothing; and so would a program without symbols.
SYMBOLS="$(mktemp)"
TEMPORARY+=("$SYMBOLS")
has_no_icu() {
    nm "$SCRATCH_STATIC/release/speem" >"$SYMBOLS" || return 1
    grep -q ' main$' "$SYMBOLS" || return 1
    ! grep -qE ' (ucal_|uloc_)' "$SYMBOLS"
}
check "it is statically linked" is_static
check "there is no ICU in it" has_no_icu
check "it has at most $SIZE_LIMIT bytes" test "$size" -le "$SIZE_LIMIT"

RESULTS="$(mktemp)"
TEMPORARY+=("$RESULTS")
export SPEEM RESULTS
for script in Tests/cli/*_test.sh Tests/network/*_test.sh Tests/package/*_test.sh; do
    say "$script"
    : >"$RESULTS"
    start=$SECONDS
    status=0
    attended timeout -k 10 "$SCRIPT_SECONDS" bash "$script" || status=$?
    passed=$((passed + $(grep -c '^ok' "$RESULTS" || true)))
    broken="$(grep -c '^failed' "$RESULTS" || true)"
    # Status 1 is a script that went through and has said what failed. One that ends early has failed, whatever it counted.
    if [ "$status" -ne 0 ] && { [ "$status" -ne 1 ] || [ "$broken" -eq 0 ]; }; then
        broken=$((broken + 1))
        printf '    FAILED: %s (status %s)\n' "$script" "$status" >&2
        why "$status" "$start" "$SCRIPT_SECONDS"
    fi
    failed=$((failed + broken))
done

# story SCRIPT FOLDER: one of the scripts that tell a story with several processes.
story() {
    local start=$SECONDS status=0
    attended timeout -k 10 "$SCRIPT_SECONDS" "$1" "$SPEEM" "$SCRATCH_STATIC/$2" || status=$?
    why "$status" "$start" "$SCRIPT_SECONDS"
    return "$status"
}
say "the main job"
check "the main job" story deploy/story.sh story
# Twice in one folder: the script promises that it can be run again.
say "the main job, again in the same folder"
check "the main job, again in the same folder" story deploy/story.sh story
say "two people with several devices and nodes"
check "two people with several devices and nodes" story deploy/story-devices.sh story-devices

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
