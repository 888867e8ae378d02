import Testing

@testable import SpeemDiscovery

struct AvahiLibraryTests {
    @Test func libdbusTellsItsVersion() {
        let parts = AvahiLibrary.dbusVersion.split(separator: ".").compactMap { Int($0) }
        #expect(parts.count == 3)
        #expect(parts.first == 1)
    }

    /// deploy/lib.sh says at build time which one it is; a plain `swift build` does not.
    @Test func libavahiClientHasTheVersionThatTheBuildGave() {
        guard let version = AvahiLibrary.clientVersion else { return }
        #expect(version.wholeMatch(of: /[0-9]+(\.[0-9]+)*[0-9A-Za-z.+~-]*/) != nil, "\(version)")
    }

    /// With a daemon its version, without one the library's own words: either way the client library has run.
    @Test func avahiAnswersOrSaysWhyNot() {
        switch AvahiLibrary.daemonVersion() {
        case .success(let version): #expect(version.hasPrefix("avahi "))
        case .failure(let reason):
            #expect(!reason.description.isEmpty && reason.description == reason.description.lowercased())
        }
    }
}
