//! SK and SKF payloads: sealing and opening messages, RFC 7296 §3.14, RFC 7383 §2.5, RFC 5282.

use ikelab_wire::ike::Header;
use ikelab_wire::payload::{Payload, emit_chain};
use ikelab_wire::registry::PayloadType;

use crate::channel::{Channel, Frame};
use crate::open_error::OpenError;
use crate::protection::Protection;

/// Next payload, critical bit, and length, RFC 7296 §3.2.
const GENERIC_HEADER_LEN: usize = 4;
/// Fragment number and total fragments, RFC 7383 §2.5.
const FRAGMENT_FIELDS_LEN: usize = 4;
/// However little room a fragment is said to have, this much plaintext goes into it, so that a
/// message never falls into more fragments than their 16-bit numbers can tell.
const FRAGMENT_TEXT_MIN: usize = 16;

/// One direction of an IKE SA with its keys expanded. It seals what this end sends, or opens what
/// the other end sent.
#[derive(Debug)]
pub struct Sealer {
    channel: Channel,
}

/// What was in an SK or SKF payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    /// The type of the first payload inside; 0 in fragments other than the first.
    pub first: PayloadType,
    /// The payloads inside, or a part of them in a fragment; without the padding.
    pub plaintext: Vec<u8>,
    /// Octets of padding that stood behind them.
    pub pad_len: u8,
    /// Fragment number and total fragments of an SKF payload.
    pub fragment: Option<(u16, u16)>,
}

impl Sealer {
    /// Expands the keys, which have the lengths of the transforms.
    #[must_use]
    pub fn new(protection: Protection, sk_e: &[u8], sk_a: &[u8]) -> Self {
        Self { channel: Channel::new(protection, sk_e, sk_a) }
    }

    /// The algorithms.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        self.channel.protection()
    }

    /// Octets of IV that sealing takes.
    #[must_use]
    pub const fn iv_len(&self) -> usize {
        self.protection().encr.iv_len()
    }

    /// The message with these payloads in one SK payload. `iv` has the length of the transform's:
    /// unpredictable for CBC, never used twice for the others.
    #[must_use]
    pub fn seal(&self, header: &Header, inner: &[Payload], iv: &[u8]) -> Vec<u8> {
        let (first, inner) = emit_chain(inner);
        self.seal_octets(header, first, &inner, iv)
    }

    /// The message with these octets in one SK payload, whatever they are.
    #[must_use]
    pub fn seal_octets(
        &self,
        header: &Header,
        first: PayloadType,
        inner: &[u8],
        iv: &[u8],
    ) -> Vec<u8> {
        self.message(header, first, None, inner, iv)
    }

    /// A head, whatever it says, and behind it an IV, the text with the padding that it has, and
    /// the checksum over all of it. The text is in whole blocks.
    ///
    /// # Panics
    /// If the IV or the text has another length.
    #[must_use]
    pub fn seal_as_it_is(&self, head: &[u8], text: &[u8], iv: &[u8]) -> Vec<u8> {
        assert_eq!(iv.len(), self.iv_len(), "the IV has the length of the transform's");
        let mut message = [head, iv, text].concat();
        message.resize(message.len() + self.protection().icv_len(), 0);
        self.seal_behind(&mut message, head.len(), text.len());
        message
    }

    /// Encrypts and authenticates in place: behind the head stand IV, text and checksum.
    fn seal_behind(&self, message: &mut [u8], head_len: usize, text_len: usize) {
        let (head, rest) = message.split_at_mut(head_len + self.iv_len());
        let (text, icv) = rest.split_at_mut(text_len);
        let (aad, iv) = head.split_at(head_len);
        self.channel.seal(&Frame { aad, esn_high: None, iv }, text.into(), icv);
    }

    /// The message with these payloads in as many SKF payloads as are needed for no message to be
    /// longer than `max_len` octets, each with an IV of its own.
    #[must_use]
    pub fn seal_fragments(
        &self,
        header: &Header,
        inner: &[Payload],
        max_len: usize,
        ivs: &mut dyn FnMut() -> Vec<u8>,
    ) -> Vec<Vec<u8>> {
        let (first, inner) = emit_chain(inner);
        self.seal_fragments_octets(header, first, &inner, max_len, ivs)
    }

    /// The message with these octets in as many SKF payloads as are needed.
    #[must_use]
    pub fn seal_fragments_octets(
        &self,
        header: &Header,
        first: PayloadType,
        inner: &[u8],
        max_len: usize,
        ivs: &mut dyn FnMut() -> Vec<u8>,
    ) -> Vec<Vec<u8>> {
        let chunks: Vec<&[u8]> = if inner.is_empty() {
            vec![inner]
        } else {
            inner.chunks(self.fragment_room(max_len)).collect()
        };
        let total = u16::try_from(chunks.len()).expect("a fragment of a message holds some octets");
        (1..=total)
            .zip(chunks)
            .map(|(number, chunk)| {
                let first = if number == 1 { first } else { PayloadType::NO_NEXT };
                self.message(header, first, Some((number, total)), chunk, &ivs())
            })
            .collect()
    }

    /// Octets of a message that fit into one fragment; at least one block, however small
    /// `max_len` is.
    fn fragment_room(&self, max_len: usize) -> usize {
        let encr = self.protection().encr;
        let around = Header::LENGTH
            + GENERIC_HEADER_LEN
            + FRAGMENT_FIELDS_LEN
            + self.iv_len()
            + self.protection().icv_len();
        let text_len = max_len.saturating_sub(around).max(FRAGMENT_TEXT_MIN);
        text_len / encr.block_len() * encr.block_len() - 1
    }

    fn message(
        &self,
        header: &Header,
        first: PayloadType,
        fragment: Option<(u16, u16)>,
        inner: &[u8],
        iv: &[u8],
    ) -> Vec<u8> {
        assert_eq!(iv.len(), self.iv_len(), "the IV has the length of the transform's");
        let text_len = (inner.len() + 1).next_multiple_of(self.protection().encr.block_len());
        let icv_len = self.protection().icv_len();
        let mut message = head(header, first, fragment, iv.len() + text_len + icv_len);
        let aad_len = message.len();
        message.extend(iv);
        message.extend(inner);
        pad(&mut message, text_len - inner.len() - 1);
        message.resize(message.len() + icv_len, 0);
        self.seal_behind(&mut message, aad_len, text_len);
        message
    }

    /// Opens the SK or SKF payload of a whole message.
    ///
    /// # Errors
    /// When there is no such payload at the end of the message, or it is too short, forged, not in
    /// whole blocks, or its padding is longer than the text.
    pub fn open(&self, octets: &[u8]) -> Result<Opened, OpenError> {
        let place = Place::find(octets).ok_or(OpenError::NotSealed)?;
        let (aad, body) = octets.split_at_checked(place.aad_len).ok_or(OpenError::NotSealed)?;
        let (iv, body) = body.split_at_checked(self.iv_len()).ok_or(OpenError::TooShort)?;
        let text_len =
            body.len().checked_sub(self.protection().icv_len()).ok_or(OpenError::TooShort)?;
        let (text, icv) = body.split_at_checked(text_len).ok_or(OpenError::TooShort)?;

        let mut plaintext = text.to_vec();
        self.channel.open(
            &Frame { aad, esn_high: None, iv },
            plaintext.as_mut_slice().into(),
            icv,
        )?;
        let pad_len = plaintext.pop().ok_or(OpenError::TooShort)?;
        let inner_len =
            plaintext.len().checked_sub(usize::from(pad_len)).ok_or(OpenError::BadPadding)?;
        plaintext.truncate(inner_len);
        Ok(Opened { first: place.first, plaintext, pad_len, fragment: place.fragment })
    }
}

