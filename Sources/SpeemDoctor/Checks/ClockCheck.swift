/// Whether something (NTP) has set the clock since boot.
enum ClockCheck {
    static func finding(isSynchronised: Bool) -> Finding {
        if isSynchronised { return .ok(.clock, "it is") }
        return .problem(
            .clock, "nothing has set the clock since this machine started: what it says of dates and ages may be wrong",
            toDo: "timedatectl set-ntp true")
    }
}
