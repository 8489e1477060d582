//! Groups 19, 20 and 21: the NIST curves, RFC 5903. A public value is x | y without the octet of
//! SEC 1 in front (§7), and the shared secret is x alone (§7, §9).

/// One curve: the module of its crate, its name here.
macro_rules! curve {
    ($name:ident) => {
        pub(super) mod $name {
            use ::$name::{PublicKey, SecretKey};

            use crate::group::BadPublicValue;
            use crate::secret::Secret;

            /// The octet of SEC 1 §2.3.3 before an uncompressed point.
            const UNCOMPRESSED: u8 = 4;

            pub(in crate::group) fn public(octets: &[u8]) -> Option<Vec<u8>> {
                let point = SecretKey::from_slice(octets).ok()?.public_key().to_sec1_bytes();
                Some(point.get(1..)?.to_vec())
            }

            fn point(peer: &[u8]) -> Result<PublicKey, BadPublicValue> {
                let point = [&[UNCOMPRESSED], peer].concat();
                PublicKey::from_sec1_bytes(&point).map_err(|_| BadPublicValue::NotOnCurve)
            }

            pub(in crate::group) fn check(peer: &[u8]) -> Result<(), BadPublicValue> {
                point(peer).map(drop)
            }

            pub(in crate::group) fn agree(
                octets: &[u8],
                peer: &[u8],
            ) -> Result<Secret, BadPublicValue> {
                let peer = point(peer)?;
                let key = SecretKey::from_slice(octets).expect("a private key is a scalar");
                Ok(Secret::from(key.diffie_hellman(&peer).raw_secret_bytes().as_slice()))
            }
        }
    };
}

curve!(p256);
curve!(p384);
curve!(p521);
