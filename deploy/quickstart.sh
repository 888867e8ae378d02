#!/usr/bin/env bash
# Installs what is needed, builds the program, and runs the main job: a node keeps messages while a device sleeps.
#
#   deploy/quickstart.sh [FOLDER]
#
# Can be run again at any time. FOLDER (default: ./quickstart) stays, for looking around.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
FOLDER="$(from_caller "${1:-$ROOT/quickstart}")"

install_packages "${BUILD_PACKAGES[@]}"
find_swift
build_static
deploy/story.sh "$SCRATCH_STATIC/speem" "$FOLDER"
cat <<END

The program is one file: $SCRATCH_STATIC/speem
Look around, for example:

    alias speem=$SCRATCH_STATIC/speem
    speem --help
    speem run --config $FOLDER/bob-node.toml &
    speem inbox --all --config $FOLDER/bob.toml
    speem config example --role node
END
