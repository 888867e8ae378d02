import SpeemDiscovery

/// Whether avahi-daemon can be asked who is on this network, and the bus over which it is asked.
enum AvahiCheck {
    struct Facts: Sendable, Equatable {
        /// Why there is no system bus; nil: there is.
        let busProblem: String?
        /// The daemon's version; nil where it does not answer.
        let version: String?
        /// Why it does not.
        let problem: DiscoveryProblem?
        /// What the running daemon of ours says of it.
        let discovery: DaemonFacts.Trouble?
    }

    /// - Parameter facts: nil: nobody is looked for.
    static func findings(_ facts: Facts?) -> [Finding] {
        guard let facts else {
            let words = "not used: discovery.mode is \"off\""
            return [.ok(.avahiDaemon, words), .ok(.systemBus, words)]
        }
        return [avahiDaemon(facts), systemBus(facts)]
    }

    private static func avahiDaemon(_ facts: Facts) -> Finding {
        if facts.busProblem != nil {
            return .unknown(
                .avahiDaemon, "it cannot be asked without D-Bus", toDo: "see D-Bus, below, and then run this again")
        }
        switch facts.problem {
        case .noDaemon:
            return .problem(.avahiDaemon, "it is not running", toDo: DiscoveryProblem.noDaemon.hint)
        case .refused(let words):
            return .problem(.avahiDaemon, "it refuses (\(words))", toDo: DiscoveryProblem.refused(words).hint)
        case .noSystemBus:
            return .problem(
                .avahiDaemon, "D-Bus answers, and does not let this user ask avahi-daemon, or it hangs",
                toDo: "look at /etc/dbus-1/system.d/avahi-dbus.conf, or restart it with: systemctl restart avahi-daemon"
            )
        case .failed(let words):
            return .problem(.avahiDaemon, words, toDo: "restart it with: systemctl restart avahi-daemon")
        case nil: break
        }
        let version = facts.version ?? "it answers"
        guard let discovery = facts.discovery else { return .ok(.avahiDaemon, version) }
        return .problem(
            .avahiDaemon, "\(version); but speem run says: \(discovery.words)",
            toDo: discovery.hint ?? "wait a minute, in which it is tried again, then look at the log of speem run")
    }

    private static func systemBus(_ facts: Facts) -> Finding {
        guard let problem = facts.busProblem else { return .ok(.systemBus, "the system bus answers") }
        return .problem(
            .systemBus, "there is no system bus to reach avahi-daemon over (\(problem))",
            toDo: DiscoveryProblem.noSystemBus.hint)
    }
}
