//! SA: proposals, each with its transforms (RFC 7296 §3.3, §3.3.1).

use std::fmt;

use super::Transform;
use crate::ParseError;
use crate::notation::{hex, join};
use crate::reader::{Reader, close_length};
use crate::registry::{Protocol, TransformType, short};

/// A Security Association payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecurityAssociation {
    /// What is offered, best first, or the one that is accepted; at least one.
    pub proposals: Vec<Proposal>,
}

/// One proposal: a protocol, and transforms of which one of each type is to be chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// Its number; offers count from 1, an answer repeats the number it accepts.
    pub number: u8,
    /// The protocol the SA is for.
    pub protocol: Protocol,
    /// The sender's SPI; empty where the IKE header holds it.
    pub spi: Vec<u8>,
    /// The transforms, in their order on the wire.
    pub transforms: Vec<Transform>,
}

impl SecurityAssociation {
    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let mut proposals = Vec::new();
        loop {
            let (more, body) = read_substructure(&mut reader, MORE_PROPOSALS, "proposal")?;
            proposals.push(Proposal::read(body)?);
            if !more {
                return Ok(Self { proposals });
            }
        }
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        for (index, proposal) in self.proposals.iter().enumerate() {
            let more = index + 1 < self.proposals.len();
            emit_substructure(out, more, MORE_PROPOSALS, |out| proposal.emit(out));
        }
    }
}

/// RFC 7296 §3.3.1 and §3.3.2: what "Last Substruc" says when another one follows.
const MORE_PROPOSALS: u8 = 2;
const MORE_TRANSFORMS: u8 = 3;
/// Both begin with: last substruc, reserved, length.
const SUBSTRUCTURE_HEADER: usize = 4;

/// Takes one proposal or transform; checks that its "last" flag tells the truth.
fn read_substructure<'a>(
    reader: &mut Reader<'a>,
    more_value: u8,
    what: &str,
) -> Result<(bool, Reader<'a>), ParseError> {
    let mut header = reader.sub(SUBSTRUCTURE_HEADER, &format!("the header of a {what}"))?;
    let start = header.at();
    let flag = header.u8("last substruc")?;
    header.u8("reserved")?;
    let length = usize::from(header.u16("length")?);
    let Some(length) = length.checked_sub(SUBSTRUCTURE_HEADER) else {
        return Err(ParseError::new(
            start + 2,
            format!("{what} length {length}, expected at least {SUBSTRUCTURE_HEADER}"),
        ));
    };
    let body = reader.sub(length, &format!("a {what}"))?;
    let expected = if reader.is_empty() { 0 } else { more_value };
    if flag != expected {
        return Err(ParseError::new(
            start,
            format!("{what} with last substruc {flag}, expected {expected}"),
        ));
    }
    Ok((flag == more_value, body))
}

fn emit_substructure(out: &mut Vec<u8>, more: bool, value: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[if more { value } else { 0 }, 0, 0, 0]);
    body(out);
    let length = out.len() - start;
    close_length(out, start + 2, length);
}

impl Proposal {
    fn read(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let start = reader.at();
        let number = reader.u8("the proposal number")?;
        let protocol = Protocol(reader.u8("a proposal's protocol")?);
        let spi_size = reader.u8("a proposal's SPI size")?;
        let count = usize::from(reader.u8("a proposal's number of transforms")?);
        let valid = match protocol {
            Protocol::IKE => matches!(spi_size, 0 | 8),
            Protocol::AH | Protocol::ESP => spi_size == 4,
            _ => true,
        };
        if !valid {
            return Err(ParseError::new(
                start + 2,
                format!("SPI size {spi_size} in a proposal for {protocol}"),
            ));
        }
        let spi = reader.take(usize::from(spi_size), "a proposal's SPI")?.to_vec();
        let mut transforms = Vec::new();
        while !reader.is_empty() {
            let (_, body) = read_substructure(&mut reader, MORE_TRANSFORMS, "transform")?;
            transforms.push(Transform::read(body)?);
        }
        if transforms.len() != count {
            return Err(ParseError::new(
                start + 3,
                format!("{} transforms, announced {count}", transforms.len()),
            ));
        }
        Ok(Self { number, protocol, spi, transforms })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        let spi_size = u8::try_from(self.spi.len()).expect("an SPI fits its size field");
        let count = u8::try_from(self.transforms.len()).expect("transforms fit their count field");
        out.extend_from_slice(&[self.number, self.protocol.0, spi_size, count]);
        out.extend_from_slice(&self.spi);
        for (index, transform) in self.transforms.iter().enumerate() {
            let more = index + 1 < self.transforms.len();
            emit_substructure(out, more, MORE_TRANSFORMS, |out| transform.emit(out));
        }
    }

    /// The transforms of one type, in order.
    pub fn of_type(&self, kind: TransformType) -> impl Iterator<Item = &Transform> {
        self.transforms.iter().filter(move |transform| transform.kind == kind)
    }
}

impl fmt::Display for SecurityAssociation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&join(&self.proposals, "; "))
    }
}

