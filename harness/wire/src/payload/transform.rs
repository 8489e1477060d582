//! Transforms: one algorithm for one purpose, and its attributes (RFC 7296 §3.3.2, §3.3.5).

use crate::ParseError;
use crate::reader::Reader;
use crate::registry::{EncrId, EsnId, IntegId, KeId, PrfId, TransformType};

/// One transform: an algorithm for one purpose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transform {
    /// What the algorithm is for.
    pub kind: TransformType,
    /// The algorithm, in the registry of its type.
    pub id: u16,
    /// What the algorithm leaves open.
    pub attributes: Vec<Attribute>,
}

/// One transform attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// Its type; 15 bits on the wire.
    pub kind: u16,
    /// Its value.
    pub value: AttributeValue,
}

/// The value of an attribute, in the one or the other format (RFC 7296 §3.3.5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AttributeValue {
    /// Two octets in place of the length (format bit 1).
    Short(u16),
    /// Octets after a length (format bit 0).
    Long(Vec<u8>),
}

impl Transform {
    /// A transform without attributes.
    pub fn new(kind: TransformType, id: u16) -> Self {
        Self { kind, id, attributes: Vec::new() }
    }

    /// An encryption algorithm, with its key length in bits where it has a choice.
    pub fn encr(id: EncrId, key_bits: Option<u16>) -> Self {
        let attributes = key_bits.map(Attribute::key_length).into_iter().collect();
        Self { attributes, ..Self::new(TransformType::ENCR, id.0) }
    }

    /// A pseudorandom function.
    pub fn prf(id: PrfId) -> Self {
        Self::new(TransformType::PRF, id.0)
    }

    /// An integrity algorithm.
    pub fn integ(id: IntegId) -> Self {
        Self::new(TransformType::INTEG, id.0)
    }

    /// A key exchange method.
    pub fn ke(id: KeId) -> Self {
        Self::new(TransformType::KE, id.0)
    }

    /// Extended sequence numbers, or not.
    pub fn esn(id: EsnId) -> Self {
        Self::new(TransformType::ESN, id.0)
    }

    /// The key length in bits that an attribute asks for.
    pub fn key_length(&self) -> Option<u16> {
        self.attributes.iter().find_map(|attribute| match attribute {
            Attribute { kind: Attribute::KEY_LENGTH, value: AttributeValue::Short(bits) } => {
                Some(*bits)
            }
            _ => None,
        })
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let kind = TransformType(reader.u8("the transform type")?);
        reader.u8("reserved")?;
        let id = reader.u16("the transform ID")?;
        let mut attributes = Vec::new();
        while !reader.is_empty() {
            attributes.push(Attribute::read(&mut reader)?);
        }
        Ok(Self { kind, id, attributes })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.kind.0, 0]);
        out.extend_from_slice(&self.id.to_be_bytes());
        for attribute in &self.attributes {
            attribute.emit(out);
        }
    }
}

/// RFC 7296 §3.3.5: the format bit, set where the value takes the place of the length.
const SHORT_FORMAT: u16 = 0x8000;

impl Attribute {
    /// The type of the one attribute RFC 7296 §3.3.5 has: the key length, in bits.
    pub const KEY_LENGTH: u16 = 14;

    /// A Key Length attribute.
    pub fn key_length(bits: u16) -> Self {
        Self { kind: Self::KEY_LENGTH, value: AttributeValue::Short(bits) }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let kind = reader.u16("an attribute's type")?;
        let value = reader.u16("an attribute's value or length")?;
        let value = if kind & SHORT_FORMAT != 0 {
            AttributeValue::Short(value)
        } else {
            let octets = reader.take(usize::from(value), "an attribute's value")?;
            AttributeValue::Long(octets.to_vec())
        };
        Ok(Self { kind: kind & !SHORT_FORMAT, value })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        let kind = self.kind & !SHORT_FORMAT;
        match &self.value {
            AttributeValue::Short(value) => {
                out.extend_from_slice(&(kind | SHORT_FORMAT).to_be_bytes());
                out.extend_from_slice(&value.to_be_bytes());
            }
            AttributeValue::Long(octets) => {
                let length = u16::try_from(octets.len()).expect("an attribute fits its length");
                out.extend_from_slice(&kind.to_be_bytes());
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(octets);
            }
        }
    }
}
