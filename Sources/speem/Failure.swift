import ArgumentParser
import SpeemConfig
import SpeemDevice
import SpeemStore
import SpeemTransport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What went wrong, for a person: what and where, and what to do.
struct Failure: Error {
    let message: String
    let hint: String?

    init(_ message: String, hint: String? = nil) {
        self.message = message
        self.hint = hint
    }

    /// Prints the error and ends the program. Help and versions go through here too, and are no errors.
    static func report(_ error: any Error) -> Never {
        if let code = error as? ExitCode { exit(code.rawValue) }
        if let failure = known(error) {
            Output.error(failure)
            exit(1)
        }
        let code = Speem.exitCode(for: error)
        let text = Speem.fullMessage(for: error)
        guard code != .success else {
            Output.line(text)
            exit(0)
        }
        // The parser's words, in our voice.
        let first = text.split(separator: "\n").first.map(String.init) ?? "the command line is wrong"
        let words = first.hasPrefix("Error: ") ? String(first.dropFirst(7)) : first
        Output.error(Failure(lowercasingFirst(words), hint: "speem --help, or speem COMMAND --help"))
        exit(code.rawValue)
    }

    /// The error in words.
    static func words(_ error: any Error) -> Failure { known(error) ?? Failure("\(error)") }

    /// The error in words, when it is one of ours.
    private static func known(_ error: any Error) -> Failure? {
        switch error {
        case let failure as Failure: failure
        case let error as ConfigError: Failure("\(error)", hint: error.hint)
        case let error as ControlError: Failure(error.message, hint: error.hint)
        case let error as DeviceError: Failure("\(error)", hint: error.hint)
        case let error as BackupError: Failure("\(error)", hint: error.hint)
        case let error as StoreError: Failure("\(error)", hint: hint(for: error))
        case let error as WrappedKey.Failure: Failure("\(error)", hint: hint(for: error))
        case let error as TransportError: Failure("\(error)", hint: hint(for: error))
        case let error as FileError: Failure("cannot \(error.operation) \(error.path): \(error.reason)")
        case is ValidationError, is CleanExit: nil
        default: String(reflecting: type(of: error)).hasPrefix("ArgumentParser.") ? nil : Failure("\(error)")
        }
    }

    private static func hint(for error: StoreError) -> String? {
        switch error {
        case .inUse:
            "stop the other speem that uses this data folder; while speem run is running, commands go through it"
        case .damaged: "put back the newest backup of the data folder; do not delete single files of it"
        case .wrongKey: "put back the key file that belongs to this store"
        case .diskFull: "free some space, then try again"
        case .missing(_, reason: StoreError.neverMade): "run speem init first"
        case .missing(_, reason: StoreError.hasPassphrase): "set key = \"passphrase\" in [store]"
        case .missing: "put it back from where it went; to begin anew choose an empty data folder"
        case .inputOutput: "check that the folder exists, belongs to this user and is writable"
        case .newerSchema:
            "install the newer speem again; nothing was changed, and an older program cannot read this store"
        case .keyFile, .failed, .busy, .closed, .unexpectedType, .sqlite: nil
        }
    }

    private static func hint(for error: WrappedKey.Failure) -> String? {
        switch error {
        case .wrongPassphrase: "type it again; capitals, spaces and the keyboard's layout count"
        case .malformed, .costOutOfBounds, .altered:
            "put back the newest copy of store.wrapped that belongs to this store"
        case .outOfMemory: "stop other programs, or unlock from a machine that has more"
        }
    }

    private static func hint(for error: TransportError) -> String? {
        switch error {
        case .cannotListen: "another program may use the port; choose other addresses in [listen]"
        default: nil
        }
    }

    private static func lowercasingFirst(_ text: String) -> String {
        text.prefix(1).lowercased() + text.dropFirst()
    }
}
