//! The protected channel of an IKE SA: its algorithms, its keys, and sealing with them.

use ikelab_ambient::{Entropy, Purpose, Value};
use ikelab_crypto::{IkeKeys, Prf, Sealer};
use ikelab_trace::{IkeKeysLogged, Octets, Role, SaId, Suite};
use ikelab_wire::ParseError;
use ikelab_wire::ike::Header;
use ikelab_wire::payload::{Body, Payload, emit_chain, parse_chain};
use ikelab_wire::registry::PayloadType;

use crate::editor::{Icv, ToSeal, What};
use crate::guilt::{Discard, Refusal};
use crate::negotiate;
use crate::parts::{self, Parts};
use crate::window::Datagrams;

/// Next payload, critical bit, and length, RFC 7296 §3.2.
const GENERIC_HEADER: usize = 4;
/// Fragment number and total fragments, RFC 7383 §2.5.
const FRAGMENT_NUMBERS: usize = 4;

/// Everything that keys decide.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) suite: Suite,
    pub(crate) prf: Prf,
    pub(crate) keys: IkeKeys,
    outbound: Sealer,
    inbound: Sealer,
    iv: Iv,
}

/// The length of a message with so many octets in its SK payload.
fn sealed_len(sealer: &Sealer, inner: usize) -> usize {
    let protection = sealer.protection();
    let text = (inner + 1).next_multiple_of(protection.encr.block_len());
    Header::LENGTH + GENERIC_HEADER + sealer.iv_len() + text + protection.icv_len()
}

/// Where the IVs of our messages come from.
#[derive(Debug)]
enum Iv {
    /// Counter modes: a number used once (RFC 5282 §3).
    Counter(u64),
    /// CBC: octets that nobody can foresee (RFC 7296 §3.14).
    Random(usize),
}

impl Channel {
    /// The channel of one side of an IKE SA; nothing if the suite is none of ours.
    pub(crate) fn new(suite: Suite, keys: IkeKeys, role: Role) -> Option<Self> {
        let prf = negotiate::prf(&suite)?;
        let protection = negotiate::protection(&suite)?;
        let initiators = Sealer::new(protection, &keys.sk_ei, &keys.sk_ai);
        let responders = Sealer::new(protection, &keys.sk_er, &keys.sk_ar);
        let (outbound, inbound) = match role {
            Role::Initiator => (initiators, responders),
            Role::Responder => (responders, initiators),
        };
        let iv_len = protection.encr.iv_len();
        let iv = if protection.encr.is_aead() { Iv::Counter(0) } else { Iv::Random(iv_len) };
        Some(Self { suite, prf, keys, outbound, inbound, iv })
    }

    /// Seals the payloads of a message; in fragments if it would be longer than `longest`, and
    /// one is given.
    pub(crate) fn seal(
        &mut self,
        header: &Header,
        payloads: &[Payload],
        longest: Option<usize>,
        entropy: &mut dyn Entropy,
    ) -> Datagrams {
        let purpose = Purpose::of(Value::Iv, header.exchange.0, header.flags.response());
        let iv = &mut self.iv;
        let mut iv = || iv.next(purpose, entropy);
        let (first, inner) = emit_chain(payloads);
        match longest.filter(|longest| sealed_len(&self.outbound, inner.len()) > *longest) {
            Some(longest) => {
                self.outbound.seal_fragments_octets(header, first, &inner, longest, &mut iv)
            }
            None => vec![self.outbound.seal_octets(header, first, &inner, &iv())],
        }
    }

    /// The octets of what an editor says: as they are, or sealed with every lie in them. `meant` is
    /// what would have been said instead. Whatever is longer than `longest` goes in fragments.
    pub(crate) fn say(
        &mut self,
        what: What,
        meant: Option<(&Header, &[Payload])>,
        longest: Option<usize>,
        entropy: &mut dyn Entropy,
    ) -> Datagrams {
        let lie = match what {
            What::Octets(octets) => return vec![octets],
            What::Sealed(lie) => *lie,
        };
        let Ok(raw) = Header::parse(&lie.head) else { return Vec::new() };
        let exchange = raw.header.exchange.0;
        let purpose = Purpose::of(Value::Iv, exchange, raw.header.flags.response());
        let too_long = |longest: &usize| sealed_len(&self.outbound, lie.inner.len()) > *longest;
        if let Some(longest) = longest.filter(|longest| !lie.fragment && too_long(longest)) {
            let first = lie.head.len().checked_sub(GENERIC_HEADER).and_then(|at| lie.head.get(at));
            let first = PayloadType(first.copied().unwrap_or_default());
            let iv = &mut self.iv;
            let mut iv = || iv.next(purpose, entropy);
            let sealer = &self.outbound;
            return sealer.seal_fragments_octets(&raw.header, first, &lie.inner, longest, &mut iv);
        }
        let lie = if lie.nested { self.nest(lie, purpose, entropy) } else { lie };
        let iv = self.iv.next(purpose, entropy);
        let mut octets = self.seal_lie(&lie, &iv);
        let honest = match &lie.icv {
            Icv::Own => None,
            Icv::Meant => meant.map(|(header, payloads)| self.outbound.seal(header, payloads, &iv)),
            Icv::Of(other) => Some(self.seal_lie(other, &iv)),
        };
        if let Some(honest) = honest {
            let icv_len = self.outbound.protection().icv_len();
            let icv = honest.get(honest.len().saturating_sub(icv_len)..).unwrap_or_default();
            octets.truncate(octets.len().saturating_sub(icv.len()));
            octets.extend_from_slice(icv);
        }
        for damage in lie.damage {
            damage.apply(&mut octets);
        }
        octets.extend(lie.tail);
        vec![octets]
    }

