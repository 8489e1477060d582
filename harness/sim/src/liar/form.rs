//! A message in octets, field by field, so that each can say what it likes.

use ikelab_ike::{Clear, Damage, Icv, ToSeal, What};
use ikelab_scenario::plan::{HeaderField, PayloadField};
use ikelab_wire::anatomy::{Place, locate};
use ikelab_wire::ike::Header;
use ikelab_wire::payload::{Body, Payload, emit_chain};
use ikelab_wire::registry::PayloadType;

use super::fragment::Fragment;

/// A message before it goes out.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// The header; what follows from the payloads is filled in when it goes out.
    pub(super) header: [u8; Header::LENGTH],
    /// Fields of the header that lie although they would follow from the payloads.
    pub(super) next: Option<u8>,
    pub(super) length: Option<u32>,
    /// The payloads; of a protected message those inside SK.
    pub(super) payloads: Vec<Piece>,
    /// For a protected message: what stands before SK, and SK itself, whose body is not looked at.
    pub(super) sealed: Option<Sealed>,
    pub(super) keep_icv: bool,
    /// What is sealed is an SK payload of its own.
    pub(super) nested: bool,
    pub(super) truncate: Option<usize>,
    pub(super) flips: Vec<i64>,
    /// What it was cut into, if it was.
    pub(super) fragments: Option<Vec<Fragment>>,
    /// Octets behind the message that no length counts.
    pub(super) tail: Vec<u8>,
    /// How often it goes out.
    pub(super) times: usize,
    /// What chance has changed, in words.
    pub(super) mutations: Vec<String>,
    /// Behind it, the message goes out as it was meant.
    pub(super) honest_copy: bool,
}

/// The SK payload of a message.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub(super) before: Vec<Piece>,
    pub(super) sk: Piece,
    /// What stands behind SK, in the clear.
    pub(super) after: Vec<Piece>,
    pub(super) pad_length: Option<u8>,
}

/// A payload in octets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    pub(super) kind: PayloadType,
    /// The critical bit and the seven reserved ones.
    pub(super) flags: u8,
    pub(super) body: Vec<u8>,
    /// What the generic header says when it lies.
    pub(super) next: Option<u8>,
    pub(super) length: Option<u16>,
}

impl Piece {
    pub(super) fn new(kind: PayloadType, body: Vec<u8>) -> Self {
        Self { kind, flags: 0, body, next: None, length: None }
    }

    pub(super) fn of(payload: &Payload) -> Self {
        let (_, octets) = emit_chain(std::slice::from_ref(payload));
        let body = octets.get(4..).unwrap_or_default().to_vec();
        let flags = if payload.critical { 0x80 } else { 0 };
        Self { flags, ..Self::new(payload.body.payload_type(), body) }
    }

    /// The payload as a pattern would see it; its octets where it makes no sense any more.
    pub(super) fn arg(&self) -> Option<u16> {
        let octet = |at: usize| self.body.get(at).copied().map(u16::from);
        match self.kind {
            PayloadType::NOTIFY => Some(octet(2)? << 8 | octet(3)?),
            PayloadType::DELETE => octet(0),
            PayloadType::SA => octet(5),
            _ => None,
        }
    }

    /// What a field says.
    pub(super) fn get(&self, field: &PayloadField) -> Option<Vec<u8>> {
        Some(match field {
            PayloadField::Critical => vec![self.flags >> 7],
            PayloadField::Reserved => vec![self.flags & 0x7f],
            PayloadField::Next => vec![self.next.unwrap_or(0)],
            PayloadField::Length => {
                let length = u16::try_from(self.body.len() + 4).unwrap_or(u16::MAX);
                self.length.unwrap_or(length).to_be_bytes().to_vec()
            }
            PayloadField::Inside(path) => {
                let place = locate(self.kind, &self.body, path)?;
                self.body.get(place.range)?.to_vec()
            }
        })
    }

