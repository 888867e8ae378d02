/// What the paths in a config file mean: a pure function of their text, of the file's folder and of the home folder.
struct ConfigPaths: Equatable {
    /// Where relative paths begin; empty: the current folder.
    let folder: String
    /// What `~` stands for.
    let home: String?

    /// The folder that the file at `path` is in: empty for a bare name.
    static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return slash == path.utf8.startIndex ? "/" : String(path[..<slash])
    }

    /// `~/` becomes the home folder, a relative path begins at ``folder``, and what says nothing (`//`, `/./`, a `/` at
    /// the end) is dropped. `..` stays: what it means depends on symbolic links.
    func resolve(_ text: String, at position: Position) throws(Fault) -> String {
        let bytes = Array(text.utf8)
        guard bytes.first == UInt8(ascii: "~") else {
            return Self.join(bytes.first == UInt8(ascii: "/") || folder.isEmpty ? "" : folder, text)
        }
        guard bytes.count == 1 || bytes[1] == UInt8(ascii: "/") else {
            throw Fault(
                .badValue, at: position, "the path \(text.display) begins with '~' and a name, which is not supported",
                hint: "write the whole path; only '~/' stands for a home folder")
        }
        guard let home, home.utf8.first == UInt8(ascii: "/") else {
            throw Fault(
                .badValue, at: position, "the path \(text.display) begins with '~', and the home folder is not known",
                hint: "write the whole path, or set the environment variable HOME")
        }
        return Self.join(home, String(decoding: bytes.dropFirst(), as: UTF8.self))
    }

    static func join(_ folder: String, _ path: String) -> String {
        let text = folder.isEmpty ? path : folder + "/" + path
        let parts = text.utf8.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
        let joined = parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/")
        if text.utf8.first == UInt8(ascii: "/") { return "/" + joined }
        return joined.isEmpty ? "." : joined
    }
}
