/// Checks the values of the file against the schema and puts them where they belong.
extension Setting {
    /// Puts the value of an entry into `config`. Paths are resolved, but still empty where they were.
    func apply(_ entry: TOMLEntry, to config: inout Config, paths: ConfigPaths) throws(Fault) {
        let position = entry.valuePosition
        switch kind {
        case .role(let field):
            let text = try string(entry)
            guard let role = Config.Role(rawValue: text) else {
                throw notOneOf(Config.Role.allCases.map(\.rawValue), text, at: position)
            }
            config[keyPath: field] = role
        case .choice(let field, let words, _):
            let text = try string(entry)
            guard words.contains(text) else { throw notOneOf(words, text, at: position) }
            config[keyPath: field] = text
        case .text(let field, let maximum, _):
            let text = try string(entry)
            guard text.utf8.count <= maximum else {
                throw Fault(
                    .outOfRange, at: position, "'\(name)' is \(text.utf8.count) bytes long, the limit is \(maximum)",
                    hint: "shorten it; a letter beyond ASCII is 2 to 4 bytes")
            }
            config[keyPath: field] = text
        case .hex(let field, let bytes, _):
            let text = try string(entry)
            guard text.isEmpty || (text.utf8.count == 2 * bytes && text.utf8.allSatisfy(\.isHexDigit)) else {
                // The text itself may be a secret with one digit mistyped.
                throw Fault(
                    .badValue, at: position, "'\(name)' must be \(2 * bytes) hexadecimal digits",
                    hint: "copy the whole file again, as speem node config has written it")
            }
            config[keyPath: field] = text.lowercased()
        case .path(let field, _, let fallback):
            let text = try string(entry)
            if text.isEmpty, case .required = fallback {
                throw Fault(
                    .badValue, at: position, "'\(name)' must not be empty", hint: "write \(name) = \(example)")
            }
            config[keyPath: field] = text.isEmpty ? "" : try paths.resolve(text, at: position)
        case .size(let field, let range, _):
            config[keyPath: field] = try quantity(entry, in: range)
        case .duration(let field, let range, _):
            config[keyPath: field] = try quantity(entry, in: range)
        case .count(let field, let range, _):
            guard case .integer(let number) = entry.value else { throw wrongType(entry) }
            guard let count = Int(exactly: number), range.contains(count) else {
                throw outOfRange("\(number)", "\(range.lowerBound)", "\(range.upperBound)", at: position)
            }
            config[keyPath: field] = count
        case .flag(let field, _):
            guard case .boolean(let value) = entry.value else { throw wrongType(entry) }
            config[keyPath: field] = value
        case .addresses(let field, let range, let remote, _):
            config[keyPath: field] = try addresses(entry, in: range, remote: remote)
        case .loopback(let field):
            config[keyPath: field] = try loopback(entry)
        case .interfaces(let field, let maximum):
            config[keyPath: field] = try interfaces(entry, maximum: maximum)
        }
    }

    /// Puts the default into `config`. Paths without one stay empty.
    func applyDefault(to config: inout Config) {
        switch kind {
        case .role, .path: break
        case .hex(let field, _, _): config[keyPath: field] = ""
        case .choice(let field, _, let value), .text(let field, _, let value): config[keyPath: field] = value
        case .size(let field, _, let value): config[keyPath: field] = value.amount
        case .duration(let field, _, let value): config[keyPath: field] = value.amount
        case .count(let field, _, let value): config[keyPath: field] = value
        case .flag(let field, let value): config[keyPath: field] = value
        case .addresses(let field, _, _, let value): config[keyPath: field] = value
        case .loopback(let field): config[keyPath: field] = nil
        case .interfaces(let field, _): config[keyPath: field] = []
        }
    }

    private func string(_ entry: TOMLEntry) throws(Fault) -> String {
        guard case .string(let text) = entry.value else { throw wrongType(entry) }
        if let scalar = text.unicodeScalars.first(where: \.isControl) {
            throw Fault(
                .badValue, at: entry.valuePosition, "'\(name)' holds the control character \(scalar.codePoint)",
                hint: "remove the escape that stands for it")
        }
        return text
    }

    private func quantity<Unit: QuantityUnit>(
        _ entry: TOMLEntry, in range: ClosedRange<Quantity<Unit>>
    ) throws(Fault) -> Int64 {
        let position = entry.valuePosition
        let text = try string(entry)
        let quantity: Quantity<Unit>
        do {
            quantity = try Quantity(parsing: text)
        } catch {
            throw Fault(.badValue, at: position, "'\(name)' is \(text.display): \(error)", hint: unitHint(error))
        }
        guard range.contains(quantity) else {
            throw outOfRange(
                text.shortened, range.lowerBound.description, range.upperBound.description, at: position)
        }
        return quantity.amount
    }