    /// Lets a field say something else; false if there is no such field, or no room in it.
    pub(super) fn set(&mut self, field: &PayloadField, octets: &[u8]) -> bool {
        match (field, octets) {
            (PayloadField::Critical, [bit @ 0..=1]) => {
                self.flags = self.flags & 0x7f | bit << 7;
                true
            }
            (PayloadField::Reserved, [bits @ 0..=0x7f]) => {
                self.flags = self.flags & 0x80 | bits;
                true
            }
            (PayloadField::Next, [next]) => {
                self.next = Some(*next);
                true
            }
            (PayloadField::Length, [high, low]) => {
                self.length = Some(u16::from_be_bytes([*high, *low]));
                true
            }
            (PayloadField::Inside(path), octets) => match locate(self.kind, &self.body, path) {
                Some(place) => self.put(place, octets),
                None => false,
            },
            (
                PayloadField::Critical
                | PayloadField::Reserved
                | PayloadField::Next
                | PayloadField::Length,
                _,
            ) => false,
        }
    }

    fn put(&mut self, place: Place, octets: &[u8]) -> bool {
        let Place { range, fixed, counted_by } = place;
        if fixed && range.len() != octets.len() {
            return false;
        }
        let before = range.len();
        self.body.splice(range, octets.iter().copied());
        for (at, size) in counted_by {
            let Some(field) = self.body.get_mut(at..at + size) else { continue };
            let count = field.iter().fold(0, |count, octet| count << 8 | usize::from(*octet));
            let count = (count + octets.len()).wrapping_sub(before).to_be_bytes();
            field.copy_from_slice(count.get(count.len() - size..).unwrap_or_default());
        }
        true
    }

    pub(super) fn emit(&self, next: PayloadType, out: &mut Vec<u8>) {
        let length = u16::try_from(self.body.len() + 4).unwrap_or(u16::MAX);
        out.extend([self.next.unwrap_or(next.0), self.flags]);
        out.extend(self.length.unwrap_or(length).to_be_bytes());
        out.extend(&self.body);
    }
}

/// Payloads one behind the other; the last says that `last` follows. Gives the type of the first.
pub(super) fn chain(pieces: &[Piece], last: PayloadType) -> (PayloadType, Vec<u8>) {
    let mut octets = Vec::new();
    for (place, piece) in pieces.iter().enumerate() {
        let next = pieces.get(place + 1).map_or(last, |next| next.kind);
        piece.emit(next, &mut octets);
    }
    (pieces.first().map_or(last, |first| first.kind), octets)
}

impl Form {
    /// A message as it was meant.
    pub(super) fn of(message: &Clear<'_>) -> Self {
        let sealed = message.protected.then(|| Sealed {
            before: Vec::new(),
            sk: Piece::new(PayloadType::SK, Vec::new()),
            after: Vec::new(),
            pad_length: None,
        });
        let payloads = message.payloads.iter().map(Piece::of).collect();
        Self::new(*message.header, payloads, sealed)
    }

    pub(super) fn new(header: Header, payloads: Vec<Piece>, sealed: Option<Sealed>) -> Self {
        Self {
            header: header.emit(PayloadType::NO_NEXT, 0),
            next: None,
            length: None,
            payloads,
            sealed,
            keep_icv: false,
            nested: false,
            truncate: None,
            flips: Vec::new(),
            fragments: None,
            tail: Vec::new(),
            times: 1,
            mutations: Vec::new(),
            honest_copy: false,
        }
    }

    /// A message as it was overheard: SK and SKF are payloads like others, and stay sealed. Nothing
    /// where the payloads do not follow one another to the end.
    pub(super) fn read(octets: &[u8]) -> Option<Self> {
        let (head, mut rest) = octets.split_at_checked(Header::LENGTH)?;
        let parsed = Header::parse(octets).ok()?;
        let mut next = parsed.next_payload;
        let mut pieces = Vec::new();
        while next != PayloadType::NO_NEXT {
            let [after, flags, high, low] = *rest.first_chunk()?;
            let length = usize::from(u16::from_be_bytes([high, low]));
            let (whole, behind) = rest.split_at_checked(length)?;
            let mut piece = Piece::new(next, whole.get(4..)?.to_vec());
            piece.flags = flags;
            rest = behind;
            // What SK and SKF say of the next payload is about the first one inside.
            let sealed = matches!(next, PayloadType::SK | PayloadType::SKF);
            piece.next = sealed.then_some(after);
            next = if sealed { PayloadType::NO_NEXT } else { PayloadType(after) };
            pieces.push(piece);
        }
        let mut form = Self::new(parsed.header, pieces, None);
        form.header.copy_from_slice(head);
        rest.is_empty().then_some(form)
    }

