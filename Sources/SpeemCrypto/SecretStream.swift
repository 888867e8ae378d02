import CSodium

/// A stream of chunks under one key: libsodium's `crypto_secretstream_xchacha20poly1305`. Chunks cannot be changed, left out,
/// doubled or put into another order, and the last one is marked, so that a stream that was cut shows.
public enum SecretStream {
    /// Length of a key, in bytes.
    public static let keyLength = 32
    /// Length of what a stream begins with, in bytes.
    public static let headerLength = 24
    /// Bytes that a chunk is longer than what is in it.
    public static let overhead = 17

    /// The C structure is opaque to Swift: its size comes from libsodium, its alignment is that of its plain bytes and words.
    private static let alignment = 16

    /// Seals chunks, in their order.
    public final class Sealer {
        private let state: UnsafeMutableRawPointer
        /// Goes before the first chunk, ``SecretStream/headerLength`` bytes.
        public let header: [UInt8]

        /// - Throws: ``CryptoError/wrongLength(of:expected:actual:)`` for a key of another length.
        public init(key: SecretBytes) throws(CryptoError) {
            try require(key.count, is: SecretStream.keyLength, of: "a stream's key")
            _ = Sodium.ready
            let state = UnsafeMutableRawPointer.allocate(
                byteCount: crypto_secretstream_xchacha20poly1305_statebytes(), alignment: SecretStream.alignment)
            var header = [UInt8](repeating: 0, count: SecretStream.headerLength)
            key.withUnsafeBytes {
                _ = crypto_secretstream_xchacha20poly1305_init_push(
                    state.assumingMemoryBound(to: crypto_secretstream_xchacha20poly1305_state.self), &header, $0.octets)
            }
            self.state = state
            self.header = header
        }

        deinit {
            sodium_memzero(state, crypto_secretstream_xchacha20poly1305_statebytes())
            state.deallocate()
        }

        /// Seals the next chunk.
        ///
        /// - Parameters:
        ///   - associated: is authenticated with it.
        ///   - isLast: nothing follows.
        public func seal(_ chunk: [UInt8], associated: [UInt8] = [], isLast: Bool) -> [UInt8] {
            let tag = isLast ? crypto_secretstream_xchacha20poly1305_tag_final() : 0
            return [UInt8](unsafeUninitializedCapacity: chunk.count + SecretStream.overhead) { buffer, initialized in
                _ = crypto_secretstream_xchacha20poly1305_push(
                    state.assumingMemoryBound(to: crypto_secretstream_xchacha20poly1305_state.self), buffer.octets, nil,
                    chunk, UInt64(chunk.count), associated, UInt64(associated.count), tag)
                initialized = chunk.count + SecretStream.overhead
            }
        }
    }

    /// Opens chunks, in their order.
    public final class Opener {
        private let state: UnsafeMutableRawPointer

        /// - Throws: ``CryptoError/wrongLength(of:expected:actual:)`` for a key or header of another length.
        public init(key: SecretBytes, header: [UInt8]) throws(CryptoError) {
            try require(key.count, is: SecretStream.keyLength, of: "a stream's key")
            try require(header.count, is: SecretStream.headerLength, of: "a stream's header")
            _ = Sodium.ready
            let state = UnsafeMutableRawPointer.allocate(
                byteCount: crypto_secretstream_xchacha20poly1305_statebytes(), alignment: SecretStream.alignment)
            key.withUnsafeBytes {
                _ = crypto_secretstream_xchacha20poly1305_init_pull(
                    state.assumingMemoryBound(to: crypto_secretstream_xchacha20poly1305_state.self), header, $0.octets)
            }
            self.state = state
        }

        deinit {
            sodium_memzero(state, crypto_secretstream_xchacha20poly1305_statebytes())
            state.deallocate()
        }

        /// Opens the next chunk.
        ///
        /// - Returns: what is in it, which the caller wipes, and whether it is the last one.
        /// - Throws: ``CryptoError/authenticationFailed`` for anything but the next chunk.
        public func open(
            _ sealed: [UInt8], associated: [UInt8] = []
        ) throws(CryptoError) -> (chunk: [UInt8], isLast: Bool) {
            guard sealed.count >= SecretStream.overhead else { throw .authenticationFailed }
            // One byte more than needed, so that an empty chunk has an address to be written to.
            var chunk = [UInt8](repeating: 0, count: sealed.count - SecretStream.overhead + 1)
            var tag: UInt8 = 0
            let status = crypto_secretstream_xchacha20poly1305_pull(
                state.assumingMemoryBound(to: crypto_secretstream_xchacha20poly1305_state.self), &chunk, nil, &tag,
                sealed, UInt64(sealed.count), associated, UInt64(associated.count))
            guard status == 0 else { throw .authenticationFailed }
            chunk.removeLast()
            return (chunk, tag == crypto_secretstream_xchacha20poly1305_tag_final())
        }
    }
}
