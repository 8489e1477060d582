//! What an exchange may reach beside its own SA: time, chance, configuration, and the way out.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use ikelab_ambient::{Entropy, Instant, Purpose, Value};
use ikelab_crypto::{BadPublicValue, Group, PrivateKey, SharedSecret};
use ikelab_trace::{Costly, IkeEvent, SaId, SharedSecretLogged};
use ikelab_wire::ike::{EspSpi, Header, IkeSpi, Message};
use ikelab_wire::payload::{Payload, SelectorRange};
use ikelab_wire::registry::ExchangeType;

use crate::child::Child;
use crate::config::{Config, Tunnel};
use crate::editor::{Clear, Editor, Late, Saying, Signer};
use crate::guilt::{Discard, PeerMisbehaved, Refusal};
use crate::io::Output;
use crate::leases::Leases;
use crate::sa::{Phase, Sa, Want};
use crate::selectors;
use crate::window::Datagrams;

/// Ours: how many SPIs of removed Child SAs are remembered.
const GONE_MAX: usize = 64;

/// The surroundings of an exchange.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) entropy: &'a mut dyn Entropy,
    pub(crate) config: &'a Config,
    /// The IKE SAs of the engine but the one at hand.
    pub(crate) others: &'a BTreeMap<IkeSpi, Sa>,
    pub(crate) spis: &'a mut Spis,
    pub(crate) leases: &'a mut Leases,
    pub(crate) out: &'a mut Vec<Output>,
    /// What is held back until its time.
    pub(crate) late: &'a mut Late,
    /// Who changes what we say, if anybody does.
    pub(crate) editor: Option<&'a mut (dyn Editor + 'static)>,
    /// While a message with AUTH is made: what else than the identity AUTH is made of.
    pub(crate) signer: Option<Signer>,
    pub(crate) effects: &'a mut Vec<Effect>,
}

/// What an exchange does to other IKE SAs than its own; the engine carries it out afterwards.
#[derive(Debug)]
pub(crate) enum Effect {
    /// A new IKE SA.
    Born(Box<Sa>),
    /// Child SAs and open wishes go over to another IKE SA, by our SPI of it.
    Inherit { to: IkeSpi, estate: Estate },
    /// Our rekeying of the IKE SA is decided: this one, by our SPI, is redundant and ours to delete.
    DeleteIke { spi: IkeSpi },
    /// The peer's rekeying of the IKE SA lost against ours: this one, by our SPI, is the peer's to
    /// delete. If our answer never reached the peer, it does not know of it.
    Redundant { spi: IkeSpi },
    /// The IKE SA in whose place the peer asked for this one, by our SPI, is at its end. If nothing
    /// was heard over this one, our answer never came, and nobody is at its other end.
    Unknown { spi: IkeSpi },
    /// The peer says it remembers nothing: its IKE SAs of this tunnel go on which it was not heard
    /// since the one that says so began (RFC 7296 §2.4). What it said over another since then, it
    /// said because it knows of that one: two ends may have begun at once.
    InitialContact { tunnel: usize, keep: IkeSpi, began: Instant },
    /// A peer has made this IKE SA, by our SPI: it may have too many by now.
    Crowd { newest: IkeSpi },
    /// The peer made these Child SAs over an IKE SA of its own: an attempt of ours at the same that
    /// nobody has answered is for nothing.
    Met { tunnel: usize, children: Vec<usize> },
    /// Nobody answered: the same attempt once more.
    Again { tunnel: usize, wanted: Vec<Want>, attempt: u32 },
    /// A Child SA has to be made from scratch.
    Up { tunnel: usize, child: usize },
}

/// What an IKE SA leaves to the one that replaces it.
#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) children: Vec<Child>,
    pub(crate) wanted: Vec<Want>,
    /// The internal addresses that were agreed on over it.
    pub(crate) leased: Vec<IpAddr>,
}