/// A message up to where the IV stands; `body_len` octets will follow.
fn head(
    header: &Header,
    first: PayloadType,
    fragment: Option<(u16, u16)>,
    body_len: usize,
) -> Vec<u8> {
    let (sealed, fields) = match fragment {
        None => (PayloadType::SK, Vec::new()),
        Some((number, total)) => {
            (PayloadType::SKF, [number.to_be_bytes(), total.to_be_bytes()].concat())
        }
    };
    let payload_len = u16::try_from(GENERIC_HEADER_LEN + fields.len() + body_len)
        .expect("an SK payload holds less than 65536 octets");
    let message_len = u32::from(payload_len) + Header::LENGTH as u32;

    let mut message = Vec::with_capacity(Header::LENGTH + usize::from(payload_len));
    message.extend(header.emit(sealed, message_len));
    message.extend([first.0, 0]);
    message.extend(payload_len.to_be_bytes());
    message.extend(fields);
    message
}

/// Appends zeros and their number, RFC 7296 §3.14.
fn pad(message: &mut Vec<u8>, pad_len: usize) {
    message.resize(message.len() + pad_len, 0);
    message.push(u8::try_from(pad_len).expect("padding is shorter than a block"));
}

/// Where the sealed payload of a message stands, and what its clear fields say.
struct Place {
    first: PayloadType,
    fragment: Option<(u16, u16)>,
    /// Octets before the IV.
    aad_len: usize,
}

impl Place {
    /// Walks over the payloads in clear, if there are any, to the sealed one, which must be the
    /// last and fill the message.
    fn find(message: &[u8]) -> Option<Self> {
        let mut next = Header::parse(message).ok()?.next_payload;
        let mut at = Header::LENGTH;
        loop {
            let rest = message.get(at..)?;
            let [first, _, length @ ..] = rest.first_chunk::<GENERIC_HEADER_LEN>()?;
            let length = usize::from(u16::from_be_bytes(*length));
            let aad_len = at + GENERIC_HEADER_LEN;
            match next {
                PayloadType::SK | PayloadType::SKF if length != rest.len() => return None,
                PayloadType::SK => {
                    return Some(Self { first: PayloadType(*first), fragment: None, aad_len });
                }
                PayloadType::SKF => {
                    let [a, b, c, d] = *message.get(aad_len..)?.first_chunk()?;
                    let fragment = Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])));
                    let aad_len = aad_len + FRAGMENT_FIELDS_LEN;
                    return Some(Self { first: PayloadType(*first), fragment, aad_len });
                }
                PayloadType::NO_NEXT => return None,
                _ if length < GENERIC_HEADER_LEN => return None,
                _ => (next, at) = (PayloadType(*first), at + length),
            }
        }
    }
}
