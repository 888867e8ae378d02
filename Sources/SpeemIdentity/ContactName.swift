/// Rules for the names that people give, and that contacts claim.
public enum ContactName {
    /// Why `name` cannot be used; nil when it can.
    ///
    /// Nothing in a name moves a cursor, hides, or turns the order of what is around it, and none differs from another
    /// only by what cannot be seen.
    public static func problem(_ name: String) -> String? {
        if name.isEmpty { return "it is empty" }
        if name.utf8.count > ContactRequest.maxNameBytes {
            return "it has more than \(ContactRequest.maxNameBytes) bytes"
        }
        guard name.unicodeScalars.allSatisfy(isAllowed) else {
            return "it holds control characters, or ones that cannot be seen"
        }
        if name.first == " " || name.last == " " { return "it begins or ends with a space" }
        return folded(name).isEmpty ? "it has nothing that can be seen" : nil
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse:
            return false
        default: break
        }
        if properties.isWhitespace { return scalar == " " }
        // Fillers and joiners are no letters; the selectors choose between the faces of one emoji.
        return !properties.isDefaultIgnorableCodePoint || properties.isVariationSelector
    }

    /// What two names have in common that look the same to a careless eye: case, full-width letters, and the selectors
    /// of variants do not count. Compare with `==`, which takes composed and decomposed letters for the same.
    public static func folded(_ name: String) -> String {
        var visible = String.UnicodeScalarView()
        for scalar in name.unicodeScalars where !scalar.properties.isDefaultIgnorableCodePoint {
            switch scalar.value {
            // Full-width forms of ASCII (NFKC maps them so).
            case 0xff01...0xff5e: visible.append(Unicode.Scalar(scalar.value - 0xfee0) ?? scalar)
            default: visible.append(scalar.properties.isWhitespace ? " " : scalar)
            }
        }
        // Upper case first: it joins forms that are one letter in capitals, such as ſ and s.
        return String(visible).uppercased().lowercased().split(separator: " ").joined(separator: " ")
    }
}