    private func addresses(
        _ entry: TOMLEntry, in range: ClosedRange<Int>, remote: Bool
    ) throws(Fault) -> [HostPort] {
        guard case .array(let elements) = entry.value else { throw wrongType(entry) }
        guard range.contains(elements.count) else {
            throw outOfRange(
                "\(elements.count) addresses", "\(range.lowerBound)", "\(range.upperBound)", at: entry.valuePosition)
        }
        var addresses: [HostPort] = []
        for element in elements {
            guard let address = HostPort(parsing: element.text) else {
                throw Fault(
                    .badValue, at: element.position, "\(element.text.display) in '\(name)' is not host:port",
                    hint: "write \"example.org:4404\", \"192.0.2.1:4404\" or \"[2001:db8::1]:4404\"")
            }
            guard !addresses.contains(address) else {
                throw Fault(
                    .duplicate, at: element.position, "\(element.text.display) is in '\(name)' twice",
                    hint: "remove one of them")
            }
            if remote, address.port == 0 || address.isUnspecified {
                throw Fault(
                    .badValue, at: element.position, "\(element.text.display) in '\(name)' cannot be connected to",
                    hint: "write an address and port that reach this machine from outside")
            }
            addresses.append(address)
        }
        return addresses
    }

    private func loopback(_ entry: TOMLEntry) throws(Fault) -> HostPort? {
        let text = try string(entry)
        if text.isEmpty { return nil }
        let hint = "write \"127.0.0.1:9404\" or \"[::1]:9404\""
        guard let address = HostPort(parsing: text) else {
            throw Fault(
                .badValue, at: entry.valuePosition, "\(text.display) in '\(name)' is not host:port", hint: hint)
        }
        guard address.isLoopback else {
            throw Fault(
                .badValue, at: entry.valuePosition,
                "\(text.display) in '\(name)' is not an address of this machine's loopback", hint: hint)
        }
        return address
    }

    /// Letters, digits and what else the names of interfaces have; IF_NAMESIZE is 16 with its NUL.
    private func interfaces(_ entry: TOMLEntry, maximum: Int) throws(Fault) -> [String] {
        guard case .array(let elements) = entry.value else { throw wrongType(entry) }
        guard elements.count <= maximum else {
            throw outOfRange("\(elements.count) names", "0", "\(maximum)", at: entry.valuePosition)
        }
        for element in elements {
            let name = element.text.hasSuffix("*") ? String(element.text.dropLast()) : element.text
            guard element.text.utf8.count <= 15, !element.text.isEmpty,
                name.utf8.allSatisfy({
                    (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "*")
                })
            else {
                throw Fault(
                    .badValue, at: element.position,
                    "\(element.text.display) in '\(id.name)' is not the name of an interface",
                    hint: "write \"eth0\", \"wlan0\" or \"docker*\"; ip link lists them")
            }
        }
        return elements.map(\.text)
    }

    // MARK: - Faults

    private var example: String { exampleValue(for: roles.contains(.node) ? .node : .device) }

    private func wrongType(_ entry: TOMLEntry) -> Fault {
        let units =
            switch kind {
            case .size: "; units are " + Quantity<SizeUnit>.unitNames.joined(separator: ", ")
            case .duration: "; units are " + Quantity<DurationUnit>.unitNames.joined(separator: ", ")
            default: ""
            }
        return Fault(
            .wrongType, at: entry.valuePosition, "'\(name)' must be \(typeName), not \(entry.value.typeName)",
            hint: "write \(name) = \(example)" + units)
    }

    private func notOneOf(_ words: [String], _ text: String, at position: Position) -> Fault {
        let hint =
            Nearest.candidate(to: text, among: words).map { "did you mean \(TOMLString.quoted($0))?" }
            ?? "write one of " + words.map(TOMLString.quoted).joined(separator: ", ")
        let valid = words.joined(separator: ", ")
        return Fault(.badValue, at: position, "'\(name)' is \(text.display), and must be one of \(valid)", hint: hint)
    }

    private func outOfRange(_ value: String, _ lower: String, _ upper: String, at position: Position) -> Fault {
        Fault(
            .outOfRange, at: position, "'\(name)' is \(value), and must be between \(lower) and \(upper)",
            hint: "the default is \(example)")
    }

    private func unitHint<Unit>(_ error: QuantityError<Unit>) -> String {
        switch error {
        case .spaceBeforeUnit(let suggestion?), .unknownUnit(_, let suggestion?):
            "did you mean \(TOMLString.quoted(suggestion))?"
        default:
            "write a whole number and a unit, such as \(example); units are "
                + Quantity<Unit>.unitNames.joined(separator: ", ")
        }
    }
}

extension UInt8 {
    fileprivate var isHexDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
