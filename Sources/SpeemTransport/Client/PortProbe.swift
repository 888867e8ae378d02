import NIOCore
import NIOPosix

/// Whether somebody accepts connections at an address.
public enum PortProbe {
    /// Connects, and closes the connection without a byte.
    ///
    /// - Parameters:
    ///   - address: "host:port"; an IPv6 host in brackets.
    ///   - seconds: how long it may take.
    /// - Returns: why it was not possible; nil when it was.
    public static func connect(to address: String, within seconds: Int64) async -> String? {
        guard let (host, port) = TransportClient.split(address) else { return "not an address" }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { group.shutdownGracefully { _ in } }
        do {
            let channel = try await ClientBootstrap(group: group).connectTimeout(.seconds(seconds))
                .connect(host: host, port: port).get()
            try? await channel.close()
            return nil
        } catch {
            return TransportClient.reason(error)
        }
    }
}