impl fmt::Display for Proposal {
    /// `IKE: ENCR aes256 | PRF sha256 | INTEG sha256 | KE x25519`; with its number when that is
    /// not 1, and its SPI when it has one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.number != 1 {
            write!(f, "#{} ", self.number)?;
        }
        write!(f, "{}", self.protocol)?;
        if !self.spi.is_empty() {
            write!(f, " {}", hex(&self.spi))?;
        }
        let mut kind = None;
        for transform in &self.transforms {
            let name = short::name(transform);
            let name = match transform.kind.additional_key_exchange() {
                Some(_) => name.split_once('_').map_or(name.as_str(), |(_, method)| method),
                None => name.strip_prefix("prf").unwrap_or(&name),
            };
            match kind {
                Some(same) if same == transform.kind => write!(f, ",{name}")?,
                Some(_) => write!(f, " | {} {name}", transform.kind)?,
                None => write!(f, ": {} {name}", transform.kind)?,
            }
            kind = Some(transform.kind);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;
    use crate::payload::Body;
    use crate::payload::octets::{agree, read};
    use crate::payload::{Attribute, AttributeValue};
    use crate::registry::PayloadType;

    /// One IKE proposal: AES-CBC 256, PRF and integrity of SHA-256, Curve25519.
    const IKE: [u8; 44] = hex!(
        "00 00 002c 01 01 00 04"
        "03 00 000c 01 00 000c 800e 0100"
        "03 00 0008 02 00 0005"
        "03 00 0008 03 00 000c"
        "00 00 0008 04 00 001f"
    );

    #[test]
    fn figures_6_to_9_of_rfc_7296() {
        let proposal = Proposal::from_text("aes256-sha256-x25519", Protocol::IKE, 1);
        let proposals = vec![proposal.expect("a proposal")];
        let sa = SecurityAssociation { proposals };
        assert_eq!(sa.to_string(), "IKE: ENCR aes256 | PRF sha256 | INTEG sha256 | KE x25519");
        agree(&IKE, &Body::Sa(sa));
    }

    #[test]
    fn a_second_proposal_follows_the_first() {
        let octets = hex!(
            "02 00 001c 01 03 04 02 c0ffee01"
            "03 00 0008 03 00 000c"
            "00 00 0008 05 00 0000"
            "00 00 0014 02 03 04 01 c0ffee01"
            "00 00 0008 01 00 001c"
        );
        let body = read(PayloadType::SA, &octets).expect("two proposals");
        agree(&octets, &body);
        let Body::Sa(sa) = body else { panic!("{body:?} is no SA") };
        let expected =
            "ESP c0ffee01: INTEG sha256 | ESN noesn; #2 ESP c0ffee01: ENCR chacha20poly1305";
        assert_eq!(sa.to_string(), expected);
    }

    #[test]
    fn attributes_of_both_formats_are_kept() {
        let octets = hex!("00 00 0019 01 01 00 01  00 00 0011 01 00 000c 800e 0080 0011 0001 aa");
        let body = read(PayloadType::SA, &octets).expect("one proposal");
        agree(&octets, &body);
        let Body::Sa(sa) = body else { panic!("{body:?} is no SA") };
        let transform = &sa.proposals[0].transforms[0];
        assert_eq!(transform.key_length(), Some(128));
        let value = AttributeValue::Long(vec![0xaa]);
        assert_eq!(transform.attributes[1], Attribute { kind: 17, value });
    }

    #[test]
    fn reserved_octets_are_ignored() {
        let mut octets = IKE;
        octets[1] = 0xff;
        octets[9] = 0xff;
        octets[13] = 0xff;
        assert_eq!(read(PayloadType::SA, &octets), read(PayloadType::SA, &IKE));
    }

    #[test]
    fn each_count_flag_and_length_has_to_tell_the_truth() {
        for (at, octet, what) in [
            (0, 2, "more proposals, but none follows"),
            (0, 1, "a last flag that is neither 0 nor 2"),
            (3, 0x2d, "a proposal longer than the payload"),
            (3, 0x2b, "a proposal that cuts its last transform"),
            (3, 3, "a proposal shorter than its own header"),
            (6, 4, "an IKE proposal with an SPI of four octets"),
            (7, 3, "fewer transforms announced"),
            (7, 5, "more transforms announced"),
            (8, 0, "the last transform, but another follows"),
            (8, 2, "a last flag that is neither 0 nor 3"),
            (36, 3, "more transforms, but none follows"),
            (11, 0x0d, "a transform that reaches into the next"),
            (11, 3, "a transform shorter than its own header"),
            (16, 0x00, "an attribute longer than its transform"),
        ] {
            let mut octets = IKE;
            octets[at] = octet;
            assert!(read(PayloadType::SA, &octets).is_err(), "{what}");
        }
    }

    #[test]
    fn an_sa_has_a_proposal_and_esp_an_spi() {
        assert!(read(PayloadType::SA, &[]).is_err());
        let no_spi = hex!("00 00 0010 01 03 00 01  00 00 0008 01 00 001c");
        assert!(read(PayloadType::SA, &no_spi).is_err());
    }
}
