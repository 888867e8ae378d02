// libsodium's headers call every pointer non-null, even next to a length of zero; an empty Swift buffer has none.

/// One byte that is never read or written: the address of empty buffers.
private let emptyAddress = EmptyAddress()

private struct EmptyAddress: @unchecked Sendable {
    // Sendable is sound: libsodium touches none of the zero bytes at an empty buffer's address.
    let pointer = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
}

extension UnsafeRawBufferPointer {
    /// The address of the bytes, valid for `count` of them.
    var octets: UnsafePointer<UInt8> {
        baseAddress?.assumingMemoryBound(to: UInt8.self) ?? UnsafePointer(emptyAddress.pointer)
    }
}

extension UnsafeMutableRawBufferPointer {
    /// The address of the bytes, valid for `count` of them.
    var octets: UnsafeMutablePointer<UInt8> {
        baseAddress?.assumingMemoryBound(to: UInt8.self) ?? emptyAddress.pointer
    }
}

extension UnsafeMutableBufferPointer<UInt8> {
    /// The address of the bytes, valid for `count` of them.
    var octets: UnsafeMutablePointer<UInt8> { baseAddress ?? emptyAddress.pointer }
}
