/// Whether the secret that gave a node to its owner still lies in the configuration.
enum ProvisionCheck {
    struct Facts: Sendable, Equatable {
        /// The configuration has one.
        let isInFile: Bool
        /// nil: that cannot be told.
        let isOwned: Bool?
        /// As the node says of itself: "waiting" or "expired"; nil where it waits for nobody.
        let state: String?
        let file: String
        /// Other users of the machine can read the file.
        let isOpenToOthers: Bool
    }

    /// Nothing where there is no such secret.
    static func findings(_ facts: Facts) -> [Finding] {
        if facts.state == "expired" {
            return [
                .problem(
                    .provision, "nobody has come in time for this node",
                    toDo:
                        "make a new file on a device with speem node config, and put it into the place of \(facts.file)"
                )
            ]
        }
        guard facts.isInFile else { return [] }
        switch facts.isOwned {
        case true?:
            return [
                .problem(
                    .provision, "the secret that gave this node to its owner was used, and still lies in \(facts.file)",
                    toDo: "delete the lines of [provision] (account, secret, expires) from it")
            ]
        case false? where facts.isOpenToOthers:
            return [
                .problem(
                    .provision, "everybody on this machine can read the secret in \(facts.file)",
                    toDo: "let only the user that speem run belongs to read it, for example: chmod o= \(facts.file)")
            ]
        case false?: return [.ok(.provision, "this node waits for a device of the account that \(facts.file) names")]
        case nil:
            return [
                .unknown(
                    .provision, "\(facts.file) holds the secret that gives this node to its owner, once",
                    toDo: "when it has an owner, delete the lines of [provision] (account, secret, expires)")
            ]
        }
    }
}
