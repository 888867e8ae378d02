import Logging
import NIOCore
import SpeemConfig
import SpeemIdentity
import SpeemProtocol
import SpeemSessions
import SpeemStore
import SpeemTransport
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Takes messages from devices on the same network, straight and without a node.
struct DirectListener: Sendable {
    let server: TransportServer
    private let access: DirectAccess
    private let store: Store
    private let logger: Logger

    /// Connections at once: a person's contacts in one place.
    private static let connections = 64
    private static let connectionsPerAddress = 8
    private static let connectionsPerGrant = 2

    /// - Throws: ``SpeemTransport/TransportError``.
    static func bind(
        _ addresses: [HostPort], device: Device, group: any EventLoopGroup
    ) async throws -> DirectListener {
        let access = DirectAccess()
        let state = device.state
        _ = try await access.refresh(from: state.store)
        let limits = TransportLimits(
            connections: connections, connectionsPerAddress: connectionsPerAddress,
            connectionsPerGrant: connectionsPerGrant)
        let server = try await TransportServer.bind(
            addresses: addresses.map { ($0.host, $0.port) }, staticKey: state.local.keys.noise, access: access,
            handler: DirectRequests(state: state, reader: device.reader, access: access), limits: limits, group: group,
            logger: state.logger)
        return DirectListener(server: server, access: access, store: state.store, logger: state.logger)
    }

    /// Serves until the task is cancelled.
    ///
    /// - Throws: ``SpeemTransport/TransportError`` when a socket ends on its own.
    func run() async throws { try await server.run() }

    /// The account's nodes let in others than before: so does this device.
    func grantsChanged() async {
        do {
            for grant in try await access.refresh(from: store) {
                for peer in server.peers(of: grant) { peer.close(.revoked) }
            }
        } catch {
            logger.error("who may connect to this device cannot be read: \(error)")
        }
    }
}

/// What a peer may ask of a device: to take a message.
private struct DirectRequests: PeerHandler {
    let state: DeviceState
    let reader: MailReader
    let access: DirectAccess

    func opened(_ peer: Peer) async {}
    func closed(_ peer: Peer) async {}

    func handle(_ request: WireRequest, from peer: Peer) async -> WireResponse {
        guard access.isKnown(peer.grant) else {
            peer.close(.revoked)
            return .refusal(.notAllowed, "the grant was withdrawn")
        }
        switch request.kind {
        case .deposit(let deposit): return await take(deposit)
        case .ping: return .with { $0.pong = WirePong() }
        case .drain, .acknowledge, .rosterFetch, .rosterAppend, .prekeyUpload, .prekeyTake, .inviteRegister, .redeem,
            .claim, .nodeStatus, .grantRevoke, .grantList, .grantPut, .nodeReset, .routeRegister, .routeAdd,
            .routeRemove, .outboxPut, .outboxList, .outboxAcknowledge, .discoverySet, .nodeIdentify,
            .unlockStart, .unlock, nil:
            return .refusal(.notAllowed, "this is a device, and takes messages only")
        }
    }

    private func take(_ deposit: WireDeposit) async -> WireResponse {
        var outcomes: [WireDeposited.Outcome] = []
        for target in deposit.targets {
            guard [UInt8](target.mailbox) == state.id.bytes else {
                outcomes.append(.refused(.unknownMailbox, "this is another device"))
                continue
            }
            let envelope = WireEnvelope.with {
                $0.envelopeID = target.envelopeID
                $0.header = target.header
                $0.body = deposit.body
            }
            let counters = access.dirtyCounters
            do {
                let isTaken = try await reader.takeDirect(envelope) { try DirectAccess.write(counters, in: $0) }
                access.written(counters)
                // What cannot be judged yet waits on a node, where it is not forgotten.
                outcomes.append(isTaken ? .with { $0.state = .stored } : .refused(.busy, "bring it to the node"))
            } catch StoreError.diskFull {
                outcomes.append(.refused(.diskFull, "the device's disk is full"))
            } catch {
                state.logger.error("a message from this network was not taken: \(error)")
                outcomes.append(.refused(.internal, "the device could not take it"))
            }
        }
        return .with { $0.deposited = .with { $0.outcomes = outcomes } }
    }
}

extension WireDeposited.Outcome {
    fileprivate static func refused(_ code: WireRefusal.Code, _ words: String) -> WireDeposited.Outcome {
        .with {
            $0.state = .refused
            $0.refusal = WireRefusal(code, words)
        }
    }
}
