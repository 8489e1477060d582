//! ESP packets, RFC 4303: padding, encryption and the integrity check value, in place.

use core::ops::Range;

use crate::channel::{Channel, Frame};
use crate::encr::Text;
use crate::open_error::OpenError;
use crate::protection::Protection;

/// SPI and sequence number, RFC 4303 §2.
const HEADER_LEN: usize = 8;
/// Payload, padding, pad length and next header end on a 32-bit boundary, RFC 4303 §2.4.
const ALIGNMENT: usize = 4;

/// One direction of an ESP SA with its keys expanded. It seals what this end sends, or opens what
/// the other end sent.
#[derive(Debug)]
pub struct EspCipher {
    channel: Channel,
}

impl EspCipher {
    /// Expands the keys, which have the lengths of the transforms.
    #[must_use]
    pub fn new(protection: Protection, encr_key: &[u8], integ_key: &[u8]) -> Self {
        Self { channel: Channel::new(protection, encr_key, integ_key) }
    }

    /// The algorithms.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        self.channel.protection()
    }

    /// Octets of IV that follow the sequence number.
    #[must_use]
    pub const fn iv_len(&self) -> usize {
        self.protection().encr.iv_len()
    }

    /// Where the payload stands in a packet: behind SPI, sequence number and IV.
    #[must_use]
    pub const fn payload_offset(&self) -> usize {
        HEADER_LEN + self.iv_len()
    }

    /// The length of a packet that carries `payload_len` octets with the least padding.
    #[must_use]
    pub fn packet_len(&self, payload_len: usize) -> usize {
        let text_len = payload_len + self.pad_len(payload_len) + 2;
        self.payload_offset() + text_len + self.protection().icv_len()
    }

    /// The longest payload of a packet that has at most `packet_len` octets.
    #[must_use]
    pub fn payload_room(&self, packet_len: usize) -> usize {
        let around = self.payload_offset() + self.protection().icv_len();
        let text = packet_len.saturating_sub(around);
        (text - text % self.alignment()).saturating_sub(2)
    }

    /// Payload and trailer are a multiple of this.
    fn alignment(&self) -> usize {
        self.protection().encr.block_len().max(ALIGNMENT)
    }

    /// The least padding for a payload, RFC 4303 §2.4.
    fn pad_len(&self, payload_len: usize) -> usize {
        (payload_len + 2).next_multiple_of(self.alignment()) - (payload_len + 2)
    }

    /// Appends padding 1, 2, 3, …, the pad length and the next header to a packet that begins at
    /// `at` and ends with its payload.
    pub fn pad(&self, packet: &mut Vec<u8>, at: usize, next_header: u8) {
        self.pad_payload(packet, at + self.payload_offset(), next_header);
    }

    /// The same for a payload that begins at `at`, without what stands before it in a packet.
    pub fn pad_payload(&self, packet: &mut Vec<u8>, at: usize, next_header: u8) {
        let payload_len = packet.len().saturating_sub(at);
        let pad_len = u8::try_from(self.pad_len(payload_len)).unwrap_or(0);
        packet.extend(1..=pad_len);
        packet.extend([pad_len, next_header]);
    }

    /// Encrypts and authenticates in place the packet that begins at `at`: SPI, sequence number,
    /// IV, payload and trailer stand there already; the integrity check value is appended. With
    /// extended sequence numbers, `esn_high` is the half that is not sent.
    pub fn seal(&self, packet: &mut Vec<u8>, at: usize, esn_high: Option<u32>) {
        let text_end = packet.len();
        packet.resize(text_end + self.protection().icv_len(), 0);
        let (head, rest) = packet[at..].split_at_mut(self.payload_offset());
        let (text, icv) = rest.split_at_mut(text_end - at - self.payload_offset());
        let (aad, iv) = head.split_at(HEADER_LEN);
        self.channel.seal(&Frame { aad, esn_high, iv }, text.into(), icv);
    }

    /// The same for a text that stands elsewhere: behind SPI, sequence number and IV, which are the
    /// last octets of `packet` from `at` on, its ciphertext and the integrity check value are put.
    /// What is beyond that in `packet` is overwritten or cut off.
    pub fn seal_from(&self, text: &[u8], packet: &mut Vec<u8>, at: usize, esn_high: Option<u32>) {
        let from = at + self.payload_offset();
        fit(packet, from + text.len() + self.protection().icv_len());
        let (head, rest) = packet[at..].split_at_mut(self.payload_offset());
        let (sealed, icv) = rest.split_at_mut(text.len());
        let (aad, iv) = head.split_at(HEADER_LEN);
        let text = Text::new(text, sealed).expect("they have the same length");
        self.channel.seal(&Frame { aad, esn_high, iv }, text, icv);
    }

    /// Checks and then decrypts a whole packet, SPI first, into `text` from `at` on: payload and
    /// trailer. What is beyond that in `text` is overwritten or cut off; a forged packet leaves
    /// nothing to be read there.
    ///
    /// # Errors
    /// When the packet is too short, forged, or not in whole blocks.
    pub fn open_into(
        &self,
        packet: &[u8],
        text: &mut Vec<u8>,
        at: usize,
        esn_high: Option<u32>,
    ) -> Result<(), OpenError> {
        let to =
            packet.len().checked_sub(self.protection().icv_len()).ok_or(OpenError::TooShort)?;
        let (rest, icv) = packet.split_at(to);
        let (head, sealed) =
            rest.split_at_checked(self.payload_offset()).ok_or(OpenError::TooShort)?;
        let (aad, iv) = head.split_at(HEADER_LEN);
        fit(text, at + sealed.len());
        let both = Text::new(sealed, &mut text[at..]).expect("they have the same length");
        self.channel.open(&Frame { aad, esn_high, iv }, both, icv)
    }

    /// Checks and then decrypts in place a whole packet, SPI first. What comes back says where
    /// payload and trailer now stand in clear; [`Trailer::read`] parts them.
    ///
    /// # Errors
    /// When the packet is too short, forged, or not in whole blocks.
    pub fn open(
        &self,
        packet: &mut [u8],
        esn_high: Option<u32>,
    ) -> Result<Range<usize>, OpenError> {
        let from = self.payload_offset();
        let to =
            packet.len().checked_sub(self.protection().icv_len()).ok_or(OpenError::TooShort)?;
        let (sealed, icv) = packet.split_at_mut(to);
        let (head, text) = sealed.split_at_mut_checked(from).ok_or(OpenError::TooShort)?;
        let (aad, iv) = head.split_at(HEADER_LEN);
        self.channel.open(&Frame { aad, esn_high, iv }, text.into(), icv)?;
        Ok(from..to)
    }
}

