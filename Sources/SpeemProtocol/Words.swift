extension String {
    /// As much of the beginning as fits `limit` bytes of UTF-8, ending at a whole scalar.
    public func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var result = UnicodeScalarView()
        var bytes = 0
        for scalar in unicodeScalars {
            bytes += UTF8.width(scalar)
            guard bytes <= limit else { break }
            result.append(scalar)
        }
        return String(result)
    }
}
