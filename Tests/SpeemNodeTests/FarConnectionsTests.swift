import Testing

@testable import SpeemNode

struct FarConnectionsTests {
    private func route(_ number: UInt8) -> [UInt8] { [number] }

    private func filled(_ limit: Int) -> FarConnections<Int> {
        var connections = FarConnections<Int>(limit: limit, idle: 60)
        for number in 0..<limit {
            #expect(connections.add(number, route: route(UInt8(number)), hop: 1).old.isEmpty)
        }
        return connections
    }

    @Test func oneOfARouteTakesThePlaceOfTheOther() {
        var connections = filled(1)
        let (new, old) = connections.add(7, route: route(0), hop: 2)
        #expect(old.values.map(\.connection) == [0] && new.connection == 7)
        #expect(connections.take(route(0))?.hop == 2)
        #expect(connections.take(route(1)) == nil)
    }

    @Test func theOldestIdleOneGoes() {
        var connections = filled(3)
        connections.rest(route(0), holds: false, now: 30)
        connections.rest(route(1), holds: false, now: 20)
        connections.rest(route(2), holds: true, now: 10)
        // Rather one that waits for nothing.
        #expect(connections.add(3, route: route(3), hop: 1).old.values.map(\.connection) == [1])
        #expect(connections.add(4, route: route(4), hop: 1).old.values.map(\.connection) == [0])
        #expect(connections.holding == [route(2)])
        #expect(connections.add(5, route: route(5), hop: 1).old.values.map(\.connection) == [2])
        // Those in use stay.
        #expect(connections.add(6, route: route(6), hop: 1).old.isEmpty)
    }

    @Test func idleOnesAreClosedAndNotThoseThatWait() {
        var connections = filled(3)
        connections.rest(route(0), holds: false, now: 0)
        connections.rest(route(1), holds: true, now: 0)
        #expect(connections.nextIdle == 60)
        #expect(connections.removeIdle(now: 59).isEmpty)
        #expect(connections.removeIdle(now: 60) == [0])
        #expect(connections.nextIdle == nil)
        #expect(connections.isBusy(route(2)) && !connections.isBusy(route(1)))
        #expect(connections.removeAll().sorted() == [1, 2])
    }

    @Test func anOlderOneOfTheRouteIsNotTakenForIt() {
        var connections = filled(1)
        let (new, old) = connections.add(7, route: route(0), hop: 1)
        #expect(connections.remove(route(0), number: old[route(0)]?.number) == nil)
        #expect(connections.remove(route(0), number: new.number)?.connection == 7)
        #expect(connections.remove(route(0)) == nil)
    }
}
