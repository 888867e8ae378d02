/// Sizes for people.
public enum Bytes {
    /// "512 bytes", "4.1 MB", "64 GB": decimal units, a digit behind the point below ten. Rounded down.
    public static func text(_ count: UInt64) -> String {
        guard count >= 1000 else { return "\(count) bytes" }
        var unit: UInt64 = 1000
        var names = ["kB", "MB", "GB", "TB"][...]
        while names.count > 1, count / unit >= 1000 {
            unit *= 1000
            names.removeFirst()
        }
        let whole = count / unit
        let name = names.first ?? ""
        return whole < 10 ? "\(whole).\(count % unit / (unit / 10)) \(name)" : "\(whole) \(name)"
    }
}
