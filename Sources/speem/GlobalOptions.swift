import ArgumentParser
import SpeemConfig
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Options that every command has.
struct GlobalOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The configuration file.",
            discussion: "Without it: $SPEEM_CONFIG, else ~/.config/speem/speem.toml.", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "The file whose first line is the passphrase of the store; - reads it from standard input.",
            discussion: "Without it the terminal is asked, where a store has a passphrase.", valueName: "file"))
    var passphraseFile: String?

    /// The file that is meant.
    func path() throws -> String {
        if let config { return config }
        if let named = Environment.value("SPEEM_CONFIG") { return named }
        guard let home = Environment.home else {
            throw Failure("there is no home directory to look for a configuration in", hint: "name one with --config")
        }
        return home + "/.config/speem/speem.toml"
    }

    /// Whether the file was named, by option or environment.
    var isNamed: Bool { config != nil || Environment.value("SPEEM_CONFIG") != nil }

    func load() throws -> Config {
        PassphraseInput.file.withLock { $0 = passphraseFile }
        let path = try path()
        if !isNamed, access(path, F_OK) != 0 {
            throw Failure(
                "there is no configuration at \(path)",
                hint: "speem init makes one for a device; speem config example --role node shows one for a node")
        }
        return try Config.load(file: path, home: Environment.home)
    }
}

/// The environment of the process.
enum Environment {
    static func value(_ name: String) -> String? {
        guard let text = getenv(name), text.pointee != 0 else { return nil }
        return String(cString: text)
    }

    static var home: String? { value("HOME") }
}
