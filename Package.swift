// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A floor of the house: its own sources and a test target that mirrors them.
func floor(
    _ name: String, _ dependencies: [Target.Dependency], tests extra: [Target.Dependency] = [], exclude: [String] = [],
    testExclude: [String] = []
) -> [Target] {
    [
        .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings),
        .testTarget(
            name: name + "Tests", dependencies: [.target(name: name)] + dependencies + extra, exclude: testExclude,
            swiftSettings: settings),
    ]
}

/// A program that the transcripts use, and that is no part of the product.
func tool(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: "Tests/" + name, swiftSettings: settings)
}

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]

let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

/// libavahi-client does not tell its version: deploy/lib.sh asks pkg-config, and `speem version --verbose` shows it.
let avahiVersion = Context.environment["SPEEM_AVAHI_VERSION"]

/// Floor 0: C libraries as modules.
let libraries: [Target] = [
    .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(
        name: "CAvahi", pkgConfig: "avahi-client dbus-1",
        providers: [.apt(["libavahi-client-dev", "libavahi-common-dev", "libdbus-1-dev"])]),
    .target(
        name: "CStaticShims",
        cSettings: avahiVersion.map { [.define("SPEEM_AVAHI_VERSION", to: $0)] } ?? []),
]

/// Types are written out here, because an older compiler gives up on one long sum of arrays.
let floors: [[Target]] = [
    // Floor 1
    floor(
        "SpeemCrypto", ["CSodium", .product(name: "Crypto", package: "swift-crypto")], tests: ["TestTools"]),
    // Floor 2
    floor("SpeemNoise", ["SpeemCrypto"], testExclude: ["noise_peer.py"]),
    floor("SpeemCPace", ["SpeemCrypto"], tests: ["TestTools"]),
    floor("SpeemStore", ["SpeemCrypto", "CSQLite"], tests: ["TestTools", "StoreTestTools"]),
    floor("SpeemProtocol", [protobuf], exclude: ["speem.proto"]),
    floor("SpeemConfig", []),
    floor("SpeemQR", [], testExclude: ["check_qr.py"]),
    // Floor 3
    floor("SpeemMailbox", ["SpeemCrypto", "SpeemStore"]),
    floor("SpeemSpool", ["SpeemCrypto", "SpeemStore"], tests: ["StoreTestTools"]),
    floor("SpeemIdentity", ["SpeemCrypto"], tests: ["TestTools"]),
    floor("SpeemSync", ["SpeemCrypto", "SpeemIdentity"], tests: ["SpeemMailbox"]),
    floor(
        "SpeemSessions", ["SpeemCrypto", "SpeemIdentity"], tests: ["TestTools"],
        testExclude: ["reference", "vectors"]),
    // Floor 4
    floor(
        "SpeemTransport", ["SpeemCrypto", "SpeemNoise", "SpeemCPace", "SpeemProtocol", protobuf, log] + nio,
        tests: ["TestTools"]),
    floor("SpeemDiscovery", ["SpeemCrypto", "SpeemConfig", "CAvahi", "CStaticShims", log]),
    floor("SpeemSystemd", [lifecycle], tests: [log]),
    // Floor 5
    floor(
        "SpeemNode",
        [
            "SpeemCrypto", "SpeemStore", "SpeemProtocol", "SpeemIdentity", "SpeemMailbox", "SpeemTransport",
            "SpeemSpool", "SpeemCPace", "SpeemDiscovery", "SpeemConfig", "CStaticShims", protobuf, log, lifecycle,
        ] + nio, tests: ["StoreTestTools"]),
    floor(
        "SpeemDevice",
        [
            "SpeemCrypto", "SpeemStore", "SpeemProtocol", "SpeemIdentity", "SpeemSessions", "SpeemSync",
            "SpeemTransport", "SpeemCPace", "SpeemDiscovery", "SpeemConfig", protobuf, log, lifecycle,
        ] + nio, tests: ["SpeemNode"]),
    floor("SpeemDoctor", ["SpeemConfig", "SpeemStore", "SpeemTransport", "SpeemDiscovery", "CStaticShims"]),
]

/// Floor 6
let programs: [Target] = [
    .executableTarget(
        name: "speem",
        dependencies: [
            "SpeemCrypto", "SpeemStore", "SpeemProtocol", "SpeemIdentity", "SpeemConfig", "SpeemQR",
            "SpeemTransport", "SpeemDiscovery", "SpeemNode", "SpeemDevice", "SpeemSystemd", "SpeemDoctor",
            "CStaticShims", .product(name: "ArgumentParser", package: "swift-argument-parser"), log, lifecycle,
        ] + nio,
        swiftSettings: settings),
    .executableTarget(
        name: "speem-benchmark",
        dependencies: [
            "CSQLite", "SpeemCrypto", "SpeemStore", "SpeemProtocol", "SpeemIdentity", "SpeemConfig",
            "SpeemTransport", "SpeemNode", "SpeemDevice", "SpeemSessions", "SpeemSync", protobuf, log,
            lifecycle,
        ] + nio,
        swiftSettings: settings),
]

let tools: [Target] = [
    .testTarget(name: "TidyTests", swiftSettings: settings),
    // What several suites of tests use.
    .target(name: "TestTools", path: "Tests/TestTools", swiftSettings: settings),
    tool("NewerStore", ["SpeemStore"]),
    // A disk whose power is cut, for those that use the store's files.
    .target(
        name: "StoreTestTools", dependencies: ["SpeemStore"], path: "Tests/StoreTestTools", swiftSettings: settings),
]

let package = Package(
    name: "speem-node",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "speem", targets: ["speem"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: libraries + floors.flatMap { $0 } + programs + tools
)
