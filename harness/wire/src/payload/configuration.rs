//! CP: addresses and other configuration, asked for and given (RFC 7296 §3.15).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ParseError;
use crate::notation::text_or_hex;
use crate::reader::Reader;
use crate::registry::{ConfigAttribute, ConfigType};

/// A Configuration payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Configuration {
    /// Request, reply, set or acknowledgement.
    pub config_type: ConfigType,
    /// The attributes, in their order on the wire.
    pub attributes: Vec<ConfigurationAttribute>,
}

/// One configuration attribute; an empty value in a request asks for any.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigurationAttribute {
    /// What the attribute is about; 15 bits on the wire.
    pub kind: ConfigAttribute,
    /// Its value.
    pub value: Vec<u8>,
}

/// RFC 7296 §3.15.1: the first bit is reserved and ignored on receipt.
const KIND_BITS: u16 = 0x7fff;

impl Configuration {
    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let config_type = ConfigType(reader.u8("the configuration type")?);
        reader.take(3, "CP's reserved octets")?;
        let mut attributes = Vec::new();
        while !reader.is_empty() {
            attributes.push(ConfigurationAttribute::read(&mut reader)?);
        }
        Ok(Self { config_type, attributes })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.config_type.0, 0, 0, 0]);
        for attribute in &self.attributes {
            attribute.emit(out);
        }
    }
}

impl ConfigurationAttribute {
    /// The address in the value, where the attribute's kind holds one (RFC 7296 §3.15.1); the
    /// prefix length that may follow an IPv6 address is left out.
    pub fn address(&self) -> Option<IpAddr> {
        match self.kind {
            ConfigAttribute::INTERNAL_IP4_ADDRESS
            | ConfigAttribute::INTERNAL_IP4_NETMASK
            | ConfigAttribute::INTERNAL_IP4_DNS
            | ConfigAttribute::INTERNAL_IP4_NBNS
            | ConfigAttribute::INTERNAL_IP4_DHCP => {
                let octets: [u8; 4] = self.value.as_slice().try_into().ok()?;
                Some(Ipv4Addr::from(octets).into())
            }
            ConfigAttribute::INTERNAL_IP6_ADDRESS
            | ConfigAttribute::INTERNAL_IP6_DNS
            | ConfigAttribute::INTERNAL_IP6_DHCP => {
                let (octets, _) = self.value.split_first_chunk::<16>()?;
                Some(Ipv6Addr::from(*octets).into())
            }
            _ => None,
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let kind = ConfigAttribute(reader.u16("a configuration attribute's type")? & KIND_BITS);
        let length = reader.u16("a configuration attribute's length")?;
        let value = reader.take(usize::from(length), "a configuration attribute's value")?;
        Ok(Self { kind, value: value.to_vec() })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        let length = u16::try_from(self.value.len()).expect("an attribute fits its length field");
        out.extend_from_slice(&(self.kind.0 & KIND_BITS).to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.value);
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.config_type)?;
        for attribute in &self.attributes {
            write!(f, " {attribute}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ConfigurationAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match (self.address(), self.value.as_slice()) {
            (_, []) => Ok(()),
            (Some(address), _) => write!(f, "={address}"),
            (None, value) => write!(f, "={}", text_or_hex(value)),
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
    fn figures_22_and_23_of_rfc_7296() {
        let octets = hex!(
            "02 000000  0001 0004 0a000001  000f 0011 fd000000000000000000000000000001 40  0003 0000"
        );
        let attribute = |kind, value: &[u8]| ConfigurationAttribute { kind, value: value.to_vec() };
        let prefix = hex!("fd000000000000000000000000000001 40");
        let reply = Configuration {
            config_type: ConfigType::CFG_REPLY,
            attributes: vec![
                attribute(ConfigAttribute::INTERNAL_IP4_ADDRESS, &[10, 0, 0, 1]),
                attribute(ConfigAttribute::INTERNAL_IP6_SUBNET, &prefix),
                attribute(ConfigAttribute::INTERNAL_IP4_DNS, &[]),
            ],
        };
        assert_eq!(reply.attributes[0].to_string(), "INTERNAL_IP4_ADDRESS=10.0.0.1");
        assert_eq!(reply.attributes[2].to_string(), "INTERNAL_IP4_DNS");
        agree(&octets, &Body::Config(reply));
    }

    #[test]
    fn the_reserved_bit_of_an_attribute_is_ignored() {
        let with = read(PayloadType::CP, &hex!("01 000000 8001 0000"));
        assert_eq!(with, read(PayloadType::CP, &hex!("01 000000 0001 0000")));
        assert!(with.is_ok());
    }

    #[test]
    fn an_attribute_longer_than_its_payload_is_an_error() {
        assert!(read(PayloadType::CP, &hex!("01 000000 0001 0001")).is_err());
        assert!(read(PayloadType::CP, &hex!("01 000000 0001 00")).is_err());
    }
}
