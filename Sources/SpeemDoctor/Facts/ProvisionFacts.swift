#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

import SpeemConfig

extension ProvisionCheck.Facts {
    static func look(_ config: Config, daemon: DaemonFacts) -> ProvisionCheck.Facts {
        var status = stat()
        let isThere = stat(config.file, &status) == 0
        return ProvisionCheck.Facts(
            isInFile: !config.provisionSecret.isEmpty, isOwned: daemon.isOwned, state: daemon.provision,
            file: config.file, isOpenToOthers: isThere && status.st_mode & S_IROTH != 0)
    }
}
