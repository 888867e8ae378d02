/// The version of this program.
public enum SpeemVersion {
    /// Semantic versioning; the wire protocol has a version of its own in every encoding.
    public static let text = "0.1.0"
}
