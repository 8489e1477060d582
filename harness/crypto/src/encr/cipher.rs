//! What every cipher can do once its key is expanded.

use cipher::InOutBuf;

/// Where a text is read and where what becomes of it is written: the same place, or another one of
/// the same length.
pub(crate) type Text<'i, 'o> = InOutBuf<'i, 'o, u8>;

/// A cipher with its key expanded. The caller has seen to the lengths: `iv` and `tag` are those of
/// the algorithm, and `text` is a multiple of its block.
pub(crate) trait Cipher: Send + Sync {
    /// Encrypts, and writes the tag where there is one.
    fn seal(&self, aad: &[u8], iv: &[u8], text: Text<'_, '_>, tag: &mut [u8]);

    /// Checks the tag where there is one, and only then decrypts.
    #[must_use]
    fn open(&self, aad: &[u8], iv: &[u8], text: Text<'_, '_>, tag: &[u8]) -> bool;
}
