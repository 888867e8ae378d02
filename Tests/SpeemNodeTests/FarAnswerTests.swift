import SpeemMailbox
import SpeemProtocol
import SpeemTransport
import SwiftProtobuf
import Testing

@testable import SpeemNode

struct FarAnswerTests {
    private static let codes: [WireRefusal.Code] = WireRefusal.Code.allCases + [.UNRECOGNIZED(99)]
    private static let forGood: Set<WireRefusal.Code> = [
        .conflict, .unknownMailbox, .notAllowed, .tooLarge, .malformed,
    ]

    @Test func whatIsThereIsStored() {
        #expect(
            FarAnswer(.outcomes(.stored, .duplicate), targets: 2) == .attempt(.answered([.stored, .stored])))
    }

    @Test(arguments: codes) func refusalsOfATarget(code: WireRefusal.Code) {
        let answer = FarAnswer(.refusedTarget(code, "why"), targets: 1)
        if Self.forGood.contains(code) {
            #expect(answer == .attempt(.answered([.refused(code: Int64(code.rawValue), detail: "why")])))
        } else if code == .mailboxFull || code == .nodeFull {
            #expect(answer == .attempt(.answered([.later(.mailboxFull, advice: nil)])))
        } else {
            #expect(answer == .attempt(.answered([.later(.farTrouble, advice: nil)])))
        }
    }

    @Test(arguments: codes) func refusalsOfAll(code: WireRefusal.Code) {
        let answer = FarAnswer(.refusal(code, "why", retryAfterMilliseconds: 1500), targets: 2)
        if Self.forGood.contains(code) {
            let refused = OutboxItem.Answer.refused(code: Int64(code.rawValue), detail: "why")
            #expect(answer == .attempt(.answered([refused, refused])))
        } else if code == .mailboxFull || code == .nodeFull {
            let later = OutboxItem.Answer.later(.mailboxFull, advice: 2)
            #expect(answer == .attempt(.answered([later, later])))
        } else if code == .nodeRetired {
            #expect(answer == .retired)
        } else {
            #expect(answer == .attempt(.failed(.farTrouble, advice: 2)))
        }
    }

    @Test func whatIsNoAnswerIsTrouble() {
        let trouble = FarAnswer.attempt(.failed(.farTrouble, advice: nil))
        for response in [
            WireResponse(), .with { $0.pong = WirePong() }, .outcomes(), .outcomes(.stored),
            .outcomes(.stored, .stored, .stored),
        ] {
            #expect(FarAnswer(response, targets: 2) == trouble)
        }
        #expect(
            FarAnswer(.outcomes(.unspecified, .UNRECOGNIZED(9)), targets: 2)
                == .attempt(.answered([.later(.farTrouble, advice: nil), .later(.farTrouble, advice: nil)])))
    }

    @Test func silenceSaysMoreThanNoAnswer() {
        let refused = OutboxSchedule.Trouble(TransportError.refused(address: "a:1"))
        let revoked = OutboxSchedule.Trouble(TransportError.closed(.revoked, detail: ""))
        let lost = OutboxSchedule.Trouble(TransportError.disconnected)
        #expect(refused == .unknownKey && revoked == .unknownKey && lost == .unreachable)
        #expect(lost.and(refused) == .unknownKey && refused.and(lost) == .unknownKey && lost.and(lost) == .unreachable)
    }
}
