//! A bare cable between two engines: no IP, no ESP, a fixed delay, and a hand that can take
//! messages away. It jumps from deadline to deadline.

#![allow(dead_code, reason = "each test file uses its own part")]

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use ikelab_ambient::{Instant, Seeded};
use ikelab_crypto::{Encr, Integ, Protection, Sealer};
use ikelab_ike::config::{Child, Config, Cookie, Lifetime, Narrow, Options, Retransmit, Tunnel};
use ikelab_ike::{ChildSa, Command, Engine, Input, Output};
use ikelab_trace::{EspMode, IkeEvent, Phase, SaId};
use ikelab_wire::ike::{EspSpi, Flags, Header, Version};
use ikelab_wire::payload::{Identification, Payload, Proposal, SelectorRange, parse_chain};
use ikelab_wire::registry::{ExchangeType, Protocol};

pub(crate) const DELAY: Duration = Duration::from_millis(10);

/// One end: an engine and what it said.
pub(crate) struct End {
    pub(crate) engine: Engine,
    entropy: Seeded,
    pub(crate) events: Vec<(Instant, IkeEvent)>,
    pub(crate) installed: BTreeMap<EspSpi, ChildSa>,
    pub(crate) failed: Vec<String>,
    pub(crate) keepalives: Vec<Instant>,
    /// Internal addresses that are ours.
    pub(crate) addresses: BTreeSet<IpAddr>,
}

/// A datagram under way.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) at: Instant,
    pub(crate) from: usize,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) octets: Vec<u8>,
}

/// What a hand does with a message that is about to leave.
pub(crate) type Hand = Box<dyn FnMut(&mut Message) -> bool>;

/// Two ends and the cable between them.
pub(crate) struct Cable {
    pub(crate) now: Instant,
    pub(crate) ends: [End; 2],
    under_way: Vec<Message>,
    /// Every message that left, also those that were taken away.
    pub(crate) sent: Vec<Message>,
    pub(crate) hand: Hand,
}

pub(crate) fn esp_proposals(text: &[&str]) -> Vec<Proposal> {
    proposals(text, Protocol::ESP)
}

pub(crate) fn ike_proposals(text: &[&str]) -> Vec<Proposal> {
    proposals(text, Protocol::IKE)
}

fn proposals(text: &[&str], protocol: Protocol) -> Vec<Proposal> {
    let one = |(place, text): (usize, &&str)| {
        Proposal::from_text(text, protocol, u8::try_from(place + 1).unwrap()).unwrap()
    };
    text.iter().enumerate().map(one).collect()
}

pub(crate) fn net(text: &str) -> SelectorRange {
    let (address, length) = text.split_once('/').unwrap();
    SelectorRange::from_prefix(address.parse().unwrap(), length.parse().unwrap())
}

/// The tunnel of one end: 10.0.0.1 and 10.0.0.2, one child `net`.
pub(crate) fn tunnel(end: usize) -> Tunnel {
    let address = |end: usize| ["10.0.0.1", "10.0.0.2"][end];
    let inside = |end: usize| vec![net(["192.168.1.0/24", "192.168.2.0/24"][end])];
    Tunnel {
        name: "site".into(),
        local: address(end).parse().unwrap(),
        remote: address(1 - end).parse().unwrap(),
        port: 500,
        local_id: Identification::from_text(address(end)),
        remote_id: Identification::from_text(address(1 - end)),
        psk: Some(b"cisco123".to_vec()),
        proposals: ike_proposals(&["aes256gcm16-prfsha256-x25519-ecp256"]),
        ke_first: None,
        lifetime: Lifetime::default(),
        retransmit: Retransmit::default(),
        liveness: None,
        cookie: Cookie::Never,
        window: 1,
        vendor_ids: Vec::new(),
        initial_contact: true,
        options: Options::default(),
        children: vec![Child {
            name: "net".into(),
            local: inside(end),
            remote: inside(1 - end),
            mode: EspMode::Tunnel,
            proposals: esp_proposals(&["aes256gcm16"]),
            lifetime: Lifetime::default(),
            at_start: false,
            refuses_tfc: true,
            on_traffic: true,
            narrow: Narrow::Allow,
            retired: false,
        }],
    }
}

impl Cable {
    /// Two ends with the usual tunnel, after `change` has had a look at it.
    pub(crate) fn new(seed: u64, change: impl Fn(usize, &mut Tunnel)) -> Self {
        Self::configured(seed, |end, config| change(end, &mut config.tunnels[0]))
    }

    /// The same, after `change` has had a look at all of the configuration.
    pub(crate) fn configured(seed: u64, change: impl Fn(usize, &mut Config)) -> Self {
        let end = |place: usize| {
            let mut config = Config::new(vec![tunnel(place)]);
            change(place, &mut config);
            End {
                engine: Engine::new(config),
                entropy: Seeded::new(seed, ["R1", "R2"][place]),
                events: Vec::new(),
                installed: BTreeMap::new(),
                failed: Vec::new(),
                keepalives: Vec::new(),
                addresses: BTreeSet::new(),
            }
        };
        Self {
            now: Instant::ZERO,
            ends: [end(0), end(1)],
            under_way: Vec::new(),
            sent: Vec::new(),
            hand: Box::new(|_| true),
        }
    }

