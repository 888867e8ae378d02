import SpeemCrypto
import SpeemIdentity

/// A copy as a set to be reconciled: which element stands for which register or message.
///
/// An element is a hash over everything that can change, so an old copy of a message is another element than the new one,
/// and both sides then give each other theirs; the join decides.
public struct ReplicaIndex: Sendable {
    private enum Place: Sendable {
        case register(RegisterKey)
        case message([UInt8])
    }

    public let set: ItemSet
    private let places: [UInt64: Place]

    /// - Parameters:
    ///   - salt: 16 bytes, new for each session.
    ///   - since: Unix milliseconds; messages from before are left out. Registers are always in it.
    public init(_ replica: Replica, salt: [UInt8], since: UInt64) {
        var items: [ReconciliationItem] = []
        var places: [UInt64: Place] = [:]
        for (key, register) in replica.registers {
            let item = Self.item(key, register, salt: salt)
            items.append(item)
            places[item.id] = .register(key)
        }
        for (id, record) in replica.messages where record.sent >= since {
            let item = Self.item(record, salt: salt)
            items.append(item)
            places[item.id] = .message(id)
        }
        set = ItemSet(items)
        self.places = places
    }

    /// The element of a register.
    public static func item(_ key: RegisterKey, _ register: Register, salt: [UInt8]) -> ReconciliationItem {
        let encoded = key.encoded
        var writer = ByteWriter()
        writer.write(0)
        writer.write(UInt8(clamping: encoded.count))
        writer.write(encoded)
        writer.write(bigEndian: register.stamp.counter)
        writer.write(register.stamp.device.bytes)
        writer.write(register.value)
        return ReconciliationItem(time: 0, salt: salt, content: writer.bytes)
    }

    /// The element of a message.
    public static func item(_ record: MessageRecord, salt: [UInt8]) -> ReconciliationItem {
        ReconciliationItem(time: record.sent, salt: salt, content: [1] + record.id + [record.marks])
    }

    /// What the elements of `ids` stand for.
    ///
    /// `isWhole` is false when some stand for nothing: what the other side asks for has changed since it was listed, and is
    /// another element now. This device then begins a session of its own, or the other one would never get it.
    public func update(
        for ids: some Sequence<UInt64>, of replica: Replica
    ) -> (update: Replica.Update, isWhole: Bool) {
        var update = Replica.Update()
        var isWhole = true
        for id in ids {
            switch places[id] {
            case .register(let key): update.registers[key] = replica.registers[key]
            case .message(let id): if let record = replica.messages[id] { update.records.append(record) }
            case nil: isWhole = false
            }
        }
        return (update, isWhole)
    }
}
