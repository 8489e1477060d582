//! Lying: a hostile peer is this engine, with an editor between what it means and what it says.
//!
//! The editor sees every message of ours in the clear before it is sealed, and every message of
//! the peer after it is opened. It may put other octets in the place of ours, and answer in our
//! place. The engine goes on believing what it meant to say, with one exception: AUTH covers the
//! first messages as they went out, and the nonce in them, for a liar knows what it said. What is
//! repeated is repeated as it was edited.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use ikelab_ambient::Instant;
use ikelab_crypto::{Prf, psk_auth};
use ikelab_wire::ike::Header;
use ikelab_wire::payload::Payload;

use crate::io::Output;

/// Somebody who may change what an engine says.
pub trait Editor: fmt::Debug {
    /// A message of ours is about to be sealed. Gives what is said in its place (nothing at all,
    /// one message, several), or `None` to leave it as it is.
    fn speak(&mut self, message: &Clear<'_>) -> Option<Vec<Saying>>;

    /// A message of the peer was opened. Gives what is said at once, without the engine having
    /// seen the message, or `None` to let the engine have it.
    fn hear(&mut self, message: &Clear<'_>) -> Option<Vec<Saying>>;

    /// These datagrams are how a message of ours goes out.
    fn said(&mut self, message: &Clear<'_>, datagrams: &[Vec<u8>]);

    /// What it did since it was last asked, for the trace: a rule, and why it could not be carried
    /// out; empty when it was.
    fn notes(&mut self) -> Vec<(String, String)>;
}

/// A message in the clear.
#[derive(Clone, Copy, Debug)]
pub struct Clear<'a> {
    /// The time of the run.
    pub now: Instant,
    /// Our address and port.
    pub local: SocketAddr,
    /// The peer's address and port.
    pub remote: SocketAddr,
    /// Its header.
    pub header: &'a Header,
    /// Its payloads: those inside SK where it is protected.
    pub payloads: &'a [Payload],
    /// Octets of the datagram it came in; 0 for a message of ours, which has none yet.
    pub length: usize,
    /// True when there are keys to seal with, and SK is what holds the payloads.
    pub protected: bool,
    /// For a message of ours with an AUTH payload: what else than the identity AUTH is made of.
    pub signer: Option<&'a Signer>,
}

/// What AUTH is made of, but for the identity (RFC 7296 §2.15).
#[derive(Clone, Debug)]
pub struct Signer {
    pub(crate) prf: Prf,
    pub(crate) psk: Vec<u8>,
    pub(crate) sk_p: Vec<u8>,
    /// The first message of the side that signs, and the nonce of the other.
    pub(crate) signed: Vec<u8>,
}

impl Signer {
    /// The AUTH value of an identity: the body of an ID payload, with its reserved octets.
    #[must_use]
    pub fn auth(&self, id_body: &[u8]) -> Vec<u8> {
        let maced_id = self.prf.digest(&self.sk_p, &[id_body]);
        psk_auth(self.prf, &self.psk, &[&self.signed, &maced_id])
    }
}

/// One message that is said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Saying {
    /// How long it is held back.
    pub delay: Duration,
    /// What it is.
    pub what: What,
}

impl Saying {
    /// The octets, where nothing has to be sealed.
    pub(crate) fn octets(self) -> Option<Vec<u8>> {
        match self.what {
            What::Octets(octets) => Some(octets),
            What::Sealed(_) => None,
        }
    }
}

/// What is said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// These octets, as they are.
    Octets(Vec<u8>),
    /// What is sealed with the keys of the IKE SA; only where the message was protected.
    Sealed(Box<ToSeal>),
}

/// A message before sealing, in octets, so that every field of it can lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToSeal {
    /// The header, the payloads that stand in the clear, and the generic header of SK, or that of
    /// SKF with its numbers behind it. The lengths of the message and of SK or SKF are filled in.
    pub head: Vec<u8>,
    /// True when it is SKF: a fragment, which is not cut again (RFC 7383 §2.5).
    pub fragment: bool,
    /// The chain of payloads inside, or a part of it.
    pub inner: Vec<u8>,
    /// What the length of the message says, when it lies.
    pub length: Option<u32>,
    /// What the length of SK says, when it lies.
    pub sk_length: Option<u16>,
    /// What the octet behind the padding says, when it lies.
    pub pad_length: Option<u8>,
    /// Whose checksum it carries.
    pub icv: Icv,
    /// True to seal the payloads, and then what came of it as if it were one of them.
    pub nested: bool,
    /// What happens to the sealed octets, in this order.
    pub damage: Vec<Damage>,
    /// Payloads behind SK, in the clear; the length of the message counts them.
    pub after: Vec<u8>,
    /// Octets behind all, which no length counts.
    pub tail: Vec<u8>,
}

