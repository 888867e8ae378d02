import SpeemCrypto
import SpeemProtocol
import SwiftProtobuf

/// A deposit on its way through the spool, with whose it is.
///
/// By the name of the party, not by its row: a contact that was withdrawn in the meantime has none any more.
struct SpooledDeposit: Sendable, Equatable {
    /// 16 bytes.
    let party: [UInt8]
    let deposit: WireDeposit

    private static let version: UInt8 = 1

    init(party: [UInt8], deposit: WireDeposit) {
        precondition(party.count == PartyRows.nameLength, "a party's name has 16 bytes")
        self.party = party
        self.deposit = deposit
    }

    var encoded: [UInt8] {
        [Self.version] + party + WireRequest.with { $0.deposit = deposit }.encode()
    }

    /// - Throws: ``SpeemCrypto/ByteReader/Truncated``, ``SpeemProtocol/WireError``, ``NodeError``.
    init(_ bytes: [UInt8]) throws {
        var reader = ByteReader(bytes)
        guard try reader.readByte() == Self.version else {
            throw NodeError.inconsistentStore("an entry of the spool is of another version")
        }
        party = try reader.read(PartyRows.nameLength)
        guard case .deposit(let deposit) = try WireRequest.decode(reader.readRest()).kind else {
            throw NodeError.inconsistentStore("an entry of the spool is no deposit")
        }
        self.deposit = deposit
    }
}
