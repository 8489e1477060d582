//! One direction of a protected channel with its keys expanded: what SK payloads and ESP share.

use core::fmt;

use crate::encr::{Cipher, Text};
use crate::integ::IntegKey;
use crate::open_error::OpenError;
use crate::protection::Protection;

/// A cipher and, where it is not an AEAD, the integrity key beside it.
pub(crate) struct Channel {
    protection: Protection,
    cipher: Box<dyn Cipher>,
    integ: Option<IntegKey>,
}

/// What stands around the text of one message or packet.
pub(crate) struct Frame<'a> {
    /// What is authenticated and not encrypted, before the IV.
    pub(crate) aad: &'a [u8],
    /// The high half of an extended sequence number, which is authenticated and not sent.
    pub(crate) esn_high: Option<u32>,
    /// The initialization vector.
    pub(crate) iv: &'a [u8],
}

impl Channel {
    /// Expands the keys. The lengths are those of the transforms: to cut them right is the key
    /// schedule's task.
    pub(crate) fn new(protection: Protection, encr_key: &[u8], integ_key: &[u8]) -> Self {
        let cipher = protection.encr.keyed(encr_key);
        let integ = protection.integ.map(|integ| integ.keyed(integ_key));
        Self { protection, cipher, integ }
    }

    pub(crate) const fn protection(&self) -> Protection {
        self.protection
    }

    /// Encrypts `text` and fills `icv`. What stands behind the last whole block stays as it
    /// is; only who makes packets by hand has such a text.
    pub(crate) fn seal(&self, frame: &Frame<'_>, mut text: Text<'_, '_>, icv: &mut [u8]) {
        let (tag, mac) = icv.split_at_mut(self.protection.encr.tag_len());
        let ragged = text.len() % self.protection.encr.block_len();
        let whole = text.len() - ragged;
        let (whole, rest) = text.reborrow().split_at(whole);
        frame.with_aad(|aad| self.cipher.seal(aad, frame.iv, whole, tag));
        let _copied = rest.into_out_with_copied_in();
        if let Some(integ) = &self.integ {
            let text = text.get_out();
            let icv = frame.with_esn_tail(|tail| integ.icv(&[frame.aad, frame.iv, text, tail]));
            mac.copy_from_slice(icv.as_ref());
        }
    }

    /// Checks `icv` and then decrypts `text`.
    pub(crate) fn open(
        &self,
        frame: &Frame<'_>,
        text: Text<'_, '_>,
        icv: &[u8],
    ) -> Result<(), OpenError> {
        let (tag, mac) =
            icv.split_at_checked(self.protection.encr.tag_len()).ok_or(OpenError::TooShort)?;
        if let Some(integ) = &self.integ
            && !frame.with_esn_tail(|tail| {
                integ.verify(&[frame.aad, frame.iv, text.get_in(), tail], mac)
            })
        {
            return Err(OpenError::BadIcv);
        }
        if !text.len().is_multiple_of(self.protection.encr.block_len()) {
            return Err(OpenError::NotBlocks);
        }
        if frame.with_aad(|aad| self.cipher.open(aad, frame.iv, text, tag)) {
            Ok(())
        } else {
            Err(OpenError::BadIcv)
        }
    }
}

impl Frame<'_> {
    /// What an integrity algorithm covers after all that is sent: the high half of an extended
    /// sequence number, RFC 4303 §2.2.1.
    fn with_esn_tail<R>(&self, run: impl FnOnce(&[u8]) -> R) -> R {
        match self.esn_high {
            Some(high) => run(&high.to_be_bytes()),
            None => run(&[]),
        }
    }

    /// What an AEAD authenticates: with extended sequence numbers the high half stands between
    /// the SPI and the low half, RFC 4106 §5.
    fn with_aad<R>(&self, run: impl FnOnce(&[u8]) -> R) -> R {
        match (self.esn_high, self.aad.split_at_checked(4)) {
            (Some(high), Some((spi, low))) if low.len() == 4 => {
                let mut aad = [0; 12];
                aad[..4].copy_from_slice(spi);
                aad[4..8].copy_from_slice(&high.to_be_bytes());
                aad[8..].copy_from_slice(low);
                run(&aad)
            }
            _ => run(self.aad),
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("protection", &self.protection).finish_non_exhaustive()
    }
}