    /// Takes the header of the message in whose place it is said: its SPIs, flags and message id.
    pub(super) fn take_ids(&mut self, of: &Header) {
        let was = of.emit(PayloadType::NO_NEXT, 0);
        self.header[..16].copy_from_slice(&was[..16]);
        self.header[19..24].copy_from_slice(&was[19..24]);
    }

    /// What a field of the header says; what follows from the payloads, as it would go out.
    pub(super) fn header_field(&self, field: HeaderField) -> u64 {
        let whole = self.clear_octets();
        let (at, size) = field.place();
        let octets = whole.get(at..at + size).unwrap_or_default();
        octets.iter().fold(0, |value, octet| value << 8 | u64::from(*octet))
    }

    /// Lets a field of the header say something else.
    pub(super) fn set_header(&mut self, field: HeaderField, value: u64) {
        let low = value.to_be_bytes();
        let (at, size) = field.place();
        match field {
            HeaderField::NextPayload => self.next = Some(low[7]),
            HeaderField::Length => self.length = u32::try_from(value & 0xffff_ffff).ok(),
            HeaderField::InitiatorSpi
            | HeaderField::ResponderSpi
            | HeaderField::Version
            | HeaderField::Exchange
            | HeaderField::Flags
            | HeaderField::MessageId => {
                self.header[at..at + size].copy_from_slice(&low[8 - size..]);
            }
        }
    }

    fn with_header(&self, first: PayloadType, behind: &[u8]) -> Vec<u8> {
        let mut octets = [&self.header[..], behind].concat();
        let length = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        octets[16] = self.next.unwrap_or(first.0);
        octets[24..28].copy_from_slice(&self.length.unwrap_or(length).to_be_bytes());
        octets
    }

    /// The message as if nothing of it were sealed.
    fn clear_octets(&self) -> Vec<u8> {
        let (first, octets) = chain(&self.payloads, PayloadType::NO_NEXT);
        self.with_header(first, &octets)
    }

    /// The message as one, if it is protected, and can be harmed as it is to be.
    pub(super) fn uncut(self) -> Option<ToSeal> {
        let sealed = self.sealed.clone()?;
        self.seal(sealed).ok()
    }

    /// What goes out.
    ///
    /// # Errors
    /// When the message has no octets where it is to be harmed.
    pub(super) fn out(self) -> Result<Vec<What>, String> {
        let times = self.times;
        if let Some(fragments) = &self.fragments {
            let once: Vec<What> = fragments.iter().map(Fragment::out).collect::<Result<_, _>>()?;
            return Ok(std::iter::repeat_n(once, times).flatten().collect());
        }
        let what = match self.sealed.clone() {
            None => {
                let mut octets = self.harmed(self.clear_octets())?;
                octets.extend(&self.tail);
                What::Octets(octets)
            }
            Some(sealed) => What::Sealed(Box::new(self.seal(sealed)?)),
        };
        Ok(vec![what; times])
    }