impl Context<'_> {
    /// Writes an event into the trace.
    pub(crate) fn event(&mut self, event: IkeEvent) {
        self.out.push(Output::Event(event));
    }

    pub(crate) fn discard(&mut self, sa: Option<SaId>, why: &Discard) {
        assert!(ikelab_trace::DISCARDED.contains(&why.name()), "the trace knows every reason");
        self.event(IkeEvent::Discarded { sa, reason: why.name().into(), detail: why.to_string() });
    }

    pub(crate) fn misbehaved(&mut self, sa: Option<SaId>, why: PeerMisbehaved) {
        self.event(IkeEvent::PeerMisbehaved { sa, rule: why.rule.into(), detail: why.detail });
    }

    pub(crate) fn refused(&mut self, sa: Option<SaId>, why: &Refusal) {
        let reason = why.reason.clone();
        self.event(IkeEvent::Refused { sa, notify: why.notify.notify_type, reason });
    }

    /// What the editor puts in the place of a message of ours, if it does.
    pub(crate) fn edited(
        &mut self,
        (local, remote): (SocketAddr, SocketAddr),
        header: &Header,
        payloads: &[Payload],
        protected: bool,
    ) -> Option<Vec<Saying>> {
        let now = self.now;
        let signer = self.signer.as_ref();
        let clear = Clear { now, local, remote, header, payloads, length: 0, protected, signer };
        let said = self.editor.as_mut()?.speak(&clear);
        self.note();
        said
    }

    /// What the editor says to a message of the peer, if it takes it.
    pub(crate) fn heard(&mut self, message: &Clear<'_>) -> Option<Vec<Saying>> {
        let said = self.editor.as_mut()?.hear(message);
        self.note();
        said
    }

    fn note(&mut self) {
        let notes = self.editor.as_mut().map(|editor| editor.notes()).unwrap_or_default();
        for (rule, failed) in notes {
            self.event(IkeEvent::Lied { rule, failed });
        }
    }

    /// Tells the editor how a message of ours goes out.
    pub(crate) fn said(
        &mut self,
        (local, remote): (SocketAddr, SocketAddr),
        header: &Header,
        payloads: &[Payload],
        datagrams: &[Vec<u8>],
    ) {
        let (now, length) = (self.now, datagrams.iter().map(Vec::len).sum());
        if let Some(editor) = &mut self.editor {
            let protected = header.exchange != ExchangeType::IKE_SA_INIT;
            let clear =
                Clear { now, local, remote, header, payloads, length, protected, signer: None };
            editor.said(&clear, datagrams);
            self.note();
        }
    }

    /// A message in the clear as it goes out: as it is, or as the editor has it.
    pub(crate) fn emit_clear(
        &mut self,
        ends: (SocketAddr, SocketAddr),
        message: &Message,
    ) -> Datagrams {
        let Message { header, payloads } = message;
        let datagrams: Datagrams = match self.edited(ends, header, payloads, false) {
            None => vec![message.emit()],
            Some(sayings) => sayings.into_iter().filter_map(Saying::octets).collect(),
        };
        self.said(ends, header, payloads, &datagrams);
        datagrams
    }

    /// Sends datagrams.
    pub(crate) fn transmit(
        &mut self,
        (local, remote): (SocketAddr, SocketAddr),
        datagrams: Datagrams,
    ) {
        for octets in datagrams {
            self.out.push(Output::Transmit { local, remote, octets });
        }
    }

    /// Sends datagrams when so much time has passed.
    pub(crate) fn transmit_after(
        &mut self,
        delay: Duration,
        (local, remote): (SocketAddr, SocketAddr),
        datagrams: Datagrams,
    ) {
        if delay.is_zero() {
            return self.transmit((local, remote), datagrams);
        }
        for octets in datagrams {
            self.late.push(self.now + delay, Output::Transmit { local, remote, octets });
        }
    }

    /// True when an IKE SA between the identities of a tunnel is up, other than the one at hand:
    /// another tunnel may have the same (RFC 7296 §2.4).
    pub(crate) fn is_known(&self, tunnel: usize) -> bool {
        let up = |sa: &Sa| {
            self.config.are_alike(sa.core.tunnel, tunnel)
                && matches!(sa.phase, Phase::Established(_))
        };
        self.others.values().any(up)
    }

    pub(crate) fn tunnel(&self, tunnel: usize) -> &Tunnel {
        self.config.tunnels.get(tunnel).expect("tunnels are added and never taken away")
    }

    /// A fresh nonce of 32 octets: half the key size of the largest PRF (RFC 7296 §2.10).
    pub(crate) fn nonce(&mut self, exchange: ExchangeType, response: bool) -> Vec<u8> {
        let mut nonce = vec![0; 32];
        self.entropy.fill(Purpose::of(Value::Nonce, exchange.0, response), &mut nonce);
        nonce
    }

    /// A fresh key pair for a key exchange.
    pub(crate) fn key_pair(
        &mut self,
        group: Group,
        exchange: ExchangeType,
        response: bool,
    ) -> PrivateKey {
        self.event(IkeEvent::Computed { what: Costly::KeyPair });
        group.generate(self.entropy, Purpose::of(Value::KeyExchange, exchange.0, response))
    }

    /// The secret that a key pair of ours shares with the peer's public value.
    pub(crate) fn agree(
        &mut self,
        private: &PrivateKey,
        public: &[u8],
    ) -> Result<SharedSecret, BadPublicValue> {
        self.event(IkeEvent::Computed { what: Costly::SharedSecret });
        let secret = private.agree(public)?;
        self.event(IkeEvent::SharedSecret(SharedSecretLogged {
            group: private.group().id(),
            ours: private.public().into(),
            theirs: public.into(),
            secret: secret.as_ref().into(),
        }));
        Ok(secret)
    }

    /// A fresh SPI for an IKE SA. One that is taken (a scenario may force it) gives way to the next.
    pub(crate) fn ike_spi(&mut self, exchange: ExchangeType, response: bool) -> IkeSpi {
        let mut octets = [0; 8];
        self.entropy.fill(Purpose::of(Value::Spi, exchange.0, response), &mut octets);
        let mut spi = IkeSpi(u64::from_be_bytes(octets));
        while spi == IkeSpi::NONE || !self.spis.ike.insert(spi) {
            spi = IkeSpi(spi.0.wrapping_add(1));
        }
        spi
    }

    /// A fresh SPI for a Child SA: RFC 4303 §2.1 reserves those up to 255.
    pub(crate) fn esp_spi(&mut self, exchange: ExchangeType, response: bool) -> EspSpi {
        let mut octets = [0; 4];
        self.entropy.fill(Purpose::of(Value::Spi, exchange.0, response), &mut octets);
        let mut spi = EspSpi(u32::from_be_bytes(octets));
        while spi.0 <= 255 || !self.spis.esp.insert(spi) {
            spi = EspSpi(spi.0.wrapping_add(1));
        }
        spi
    }

    /// How long to wait for an answer after a request was sent for the `tries`th time.
    pub(crate) fn patience(&mut self, tunnel: usize, tries: u32) -> Duration {
        let tunnel = self.tunnel(tunnel);
        let (wait, part) = (tunnel.retransmit.wait(tries), tunnel.options.retransmit_jitter);
        if part > 0.0 { wait + self.jitter(wait.mul_f64(part)) } else { wait }
    }

    /// Up to `most`, at random.
    pub(crate) fn jitter(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        let drawn = self.entropy.below(Purpose::aside(Value::Jitter), nanos.saturating_add(1));
        Duration::from_nanos(drawn)
    }
}

