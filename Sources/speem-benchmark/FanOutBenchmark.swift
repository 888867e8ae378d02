import NIOPosix
import SpeemCrypto
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What one message of 1 KiB to several devices takes on the wire and on the node: the body travels and is kept once, each
/// device has a header of its own.
enum FanOutBenchmark {
    static func run(_ node: OwnedNode) async throws {
        print("one message of 1 KiB, over sessions that both sides have used")
        let random = SystemRandomSource()
        let proxy = try await CountingProxy.start(target: node.address)
        let connection = try await TransportClient(group: MultiThreadedEventLoopGroup.singleton).connect(
            to: proxy.address, credentials: node.credentials, counter: 1_000_000)
        let sender = LocalParty(account: AccountKey(random: random).publicKey, keys: DeviceKeys(random: random))
        for count in [1, 3, 10] {
            var targets: [WireTarget] = []
            let content = WireContent.with {
                $0.sentUnixMs = 1_800_000_000_000
                $0.text = .with { $0.text = String(repeating: "x", count: 1024) }
            }
            let body = try MessageBody(sealing: content.encode(), random: random)
            for device in node.devices.prefix(count) {
                var session = try session(from: sender, to: device, of: node.account)
                let heads = MessageHeads(sender: try RosterHead(random.bytes(32)), recipient: node.head)
                let header = try session.seal(body, from: sender, heads: heads, random: random)
                targets.append(
                    .with {
                        $0.mailbox = Data(device.entry.id.bytes)
                        $0.envelopeID = Data(random.bytes(32))
                        $0.header = Data(header)
                    })
            }
            let deposit = WireDeposit.with {
                $0.targets = targets
                $0.body = Data(body.ciphertext)
            }
            let before = (wire: proxy.count, node: try await connection.storedBytes())
            // The status has been answered: what comes now is the deposit alone.
            let wire = proxy.count
            let response = try await connection.request(.with { $0.deposit = deposit })
            guard response.deposited.outcomes.allSatisfy({ $0.state == .stored }) else { throw CountingProxy.Failed() }
            let sent = proxy.count - wire
            let kept = try await connection.storedBytes() - before.node
            print("  to \(count) device\(count == 1 ? "" : "s"): \(sent) bytes on the wire, \(kept) on the node")
        }
        await connection.close()
        try await proxy.stop()
    }

    /// A session in which the other side has answered once: its headers are the short ones.
    private static func session(
        from sender: LocalParty, to device: DeviceKeys, of account: AccountPublicKey
    ) throws -> Session {
        let random = SystemRandomSource()
        let signed = X25519.PrivateKey(random: random)
        let kem = try MLKEM.PrivateKey(random: random)
        let bundle = try PrekeyBundle(
            device: device.entry,
            signed: SignedPrekey(id: PrekeyID(epoch: 1, number: 1), key: signed.publicKey, signedBy: device.signing)
                .encoded,
            kem: KEMPrekey(
                id: PrekeyID(epoch: 1, number: 2), key: kem.publicKey, isLastResort: true, signedBy: device.signing
            ).encoded, isLastResort: true, oneTime: nil)
        let receiver = LocalParty(account: account, keys: device)
        var mine = try Session.initiate(
            local: sender, peer: SessionParty(account: account, device: device.entry), bundle: bundle, random: random)
        let heads = MessageHeads(sender: try RosterHead(random.bytes(32)), recipient: try RosterHead(random.bytes(32)))
        let hello = try MessageBody(sealing: [1], random: random)
        let header = try IncomingHeader(
            unsealing: try mine.seal(hello, from: sender, heads: heads, random: random), with: device.seal)
        var theirs = try Session.respond(
            local: receiver, to: header, prekeys: ResponderPrekeys(signed: signed, kem: kem, oneTime: nil))
        _ = try theirs.open(header, body: hello.ciphertext, local: receiver, random: random)
        let answer = try MessageBody(sealing: [2], random: random)
        let back = try IncomingHeader(
            unsealing: try theirs.seal(answer, from: receiver, heads: heads, random: random), with: sender.keys.seal)
        _ = try mine.open(back, body: answer.ciphertext, local: sender, random: random)
        return mine
    }
}

extension ClientConnection {
    fileprivate func storedBytes() async throws -> Int {
        Int(try await request(.with { $0.nodeStatus = WireNodeStatus() }).nodeState.storedBytes)
    }
}
