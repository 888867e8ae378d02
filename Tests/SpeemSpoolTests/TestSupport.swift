import SpeemCrypto
import SpeemStore
import StoreTestTools

@testable import SpeemSpool

let random = SystemRandomSource()
/// Whom the spools of all tests are sealed to.
let storeKey = X25519.PrivateKey(random: random)

func folder(_ disk: any FileSystem) -> SpoolFolder { SpoolFolder("/spool", fileSystem: disk) }

func open(
    _ disk: any FileSystem, limit: Int64 = 1 << 30, last: (number: UInt64, link: [UInt8]) = (0, SpoolFormat.noLink)
) throws -> Spool {
    try Spool(Spool.Options(folder: folder(disk), recipient: storeKey.publicKey, last: last, limit: limit))
}

func entry(_ number: Int, count: Int = 40) -> [UInt8] {
    BigEndian.bytes(UInt32(number)) + [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: count)
}

func number(of entry: [UInt8]) -> Int {
    var reader = ByteReader(entry)
    return (try? reader.readBigEndian(UInt32.self)).map { Int($0) } ?? -1
}

/// All that can be read from one disk.
struct Contents {
    var entries: [[UInt8]] = []
    var records = 0
    var damage: [SpoolDamage] = []
    var torn: Int64 = 0
    var links: [[UInt8]] = []
    var unreadable: [String] = []

    var numbers: [Int] { entries.map(number(of:)) }

    init(_ disk: any FileSystem, key: X25519.PrivateKey = storeKey) throws {
        for file in try folder(disk).files() {
            guard var reader = try SpoolReader(folder(disk), file, with: key) else {
                unreadable.append(file.name)
                continue
            }
            defer { reader.close() }
            links.append(reader.link)
            while let record = try reader.next() {
                records += 1
                entries += record.entries
            }
            damage += reader.damage
            torn += reader.tornBytes
        }
    }
}

/// A file of several records.
func usedDisk(records: Int = 4, count: Int = 40) async throws -> MemoryDisk {
    let disk = MemoryDisk()
    let spool = try open(disk)
    for number in 0..<records { try await spool.append(entry(number, count: count)) }
    await spool.close()
    return disk
}
