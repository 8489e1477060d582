//! SHA-1 outside any HMAC: what NAT detection hashes addresses with (RFC 7296 §2.23).

use sha1::{Digest, Sha1};

/// SHA-1 over octets that come in parts.
#[must_use]
pub fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    /// FIPS 180-2, appendix A.1: SHA-1 of "abc".
    #[test]
    fn the_published_example_comes_out() {
        let digest = hex!("a9993e36 4706816a ba3e2571 7850c26c 9cd0d89d");
        assert_eq!(super::sha1(&[b"a", b"", b"bc"]), digest);
    }
}
