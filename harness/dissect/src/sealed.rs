//! Opening what is sealed, whether or not its integrity can be checked.

use ikelab_crypto::{EspCipher, OpenError, Opened, Protection, Sealer};
use ikelab_wire::ike::Header;

use crate::keys::{Algorithms, Check};

/// Octets behind a message's length field that a payload's length field stands at.
const LENGTH_FIELD: usize = 2;

/// Opens the messages that one end of an IKE SA sends.
#[derive(Debug)]
pub(crate) struct MessageOpener {
    sealer: Sealer,
    /// Octets of integrity check value that are passed over.
    skipped: Option<usize>,
}

impl MessageOpener {
    pub(crate) fn new(algorithms: Algorithms, encr: &[u8], integ: &[u8]) -> Self {
        let (protection, skipped) = protection(algorithms);
        Self { sealer: Sealer::new(protection, encr, integ), skipped }
    }

    /// Whether what it opens is known to be genuine.
    pub(crate) fn checks(&self) -> bool {
        self.skipped.is_none()
    }

    /// Opens a whole message whose SK or SKF payload begins at `sealed_at`.
    pub(crate) fn open(&self, message: &[u8], sealed_at: usize) -> Result<Opened, OpenError> {
        match self.skipped {
            None => self.sealer.open(message),
            Some(icv_len) => {
                let cut = shortened(message, sealed_at, icv_len).ok_or(OpenError::TooShort)?;
                self.sealer.open(&cut)
            }
        }
    }
}

/// The message without its last octets, and with both length fields as if they never were there.
fn shortened(message: &[u8], sealed_at: usize, icv_len: usize) -> Option<Vec<u8>> {
    let mut cut = message.get(..message.len().checked_sub(icv_len)?)?.to_vec();
    let length = u32::try_from(cut.len()).ok()?;
    cut.get_mut(Header::LENGTH - 4..Header::LENGTH)?.copy_from_slice(&length.to_be_bytes());
    let sealed = u16::try_from(cut.len().checked_sub(sealed_at)?).ok()?;
    let field = sealed_at + LENGTH_FIELD;
    cut.get_mut(field..field + 2)?.copy_from_slice(&sealed.to_be_bytes());
    Some(cut)
}

/// Opens the packets of an ESP SA.
#[derive(Debug)]
pub(crate) struct PacketOpener {
    cipher: EspCipher,
    skipped: Option<usize>,
}

impl PacketOpener {
    pub(crate) fn new(algorithms: Algorithms, encr: &[u8], integ: &[u8]) -> Self {
        let (protection, skipped) = protection(algorithms);
        Self { cipher: EspCipher::new(protection, encr, integ), skipped }
    }

    pub(crate) fn checks(&self) -> bool {
        self.skipped.is_none()
    }

    /// The payload and its trailer in clear.
    pub(crate) fn open(&self, packet: &[u8], esn_high: Option<u32>) -> Result<Vec<u8>, OpenError> {
        let length = packet.len().checked_sub(self.skipped.unwrap_or(0));
        let packet = length.and_then(|length| packet.get(..length)).ok_or(OpenError::TooShort)?;
        let mut packet = packet.to_vec();
        let text = self.cipher.open(&mut packet, esn_high)?;
        packet.get(text).map(<[u8]>::to_vec).ok_or(OpenError::TooShort)
    }
}

fn protection(algorithms: Algorithms) -> (Protection, Option<usize>) {
    let encr = algorithms.encr;
    match algorithms.check {
        Check::Integ(integ) => (Protection { encr, integ: Some(integ) }, None),
        Check::Aead => (Protection { encr, integ: None }, None),
        Check::Skipped { icv_len } => (Protection { encr, integ: None }, Some(icv_len)),
    }
}
