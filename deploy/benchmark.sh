#!/usr/bin/env bash
# Measures the node: durable deposits beside the disk's own rates, and the memory of an idle node.
#
#   deploy/benchmark.sh [FOLDER]
#
# FOLDER (default: a temporary one beside the build) must be on the disk that is to be measured.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install_packages "${BUILD_PACKAGES[@]}"
find_swift
note_versions
with_progress "building the benchmark" \
    swift build --scratch-path "$SCRATCH_STATIC" -c release --product speem-benchmark -Xswiftc -static-executable
build_static
FOLDER="${1:-$(mktemp -d "$SCRATCH_STATIC/benchmark.XXXXXX")}"
"$SCRATCH_STATIC/release/speem-benchmark" "$FOLDER"

# Resident memory of a node that nobody talks to.
cat >"$FOLDER/idle.toml" <<TOML
role = "node"
data = "$FOLDER/idle"
[listen]
addresses = ["127.0.0.1:0"]
TOML
"$SCRATCH_STATIC/speem" run --config "$FOLDER/idle.toml" >/dev/null 2>&1 &
pid=$!
sleep 5
printf 'idle node, resident: %s\n' "$(grep VmRSS "/proc/$pid/status" | tr -s '\t ' ' ')"
printf 'of it anonymous: %s\n' "$(grep RssAnon "/proc/$pid/status" | tr -s '\t ' ' ')"
kill "$pid"
wait "$pid" 2>/dev/null || true
printf 'stripped program: %s bytes\n' "$(stat -c %s "$SCRATCH_STATIC/speem")"
rm -rf "$FOLDER"
