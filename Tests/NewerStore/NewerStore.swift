import SpeemStore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Does to a store, with its key beside it, what the first start of a much newer speem does: `NewerStore FOLDER`. The transcripts
/// look at what the program of today makes of it.
@main
enum NewerStore {
    /// Far more than this program knows.
    private static let version = 1000

    static func main() async throws {
        guard CommandLine.arguments.count == 2 else {
            print("NewerStore FOLDER")
            exit(64)
        }
        let folder = CommandLine.arguments[1]
        let migrations = (1...version).map { Migration(number: $0, name: "of a newer program") { _ in } }
        let store = try await Store.open(
            Store.Options(
                folder: folder, key: .file(folder + "/store.key"), migrations: migrations, mayCreate: false))
        await store.close()
        print("the store has version \(version)")
    }
}