/// The integrity checksum of a message or of a fragment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Icv {
    /// Its own.
    Own,
    /// That of the message that the engine meant.
    Meant,
    /// That of another, sealed with the same IV.
    Of(Box<ToSeal>),
}

/// What happens to octets that are about to go out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    /// Only so many octets go out.
    Truncate(usize),
    /// One bit is turned over, counted from the first octet's highest; below 0, from the last
    /// octet's lowest, which is -1.
    Flip(i64),
}

impl Damage {
    /// Does it; nothing where there are no such octets.
    pub fn apply(self, octets: &mut Vec<u8>) {
        match (self, self.place(octets.len())) {
            (Self::Truncate(length), _) => octets.truncate(length),
            (Self::Flip(_), Some((at, bit))) => {
                if let Some(octet) = octets.get_mut(at) {
                    *octet ^= 0x80 >> bit;
                }
            }
            (Self::Flip(_), None) => {}
        }
    }

    /// Whether so many octets have what it is done to.
    #[must_use]
    pub fn is_within(self, length: usize) -> bool {
        self.place(length).is_some()
    }

    /// The octet among so many, and the bit in it.
    fn place(self, length: usize) -> Option<(usize, usize)> {
        let bits = i64::try_from(length).ok()?.checked_mul(8)?;
        let bit = match self {
            Self::Truncate(first_gone) => i64::try_from(first_gone).ok()?.checked_mul(8)?,
            Self::Flip(bit) if bit < 0 => bits.checked_add(bit)?,
            Self::Flip(bit) => bit,
        };
        let bit = usize::try_from(bit).ok().filter(|bit| bit / 8 < length)?;
        Some((bit / 8, bit % 8))
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncate(length) => write!(f, "truncate {length}"),
            Self::Flip(bit) => write!(f, "flip-bit {bit}"),
        }
    }
}

/// What is held back until its time.
#[derive(Debug, Default)]
pub(crate) struct Late {
    waiting: BTreeMap<(Instant, u64), Output>,
    count: u64,
}

impl Late {
    pub(crate) fn push(&mut self, at: Instant, output: Output) {
        self.waiting.insert((at, self.count), output);
        self.count += 1;
    }

    pub(crate) fn entries(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting.keys().next().map(|(at, _)| *at)
    }

    /// The next one that is due.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Output> {
        let first = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_done_where_it_is_said() {
        let done = |damage: Damage| {
            let mut octets = vec![0, 0, 0, 0];
            damage.apply(&mut octets);
            octets
        };
        assert_eq!(done(Damage::Truncate(3)), [0, 0, 0]);
        assert_eq!(done(Damage::Flip(0)), [0x80, 0, 0, 0]);
        assert_eq!(done(Damage::Flip(9)), [0, 0x40, 0, 0]);
        assert_eq!(done(Damage::Flip(-1)), [0, 0, 0, 1]);
        assert_eq!(done(Damage::Flip(-33)), [0; 4], "before the first there is nothing");
    }

    #[test]
    fn what_is_late_comes_in_the_order_of_its_time() {
        let mut late = Late::default();
        let output = |child: &str| Output::AcquireFailed { child: child.to_owned() };
        for (at, child) in [(2, "b"), (1, "a"), (2, "c")] {
            late.push(Instant::from_secs(at), output(child));
        }
        assert_eq!(late.deadline(), Some(Instant::from_secs(1)));
        let mut due = || match late.due(Instant::from_secs(2)) {
            Some(Output::AcquireFailed { child }) => child,
            _ => String::new(),
        };
        assert_eq!([due(), due(), due(), due()], ["a", "b", "c", ""]);
    }
}
