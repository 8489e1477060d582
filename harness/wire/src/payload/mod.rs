//! Payloads: the chain in which they hang together, and one file for each kind (RFC 7296 §3.2).
//!
//! A parser is strict where the RFC gives structure and lenient where it says that a field is
//! ignored on receipt. Reserved fields are emitted as zero.

mod authentication;
mod certificate;
mod configuration;
mod delete;
mod eap;
mod encrypted;
mod identification;
mod key_exchange;
mod nonce;
mod notify;
mod proposal_text;
mod security_association;
mod selector_text;
mod traffic_selector;
mod transform;
mod unknown;
mod vendor_id;

pub use authentication::Authentication;
pub use certificate::{Certificate, CertificateRequest};
pub use configuration::{Configuration, ConfigurationAttribute};
pub use delete::Delete;
pub use eap::Eap;
pub use encrypted::{Encrypted, EncryptedFragment};
pub use identification::Identification;
pub use key_exchange::KeyExchange;
pub use nonce::Nonce;
pub use notify::Notify;
pub use security_association::{Proposal, SecurityAssociation};
pub use selector_text::NoSelector;
pub use traffic_selector::{SelectorRange, TrafficSelector, TrafficSelectors};
pub use transform::{Attribute, AttributeValue, Transform};
pub use unknown::Unknown;
pub use vendor_id::VendorId;

use crate::ParseError;
use crate::reader::{Reader, close_length};
use crate::registry::PayloadType;

/// One payload: its generic header's critical bit, and what follows the generic header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payload {
    /// A receiver that doesn't know this payload type has to reject the message.
    pub critical: bool,
    /// What the payload holds.
    pub body: Body,
}

/// What a payload holds.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each variant is the type it holds")]
pub enum Body {
    Sa(SecurityAssociation),
    Ke(KeyExchange),
    IdI(Identification),
    IdR(Identification),
    Cert(Certificate),
    CertReq(CertificateRequest),
    Auth(Authentication),
    Nonce(Nonce),
    Notify(Notify),
    Delete(Delete),
    VendorId(VendorId),
    TsI(TrafficSelectors),
    TsR(TrafficSelectors),
    Sk(Encrypted),
    Skf(EncryptedFragment),
    Config(Configuration),
    Eap(Eap),
    Unknown(Unknown),
}

impl From<Body> for Payload {
    fn from(body: Body) -> Self {
        Self { critical: false, body }
    }
}

/// RFC 7296 §3.2: the first bit of the octet after the next payload.
const CRITICAL: u8 = 0x80;
/// RFC 7296 §3.2: next payload, critical and reserved, payload length.
const GENERIC_HEADER: usize = 4;

/// Reads a chain of payloads that takes all of its octets. An SK or SKF payload ends the chain:
/// its next payload field is about what it holds (RFC 7296 §3.14, RFC 7383 §2.5).
pub fn parse_chain(first: PayloadType, octets: &[u8]) -> Result<Vec<Payload>, ParseError> {
    read_chain(first, Reader::new(octets))
}

pub(crate) fn read_chain(
    first: PayloadType,
    mut reader: Reader<'_>,
) -> Result<Vec<Payload>, ParseError> {
    let mut payloads = Vec::new();
    let mut kind = first;
    while kind != PayloadType::NO_NEXT {
        let mut generic = reader.sub(GENERIC_HEADER, "a generic payload header")?;
        let start = generic.at();
        let next = PayloadType(generic.u8("next payload")?);
        let critical = generic.u8("critical bit")? & CRITICAL != 0;
        let length = usize::from(generic.u16("payload length")?);
        let Some(length) = length.checked_sub(GENERIC_HEADER) else {
            return Err(ParseError::new(
                start + 2,
                format!("payload length {length}, expected at least {GENERIC_HEADER}"),
            ));
        };
        let body = reader.sub(length, &format!("the body of payload {kind}"))?;
        let sealed = kind == PayloadType::SK || kind == PayloadType::SKF;
        payloads.push(Payload { critical, body: Body::read(kind, next, body)? });
        kind = if sealed { PayloadType::NO_NEXT } else { next };
    }
    if reader.is_empty() {
        Ok(payloads)
    } else {
        Err(reader.error(format!("{} octets after the last payload", reader.len())))
    }
}

