//! What was said on the wire: every packet that a host made and sent, read by an independent
//! dissector with the keys that the run logged.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use ikelab_ambient::Instant;
use ikelab_dissect::{Dissected, Dissector, Icv, IkeMessage, KeyTable, Packet};
use ikelab_trace::{
    Addressees, Fact, Fate, HostEvent, HostId, IkeEvent, Lives, PacketId, Record, Sent, Trace,
};
use ikelab_wire::ike::{EspSpi, Header};
use ikelab_wire::ip::IpView;
use ikelab_wire::notation;
use ikelab_wire::payload::Payload;
use ikelab_wire::registry::{IpProtocol, PayloadType};

use super::carried::Carried;
use super::fragments::{Arrivals, FragmentContent};

/// The messages of a run in the order of their sending.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    /// The messages.
    pub messages: Vec<Message>,
}

/// Something that a host sent to another.
#[derive(Clone, Debug)]
pub struct Message {
    /// Place of the record that tells of it in the trace.
    pub record: usize,
    /// When it was sent.
    pub at: Instant,
    /// Place of the host that sent it.
    pub from: u16,
    /// Place of the host that has the destination address, if one has.
    pub to: Option<u16>,
    /// Source address and port.
    pub src: SocketAddr,
    /// Destination address and port.
    pub dst: SocketAddr,
    /// When copies of it arrive at the host that it is addressed to, and find it up; or, where
    /// nobody has the address, at the end of their way.
    pub arrivals: Vec<Instant>,
    /// The octet of DSCP and ECN in its IP header.
    pub dscp_ecn: u8,
    /// The same octets went the same way before.
    pub repeated: bool,
    /// In which life of its sender it was sent: how often that had come up again.
    pub life: u32,
    /// What it carries, for ESP that can be opened and for what is not protected.
    pub carried: Option<Carried>,
    /// The Child SA that an ESP packet was sent on, `site.net`.
    pub child: Option<String>,
    /// What it is.
    pub content: Content,
}

/// What a message is.
#[derive(Clone, Debug)]
pub enum Content {
    /// An IKE message.
    Ike(Box<IkeContent>),
    /// A fragment of an IKE message; the whole one comes with the fragment that completes it.
    Fragment(Box<FragmentContent>),
    /// An ESP packet.
    Esp {
        /// Its SPI.
        spi: EspSpi,
        /// Its sequence number.
        sequence: u64,
        /// True inside UDP.
        encapsulated: bool,
        /// False when the logged keys do not open it.
        opened: bool,
        /// The ESP packet, from its SPI on.
        octets: Vec<u8>,
    },
    /// A NAT keepalive.
    Keepalive,
    /// An unprotected ICMP packet.
    Icmp,
    /// Another unprotected packet.
    Plain,
    /// UDP to an IKE port that is no IKE message.
    Garbled(String),
}

/// An IKE message.
#[derive(Clone, Debug)]
pub struct IkeContent {
    /// Its header.
    pub header: Header,
    /// Its payloads: inner ones where it was sealed.
    pub payloads: Vec<Payload>,
    /// What stands in the clear beside those that were sealed; its sender may be anybody.
    pub outside: Vec<Payload>,
    /// False when it is sealed and could not be opened: `payloads` are the outer ones.
    pub readable: bool,
    /// The whole message as it was sent.
    pub octets: Vec<u8>,
    /// What was sealed in it, and the type of the first payload there, once it has been opened.
    pub inner: Option<(PayloadType, Vec<u8>)>,
    /// The number of the fragment that this is, where fragments are looked at one by one.
    pub fragment: Option<u16>,
}

impl IkeContent {
    /// Whether it is a response.
    #[must_use]
    pub fn is_response(&self) -> bool {
        self.header.flags.response()
    }

    /// `IKE_SA_INIT req 0  SA KE(x25519) Ni`.
    #[must_use]
    pub fn words(&self) -> String {
        let side = if self.is_response() { "resp" } else { "req" };
        let (header, line) = (&self.header, self.line());
        let words = format!("{} {side} {}  {line}", header.exchange, header.message_id);
        words.trim_end().to_owned()
    }

    /// Its payloads on one line: `[N(COOKIE)] D(ESP)`, in brackets what is not protected.
    #[must_use]
    pub fn line(&self) -> String {
        let response = self.is_response();
        let outside = notation::outside(&self.outside, response);
        format!("{outside}{}", notation::line(&self.payloads, response)).trim_end().to_owned()
    }

    /// All that it has, in its order: what is in the clear stands before what is sealed.
    pub fn all(&self) -> impl Iterator<Item = &Payload> {
        self.outside.iter().chain(&self.payloads)
    }
}