/// The SPIs that we have given out and that are still in use.
#[derive(Debug, Default)]
pub(crate) struct Spis {
    pub(crate) ike: BTreeSet<IkeSpi>,
    pub(crate) esp: BTreeSet<EspSpi>,
    /// When a good packet last came in on a Child SA.
    pub(crate) alive: BTreeMap<EspSpi, Instant>,
    /// What the Child SAs with peers behind NATs carry: as long as their SPIs are in use.
    claims: BTreeMap<EspSpi, Claim>,
    /// When a packet in UDP was last sent on a Child SA.
    pub(crate) spoke: BTreeMap<EspSpi, Instant>,
    /// Those of Child SAs that were removed lately: packets of theirs may still be on their way.
    gone: VecDeque<EspSpi>,
}

/// What a Child SA carries, and whose it is.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) tunnel: usize,
    pub(crate) local_ts: Vec<SelectorRange>,
    pub(crate) remote_ts: Vec<SelectorRange>,
}

impl Spis {
    /// Entries of all tables but that of the buried ones, which has a limit.
    pub(crate) fn entries(&self) -> usize {
        self.ike.len() + self.esp.len() + self.alive.len()
    }

    /// Notes what a Child SA with a peer behind a NAT carries.
    pub(crate) fn claim(&mut self, spi: EspSpi, claim: Claim) {
        self.claims.insert(spi, claim);
    }

    /// True when a peer of another tunnel has a Child SA for some of these packets: two clients
    /// behind NATs may well have the same private addresses (RFC 3948 §5.1, §5.2).
    pub(crate) fn is_claimed(
        &self,
        tunnel: usize,
        local_ts: &[SelectorRange],
        remote_ts: &[SelectorRange],
    ) -> bool {
        self.claims.values().filter(|claim| claim.tunnel != tunnel).any(|claim| {
            selectors::overlap(&claim.local_ts, local_ts)
                && selectors::overlap(&claim.remote_ts, remote_ts)
        })
    }

    /// Takes the SPI of a Child SA out of use.
    pub(crate) fn bury(&mut self, spi: EspSpi) {
        self.esp.remove(&spi);
        self.claims.remove(&spi);
        self.alive.remove(&spi);
        self.spoke.remove(&spi);
        self.gone.push_back(spi);
        if self.gone.len() > GONE_MAX {
            self.gone.pop_front();
        }
    }

    /// True for an SPI that we never gave out, or so long ago that nobody should use it.
    pub(crate) fn is_strange(&self, spi: EspSpi) -> bool {
        !self.esp.contains(&spi) && !self.gone.contains(&spi)
    }
}