/// Writes a chain of payloads; gives the type of the first one for the header before it.
///
/// # Panics
/// If a payload is longer than its length field can say.
pub fn emit_chain(payloads: &[Payload]) -> (PayloadType, Vec<u8>) {
    let mut out = Vec::new();
    for (index, payload) in payloads.iter().enumerate() {
        let following = payloads.get(index + 1).map(|next| next.body.payload_type());
        let start = out.len();
        let critical = if payload.critical { CRITICAL } else { 0 };
        out.extend_from_slice(&[payload.body.next_payload(following).0, critical, 0, 0]);
        payload.body.emit(&mut out);
        let length = out.len() - start;
        close_length(&mut out, start + 2, length);
    }
    let first = payloads.first().map(|first| first.body.payload_type());
    (first.unwrap_or(PayloadType::NO_NEXT), out)
}

impl Body {
    /// The number by which the payload before this one announces it.
    pub fn payload_type(&self) -> PayloadType {
        match self {
            Self::Sa(_) => PayloadType::SA,
            Self::Ke(_) => PayloadType::KE,
            Self::IdI(_) => PayloadType::IDI,
            Self::IdR(_) => PayloadType::IDR,
            Self::Cert(_) => PayloadType::CERT,
            Self::CertReq(_) => PayloadType::CERTREQ,
            Self::Auth(_) => PayloadType::AUTH,
            Self::Nonce(_) => PayloadType::NONCE,
            Self::Notify(_) => PayloadType::NOTIFY,
            Self::Delete(_) => PayloadType::DELETE,
            Self::VendorId(_) => PayloadType::VENDOR_ID,
            Self::TsI(_) => PayloadType::TSI,
            Self::TsR(_) => PayloadType::TSR,
            Self::Sk(_) => PayloadType::SK,
            Self::Skf(_) => PayloadType::SKF,
            Self::Config(_) => PayloadType::CP,
            Self::Eap(_) => PayloadType::EAP,
            Self::Unknown(unknown) => unknown.payload_type,
        }
    }

    /// Reads the body of a payload, given what the generic header said.
    fn read(kind: PayloadType, next: PayloadType, reader: Reader<'_>) -> Result<Self, ParseError> {
        Ok(match kind {
            PayloadType::SA => Self::Sa(SecurityAssociation::read(reader)?),
            PayloadType::KE => Self::Ke(KeyExchange::read(reader)?),
            PayloadType::IDI => Self::IdI(Identification::read(reader)?),
            PayloadType::IDR => Self::IdR(Identification::read(reader)?),
            PayloadType::CERT => Self::Cert(Certificate::read(reader)?),
            PayloadType::CERTREQ => Self::CertReq(CertificateRequest::read(reader)?),
            PayloadType::AUTH => Self::Auth(Authentication::read(reader)?),
            PayloadType::NONCE => Self::Nonce(Nonce::read(reader)),
            PayloadType::NOTIFY => Self::Notify(Notify::read(reader)?),
            PayloadType::DELETE => Self::Delete(Delete::read(reader)?),
            PayloadType::VENDOR_ID => Self::VendorId(VendorId::read(reader)),
            PayloadType::TSI => Self::TsI(TrafficSelectors::read(reader)?),
            PayloadType::TSR => Self::TsR(TrafficSelectors::read(reader)?),
            PayloadType::SK => Self::Sk(Encrypted::read(next, reader)),
            PayloadType::SKF => Self::Skf(EncryptedFragment::read(next, reader)?),
            PayloadType::CP => Self::Config(Configuration::read(reader)?),
            PayloadType::EAP => Self::Eap(Eap::read(reader)?),
            other => Self::Unknown(Unknown::read(other, reader)),
        })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        match self {
            Self::Sa(sa) => sa.emit(out),
            Self::Ke(ke) => ke.emit(out),
            Self::IdI(id) | Self::IdR(id) => id.emit(out),
            Self::Cert(certificate) => certificate.emit(out),
            Self::CertReq(request) => request.emit(out),
            Self::Auth(auth) => auth.emit(out),
            Self::Nonce(nonce) => nonce.emit(out),
            Self::Notify(notify) => notify.emit(out),
            Self::Delete(delete) => delete.emit(out),
            Self::VendorId(vendor) => vendor.emit(out),
            Self::TsI(selectors) | Self::TsR(selectors) => selectors.emit(out),
            Self::Sk(sealed) => sealed.emit(out),
            Self::Skf(sealed) => sealed.emit(out),
            Self::Config(configuration) => configuration.emit(out),
            Self::Eap(eap) => eap.emit(out),
            Self::Unknown(unknown) => unknown.emit(out),
        }
    }

