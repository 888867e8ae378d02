import NIOCore
import NIOPosix
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A backlog as a long absence leaves it, at a node that somebody else runs: Tests/cli/small_board_test.sh fills one, kills the
/// node, and counts what comes back.
///
/// Envelopes are numbered: number `n` has an id and a body that are made from `n`, so nothing has to be remembered but how
/// many there are and the keys, which lie in a file.
enum Backlog {
    private static let bodyLength = 60_000
    private static let window = 16

    private struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    /// Takes the node of a claim invite, and deposits `megabytes` for its own device. Prints how many envelopes.
    static func fill(keys path: String, invite text: String, megabytes: Int) async throws {
        let random = SystemRandomSource()
        let invite = try Invite(text: text)
        guard let address = invite.node.addresses.first else { throw Unexpected(description: "no address") }
        let device = DeviceKeys(random: random)
        let permanent = X25519.PrivateKey(random: random)
        let account = AccountKey(random: random)
        let preSharedKey = random.secret(32)
        let genesis = try RosterEntry.genesis(account: account, devices: [device.entry], nodes: [invite.node])
        let client = TransportClient(group: MultiThreadedEventLoopGroup.singleton)
        let oneTime = InviteKeys(secret: invite.secret)
        let claiming = try await client.connect(
            to: address,
            credentials: NodeCredentials(
                initiatorKey: oneTime.initiatorKey, preSharedKey: oneTime.preSharedKey, nodeKey: invite.node.noise),
            counter: 1)
        let proof = ClaimProof(
            node: invite.node.noise, head: genesis.head, device: device.entry.id,
            initiatorKey: permanent.publicKey.bytes, preSharedKey: preSharedKey, recovery: nil)
        let claimed = try await claiming.request(
            .with {
                $0.claim = .with {
                    $0.signature = Data(proof.signed(by: device))
                    $0.initiatorKey = Data(permanent.publicKey.bytes)
                    $0.roster = [Data(genesis.encoded)]
                    $0.device = Data(device.entry.id.bytes)
                    $0.preSharedKey = Data(preSharedKey.exposedCopy())
                }
            })
        guard case .claimed = claimed.kind else { throw Unexpected(description: "\(claimed)") }
        await claiming.close()
        let file = KeysFile(
            address: address, node: invite.node.noise.bytes, device: device.entry.id.bytes,
            initiator: permanent.secret.exposedCopy(), preSharedKey: preSharedKey.exposedCopy())
        try Data(file.text.utf8).write(to: URL(fileURLWithPath: path))

        let connection = try await file.connect(counter: 1)
        let count = megabytes * 1_000_000 / bodyLength
        var next = 0
        while next < count {
            let requests = (next..<min(next + window, count)).map { deposit($0, to: file.device) }
            for response in try await connection.request(all: requests) {
                guard response.deposited.outcomes.map(\.state) == [.stored] else {
                    throw Unexpected(description: "\(response)")
                }
            }
            next += requests.count
        }
        await connection.close()
        print(count)
    }

    /// Drains the device's mailbox to its end and acknowledges all. Prints how many envelopes came, each once, in order, and as
    /// they were deposited.
    ///
    /// - Parameter round: counts the connections with these keys, from 2.
    static func drain(keys path: String, round: UInt64) async throws {
        let file = try KeysFile(String(decoding: Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self))
        let connection = try await file.connect(counter: round)
        var count = 0
        while true {
            let response = try await connection.request(.with { $0.drain = .with { $0.after = 0 } })
            guard case .drained(let mail) = response.kind else { throw Unexpected(description: "\(response)") }
            if mail.envelopes.isEmpty { break }
            for envelope in mail.envelopes {
                guard [UInt8](envelope.envelopeID) == id(count), [UInt8](envelope.body) == body(count) else {
                    throw Unexpected(description: "envelope \(count) is not what was deposited")
                }
                count += 1
            }
            let acknowledged = try await connection.request(
                .with { $0.acknowledge = .with { $0.sequences = mail.envelopes.map(\.sequence) } })
            guard case .acknowledged = acknowledged.kind else { throw Unexpected(description: "\(acknowledged)") }
        }
        await connection.close()
        print(count)
    }

    private static func id(_ number: Int) -> [UInt8] { BLAKE2b.hash(BigEndian.bytes(UInt64(number))) }

    /// A body that nothing can make smaller.
    private static func body(_ number: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(bodyLength)
        var block = id(number)
        while bytes.count < bodyLength {
            block = BLAKE2b.hash(block, length: 64)
            bytes += block
        }
        return Array(bytes.prefix(bodyLength))
    }

    private static func deposit(_ number: Int, to device: [UInt8]) -> WireRequest {
        .with {
            $0.deposit = .with {
                $0.targets = [
                    .with {
                        $0.mailbox = Data(device)
                        $0.envelopeID = Data(id(number))
                    }
                ]
                $0.body = Data(body(number))
            }
        }
    }

    /// The keys of a device that is there for a test only.
    private struct KeysFile {
        let address: String
        let node: [UInt8]
        let device: [UInt8]
        let initiator: [UInt8]
        let preSharedKey: [UInt8]

        init(address: String, node: [UInt8], device: [UInt8], initiator: [UInt8], preSharedKey: [UInt8]) {
            self.address = address
            self.node = node
            self.device = device
            self.initiator = initiator
            self.preSharedKey = preSharedKey
        }

        init(_ text: String) throws {
            let lines = text.split(separator: "\n").map(String.init)
            let bytes = lines.dropFirst().compactMap { Hex.decode($0) }
            guard lines.count == 5, bytes.count == 4 else { throw Unexpected(description: "not a file of keys") }
            self.init(
                address: lines[0], node: bytes[0], device: bytes[1], initiator: bytes[2], preSharedKey: bytes[3])
        }

        var text: String {
            ([address] + [node, device, initiator, preSharedKey].map { Hex.encode($0) }).joined(separator: "\n") + "\n"
        }

        func connect(counter: UInt64) async throws -> ClientConnection {
            try await TransportClient(group: MultiThreadedEventLoopGroup.singleton).connect(
                to: address,
                credentials: NodeCredentials(
                    initiatorKey: try X25519.PrivateKey(SecretBytes(initiator)),
                    preSharedKey: SecretBytes(preSharedKey), nodeKey: try X25519.PublicKey(node)),
                counter: counter)
        }
    }
}
