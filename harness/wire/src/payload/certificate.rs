//! CERT and CERTREQ: a certificate, and which ones would do (RFC 7296 §3.6, §3.7).

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