    /// What the next payload field of this payload says.
    fn next_payload(&self, following: Option<PayloadType>) -> PayloadType {
        match self {
            Self::Sk(sealed) => sealed.first,
            Self::Skf(sealed) => sealed.first,
            _ => following.unwrap_or(PayloadType::NO_NEXT),
        }
    }
}

/// Bodies and octets side by side, for the tests of each payload.
#[cfg(test)]
mod octets {
    use super::{Body, Payload, emit_chain, parse_chain};
    use crate::ParseError;
    use crate::registry::PayloadType;

    /// Reads the octets after a generic header.
    pub(super) fn read(kind: PayloadType, body: &[u8]) -> Result<Body, ParseError> {
        let length = u16::try_from(4 + body.len()).expect("a small example").to_be_bytes();
        let chain = [&[0, 0], length.as_slice(), body].concat();
        let mut payloads = parse_chain(kind, &chain)?;
        assert_eq!(payloads.len(), 1);
        Ok(payloads.remove(0).body)
    }

    /// Asserts that these octets, after a generic header, are this body, both ways.
    pub(super) fn agree(body: &[u8], expected: &Body) {
        assert_eq!(read(expected.payload_type(), body).as_ref(), Ok(expected));
        let (kind, chain) = emit_chain(&[Payload::from(expected.clone())]);
        assert_eq!(kind, expected.payload_type());
        assert_eq!(chain[4..], *body);
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;
    use crate::registry::NotifyType;

    fn types(payloads: &[Payload]) -> Vec<u8> {
        payloads.iter().map(|payload| payload.body.payload_type().0).collect()
    }

    #[test]
    fn a_chain_goes_from_type_to_type() {
        let octets = hex!("2b 00 0008 11223344  00 00 0006 5566");
        let payloads = parse_chain(PayloadType::NONCE, &octets).expect("two payloads");
        assert_eq!(types(&payloads), [40, 43]);
        assert_eq!(emit_chain(&payloads), (PayloadType::NONCE, octets.to_vec()));
    }

    #[test]
    fn no_first_payload_is_an_empty_chain() {
        assert_eq!(parse_chain(PayloadType::NO_NEXT, &[]), Ok(Vec::new()));
        assert_eq!(emit_chain(&[]), (PayloadType::NO_NEXT, Vec::new()));
    }

    #[test]
    fn an_unknown_payload_keeps_its_octets_and_its_critical_bit() {
        let octets = hex!("28 80 0007 aabbcc  00 00 0004");
        let payloads = parse_chain(PayloadType(200), &octets).expect("two payloads");
        assert!(payloads[0].critical);
        assert!(!payloads[1].critical);
        let unknown = Unknown { payload_type: PayloadType(200), octets: vec![0xaa, 0xbb, 0xcc] };
        assert_eq!(payloads[0].body, Body::Unknown(unknown));
        assert_eq!(emit_chain(&payloads).1, octets);
    }

    #[test]
    fn reserved_bits_of_the_generic_header_are_ignored() {
        let payloads = parse_chain(PayloadType::NONCE, &hex!("00 7f 0004")).expect("a nonce");
        assert!(!payloads[0].critical);
    }

    #[test]
    fn an_encrypted_payload_ends_the_chain_and_names_what_it_holds() {
        let octets = hex!("29 00 0008 00000402  23 00 0008 deadbeef");
        let octets = [&hex!("2e 00 0008 0000 4000"), &octets[8..]].concat();
        let payloads = parse_chain(PayloadType::NOTIFY, &octets).expect("N SK");
        let sealed = Encrypted { first: PayloadType::IDI, octets: vec![0xde, 0xad, 0xbe, 0xef] };
        assert_eq!(
            payloads,
            [
                Body::Notify(Notify::new(NotifyType::INITIAL_CONTACT, &[])).into(),
                Body::Sk(sealed).into()
            ]
        );
        assert_eq!(emit_chain(&payloads).1, octets);
    }

    #[test]
    fn a_wrong_length_is_an_error_at_its_place() {
        let cases: [(&[u8], usize); 5] = [
            (&hex!("00 00 0003"), 2),
            (&hex!("00 00 0005"), 4),
            (&hex!("00 00 0004 00"), 4),
            (&hex!("28 00 0004"), 4),
            (&hex!("00 00"), 0),
        ];
        for (octets, at) in cases {
            let error = parse_chain(PayloadType::NONCE, octets).expect_err("a wrong length");
            assert_eq!(error.at, at, "{octets:02x?}: {error}");
        }
    }
}
