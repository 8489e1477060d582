//! IDi and IDr: who a peer says it is (RFC 7296 §3.5).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ParseError;
use crate::reader::Reader;
use crate::registry::IdType;

/// An Identification payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identification {
    /// The form of the identity.
    pub id_type: IdType,
    /// The identity.
    pub data: Vec<u8>,
}

impl Identification {
    /// Takes an identity as people write it: an address, a mail address (`a@b`), or else a name.
    pub fn from_text(text: &str) -> Self {
        match text.parse() {
            Ok(IpAddr::V4(address)) => Self::new(IdType::ID_IPV4_ADDR, &address.octets()),
            Ok(IpAddr::V6(address)) => Self::new(IdType::ID_IPV6_ADDR, &address.octets()),
            Err(_) if text.contains('@') => Self::new(IdType::ID_RFC822_ADDR, text.as_bytes()),
            Err(_) => Self::new(IdType::ID_FQDN, text.as_bytes()),
        }
    }

    /// Puts a type and its octets together.
    pub fn new(id_type: IdType, data: &[u8]) -> Self {
        let data = data.to_vec();
        Self { id_type, data }
    }

    /// The address, where the identity is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self.id_type {
            IdType::ID_IPV4_ADDR => octets::<4>(&self.data).map(|v4| Ipv4Addr::from(v4).into()),
            IdType::ID_IPV6_ADDR => octets::<16>(&self.data).map(|v6| Ipv6Addr::from(v6).into()),
            _ => None,
        }
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let id_type = IdType(reader.u8("the ID type")?);
        reader.take(3, "ID's reserved octets")?;
        let expected = match id_type {
            IdType::ID_IPV4_ADDR => 4,
            IdType::ID_IPV6_ADDR => 16,
            _ => reader.len(),
        };
        if reader.len() != expected {
            return Err(reader.error(format!("{id_type} of {} octets", reader.len())));
        }
        Ok(Self::new(id_type, reader.rest()))
    }

    /// What AUTH signs of this payload: all that follows the generic header (RFC 7296 §2.15).
    pub fn body_octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(4 + self.data.len());
        self.emit(&mut octets);
        octets
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.id_type.0, 0, 0, 0]);
        out.extend_from_slice(&self.data);
    }
}

fn octets<const N: usize>(data: &[u8]) -> Option<[u8; N]> {
    data.try_into().ok()
}

impl fmt::Display for Identification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = self.address() {
            return address.fmt(f);
        }
        let is_name = matches!(self.id_type, IdType::ID_FQDN | IdType::ID_RFC822_ADDR);
        match std::str::from_utf8(&self.data) {
            Ok(text) if is_name && !text.chars().any(char::is_control) => f.write_str(text),
            _ => write!(f, "{}:{}", self.id_type, crate::notation::hex(&self.data)),
        }
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;
    use crate::payload::Body;
    use crate::payload::octets::{agree, read};
    use crate::registry::PayloadType;

    #[test]
    fn figure_11_of_rfc_7296() {
        let octets = hex!("02 000000 612e6578616d706c65");
        agree(&octets, &Body::IdI(Identification::from_text("a.example")));
        agree(&hex!("01 000000 0a000001"), &Body::IdR(Identification::from_text("10.0.0.1")));
    }

    #[test]
    fn text_is_taken_for_what_it_looks_like() {
        for (text, id_type) in [
            ("10.0.0.1", IdType::ID_IPV4_ADDR),
            ("fd00::1", IdType::ID_IPV6_ADDR),
            ("a@example.org", IdType::ID_RFC822_ADDR),
            ("r1.example.org", IdType::ID_FQDN),
        ] {
            let id = Identification::from_text(text);
            assert_eq!((id.id_type, id.to_string()), (id_type, text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_text_is_shown_in_hex() {
        let id = Identification::new(IdType::ID_KEY_ID, &[1, 0xff]);
        assert_eq!(id.to_string(), "ID_KEY_ID:01ff");
        let id = Identification::new(IdType::ID_FQDN, b"a\n");
        assert_eq!(id.to_string(), "ID_FQDN:610a");
    }

    #[test]
    fn an_address_has_the_size_of_its_family() {
        for octets in [
            hex!("01 000000 0a0000").as_slice(),
            &hex!("01 000000 0a00000001"),
            &hex!("05 000000 0a000001"),
            &hex!("02 0000"),
        ] {
            assert!(read(PayloadType::IDI, octets).is_err(), "{octets:02x?}");
        }
    }
}
