//! The keys that a capture is read with: from the tables of Wireshark, or from a run's trace.

pub mod auth;
mod names;
pub mod schedule;
mod table;
mod trace;

use std::net::IpAddr;

use ikelab_crypto::{Encr, Integ};
use ikelab_wire::ike::{EspSpi, IkeSpi};

pub use names::{
    esp_authentication, esp_encryption, ike_encryption, ike_integrity, unnamed_encryption,
};

/// Before a line for an SA whose algorithms Wireshark does not know: a comment for Wireshark,
/// which would refuse the whole table, and an entry like any other here.
pub const OURS: &str = "# ikelab: ";

/// How integrity is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// By an algorithm of its own.
    Integ(Integ),
    /// By the cipher, which is an AEAD.
    Aead,
    /// Not at all: this many octets at the end are passed over.
    Skipped {
        /// Octets of integrity check value.
        icv_len: usize,
    },
}

/// The algorithms of an SA as a key table names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Algorithms {
    /// Encryption.
    pub encr: Encr,
    /// Integrity.
    pub check: Check,
}

impl Algorithms {
    /// Pairs a cipher with its check. An AEAD checks by itself, whatever stands beside it.
    #[must_use]
    pub fn new(encr: Encr, integ: Option<Integ>) -> Option<Self> {
        let check = match (encr.tag_len(), integ) {
            (0, Some(integ)) => Check::Integ(integ),
            (0, None) => return None,
            (_, _) => Check::Aead,
        };
        Some(Self { encr, check })
    }

    /// Whether these keys have the lengths that the algorithms ask for.
    fn take(self, encr_key: &[u8], integ_key: &[u8]) -> Result<(), String> {
        let wanted = self.encr.key_len();
        if encr_key.len() != wanted {
            let met = encr_key.len();
            return Err(format!("an encryption key of {met} octets, expected {wanted}"));
        }
        match self.check {
            Check::Integ(integ) if integ_key.len() != integ.key_len() => Err(format!(
                "an integrity key of {} octets, expected {}",
                integ_key.len(),
                integ.key_len()
            )),
            Check::Integ(_) | Check::Aead | Check::Skipped { .. } => Ok(()),
        }
    }
}

/// The keys of an IKE SA.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IkeKeys {
    /// The initiator's SPI.
    pub initiator_spi: IkeSpi,
    /// The responder's SPI.
    pub responder_spi: IkeSpi,
    /// The algorithms.
    pub algorithms: Algorithms,
    /// SK_ei, with its salt.
    pub sk_ei: Vec<u8>,
    /// SK_er, with its salt.
    pub sk_er: Vec<u8>,
    /// SK_ai; empty with an AEAD.
    pub sk_ai: Vec<u8>,
    /// SK_ar; empty with an AEAD.
    pub sk_ar: Vec<u8>,
}

/// The keys of an ESP SA, which has one direction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EspKeys {
    /// Source of its packets; any if `None`.
    pub src: Option<IpAddr>,
    /// Destination of its packets; any if `None`.
    pub dst: Option<IpAddr>,
    /// Its SPI; any if `None`.
    pub spi: Option<EspSpi>,
    /// The algorithms.
    pub algorithms: Algorithms,
    /// The encryption key, with its salt.
    pub encr: Vec<u8>,
    /// The integrity key; empty with an AEAD.
    pub integ: Vec<u8>,
    /// Whether sequence numbers are extended, where that is known.
    pub esn: Option<bool>,
}

/// All keys that are known for a capture.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyTable {
    ike: Vec<IkeKeys>,
    esp: Vec<EspKeys>,
}

impl KeyTable {
    /// Adds the keys of an IKE SA; twice the same counts once.
    ///
    /// # Errors
    /// When a key has not the length of its algorithm.
    pub fn add_ike(&mut self, keys: IkeKeys) -> Result<(), String> {
        keys.algorithms.take(&keys.sk_ei, &keys.sk_ai)?;
        keys.algorithms.take(&keys.sk_er, &keys.sk_ar)?;
        if !self.ike.contains(&keys) {
            self.ike.push(keys);
        }
        Ok(())
    }

    /// Adds the keys of an ESP SA; twice the same counts once.
    ///
    /// # Errors
    /// When a key has not the length of its algorithm.
    pub fn add_esp(&mut self, keys: EspKeys) -> Result<(), String> {
        keys.algorithms.take(&keys.encr, &keys.integ)?;
        if !self.esp.contains(&keys) {
            self.esp.push(keys);
        }
        Ok(())
    }

    /// The IKE SAs.
    #[must_use]
    pub fn ike(&self) -> &[IkeKeys] {
        &self.ike
    }

    /// The ESP SAs.
    #[must_use]
    pub fn esp(&self) -> &[EspKeys] {
        &self.esp
    }
}
