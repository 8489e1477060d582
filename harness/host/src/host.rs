//! A virtual host: what it is made of, and the one call that everything happens in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use ikelab_ambient::{Instant, Seeded};
use ikelab_esp::Esp;
use ikelab_net::{Faults, Frame, Interface, Nat, Port, Reassembly, Stack};
use ikelab_trace::{
    AppEvent, Fact, HostEvent, HostId, HostInfo, IfaceInfo, IkeEvent, LinkId, NetEvent, Octets,
    Origin, PacketId, Record,
};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::ip::IpView;

use crate::flow::{Flows, Turn};
use crate::log::Log;
use crate::machine::Power;
use crate::ping::Pings;
use crate::{
    Change, Clock, Command, Event, HostConfig, HostKind, Move, Order, Pinned, SaSettings, Software,
};

/// How many packets one input may lead to within a host: a handful is usual.
const WALKS_MAX: u32 = 10_000;

/// A virtual host.
#[derive(Debug)]
pub struct Host {
    pub(crate) id: HostId,
    /// What a trace says about it.
    pub(crate) info: HostInfo,
    pub(crate) kind: HostKind,
    pub(crate) stack: Stack,
    /// For each interface its end of a link, if it is attached to one.
    pub(crate) ports: Vec<Option<Port>>,
    /// What a scenario has in mind for packets that this host sends.
    pub(crate) faults: Faults,
    /// What it has in mind for this host when packets reach it.
    pub(crate) dooms: Faults,
    /// The places of the scenario's faults that have happened to the host itself.
    struck: BTreeSet<u32>,
    pub(crate) power: Power,
    /// What the timers of IKE, ESP and NAT go by.
    pub(crate) clock: Clock,
    /// How often it came up again.
    pub(crate) life: u32,
    /// Whether it brings up by itself what is to be there from the start.
    pub(crate) starts: bool,
    pub(crate) seed: u64,
    /// How many frames were sent through each interface.
    pub(crate) counts: Vec<u64>,
    pub(crate) ike: ikelab_ike::Engine,
    /// The most entries that the tables of the IKE engine ever had.
    pub(crate) ike_most: usize,
    pub(crate) esp: Esp,
    pub(crate) settings: BTreeMap<String, SaSettings>,
    /// The places of the interfaces on the protected side.
    inside: Vec<u16>,
    /// Policies that were made of the selectors of Child SAs, by the inbound SPIs of these.
    pub(crate) roaming: BTreeMap<EspSpi, String>,
    /// Addresses that were its own: nothing leaves from them.
    pub(crate) gone: BTreeSet<IpAddr>,
    /// When the next dummy packet of a policy goes.
    pub(crate) dummies: BTreeMap<String, Instant>,
    pub(crate) reassembly: Reassembly,
    pub(crate) pings: Pings,
    pub(crate) flows: Flows,
    pub(crate) entropy: Pinned<Seeded>,
    /// What it does to addresses, if it is a NAT.
    pub(crate) nat: Option<Nat>,
    drops_fragments: bool,
    /// What an attacker runs.
    pub(crate) software: Option<Box<dyn Software>>,
    pub(crate) log: Log,
    /// The identification of the next packet that is made here.
    pub(crate) identification: u16,
    /// Packets that came to the network layer and have not been looked at.
    pub(crate) tray: VecDeque<Arrival>,
    /// Frames that leave.
    pub(crate) out: Vec<Frame>,
}

/// A packet that came to the network layer, and where it came from.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// It came from a link, through the interface in this place.
    Link(u16, PacketId, Octets),
    /// It was made here, for here.
    Own(Vec<u8>),
    /// It came out of an ESP packet.
    Inner(Vec<u8>),
}

/// What can happen to a host.
#[derive(Clone, Debug)]
pub enum Input {
    /// A packet arrives at an interface.
    Frame(Frame),
    /// It is told something.
    Command(Command),
    /// Its deadline is reached.
    Deadline,
}

