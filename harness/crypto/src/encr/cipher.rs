//! What every cipher can do once its key is expanded.

/// A cipher with its key expanded. The caller has seen to the lengths: `iv` and `tag` are those of
/// the algorithm, and `text` is a multiple of its block.
pub(crate) trait Cipher: Send + Sync {
    /// Encrypts in place, and writes the tag where there is one.
    fn seal(&self, aad: &[u8], iv: &[u8], text: &mut [u8], tag: &mut [u8]);

    /// Checks the tag where there is one, and only then decrypts in place.
    #[must_use]
    fn open(&self, aad: &[u8], iv: &[u8], text: &mut [u8], tag: &[u8]) -> bool;
}
