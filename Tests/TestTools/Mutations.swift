/// Hostile input that is near enough to valid input to get past the first checks.
public enum Mutations {
    /// Random bytes, short ones more often than long ones.
    public static func garbage(upTo limit: Int, using generator: inout some RandomNumberGenerator) -> [UInt8] {
        let limit = Bool.random(using: &generator) ? min(limit, 64) : limit
        let count = Int.random(in: 0...limit, using: &generator)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// `valid` with one to four changes: bytes replaced, bits flipped, parts cut out, doubled, moved or inserted, the
    /// end cut off. It may be as before, by chance.
    public static func mutate(_ valid: [UInt8], using generator: inout some RandomNumberGenerator) -> [UInt8] {
        var mutant = valid
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            guard !mutant.isEmpty else { return mutant }
            let index = Int.random(in: mutant.indices, using: &generator)
            let end = min(index + Int.random(in: 1...40, using: &generator), mutant.count)
            switch Int.random(in: 0..<8, using: &generator) {
            case 0: mutant[index] = UInt8.random(in: 0...255, using: &generator)
            case 1: mutant[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            // The ends of what a count or a number can be.
            case 2: for place in index..<min(index + 4, mutant.count) { mutant[place] = 0xff }
            case 3: for place in index..<min(index + 4, mutant.count) { mutant[place] = 0 }
            case 4: mutant.removeSubrange(index..<end)
            case 5: mutant.removeSubrange(index...)
            case 6:
                let part = Array(mutant[index..<end])
                mutant.insert(contentsOf: part, at: Int.random(in: 0...mutant.count, using: &generator))
            default: mutant.insert(contentsOf: garbage(upTo: 40, using: &generator), at: index)
            }
        }
        return mutant
    }
}