impl Host {
    /// A host as it is before anything happened to it.
    #[must_use]
    pub fn new(config: HostConfig) -> Self {
        let info = info(&config);
        let chance = Seeded::new(config.seed, &format!("host {}", config.name));
        let ike = ikelab_ike::Engine::new(config.ike);
        let ike = match config.editor {
            Some(editor) => ike.with_editor(editor),
            None => ike,
        };
        Self {
            id: config.id,
            info,
            kind: config.kind,
            counts: vec![0; config.interfaces.len()],
            stack: Stack::new(config.interfaces, &config.routes, config.kind.forwards()),
            ports: config.ports,
            faults: Faults::new(config.faults).with_queues(config.queues),
            dooms: Faults::new(config.dooms),
            struck: BTreeSet::new(),
            power: Power::On,
            clock: config.clock,
            life: 0,
            starts: false,
            seed: config.seed,
            ike,
            ike_most: 0,
            esp: Esp::new(config.policies),
            settings: config.settings,
            inside: config.inside,
            roaming: BTreeMap::new(),
            gone: BTreeSet::new(),
            dummies: BTreeMap::new(),
            reassembly: Reassembly::default(),
            pings: Pings::default(),
            flows: Flows::default(),
            entropy: Pinned::new(chance, config.pins),
            nat: config.nat.map(Nat::new),
            drops_fragments: config.drops_fragments,
            software: config.software,
            log: Log::new(config.id),
            identification: 0,
            tray: VecDeque::new(),
            out: Vec::new(),
        }
    }

    /// Takes an input, and pushes the frames that leave because of it.
    pub fn handle(&mut self, now: Instant, input: Input, out: &mut Vec<Frame>) {
        self.log.now = now;
        self.start_if_due(now);
        match input {
            Input::Command(command) => self.obey(now, command),
            Input::Frame(frame) if self.is_off() => {
                self.log.dropped("host is down", "", &frame.octets);
            }
            Input::Deadline if self.is_off() => {}
            Input::Frame(frame) => self.take(now, frame),
            Input::Deadline => self.wake(now),
        }
        self.empty_tray(now);
        self.fail_if_due(now);
        out.append(&mut self.out);
    }