    /// The message whose sealed payload is the SK payload that it would have been.
    fn nest(&mut self, lie: ToSeal, purpose: Purpose, entropy: &mut dyn Entropy) -> ToSeal {
        let iv = self.iv.next(purpose, entropy);
        let sealed = self.seal_lie(&lie, &iv);
        let sk_at = lie.head.len().saturating_sub(GENERIC_HEADER);
        let end = sealed.len().saturating_sub(lie.after.len());
        let inner = sealed.get(sk_at..end).unwrap_or_default().to_vec();
        let mut head = lie.head.clone();
        if let Some(first) = head.get_mut(sk_at) {
            *first = PayloadType::SK.0;
        }
        ToSeal { head, inner, ..lie }
    }

    fn seal_lie(&self, lie: &ToSeal, iv: &[u8]) -> Vec<u8> {
        let sealer = &self.outbound;
        let text_len = (lie.inner.len() + 1).next_multiple_of(sealer.protection().encr.block_len());
        let mut text = lie.inner.clone();
        text.resize(text_len - 1, 0);
        let pad_len = u8::try_from(text_len - 1 - lie.inner.len()).unwrap_or(u8::MAX);
        text.push(lie.pad_length.unwrap_or(pad_len));
        let behind = sealer.iv_len() + text_len + sealer.protection().icv_len();
        let mut head = lie.head.clone();
        let whole = u32::try_from(head.len() + behind + lie.after.len()).unwrap_or(u32::MAX);
        let numbers = if lie.fragment { FRAGMENT_NUMBERS } else { 0 };
        let sk = u16::try_from(GENERIC_HEADER + numbers + behind).unwrap_or(u16::MAX);
        let sk_at = head.len().saturating_sub(numbers + 2);
        let fields: [(usize, &[u8]); 2] = [
            (Header::LENGTH - 4, &lie.length.unwrap_or(whole).to_be_bytes()),
            (sk_at, &lie.sk_length.unwrap_or(sk).to_be_bytes()),
        ];
        for (at, value) in fields {
            if let Some(field) = head.get_mut(at..at + value.len()) {
                field.copy_from_slice(value);
            }
        }
        let mut octets = sealer.seal_as_it_is(&head, &text, iv);
        octets.extend_from_slice(&lie.after);
        octets
    }

    /// Opens a message, or a fragment of one: the type of the first payload, and the octets. What
    /// does not open is forged.
    pub(crate) fn open(&self, octets: &[u8]) -> Result<(PayloadType, Vec<u8>), Discard> {
        let opened = self.inbound.open(octets).map_err(Discard::Forged)?;
        Ok((opened.first, opened.plaintext))
    }

    /// The keys as the trace records them.
    pub(crate) fn logged(&self, sa: SaId) -> IkeKeysLogged {
        let octets = |secret: &[u8]| Octets::from(secret);
        IkeKeysLogged {
            sa,
            suite: self.suite.clone(),
            sk_d: octets(&self.keys.sk_d),
            sk_ai: octets(&self.keys.sk_ai),
            sk_ar: octets(&self.keys.sk_ar),
            sk_ei: octets(&self.keys.sk_ei),
            sk_er: octets(&self.keys.sk_er),
            sk_pi: octets(&self.keys.sk_pi),
            sk_pr: octets(&self.keys.sk_pr),
        }
    }
}

impl Iv {
    fn next(&mut self, purpose: Purpose, entropy: &mut dyn Entropy) -> Vec<u8> {
        match self {
            Self::Counter(count) => {
                let iv = count.to_be_bytes().to_vec();
                *count = count.checked_add(1).expect("message ids end long before 2^64");
                iv
            }
            Self::Random(len) => {
                let mut iv = vec![0; *len];
                entropy.fill(purpose, &mut iv);
                iv
            }
        }
    }
}

/// An authentic message.
#[derive(Debug)]
pub(crate) struct Opened {
    first: PayloadType,
    inner: Vec<u8>,
    /// Its payloads, or why they are none.
    read: Result<Vec<Payload>, ParseError>,
}

impl Opened {
    /// Reads what was sealed. Of what stood before it in the clear, all that counts is what has
    /// to be refused; the ICV covers it too.
    pub(crate) fn read(first: PayloadType, inner: Vec<u8>, clear: Vec<Payload>) -> Self {
        let mut read = parse_chain(first, &inner);
        if let Ok(payloads) = &mut read {
            let unknown = |payload: &Payload| matches!(payload.body, Body::Unknown(_));
            payloads.extend(clear.into_iter().filter(|p| p.critical && unknown(p)));
        }
        Self { first, inner, read }
    }

    /// Its payloads, as far as they parse.
    pub(crate) fn payloads(&self) -> &[Payload] {
        self.read.as_deref().unwrap_or_default()
    }

    /// Its payloads, sorted; what does not parse is INVALID_SYNTAX (RFC 7296 §2.21.3).
    pub(crate) fn parts(&self) -> Result<Parts<'_>, Refusal> {
        match &self.read {
            Ok(payloads) => Parts::of(payloads),
            Err(why) => Err(parts::syntax(why.to_string())),
        }
    }

    /// The body of the first payload of a type, as it came, with the octets that mean nothing
    /// yet: AUTH is computed over them too (RFC 7296 §2.15, §3.5).
    pub(crate) fn body(&self, wanted: PayloadType) -> Option<&[u8]> {
        let (mut next, mut rest) = (self.first, self.inner.as_slice());
        loop {
            let [following, _, high, low] = *rest.first_chunk()?;
            let length = usize::from(u16::from_be_bytes([high, low]));
            if next == wanted {
                return rest.get(GENERIC_HEADER..length);
            }
            (next, rest) = (PayloadType(following), rest.get(length.max(GENERIC_HEADER)..)?);
        }
    }
}
