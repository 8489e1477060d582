//! ENCR_NULL, RFC 2410: the text stays what it is.

use super::Cipher;

pub(super) struct Null;

impl Cipher for Null {
    fn seal(&self, _: &[u8], _: &[u8], _: &mut [u8], _: &mut [u8]) {}

    fn open(&self, _: &[u8], _: &[u8], _: &mut [u8], _: &[u8]) -> bool {
        true
    }
}
