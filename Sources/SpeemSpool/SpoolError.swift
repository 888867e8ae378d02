public import SpeemStore

/// Why a spool takes nothing, or cannot be read.
public enum SpoolError: Error, Equatable, Sendable, CustomStringConvertible {
    /// All of its space is used up.
    case full
    /// Too much is waiting to be written.
    case busy
    /// An entry is larger than ``SpoolFormat/maxEntry``.
    case tooLarge
    /// No space is left on the disk; nothing was written, and the spool goes on working.
    case diskFull(path: String)
    /// An earlier failure left it unknown what is on disk: the process must be started again.
    case failed(reason: String)
    /// The spool was closed.
    case closed
    /// The disk refused an operation.
    case file(FileError)

    public var description: String {
        switch self {
        case .full: "the spool is full"
        case .busy: "too much is waiting to be written"
        case .tooLarge: "this is too large for the spool"
        case .diskFull(let path): "no space is left for \(path)"
        case .failed(let reason): "the spool stopped after a failure (\(reason)); start the program again"
        case .closed: "the spool is closed"
        case .file(let error): "cannot \(error.operation) \(error.path): \(error.words)"
        }
    }
}

/// A place in a spool that is not what was written.
public struct SpoolDamage: Error, Equatable, Sendable, CustomStringConvertible {
    /// The name of the file.
    public var file: String
    /// What is wrong, and where.
    public var place: String

    public init(file: String, place: String) {
        self.file = file
        self.place = place
    }

    public var description: String { "\(file) is damaged: \(place)" }
}

/// Runs `body` and turns what the disk refused into the spool's words.
func onDisk<T>(_ body: () throws(FileError) -> T) throws(SpoolError) -> T {
    do throws(FileError) {
        return try body()
    } catch {
        if case .diskFull(let path) = error.storeError { throw .diskFull(path: path) }
        throw .file(error)
    }
}
