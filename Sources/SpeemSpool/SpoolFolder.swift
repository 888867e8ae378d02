import SpeemCrypto
public import SpeemStore

/// The folder of the spool files, by their numbers.
public struct SpoolFolder: Sendable {
    public let path: String
    let fileSystem: any FileSystem

    private static let suffix = ".spool"
    private static let asideSuffix = ".damaged"

    /// A file of the spool.
    public struct File: Sendable, Equatable {
        /// Counts up from 1; used once.
        public let number: UInt64
        public let name: String
        /// Bytes.
        public let size: Int64
    }

    public init(_ path: String, fileSystem: any FileSystem) {
        self.path = path
        self.fileSystem = fileSystem
    }

    func path(of name: String) -> String { path + "/" + name }

    static func name(_ number: UInt64) -> String { "\(number)" + suffix }

    /// The files in their order.
    ///
    /// - Throws: ``SpoolError/file(_:)``.
    public func files() throws(SpoolError) -> [File] {
        try onDisk { () throws(FileError) in
            var files: [File] = []
            for name in try fileSystem.names(in: path) {
                guard name.hasSuffix(Self.suffix), let number = UInt64(name.dropLast(Self.suffix.count)),
                    Self.name(number) == name
                else { continue }
                let file = try fileSystem.open(path(of: name), create: false)
                defer { file.close() }
                files.append(File(number: number, name: name, size: try file.size()))
            }
            return files.sorted { $0.number < $1.number }
        }
    }

    /// Removes a file whose records are all in the store.
    public func remove(_ file: File) throws(SpoolError) {
        try onDisk { () throws(FileError) in
            try fileSystem.remove(path(of: file.name))
            try fileSystem.syncFolder(path)
        }
    }

    /// Keeps a file with damage out of the way, for who wants to look into it.
    ///
    /// - Returns: its new name.
    public func setAside(_ file: File) throws(SpoolError) -> String {
        let name = file.name + Self.asideSuffix
        try onDisk { () throws(FileError) in
            try fileSystem.rename(path(of: file.name), to: path(of: name))
            try fileSystem.syncFolder(path)
        }
        return name
    }

    /// Names of files that were set aside.
    public func aside() throws(SpoolError) -> [String] {
        try onDisk { () throws(FileError) in
            try fileSystem.names(in: path).filter { $0.hasSuffix(Self.asideSuffix) }.sorted()
        }
    }

    /// The hash of a file as it is: what the next one links to. 32 bytes.
    public func hash(of file: File) throws(SpoolError) -> [UInt8] {
        try onDisk { () throws(FileError) in
            let opened = try fileSystem.open(path(of: file.name), create: false)
            defer { opened.close() }
            var hash = SpoolFormat.noLink
            var buffer = [UInt8](repeating: 0, count: 64 * 1024)
            var offset: Int64 = 0
            while true {
                let count = try opened.read(into: &buffer, at: offset)
                hash = BLAKE2b.hash(
                    domain: DomainSeparator("spool content"), hash,
                    count == buffer.count ? buffer : Array(buffer[..<count]))
                offset += Int64(count)
                if count < buffer.count { return hash }
            }
        }
    }
}

extension StoreFile {
    /// Reads until `buffer` is full or the file ends; returns how many bytes were read.
    func read(into buffer: inout [UInt8], at offset: Int64) throws(FileError) -> Int {
        var result: Result<Int, FileError> = .success(0)
        buffer.withUnsafeMutableBytes { bytes in
            do throws(FileError) {
                result = .success(try read(into: bytes, at: offset))
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    func write(_ bytes: [UInt8], at offset: Int64) throws(FileError) {
        var result: Result<Void, FileError> = .success(())
        bytes.withUnsafeBytes { bytes in
            do throws(FileError) {
                try write(bytes, at: offset)
            } catch {
                result = .failure(error)
            }
        }
        try result.get()
    }
}
