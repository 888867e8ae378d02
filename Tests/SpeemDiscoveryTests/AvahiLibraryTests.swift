import Testing

@testable import SpeemDiscovery

struct AvahiLibraryTests {
    @Test func libdbusTellsItsVersion() {
        let parts = AvahiLibrary.dbusVersion.split(separator: ".").compactMap { Int($0) }
        #expect(parts.count == 3)
        #expect(parts.first == 1)
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
