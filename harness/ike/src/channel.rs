//! The protected channel of an IKE SA: its algorithms, its keys, and sealing with them.

use ikelab_ambient::{Entropy, Purpose, Value};
use ikelab_crypto::{IkeKeys, Prf, Sealer};
use ikelab_trace::{IkeKeysLogged, Octets, Role, SaId, Suite};
use ikelab_wire::ike::Header;
use ikelab_wire::payload::{Payload, parse_chain};

use crate::guilt::Discard;
use crate::negotiate;

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

    /// Seals the payloads of a message.
    pub(crate) fn seal(
        &mut self,
        header: &Header,
        payloads: &[Payload],
        entropy: &mut dyn Entropy,
    ) -> Vec<u8> {
        let purpose = Purpose::of(Value::Iv, header.exchange.0, header.flags.response());
        match &mut self.iv {
            Iv::Counter(count) => {
                let iv = count.to_be_bytes();
                *count = count.checked_add(1).expect("message ids end long before 2^64");
                self.outbound.seal(header, payloads, &iv)
            }
            Iv::Random(len) => {
                let mut iv = [0; 16];
                let iv = &mut iv[..*len];
                entropy.fill(purpose, iv);
                self.outbound.seal(header, payloads, iv)
            }
        }
    }

    /// Opens a message. What does not open is forged; what opens and does not parse is the
    /// peer's own fault.
    pub(crate) fn open(&self, octets: &[u8]) -> Result<Opened, Discard> {
        let opened = self.inbound.open(octets).map_err(Discard::Forged)?;
        Ok(match parse_chain(opened.first, &opened.plaintext) {
            Ok(payloads) => Opened::Payloads(payloads),
            Err(why) => Opened::BadSyntax(why.to_string()),
        })
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

/// An authentic message.
#[derive(Debug)]
pub(crate) enum Opened {
    /// Its payloads.
    Payloads(Vec<Payload>),
    /// It is no chain of payloads: INVALID_SYNTAX (RFC 7296 §2.21.3).
    BadSyntax(String),
}