    /// When it wants to be called next, if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if let Power::Off(until) = self.power {
            return Some(until).filter(|until| *until < Instant::FAR);
        }
        let applications = [self.pings.deadline(), self.flows.deadline(), self.software_deadline()];
        let deadlines =
            applications.into_iter().chain([self.ike_deadline(), self.dummy_deadline()]);
        deadlines.flatten().min()
    }

    /// Writes down what is left when the run is over, if there ever was something.
    pub fn finish(&mut self, now: Instant) {
        let (left, most) = (self.ike.entries() as u64, self.ike_most as u64);
        if most > 0 {
            self.log.now = now;
            self.log.write(Fact::Ike(IkeEvent::Remembers { left, most }));
        }
    }

    /// Hands over what was written down since the last time.
    pub fn take_records(&mut self) -> Vec<Record> {
        self.log.take()
    }

    /// What a trace says about the host.
    #[must_use]
    pub fn info(&self) -> HostInfo {
        self.info.clone()
    }

    /// The places of the pins that decided nothing here.
    #[must_use]
    pub fn unused_pins(&self) -> Vec<u32> {
        self.entropy.unused().collect()
    }

    /// The places of the faults that have happened to packets of this host, or to it.
    #[must_use]
    pub fn struck_faults(&self) -> BTreeSet<u32> {
        let links = self.ports.iter().flatten().flat_map(Port::met);
        let own = self.struck.iter().chain(links).copied();
        self.faults.struck().chain(self.dooms.struck()).chain(own).collect()
    }

    /// Takes a packet from a link: to the network layer, or to what an attacker runs.
    fn take(&mut self, now: Instant, frame: Frame) {
        if !frame.overheard {
            let harms = self.dooms.strike(now, &frame.octets);
            if self.suffer(&harms) {
                return;
            }
        }
        match self.kind {
            HostKind::Router | HostKind::Host if self.drops_fragment(&frame.octets) => {
                self.log.dropped("IP fragment", "this box passes none on", &frame.octets);
            }
            HostKind::Router | HostKind::Host if self.nat.is_some() => {
                self.arrive_at_nat(now, frame);
            }
            HostKind::Router | HostKind::Host => {
                self.tray.push_back(Arrival::Link(frame.iface, frame.packet, frame.octets));
            }
            HostKind::Attacker => self.tell_software(now, Event::Packet(&frame)),
        }
    }

    /// True for a fragment that the host would have to pass on and does not.
    fn drops_fragment(&self, octets: &[u8]) -> bool {
        let passes_on = |dst| self.nat.is_some() || !self.stack.owns(dst);
        self.drops_fragments
            && IpView::parse(octets)
                .is_ok_and(|packet| packet.fragment.is_some() && passes_on(packet.dst))
    }

    /// Lets a NAT forget its mappings.
    fn rebind(&mut self, address: Option<IpAddr>) {
        let Some(nat) = &mut self.nat else { return };
        nat.rebind(address);
        let address = nat.address();
        self.log.write(Fact::Net(NetEvent::Rebound { address }));
    }

    /// Changes an address, and tells IKE.
    fn move_to(&mut self, now: Instant, Move { iface, from, to, via }: Move) {
        self.stack.readdress(iface, from, to, via);
        self.gone.insert(from);
        self.gone.remove(&to.0);
        self.log.write(Fact::Net(NetEvent::Moved { iface, from, to: to.0 }));
        let command = ikelab_ike::Command::Moved { from, to: to.0 };
        self.tell_ike(now, ikelab_ike::Input::Command(command));
    }

    fn obey(&mut self, now: Instant, Command { step, fault, order }: Command) {
        let bearable = !self.is_off() || order.needs_nobody();
        if let Some((index, text)) = step {
            let missed = HostEvent::Missed { index, text: text.clone() };
            let begun = Fact::Step { index, text };
            self.log.write(if bearable { begun } else { Fact::Host(missed) });
        }
        if bearable {
            // One that is down already can't go down.
            let idle = self.is_off() && matches!(order, Order::Crash { .. });
            self.struck.extend(fault.filter(|_| !idle));
            self.carry_out(now, order);
        }
    }

    fn carry_out(&mut self, now: Instant, order: Order) {
        match order {
            Order::Ping(ping) => {
                self.pings.begin(now, ping);
                self.ping(now);
            }
            Order::Send(send) => {
                let mtu = self.mtu_towards(send.to.ip());
                let turn = self.flows.begin(now, &mut self.entropy, send, mtu);
                self.obey_flows(now, turn);
            }
            Order::Expect(send) => {
                let mtu = self.mtu_towards(send.from.ip());
                self.flows.expect(now, &mut self.entropy, send, mtu);
            }
            Order::Ike(command) => {
                self.starts |= matches!(command, ikelab_ike::Command::Start);
                self.tell_ike(now, ikelab_ike::Input::Command(command));
            }
            Order::Configure { tunnel, policies, settings, gone } => {
                gone.iter().for_each(|name| self.esp.remove_policy(name));
                policies.into_iter().for_each(|policy| self.esp.add_policy(policy));
                self.settings.extend(settings);
                let command = ikelab_ike::Command::Configure(tunnel);
                self.tell_ike(now, ikelab_ike::Input::Command(command));
            }
            Order::Move(to) => self.move_to(now, to),
            Order::Link { link, change } => self.change_link(link, change),
            Order::Rebind { address } => self.rebind(address),
            Order::Clock { speed, jump } => self.set_clock(now, speed, jump),
            Order::Crash { restart_after } => self.crash(now, false, restart_after),
            Order::Restart => {
                self.crash(now, false, None);
                self.start(now);
            }
            Order::Start => self.start(now),
            Order::Inject(Ok(octets)) => self.send_anything(now, octets),
            Order::Inject(Err(failed)) => {
                self.log.write(Fact::Ike(IkeEvent::Lied { rule: "inject".to_owned(), failed }));
            }
            Order::Craft { policy, packet } => self.craft(now, &policy, &packet),
            Order::Advance { policy, sent, seen } => self.advance(&policy, sent, seen),
            Order::Note => {}
        }
    }

    /// Changes how what this host sends fares on a link.
    fn change_link(&mut self, link: LinkId, change: Change) {
        for (interface, port) in self.stack.interfaces.iter_mut().zip(&mut self.ports) {
            let Some(port) = port.as_mut().filter(|port| port.link() == link) else { continue };
            match change {
                Change::Begin { fault, trouble } => port.begin(fault, trouble),
                Change::End { fault } => port.end(fault),
                Change::Readdressed { host, iface, from, to } => {
                    port.readdress((host, iface), from, to);
                }
                Change::Heal => port.heal(),
            }
            interface.mtu = port.mtu();
        }
        self.tell_esp_of_links();
    }

    /// Tells who seals packets that a link takes longer ones, or only shorter ones.
    fn tell_esp_of_links(&mut self) {
        let Self { esp, stack, .. } = self;
        esp.set_link_mtus(&|remote| mtu_towards(stack, remote));
    }

    /// Lets everything act that is due: IKE first, then the applications.
    fn wake(&mut self, now: Instant) {
        if self.ike_deadline().is_some_and(|at| at <= now) {
            self.tell_ike(now, ikelab_ike::Input::Deadline);
        }
        if self.software_deadline().is_some_and(|at| at <= now) {
            self.tell_software(now, Event::Deadline);
        }
        self.send_dummies(now);
        self.ping(now);
        if self.flows.deadline().is_some_and(|at| at <= now) {
            let turn = self.flows.wake(now);
            self.obey_flows(now, turn);
        }
    }

    /// Whether an interface is on the protected side of the IPsec boundary.
    pub(crate) fn is_inside(&self, iface: u16) -> bool {
        self.inside.contains(&iface)
    }

    /// How long a packet towards an address may be when it leaves here.
    pub(crate) fn mtu_towards(&self, address: IpAddr) -> u16 {
        mtu_towards(&self.stack, address)
    }

    /// Writes down what flows tell, and sends what they want sent.
    pub(crate) fn obey_flows(&mut self, now: Instant, turn: Turn) {
        turn.events.into_iter().for_each(|event| self.write_app(event));
        turn.packets.into_iter().for_each(|packet| self.originate(now, packet));
    }

    /// Sends the echo requests that are due.
    fn ping(&mut self, now: Instant) {
        while let Some((event, packet)) = self.pings.due(now) {
            self.write_app(event);
            self.originate(now, packet);
        }
    }

    pub(crate) fn write_app(&mut self, event: AppEvent) {
        self.log.write(Fact::App(event));
    }

    fn empty_tray(&mut self, now: Instant) {
        for _ in 0..WALKS_MAX {
            let Some(arrival) = self.tray.pop_front() else { return };
            self.arrive(now, &arrival);
        }
        for arrival in std::mem::take(&mut self.tray) {
            self.log.dropped("goes round in circles", "", arrival.octets());
        }
    }
}

