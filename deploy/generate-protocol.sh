#!/usr/bin/env bash
# Makes the Swift code of Sources/SpeemProtocol/speem.proto anew. Needs protoc (Debian's protobuf-compiler) and
# swift-protobuf's plugin, which is built from the version that Package.swift names.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v protoc >/dev/null || { echo "generate-protocol: error: protoc is missing; install protobuf-compiler" >&2; exit 1; }
plugin=${PROTOC_GEN_SWIFT:-}
if [ -z "$plugin" ]; then
    [ -d .build/checkouts/swift-protobuf ] || swift package resolve
    echo "==> building protoc-gen-swift (a minute)"
    swift build -q --package-path .build/checkouts/swift-protobuf --scratch-path .build-protobuf --product protoc-gen-swift
    plugin=$(swift build --package-path .build/checkouts/swift-protobuf --scratch-path .build-protobuf --show-bin-path)/protoc-gen-swift
fi
protoc --plugin=protoc-gen-swift="$plugin" --proto_path=Sources/SpeemProtocol \
    --swift_out=Sources/SpeemProtocol/Generated --swift_opt=Visibility=Public \
    --swift_opt=UseAccessLevelOnImports=true Sources/SpeemProtocol/speem.proto
echo "==> wrote Sources/SpeemProtocol/Generated/speem.pb.swift"