    pub(crate) fn up() -> Self {
        let mut cable = Self::new(1, |_, _| {});
        cable.bring_up();
        cable
    }

    /// R1 brings up `site.net`, and all is quiet afterwards.
    pub(crate) fn bring_up(&mut self) {
        self.command(0, Command::Up { tunnel: "site".into(), child: None });
        self.run_for(Duration::from_secs(1));
        assert_eq!(self.ends[0].installed.len(), 1, "the tunnel is up: {:#?}", self.ends[0].events);
    }

    pub(crate) fn command(&mut self, end: usize, command: Command) {
        self.input(end, Input::Command(command));
    }

    /// Gives an end's tunnel another configuration.
    pub(crate) fn configure(&mut self, end: usize, change: impl Fn(&mut Tunnel)) {
        let mut tunnel = tunnel(end);
        change(&mut tunnel);
        self.command(end, Command::Configure(Box::new(tunnel)));
    }

    pub(crate) fn rekey_child(&mut self, end: usize) {
        self.command(end, Command::RekeyChild { tunnel: None, child: "net".into() });
    }

    pub(crate) fn rekey_ike(&mut self, end: usize) {
        self.command(end, Command::RekeyIke { tunnel: "site".into() });
    }

    pub(crate) fn input(&mut self, end: usize, input: Input<'_>) {
        let side = &mut self.ends[end];
        let outputs = side.engine.handle(self.now, &mut side.entropy, input);
        for output in outputs {
            match output {
                Output::Transmit { local, remote, octets } => {
                    let mut message =
                        Message { at: self.now + DELAY, from: end, local, remote, octets };
                    let passes = (self.hand)(&mut message);
                    self.sent.push(message.clone());
                    if passes {
                        self.under_way.push(message);
                    }
                }
                Output::Install(child) => {
                    let before = side.installed.insert(child.spi_in, *child);
                    assert!(before.is_none(), "an SPI is installed once");
                }
                Output::Remove { spi_in } => {
                    side.installed.remove(&spi_in).expect("what is removed was installed");
                }
                Output::Event(event) => side.events.push((self.now, event)),
                Output::AcquireFailed { child } => side.failed.push(child),
                Output::Moved { spi_in, remote } => {
                    side.installed.get_mut(&spi_in).expect("what moves is installed").remote =
                        remote;
                }
                Output::Relocated { spi_in, local } => {
                    side.installed.get_mut(&spi_in).expect("what moves is installed").local = local;
                }
                Output::Assign { address } => assert!(side.addresses.insert(address)),
                Output::Unassign { address } => assert!(side.addresses.remove(&address)),
                Output::Keepalive { .. } => side.keepalives.push(self.now),
                Output::Activate { .. } | Output::Retire { .. } => {}
            }
        }
    }

    /// Delivers octets that nobody sent.
    pub(crate) fn inject(&mut self, to: usize, octets: &[u8]) {
        let address =
            |end: usize| SocketAddr::from(([10, 0, 0, u8::try_from(end + 1).unwrap()], 500));
        self.inject_from(address(1 - to), to, octets);
    }

    /// The same, from an address and port.
    pub(crate) fn inject_from(&mut self, remote: SocketAddr, to: usize, octets: &[u8]) {
        let local = SocketAddr::from(([10, 0, 0, u8::try_from(to + 1).unwrap()], 500));
        self.input(to, Input::Datagram { local, remote, octets });
    }

    /// The channel on which an end sends over its youngest IKE SA, for somebody who knows the keys.
    pub(crate) fn channel(&self, from: usize) -> (Sealer, SaId) {
        let keys = self.ends[0].events.iter().rev().find_map(|(_, event)| match event {
            IkeEvent::Keys(keys) => Some(keys),
            _ => None,
        });
        let keys = keys.expect("there is an IKE SA");
        let integ = keys.suite.integ.map(|id| Integ::from_id(id).unwrap());
        let encr = Encr::from_transform(keys.suite.encr, keys.suite.encr_bits).unwrap();
        let protection = Protection { encr, integ };
        let (sk_e, sk_a) = [(&keys.sk_ei, &keys.sk_ai), (&keys.sk_er, &keys.sk_ar)][from];
        (Sealer::new(protection, sk_e, sk_a), keys.sa)
    }

    /// The header of a message of an end over the IKE SA that R1 began.
    pub(crate) fn header(
        &self,
        from: usize,
        exchange: ExchangeType,
        response: bool,
        message_id: u32,
    ) -> Header {
        let sa = self.channel(from).1;
        let initiator = if from == 0 { Flags::INITIATOR } else { Flags::NONE };
        Header {
            initiator_spi: sa.initiator,
            responder_spi: sa.responder,
            version: Version::IKEV2,
            exchange,
            flags: if response { initiator | Flags::RESPONSE } else { initiator },
            message_id,
        }
    }