/// A host as a trace knows it, with all addresses that it ever has.
fn info(config: &HostConfig) -> HostInfo {
    let of = |(place, interface): (u16, &Interface)| {
        let later = config.later.iter().filter(|(iface, _)| *iface == place);
        let later = later.map(|(_, address)| *address);
        IfaceInfo {
            name: interface.name.clone(),
            addresses: interface.addresses.iter().copied().chain(later).collect(),
            link: interface.link,
        }
    };
    let ifaces = (0..).zip(&config.interfaces).map(of).collect();
    HostInfo { name: config.name.clone(), ifaces }
}

fn mtu_towards(stack: &Stack, address: IpAddr) -> u16 {
    let hop = stack.routes.look_up(address);
    let interface = hop.and_then(|hop| stack.interface(hop.iface));
    interface.map_or(Interface::MTU, |interface| interface.mtu)
}

impl Arrival {
    /// Where a packet is from that came like this and goes on.
    pub(crate) fn origin(&self) -> Origin {
        match self {
            Self::Link(_, packet, _) => Origin::PassedOn(*packet),
            Self::Own(_) => Origin::Here,
            Self::Inner(_) => Origin::Opened,
        }
    }

    pub(crate) fn octets(&self) -> &[u8] {
        match self {
            Self::Link(_, _, octets) => octets,
            Self::Own(octets) | Self::Inner(octets) => octets,
        }
    }
}