impl Message {
    /// The IKE message, if it is one.
    #[must_use]
    pub fn ike(&self) -> Option<&IkeContent> {
        match &self.content {
            Content::Ike(ike) => Some(ike),
            Content::Fragment(_)
            | Content::Esp { .. }
            | Content::Keepalive
            | Content::Icmp
            | Content::Plain
            | Content::Garbled(_) => None,
        }
    }

    /// Whether no copy arrives.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// The message in a few words.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.content {
            Content::Ike(ike) => ike.words(),
            Content::Fragment(part) => {
                let header = &part.header;
                let side = if header.flags.response() { "resp" } else { "req" };
                let (exchange, id) = (header.exchange, header.message_id);
                format!("{exchange} {side} {id} fragment {}/{}", part.number, part.total)
            }
            Content::Esp { spi, sequence, .. } => format!("ESP {spi} seq {sequence}"),
            Content::Keepalive => "KEEPALIVE".to_owned(),
            Content::Icmp => format!("ICMP {} > {}", self.src.ip(), self.dst.ip()),
            Content::Plain => format!("PLAIN {} > {}", self.src.ip(), self.dst.ip()),
            Content::Garbled(what) => format!("garbled: {what}"),
        }
    }
}

impl Conversation {
    /// Reads the conversation of a trace.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        let mut dissector = Dissector::new(&KeyTable::from_trace(trace));
        let mut seen = BTreeSet::new();
        let addressees = Addressees::new(trace);
        let children = children(trace);
        let mut messages = Vec::new();
        let mut ways = Ways::default();
        let mut lives: BTreeMap<HostId, u32> = BTreeMap::new();
        for (record, entry) in trace.records.iter().enumerate() {
            if let Fact::Host(HostEvent::Up { life }) = &entry.fact {
                lives.insert(entry.host, *life);
            }
            let Fact::Sent(sent) = &entry.fact else { continue };
            let Ok(view) = IpView::parse(&sent.octets) else { continue };
            ways.add(entry, sent);
            // A packet that is only passed on was told of by its maker.
            if !sent.origin.is_here() {
                continue;
            }
            let frame = u32::try_from(record).unwrap_or(u32::MAX);
            let packet = Packet { frame, time_ns: entry.at.as_nanos(), octets: &sent.octets };
            let read = dissector.feed(packet);
            let repeated = !seen.insert((view.src, view.dst, payload_of(&view).to_vec()));
            let (src, dst) = endpoints(&view);
            let to = addressees.of(entry.at, view.protocol.0, dst);
            let mut message = Message {
                record,
                at: entry.at,
                from: entry.host.0,
                to: to.map(|host| host.0),
                src,
                dst,
                arrivals: Vec::new(),
                dscp_ecn: view.dscp_ecn,
                repeated,
                life: lives.get(&entry.host).copied().unwrap_or(0),
                carried: carried(&view, sent.octets.len(), &read),
                child: None,
                content: Content::Keepalive,
            };
            if let Some(mut part) = fragment(&view) {
                part.readable = !read.iter().any(is_unread);
                message.content = Content::Fragment(Box::new(part));
                messages.push(message.clone());
            }
            let Some(content) = content(&view, read) else { continue };
            if let Content::Esp { spi, .. } = &content {
                message.child = children.get(&(entry.host.0, *spi)).cloned();
            }
            messages.push(Message { content, ..message });
        }
        let lives = Lives::of(trace);
        for message in &mut messages {
            let Some(entry) = trace.records.get(message.record) else { continue };
            let packet = PacketId { host: entry.host, seq: entry.seq };
            let to = message.to.map(HostId);
            message.arrivals = ways.arrivals(packet, to);
            if let Some(to) = to {
                message.arrivals.retain(|at| !lives.is_down(to, *at));
            }
        }
        complete(&mut messages);
        Self { messages }
    }

    /// The IKE messages among the messages.
    pub fn ike(&self) -> impl Iterator<Item = (&Message, &IkeContent)> {
        self.messages.iter().filter_map(|message| message.ike().map(|ike| (message, ike)))
    }
}

/// Where the copies of each packet are, from link to link.
#[derive(Default)]
struct Ways {
    ends: BTreeMap<PacketId, Vec<(HostId, Instant)>>,
}

impl Ways {
    /// Takes in that a packet went on a link: the copy that was where it now leaves goes on.
    fn add(&mut self, entry: &Record, sent: &Sent) {
        let packet = entry.packet(sent);
        let ends = self.ends.entry(packet).or_default();
        if let Some(place) = ends.iter().position(|(host, _)| *host == entry.host) {
            ends.remove(place);
        }
        let arrival = |fate: &Fate| match fate {
            Fate::Arrives { host, at, .. } => Some((*host, *at)),
            Fate::Lost { .. } => None,
        };
        ends.extend(sent.fates.iter().filter_map(arrival));
    }

