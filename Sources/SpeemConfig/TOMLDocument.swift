typealias Position = ConfigError.Position

/// A parsed file, in the order it was written.
struct TOMLDocument: Equatable {
    /// The first is the top level, with the empty name; no name comes twice.
    var tables: [TOMLTable]
}

struct TOMLTable: Equatable {
    var name: String
    var position: Position
    /// No key comes twice.
    var entries: [TOMLEntry]
}

struct TOMLEntry: Equatable {
    var key: String
    var keyPosition: Position
    var value: TOMLValue
    var valuePosition: Position
}

enum TOMLValue: Equatable {
    case string(String)
    case integer(Int64)
    case boolean(Bool)
    case array([TOMLElement])

    /// With its article, for error messages.
    var typeName: String {
        switch self {
        case .string: "a string"
        case .integer: "an integer"
        case .boolean: "a boolean"
        case .array: "an array"
        }
    }
}

/// A string in an array.
struct TOMLElement: Equatable {
    var text: String
    var position: Position
}
