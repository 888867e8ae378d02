#if os(Linux)
    import TestTools
    import SpeemCrypto
    import Testing

    @testable import SpeemIdentity

    /// Reading and writing secrets leaves no copy of them in memory that was given back.
    @Suite(.serialized) struct MemoryWipeTests {
        /// Secret bytes that can be made again, so that no second copy is kept.
        private struct Pattern {
            let seed: UInt64
            let count: Int

            func byte(_ index: Int) -> UInt8 {
                var generator = SeededGenerator(seed: seed << 32 | UInt64(index))
                return UInt8(truncatingIfNeeded: generator.next() >> 24) | 1
            }

            var secret: SecretBytes {
                SecretBytes(count: count) { buffer in for index in 0..<count { buffer[index] = byte(index) } }
            }

            func occurrences() throws -> Int { try MemorySearch.occurrences(count: count, byte: byte) }
        }

        @Test func recoveryWordsLeaveNoEntropy() throws {
            let pattern = Pattern(seed: 61, count: RecoveryWords.entropyLength)
            var entropy: SecretBytes? = pattern.secret
            #expect(try pattern.occurrences() == 1, "the search finds a living secret")
            let words = RecoveryWords(entropy: try #require(entropy))
            #expect(try pattern.occurrences() == 1)
            entropy = nil
            #expect(try pattern.occurrences() == 0)
            var read: SecretBytes? = try RecoveryWords.entropy(from: words.words.joined(separator: " "))
            #expect(try pattern.occurrences() == 1)
            withExtendedLifetime(read) {}
            read = nil
            #expect(try pattern.occurrences() == 0)
            // Words that are wrong at the end only.
            var wrong = words.words
            wrong[23] = wrong[23] == "zoo" ? "zone" : "zoo"
            #expect(throws: IdentityError.wordChecksum) {
                _ = try RecoveryWords.entropy(from: wrong.joined(separator: " "))
            }
            #expect(try pattern.occurrences() == 0)
        }

        @Test func anInviteLeavesNoSecret() throws {
            let pattern = Pattern(seed: 62, count: Invite.secretLength)
            let person = try Person()
            var invite: Invite? = Invite(
                purpose: .contact(
                    .init(
                        account: person.account.publicKey, head: person.roster.head, device: person.roster.devices[0].id
                    )), expires: 1,
                node: person.node, secret: pattern.secret)
            let text = try #require(invite).text
            #expect(try pattern.occurrences() == 1)
            invite = nil
            #expect(try pattern.occurrences() == 0)
            var read: Invite? = try Invite(text: text)
            #expect(try pattern.occurrences() == 1)
            withExtendedLifetime(read) {}
            read = nil
            #expect(try pattern.occurrences() == 0)
        }

        @Test func aProvisionLeavesNoSecret() throws {
            let pattern = Pattern(seed: 64, count: Provision.secretLength)
            let account = try Person().account.publicKey
            var provision: Provision? = Provision(account: account, secret: pattern.secret, expires: 1)
            var keys: ProvisionKeys? = try #require(provision).keys
            #expect(try pattern.occurrences() == 1)
            withExtendedLifetime((provision, keys)) {}
            provision = nil
            keys = nil
            #expect(try pattern.occurrences() == 0)
        }

        @Test func aContactRequestLeavesNoSecretButItsOwnBytes() throws {
            let pattern = Pattern(seed: 63, count: Invite.secretLength)
            let (alice, bob) = (try Person(), try Person())
            let key = random.secret(32)
            var request: ContactRequest? = ContactRequest(
                roster: alice.roster, inviterHead: bob.roster.head, reciprocalSecret: pattern.secret, name: "alice")
            var bytes = try #require(request).encode(
                requestKey: key, inviter: bob.account.publicKey, device: alice.device.entry.id)
            #expect(try pattern.occurrences() == 2)
            request = nil
            #expect(try pattern.occurrences() == 1)
            var opened: ContactRequest? = try ContactRequest.open(
                bytes, requestKeys: [key], inviter: bob.account.publicKey, newcomer: alice.account.publicKey,
                device: alice.device.entry.id
            ).request
            #expect(try pattern.occurrences() == 2)
            withExtendedLifetime(opened) {}
            opened = nil
            Wipe.zero(&bytes)
            #expect(try pattern.occurrences() == 0)
        }
    }
#endif