    /// When copies of a packet arrive at `to`.
    fn arrivals(&self, packet: PacketId, to: Option<HostId>) -> Vec<Instant> {
        let ends = self.ends.get(&packet).map_or(&[][..], Vec::as_slice);
        let there = |(host, _): &&(HostId, Instant)| to.is_none_or(|to| to == *host);
        ends.iter().filter(there).map(|(_, at)| *at).collect()
    }
}

/// A message in fragments has arrived when the last of them has.
fn complete(messages: &mut [Message]) {
    let mut fragments = Arrivals::default();
    let mut whole: Option<(usize, Option<Instant>)> = None;
    for message in messages {
        match (&message.content, whole) {
            (Content::Fragment(part), _) if part.counts() => {
                let ends = (message.src, message.dst);
                whole = Some((message.record, fragments.take(ends, part, &message.arrivals)));
            }
            (_, Some((record, at))) if record == message.record => {
                message.arrivals = at.into_iter().collect();
            }
            _ => {}
        }
    }
}

/// The names of Child SAs, by sender and outbound SPI.
fn children(trace: &Trace) -> BTreeMap<(u16, EspSpi), String> {
    let of = |record: &Record| match &record.fact {
        Fact::Ike(IkeEvent::ChildInstalled(child)) => {
            let name = match child.child.contains('.') {
                true => child.child.clone(),
                false => format!("{}.{}", child.tunnel, child.child),
            };
            Some(((record.host.0, child.spi_out), name))
        }
        _ => None,
    };
    trace.records.iter().filter_map(of).collect()
}

/// What a packet carries, as far as somebody with the keys can tell.
fn carried(view: &IpView<'_>, length: usize, read: &[Dissected]) -> Option<Carried> {
    read.iter().find_map(|dissected| match dissected {
        Dissected::Esp(packet) => packet.inner.as_ref().map(Carried::of_esp),
        Dissected::Clear(_) => Some(Carried::of_packet(view, length)),
        _ => None,
    })
}

/// The fragment of an IKE message that a packet is, if it is one.
fn fragment(view: &IpView<'_>) -> Option<FragmentContent> {
    let (src, dst) = view.ports().filter(|_| view.protocol == IpProtocol::UDP)?;
    let port = if src == 4500 || dst == 4500 { 4500 } else { dst };
    FragmentContent::parse(port, view.payload().get(8..)?)
}

/// Whether a packet is a fragment that the logged keys do not open.
fn is_unread(dissected: &Dissected) -> bool {
    matches!(dissected, Dissected::Fragment(fragment) if fragment.icv != Icv::Good)
}

/// What makes a repetition: the octets behind the UDP header, whose checksum a NAT may change.
fn payload_of<'a>(view: &IpView<'a>) -> &'a [u8] {
    let payload = view.payload();
    if view.protocol == IpProtocol::UDP { payload.get(8..).unwrap_or_default() } else { payload }
}

fn endpoints(view: &IpView<'_>) -> (SocketAddr, SocketAddr) {
    let (src, dst) = view.ports().unwrap_or((0, 0));
    (SocketAddr::new(view.src, src), SocketAddr::new(view.dst, dst))
}

/// What a packet is; none for a part of a message of which others are still to come.
fn content(view: &IpView<'_>, read: Vec<Dissected>) -> Option<Content> {
    let mut garbled = None;
    for dissected in read {
        match dissected {
            Dissected::Ike(message) => return Some(ike(message)),
            Dissected::Esp(packet) => {
                let (encapsulated, octets) = match view.protocol {
                    IpProtocol::UDP => (true, view.payload().get(8..).unwrap_or_default()),
                    _ => (false, view.payload()),
                };
                return Some(Content::Esp {
                    spi: packet.spi,
                    sequence: packet.sequence,
                    encapsulated,
                    opened: packet.inner.is_some(),
                    octets: octets.to_vec(),
                });
            }
            Dissected::Keepalive(_) => return Some(Content::Keepalive),
            Dissected::Clear(_) if view.protocol == IpProtocol::ICMP => return Some(Content::Icmp),
            Dissected::Clear(_) => return Some(Content::Plain),
            Dissected::Problem(problem) => garbled = Some(Content::Garbled(problem.what)),
            Dissected::Fragment(_) => return None,
        }
    }
    garbled
}

fn ike(message: IkeMessage) -> Content {
    Content::Ike(Box::new(IkeContent {
        readable: !message.protected || message.icv == Icv::Good,
        header: message.header,
        payloads: message.payloads,
        outside: message.outside,
        octets: message.octets,
        inner: message.inner,
        fragment: None,
    }))
}