/// Makes a buffer this long. What it holds is stale, and will be overwritten: only what it grows by
/// costs time.
fn fit(buffer: &mut Vec<u8>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, 0);
    } else {
        buffer.truncate(len);
    }
}

/// What stands behind the payload of a decrypted packet, RFC 4303 §2.4 to §2.6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trailer {
    /// Octets of payload, with traffic flow confidentiality padding if there is any.
    pub payload_len: usize,
    /// Octets of padding.
    pub pad_len: u8,
    /// The protocol of the payload; 59 says that the packet is a dummy.
    pub next_header: u8,
    /// Whether the padding is 1, 2, 3, … as RFC 4303 §2.4 has it.
    pub monotonic: bool,
}

impl Trailer {
    /// Reads the trailer at the end of a plaintext.
    ///
    /// # Errors
    /// When there is no room for a trailer, or for the padding that it tells of.
    pub fn read(plaintext: &[u8]) -> Result<Self, OpenError> {
        let (rest, [pad_len, next_header]) =
            plaintext.split_last_chunk().ok_or(OpenError::TooShort)?;
        let payload_len =
            rest.len().checked_sub(usize::from(*pad_len)).ok_or(OpenError::BadPadding)?;
        let padding = rest.iter().skip(payload_len);
        let monotonic = padding.copied().eq(1..=*pad_len);
        Ok(Self { payload_len, pad_len: *pad_len, next_header: *next_header, monotonic })
    }
}
