import SpeemCrypto

/// CPACE-RISTR255-SHA512 (draft-irtf-cfrg-cpace-21): the functions of the draft, by its names for their inputs.
///
/// PRS is what both know, CI the channel between them, sid the session, ADa and ADb what each says in the open, Ya and
/// Yb their shares, K the Diffie-Hellman result and ISK the key. Who uses them keeps the order: a scalar is used for one
/// share and one K, and then gone.
enum CPace {
    /// G.DSI (section 8.3).
    private static let groupName = Array("CPaceRistretto255".utf8)
    /// H.s_in_bytes of SHA-512.
    private static let blockLength = 128

    /// prepend_len's prefix: the length in LEB128 (appendix A.1.1).
    static func lengthPrefix(_ count: Int) -> [UInt8] {
        var rest = UInt(count)
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    /// lv_cat: every field behind its length (appendix A.1.3).
    static func lengthValues(_ fields: [UInt8]...) -> [UInt8] { fields.flatMap { lengthPrefix($0.count) + $0 } }

    /// generator_string (section 8.1): the zeros fill the first block of the hash, so that PRS is hashed with nothing
    /// that differs from one session to the next.
    static func generatorString(password: SecretBytes, channel: [UInt8], session: [UInt8]) -> SecretBytes {
        let name = lengthValues(groupName)
        let passwordLength = lengthPrefix(password.count)
        let padding = max(0, blockLength - 1 - passwordLength.count - password.count - name.count)
        var writer = SecretWriter()
        writer.write(name)
        writer.write(passwordLength)
        writer.write(password)
        writer.write(lengthValues([UInt8](repeating: 0, count: padding), channel, session))
        return writer.encoded
    }

    /// calculate_generator (section 8.3).
    static func generator(password: SecretBytes, channel: [UInt8], session: [UInt8]) -> Ristretto255.SecretElement {
        let string = generatorString(password: password, channel: channel, session: session)
        return Ristretto255.SecretElement(uniform: SHA512.hash(string))
    }

    /// transcript_ir: the initiator's share and words first (section 6.3).
    static func transcript(
        initiator: Ristretto255.Element, saying initiatorData: [UInt8], responder: Ristretto255.Element,
        saying responderData: [UInt8]
    ) -> [UInt8] {
        lengthValues(initiator.bytes, initiatorData) + lengthValues(responder.bytes, responderData)
    }

    /// ISK (section 7.2), 64 bytes.
    static func sessionKey(
        session: [UInt8], shared: Ristretto255.SecretElement, transcript: [UInt8]
    ) -> SecretBytes {
        var writer = SecretWriter()
        writer.write(lengthValues(groupName + Array("_ISK".utf8), session) + lengthPrefix(shared.encoded.count))
        writer.write(shared.encoded)
        writer.write(transcript)
        return SHA512.hash(writer.encoded)
    }
}
