//! CERT and CERTREQ: a certificate, and which ones would do (RFC 7296 §3.6, §3.7).

use std::fmt;

use crate::ParseError;
use crate::reader::Reader;
use crate::registry::CertEncoding;

/// A Certificate payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// The form of the certificate.
    pub encoding: CertEncoding,
    /// The certificate.
    pub data: Vec<u8>,
}

/// A Certificate Request payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateRequest {
    /// The form of certificate asked for.
    pub encoding: CertEncoding,
    /// For X.509: the SHA-1 hashes of acceptable authorities' public keys, 20 octets each.
    pub authorities: Vec<u8>,
}

impl Certificate {
    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let encoding = CertEncoding(reader.u8("the certificate encoding")?);
        let data = reader.rest().to_vec();
        Ok(Self { encoding, data })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.push(self.encoding.0);
        out.extend_from_slice(&self.data);
    }
}

impl CertificateRequest {
    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let encoding = CertEncoding(reader.u8("the certificate encoding")?);
        let authorities = reader.rest().to_vec();
        Ok(Self { encoding, authorities })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.push(self.encoding.0);
        out.extend_from_slice(&self.authorities);
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} octets", self.encoding, self.data.len())
    }
}

impl fmt::Display for CertificateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} octets", self.encoding, self.authorities.len())
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
    fn figure_12_of_rfc_7296() {
        let certificate =
            Certificate { encoding: CertEncoding::X509_SIGNATURE, data: vec![0x30, 0x82] };
        agree(&hex!("04 3082"), &Body::Cert(certificate));
    }

    #[test]
    fn figure_13_of_rfc_7296() {
        let request =
            CertificateRequest { encoding: CertEncoding::X509_SIGNATURE, authorities: vec![7; 20] };
        let octets = [&[4], [7; 20].as_slice()].concat();
        agree(&octets, &Body::CertReq(request));
        agree(&hex!("0b"), &read(PayloadType::CERTREQ, &hex!("0b")).expect("an empty request"));
    }

    #[test]
    fn a_certificate_without_its_encoding_is_an_error() {
        assert!(read(PayloadType::CERT, &[]).is_err());
        assert!(read(PayloadType::CERTREQ, &[]).is_err());
    }
}
