/// Where the key of a store comes from.
public enum KeySource: Sendable {
    /// A key file, made by the first start; elsewhere than in the store's folder it protects from a thief of the disk.
    case file(String)
    /// A key that the caller has: from a credential, or unwrapped with a passphrase.
    case key(StoreKey)
}
