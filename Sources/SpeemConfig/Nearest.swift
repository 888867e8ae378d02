/// Which of the words that exist a person meant by one that does not.
enum Nearest {
    /// The candidate with the fewest edits to `word`, if they are few: one, or a third of the candidate's length. One
    /// that begins like `word`, or that `word` begins with, is next.
    ///
    /// Capitals and dashes count as what they stand for. A word of more than 64 characters is nobody's slip.
    static func candidate(to word: String, among candidates: [String]) -> String? {
        let word = folded(word)
        guard (1...64).contains(word.count) else { return nil }
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let letters = folded(candidate)
            let distance = editDistance(word, letters)
            guard distance <= max(1, letters.count / 3), distance < best?.distance ?? Int.max else { continue }
            best = (candidate, distance)
        }
        if let best { return best.candidate }
        return candidates.first { candidate in
            let letters = folded(candidate)
            return min(word.count, letters.count) >= 3 && (letters.starts(with: word) || word.starts(with: letters))
        }
    }

    /// Insertions, deletions, substitutions and exchanges of neighbours that lead from one to the other ("optimal
    /// string alignment").
    static func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...right.count)
        for i in left.indices {
            var current = [i + 1]
            for j in right.indices {
                let substitution = previous[j] + (left[i] == right[j] ? 0 : 1)
                var distance = min(substitution, previous[j + 1] + 1, current[j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    distance = min(distance, beforePrevious[j - 1] + 1)
                }
                current.append(distance)
            }
            beforePrevious = previous
            previous = current
        }
        return previous.last ?? 0
    }

    private static func folded(_ word: String) -> [Unicode.Scalar] {
        word.lowercased().unicodeScalars.map { $0 == "-" ? "_" : $0 }
    }
}
