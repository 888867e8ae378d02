/// Why a config file was refused, and where: `speem.toml:3:8: unknown key 'quotaa' in [mailbox]`.
public struct ConfigError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of mistake it is, for programs.
    public enum Code: String, Sendable, CaseIterable {
        /// The file is missing, is a folder, or cannot be read.
        case unreadable = "unreadable"
        /// The file is larger than ``Config/maximumFileSize``.
        case tooLarge = "too_large"
        /// There is nothing in the file.
        case empty = "empty"
        /// The file holds bytes that are not UTF-8 text, a byte order mark or control characters.
        case notText = "not_text"
        /// A line is not TOML.
        case syntax = "syntax"
        /// A line is TOML, but outside the subset read here.
        case unsupported = "unsupported"
        /// A `[table]` that does not exist.
        case unknownTable = "unknown_table"
        /// A key that does not exist in its table.
        case unknownKey = "unknown_key"
        /// A key or table that was there before.
        case duplicate = "duplicate"
        /// A required key is missing.
        case missingKey = "missing_key"
        /// A key or table of the other role.
        case wrongRole = "wrong_role"
        /// A value of another TOML type than the key takes.
        case wrongType = "wrong_type"
        /// A value of the right TOML type that cannot be understood: a bad unit, an address without a port.
        case badValue = "bad_value"
        /// A value that is understood, but too small, too large or too long.
        case outOfRange = "out_of_range"
    }

    /// A place in a text. Both numbers begin at 1; a column is one Unicode scalar.
    public struct Position: Sendable, Hashable, CustomStringConvertible {
        public var line: Int
        public var column: Int

        public init(line: Int, column: Int) {
            self.line = line
            self.column = column
        }

        public var description: String { "\(line):\(column)" }
    }

    public var code: Code
    /// The path as it was given.
    public var file: String
    /// Where the mistake is; nil where it is the file as a whole.
    public var position: Position?
    /// What is wrong: lower case, without full stop.
    public var reason: String
    /// What to do about it: lower case, without full stop.
    public var hint: String?

    public init(code: Code, file: String, position: Position?, reason: String, hint: String?) {
        self.code = code
        self.file = file
        self.position = position
        self.reason = reason
        self.hint = hint
    }

    public var line: Int? { position?.line }
    public var column: Int? { position?.column }

    /// `FILE:LINE:COLUMN: REASON`, or `FILE: REASON` for the file as a whole.
    public var description: String {
        guard let position else { return "\(file): \(reason)" }
        return "\(file):\(position): \(reason)"
    }
}

/// A ``ConfigError`` whose file is not named yet: the parser knows a text, not where it came from.
struct Fault: Error, Equatable {
    var code: ConfigError.Code
    var position: ConfigError.Position?
    var reason: String
    var hint: String?

    init(_ code: ConfigError.Code, at position: ConfigError.Position?, _ reason: String, hint: String? = nil) {
        self.code = code
        self.position = position
        self.reason = reason
        self.hint = hint
    }

    func inFile(_ file: String) -> ConfigError {
        ConfigError(code: code, file: file, position: position, reason: reason, hint: hint)
    }
}
