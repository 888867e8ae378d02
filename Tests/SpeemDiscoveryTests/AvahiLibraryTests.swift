import CAvahi
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
            #expect(!reason.problem.hint.isEmpty)
        }
    }

    @Test func theLibrarysErrorsAreTold() {
        #expect(AvahiError(code: Int32(AVAHI_ERR_NO_DAEMON)).problem == .noDaemon)
        #expect(AvahiError(code: Int32(AVAHI_ERR_DBUS_ERROR)).problem == .noSystemBus)
        for code in [AVAHI_ERR_ACCESS_DENIED, AVAHI_ERR_NOT_PERMITTED, AVAHI_ERR_TOO_MANY_CLIENTS] {
            guard case .refused(let words) = AvahiError(code: Int32(code)).problem else {
                Issue.record("\(code)")
                continue
            }
            #expect(!words.isEmpty)
        }
        guard case .failed = AvahiError(code: Int32(AVAHI_ERR_TIMEOUT)).problem else {
            Issue.record("a time-out")
            return
        }
    }
}
