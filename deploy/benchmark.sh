#!/usr/bin/env bash
# Measures the node: durable deposits beside the disk's own rates, and the memory of an idle node; and what it costs two devices to
# compare their histories.
#
#   deploy/benchmark.sh [FOLDER]
#
# Works in a new folder inside FOLDER (default: beside the build), which must be on the disk that is to be measured, and
# removes that new folder again.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
PLACE="$(from_caller "${1:-$SCRATCH_STATIC}")"
[ $# -eq 0 ] || [ -d "$PLACE" ] || fail "there is no folder $PLACE"
pid=""
LOG=""

# clean_up STATUS: stops the node; after a failure its log says why.
clean_up() {
    if [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null || true
        gone "$pid" || kill -9 "$pid" 2>/dev/null || true
    fi
    if [ "$1" -ne 0 ] && [ -s "$LOG" ]; then
        printf -- '--- the end of the node'\''s log\n' >&2
        tail -n 20 "$LOG" >&2
    fi
}

install_packages "${BUILD_PACKAGES[@]}"
find_swift
note_versions
with_progress "building the benchmark" \
    swift build --scratch-path "$SCRATCH_STATIC" -c release --product speem-benchmark -Xswiftc -static-executable "${SMALL[@]}"
build_static
# Never the folder itself: what is in it is somebody's.
FOLDER="$(mktemp -d "$PLACE/speem-benchmark.XXXXXX")"
TEMPORARY+=("$FOLDER")
attended "$SCRATCH_STATIC/release/speem-benchmark" "$FOLDER"

# Resident memory of a node that nobody talks to.
cat >"$FOLDER/idle.toml" <<TOML
role = "node"
data = "$FOLDER/idle"
[listen]
addresses = ["127.0.0.1:0"]
TOML
LOG="$FOLDER/idle.log"
"$SCRATCH_STATIC/speem" run --config "$FOLDER/idle.toml" >/dev/null 2>"$LOG" &
pid=$!
sleep 5
kill -0 "$pid" 2>/dev/null || fail "the idle node has stopped"
printf 'idle node, resident: %s\n' "$(grep VmRSS "/proc/$pid/status" | tr -s '\t ' ' ')"
printf 'of it anonymous: %s\n' "$(grep RssAnon "/proc/$pid/status" | tr -s '\t ' ' ')"
kill "$pid"
gone "$pid" || fail "the idle node does not end when it is told to"
pid=""
printf 'stripped program: %s bytes\n' "$(stat -c %s "$SCRATCH_STATIC/speem")"
