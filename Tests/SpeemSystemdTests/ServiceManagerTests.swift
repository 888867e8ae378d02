import Foundation
import Testing

@testable import SpeemSystemd

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A socket as a service manager has one.
final class TestManager: Sendable {
    let path: String
    private let descriptor: Int32

    /// - Parameter isAbstract: a name in the abstract namespace, which leaves no file.
    init(isAbstract: Bool = false) throws {
        path = (isAbstract ? "@" : "/tmp/") + "speem-notify-\(UInt64.random(in: 0 ... .max))"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        if isAbstract { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(2 + bytes.count)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try #require(status == 0)
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    /// The next datagram; waited for without taking a thread, for a minute at the most.
    func next() async throws -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        for _ in 0..<12_000 {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count >= 0 { return String(decoding: buffer.prefix(count), as: UTF8.self) }
            try await Task.sleep(for: .milliseconds(5))
        }
        return "nothing"
    }

    func manager(_ others: [String: String] = [:]) throws -> ServiceManager {
        let variables = ["NOTIFY_SOCKET": path].merging(others) { $1 }
        return try #require(ServiceManager(environment: { variables[$0] }, process: 7))
    }
}

struct ServiceManagerTests {
    /// A reload is told with the moment when it began, by the clock that the service manager has.
    @Test func theSteadyClockGoesOn() {
        let before = ServiceManager.monotonicMicroseconds
        let after = ServiceManager.monotonicMicroseconds
        #expect(before > 0 && after >= before)
        #expect(ServiceManager.News.reloading(monotonic: 5).line == "RELOADING=1\nMONOTONIC_USEC=5")
    }

    private func make(_ variables: [String: String]) -> ServiceManager? {
        ServiceManager(environment: { variables[$0] }, process: 7)
    }

    @Test func nobodyListens() {
        #expect(make([:]) == nil)
        for socket in ["", "@", "/", "relative", "vsock:2:1", "/" + String(repeating: "x", count: 200)] {
            #expect(make(["NOTIFY_SOCKET": socket]) == nil, "\(socket)")
        }
    }

    @Test func halfOfTheWatchdogsTime() {
        func watchdog(_ variables: [String: String]) -> Duration? {
            make(["NOTIFY_SOCKET": "/run/notify"].merging(variables) { $1 })?.watchdog
        }
        #expect(watchdog([:]) == nil)
        #expect(watchdog(["WATCHDOG_USEC": "60000000"]) == .seconds(30))
        #expect(watchdog(["WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"]) == .seconds(30))
        #expect(watchdog(["WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"]) == nil)
        for wrong in ["", "0", "-1", "x", "99999999999999999999"] { #expect(watchdog(["WATCHDOG_USEC": wrong]) == nil) }
    }

    @Test(arguments: [false, true]) func whatIsToldArrives(isAbstract: Bool) async throws {
        let test = try TestManager(isAbstract: isAbstract)
        let manager = try test.manager()
        #expect(manager.tell(.ready, .status("keeps\nmail")))
        #expect(try await test.next() == "READY=1\nSTATUS=keeps mail")
        #expect(manager.tell(.alive))
        #expect(try await test.next() == "WATCHDOG=1")
        #expect(manager.tell(.reloading(monotonic: 5)))
        #expect(try await test.next() == "RELOADING=1\nMONOTONIC_USEC=5")
        #expect(manager.tell(.stopping))
        #expect(try await test.next() == "STOPPING=1")
    }

    @Test func aManagerThatIsGoneIsNoReasonToStop() throws {
        let manager = try #require(make(["NOTIFY_SOCKET": "/tmp/speem-nobody-\(UInt64.random(in: 0 ... .max))"]))
        #expect(!manager.tell(.ready))
    }
}
