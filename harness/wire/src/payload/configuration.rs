//! CP: addresses and other configuration, asked for and given (RFC 7296 §3.15).

use crate::ParseError;
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