    fn seal(self, sealed: Sealed) -> Result<ToSeal, String> {
        let (first, inner) = chain(&self.payloads, PayloadType::NO_NEXT);
        let (outer, mut behind) = chain(&sealed.before, PayloadType::SK);
        let (_, after) = chain(&sealed.after, PayloadType::NO_NEXT);
        let length = sealed.sk.length;
        Piece { length: Some(0), ..sealed.sk }.emit(first, &mut behind);
        let mut head = self.with_header(outer, &behind);
        let mut damage = Vec::new();
        let inner = if self.keep_icv {
            damage.extend(self.truncate.map(Damage::Truncate));
            damage.extend(self.flips.iter().copied().map(Damage::Flip));
            inner
        } else {
            // Bits are counted over header and payloads, as if nothing were sealed.
            let mut whole = [&head[..Header::LENGTH], &inner].concat();
            whole = self.harmed(whole)?;
            let inner = whole.split_off(Header::LENGTH.min(whole.len()));
            head[..whole.len()].copy_from_slice(&whole);
            inner
        };
        let length_of_all = self.length;
        let pad_length = sealed.pad_length;
        let icv = if self.keep_icv { Icv::Meant } else { Icv::Own };
        let (nested, tail) = (self.nested, self.tail);
        Ok(ToSeal {
            head,
            fragment: false,
            inner,
            length: length_of_all,
            sk_length: length,
            pad_length,
            icv,
            nested,
            damage,
            after,
            tail,
        })
    }

    fn harmed(&self, mut octets: Vec<u8>) -> Result<Vec<u8>, String> {
        let flips = self.flips.iter().copied().map(Damage::Flip);
        harm(self.truncate.map(Damage::Truncate).into_iter().chain(flips), &mut octets)?;
        Ok(octets)
    }
}

/// What goes out of several messages.
pub(super) fn all_out(forms: Vec<Form>) -> Result<Vec<What>, String> {
    let all: Vec<Vec<What>> = forms.into_iter().map(Form::out).collect::<Result<_, _>>()?;
    Ok(all.concat())
}

/// Does harm to octets, or says why that can't be done.
pub(super) fn harm(all: impl Iterator<Item = Damage>, octets: &mut Vec<u8>) -> Result<(), String> {
    for damage in all {
        if !damage.is_within(octets.len()) {
            return Err(beyond(damage, octets.len()));
        }
        damage.apply(octets);
    }
    Ok(())
}

/// What is wrong with harm to octets that are not there.
pub(super) fn beyond(damage: Damage, length: usize) -> String {
    format!("{damage}: the message has {length} octets")
}

/// The payloads of a type among others.
pub(super) fn find(payloads: &[Payload], kind: PayloadType) -> Option<&Body> {
    payloads.iter().map(|payload| &payload.body).find(|body| body.payload_type() == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ikelab_wire::anatomy::Step;
    use ikelab_wire::payload::Notify;
    use ikelab_wire::registry::{NotifyType, Protocol};

    fn inside(name: &str) -> PayloadField {
        PayloadField::Inside(vec![Step { name: name.to_owned(), index: 0 }])
    }

    #[test]
    fn a_field_that_grows_is_counted_by_those_that_count_it() {
        let notify = Notify {
            protocol: Protocol::ESP,
            spi: vec![1, 2, 3, 4],
            notify_type: NotifyType::REKEY_SA,
            data: vec![9],
        };
        let mut piece = Piece::of(&Body::Notify(notify).into());
        assert!(piece.set(&inside("spi"), &[7; 6]));
        assert_eq!(piece.body, [3, 6, 0x40, 0x09, 7, 7, 7, 7, 7, 7, 9]);
        assert!(piece.set(&inside("spi_size"), &[200]), "and a lie stays a lie");
        assert!(!piece.set(&inside("data"), &[1]), "what is not there can't be set");
        assert!(!piece.set(&inside("type"), &[1]), "a field keeps its size");
    }

    #[test]
    fn lengths_and_next_payloads_follow_unless_they_lie() {
        let piece = Piece::new(PayloadType::NONCE, vec![1, 2]);
        let lying = Piece { next: Some(99), length: Some(3), flags: 0xff, ..piece.clone() };
        let (first, octets) = chain(&[piece, lying], PayloadType::NO_NEXT);
        assert_eq!(first, PayloadType::NONCE);
        assert_eq!(octets, [40, 0, 0, 6, 1, 2, 99, 0xff, 0, 3, 1, 2]);
    }
}