    /// A message that an end might have sent, and did not.
    pub(crate) fn forge(&self, from: usize, header: &Header, inner: &[Payload]) -> Vec<u8> {
        let sealer = self.channel(from).0;
        sealer.seal(header, inner, &vec![0xee; sealer.iv_len()])
    }

    /// The same in fragments.
    pub(crate) fn forge_fragments(
        &self,
        from: usize,
        header: &Header,
        inner: &[Payload],
        longest: usize,
    ) -> Vec<Vec<u8>> {
        let sealer = self.channel(from).0;
        sealer.seal_fragments(header, inner, longest, &mut || vec![0xee; sealer.iv_len()])
    }

    /// Reads a protected message of an end: the payloads inside.
    pub(crate) fn read(&self, from: usize, octets: &[u8]) -> Vec<Payload> {
        let opened = self.channel(from).0.open(octets).expect("an end seals well");
        parse_chain(opened.first, &opened.plaintext).expect("an end writes well")
    }

    /// The reasons for which an end discarded something.
    pub(crate) fn discarded(&self, end: usize) -> Vec<String> {
        let reasons = self.ends[end].events.iter().filter_map(|(_, event)| match event {
            IkeEvent::Discarded { reason, .. } => Some(reason.to_string()),
            _ => None,
        });
        reasons.collect()
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }

    pub(crate) fn run_until(&mut self, until: Instant) {
        while let Some(next) = self.next().filter(|at| *at <= until) {
            self.now = next;
            let arrived = self.under_way.iter().position(|message| message.at <= self.now);
            if let Some(place) = arrived {
                let message = self.under_way.remove(place);
                let (local, remote) = (message.remote, message.local);
                let octets = &message.octets;
                self.input(1 - message.from, Input::Datagram { local, remote, octets });
                continue;
            }
            for end in 0..2 {
                if self.ends[end].engine.deadline().is_some_and(|at| at <= self.now) {
                    self.input(end, Input::Deadline);
                }
            }
        }
        self.now = until;
    }

    fn next(&self) -> Option<Instant> {
        let deadlines = self.ends.iter().filter_map(|end| end.engine.deadline());
        self.under_way.iter().map(|message| message.at).chain(deadlines).min()
    }

    /// The messages as `R1 IKE_SA_INIT req 0`.
    pub(crate) fn ladder(&self) -> Vec<String> {
        self.sent.iter().map(line).collect()
    }

    /// What the ends say of themselves, in the order of time.
    pub(crate) fn story(&self) -> String {
        let told = self.ends.iter().zip(["R1", "R2"]).flat_map(|(end, name)| {
            end.events.iter().map(move |(at, event)| (*at, format!("{at} {name} {event:?}")))
        });
        let keys = |line: &(Instant, String)| line.1.contains(" Keys(");
        let mut lines: Vec<(Instant, String)> = told.filter(|line| !keys(line)).collect();
        lines.sort_by_key(|(at, _)| *at);
        lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
    }

    /// Both ends hold the same `count` pairs, with crossed SPIs and equal keys.
    pub(crate) fn assert_agree(&self, count: usize) {
        let [one, other] = [&self.ends[0].installed, &self.ends[1].installed];
        let both = (one.len(), other.len());
        assert_eq!(both, (count, count), "\n{}", self.story());
        for child in one.values() {
            let mate = &other[&child.spi_out];
            assert_eq!(mate.spi_out, child.spi_in);
            assert_eq!(mate.keys, child.keys);
            assert_ne!(mate.initiator, child.initiator);
            assert_eq!((&mate.local_ts, &mate.remote_ts), (&child.remote_ts, &child.local_ts));
        }
    }

    /// How many IKE SAs of an end are in this phase.
    pub(crate) fn count(&self, end: usize, phase: Phase) -> usize {
        let mut phases = BTreeMap::new();
        for (_, event) in &self.ends[end].events {
            if let IkeEvent::Phase { sa, from, to, .. } = event {
                // The responder's SPI becomes known on the way.
                if *from == Phase::InitSent && *to != Phase::InitSent {
                    phases.retain(|known: &SaId, _| known.initiator != sa.initiator);
                }
                phases.insert(*sa, *to);
            }
        }
        phases.values().filter(|known| **known == phase).count()
    }
}

impl End {
    /// Forgets everything and begins anew, with the configuration that `change` makes. SAs that
    /// were installed are gone without a word.
    pub(crate) fn restart(&mut self, change: impl Fn(usize, &mut Config), place: usize) {
        let mut config = Config::new(vec![tunnel(place)]);
        change(place, &mut config);
        self.engine = Engine::new(config);
        self.installed.clear();
        self.addresses.clear();
        self.events.clear();
    }

    /// True when it said something that fits.
    pub(crate) fn said(&self, fits: impl Fn(&IkeEvent) -> bool) -> bool {
        self.events.iter().any(|(_, event)| fits(event))
    }
}

fn line(message: &Message) -> String {
    let raw = Header::parse(&message.octets).unwrap();
    let header = raw.header;
    let kind = if header.flags.response() { "resp" } else { "req" };
    let from = ["R1", "R2"][message.from];
    format!("{from} {} {kind} {}", header.exchange, header.message_id)
}
