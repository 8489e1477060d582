//! A peer made by hand: no engine, no keys. It answers what it sees, with any address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ikelab_ambient::{Entropy, Instant, Purpose, Seeded, Value};
use ikelab_host::{Event, Software};
use ikelab_ike::What;
use ikelab_scenario::plan::{Craft, Does, Inject, Injection, Otherwise, Plan, Resend};
use ikelab_scenario::run::{Content, Message};
use ikelab_wire::ip::{IpPacket, IpView, Udp, with_marker};
use ikelab_wire::registry::IpProtocol;

use super::craft::Maker;
use super::form::{self, Form};
use super::{Memory, Rules, edit, first, mutate, sight};

/// RFC 3948.
const PORT_NAT_T: u16 = 4500;
/// RFC 7296 §2.
const PORT_IKE: u16 = 500;
/// RFC 768.
const UDP_HEADER: usize = 8;

/// A packet, and how long it is held back.
type Late = (Duration, Vec<u8>);

/// What a crafted peer runs.
#[derive(Debug)]
pub(crate) struct Crafted {
    rules: Rules,
    /// Addresses by host, for what claims to come from it.
    addresses: Vec<Vec<IpAddr>>,
    late: BTreeMap<(Instant, u64), Vec<u8>>,
    count: u64,
    /// What could not be done.
    failed: Vec<(String, String)>,
}

impl Crafted {
    /// The software of a crafted peer; none where the host is none.
    pub(crate) fn new(plan: &Plan, place: u16) -> Option<Self> {
        let liar = plan.liars.iter().find(|liar| liar.host == place && liar.crafted)?;
        let addresses = plan
            .hosts
            .iter()
            .map(|host| host.ifaces.iter().flat_map(ikelab_scenario::plan::Iface::known).collect());
        Some(Self {
            rules: Rules::new(plan, place, Some(liar)),
            addresses: addresses.collect(),
            late: BTreeMap::new(),
            count: 0,
            failed: Vec::new(),
        })
    }

    /// What was done, or could not be.
    fn note(&mut self, rule: String, failed: String) {
        self.failed.push((rule, failed));
    }

    fn see(&mut self, now: Instant, octets: &[u8], out: &mut Vec<Vec<u8>>) {
        let Ok(view) = IpView::parse(octets) else { return };
        let content = sight::content(&view, &Memory::default());
        let (src, dst) = view.ports().unwrap_or((0, 0));
        let way = (SocketAddr::new(view.src, src), SocketAddr::new(view.dst, dst));
        let owner = |address| self.rules.owners.owner(address);
        let Some(from) = owner(view.src) else { return };
        let message = sight::message(now, (from, owner(view.dst)), way, content);
        let Some(rule) = first(&mut self.rules.rules, |_| message.clone()) else {
            if self.rules.otherwise == Otherwise::Fail {
                self.note("otherwise: fail".to_owned(), format!("no rule for {}", message.words()));
            }
            return;
        };
        match self.react(&rule.does, &message, &view) {
            Ok((sayings, mutations)) => {
                self.note(mutate::told(rule.text, &mutations), String::new());
                for (delay, octets) in sayings {
                    if delay.is_zero() {
                        out.push(octets);
                    } else {
                        self.late.insert((now + delay, self.count), octets);
                        self.count += 1;
                    }
                }
            }
            Err(why) => self.note(rule.text, why),
        }
    }

    /// The packets that answer a message, and what chance changed in them.
    fn react(
        &mut self,
        does: &Does,
        message: &Message,
        view: &IpView<'_>,
    ) -> Result<(Vec<Late>, Vec<String>), String> {
        let (src, dst) = (message.src, message.dst);
        match does {
            Does::Silence | Does::Edit(_) => Ok((Vec::new(), Vec::new())),
            Does::Raw(octets) => {
                Ok((vec![(Duration::ZERO, udp(dst, src, octets.clone())?)], Vec::new()))
            }
            Does::Reply(craft) => self.reply(craft, message),
            Does::Resend(how) => self.resend(how, message, view),
        }
    }

    fn reply(
        &mut self,
        craft: &Craft,
        message: &Message,
    ) -> Result<(Vec<Late>, Vec<String>), String> {
        let (src, dst) = self.ends(craft, message)?;
        let heard = match &message.content {
            Content::Ike(ike) => Some((&ike.header, &ike.payloads[..])),
            _ => None,
        };
        let ends = (src.ip(), dst.ip());
        let entropy = &mut self.rules.entropy;
        let mut maker = Maker { entropy, heard, meant: None, ends, spoken: &[], signer: None };
        let forms = maker.messages(craft, false)?;
        let mutations = forms.iter().flat_map(|form| form.mutations.clone()).collect();
        let packets = form::all_out(forms)?.into_iter().filter_map(octets);
        let packets = packets.map(|octets| Ok((craft.delay, udp(src, dst, octets)?)));
        Ok((packets.collect::<Result<_, String>>()?, mutations))
    }

    /// What was overheard, once more.
    fn resend(
        &mut self,
        how: &Resend,
        message: &Message,
        view: &IpView<'_>,
    ) -> Result<(Vec<Late>, Vec<String>), String> {
        let (src, dst) = self.resend_ends(how, message)?;
        let was_in_udp = view.protocol == IpProtocol::UDP;
        let payload = match was_in_udp {
            true => view.payload().get(UDP_HEADER..).unwrap_or_default(),
            false => view.payload(),
        };
        let (packets, mutations) = match &message.content {
            Content::Ike(ike) if how.edits.is_empty() => {
                (vec![udp(src, dst, ike.octets.clone())?], Vec::new())
            }
            Content::Ike(ike) => {
                let form = Form::read(&ike.octets).ok_or("its payloads can't be told apart")?;
                let (said, mutations) = self.edited(form, how, message)?;
                let packets = said.into_iter().map(|octets| udp(src, dst, octets));
                (packets.collect::<Result<_, String>>()?, mutations)
            }
            Content::Esp { octets, .. } => {
                let in_udp = how.in_udp.unwrap_or(was_in_udp);
                let protocol = if in_udp { IpProtocol::UDP } else { IpProtocol::ESP };
                (vec![bare(protocol, src, dst, octets.clone())?], Vec::new())
            }
            _ => (vec![bare(view.protocol, src, dst, payload.to_vec())?], Vec::new()),
        };
        Ok((packets.into_iter().map(|packet| (how.delay, packet)).collect(), mutations))
    }

    /// The octets of an IKE message with the changes of a rule.
    fn edited(
        &mut self,
        mut form: Form,
        how: &Resend,
        message: &Message,
    ) -> Result<(Vec<Vec<u8>>, Vec<String>), String> {
        let ends = (message.src.ip(), message.dst.ip());
        let entropy = &mut self.rules.entropy;
        let mut maker =
            Maker { entropy, heard: None, meant: None, ends, spoken: &[], signer: None };
        edit::all(&mut form, &how.edits, &mut maker)?;
        let mutations = form.mutations.clone();
        Ok((form.out()?.into_iter().filter_map(octets).collect(), mutations))
    }

    /// The addresses and ports that something overheard goes out with.
    fn resend_ends(
        &self,
        how: &Resend,
        message: &Message,
    ) -> Result<(SocketAddr, SocketAddr), String> {
        let (mut src, mut dst) = (message.src, message.dst);
        if let Some((from, to)) = how.ends {
            (src, dst) = (self.end(from, message, src)?, self.end(to, message, dst)?);
        }
        if let Some(port) = how.port {
            src.set_port(port);
            dst.set_port(port);
        }
        Ok((src, dst))
    }

    /// Where a host has a part in a message, that end of it; else its first address of the family,
    /// with the port of `instead`.
    fn end(&self, host: u16, message: &Message, instead: SocketAddr) -> Result<SocketAddr, String> {
        let owner = |end: &SocketAddr| self.rules.owners.owner(end.ip()) == Some(host);
        if let Some(known) = [message.src, message.dst].into_iter().find(owner) {
            return Ok(known);
        }
        let all = self.addresses.get(usize::from(host)).map_or(&[][..], Vec::as_slice);
        let address = all.iter().find(|address| address.is_ipv4() == instead.is_ipv4());
        let address = address.ok_or("the host has no address of this family")?;
        Ok(SocketAddr::new(*address, instead.port()))
    }

    /// The addresses that the names of a reply stand for: those of the message that is answered
    /// where its hosts have a part in it, else their first ones.
    fn ends(&self, craft: &Craft, message: &Message) -> Result<(SocketAddr, SocketAddr), String> {
        let end = |host: u16| {
            let instead = SocketAddr::new(message.src.ip(), PORT_IKE);
            let end = self.end(host, message, instead)?;
            Ok::<_, String>(SocketAddr::new(end.ip(), craft.port.unwrap_or(end.port())))
        };
        Ok((end(craft.from)?, end(craft.to)?))
    }
}

impl Software for Crafted {
    fn handle(
        &mut self,
        now: Instant,
        _: &mut dyn Entropy,
        event: Event<'_>,
        out: &mut Vec<Vec<u8>>,
    ) {
        match event {
            Event::Packet(frame) => self.see(now, &frame.octets, out),
            Event::Deadline => {}
        }
        while let Some(first) = self.late.first_entry().filter(|entry| entry.key().0 <= now) {
            out.push(first.remove());
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.late.keys().next().map(|(at, _)| *at)
    }

    fn notes(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.failed)
    }
}

/// The packets that a step injects, each with the time from the step to it; or why it can't be done.
pub(crate) fn inject(plan: &Plan, step: u32, injection: &Injection) -> Result<Vec<Late>, String> {
    let mut entropy = Seeded::new(plan.seed, &format!("inject {step}"));
    let mut packets = Vec::new();
    for number in 0..injection.count {
        let after = injection.every.saturating_mul(number);
        let made = some_packets(plan, &mut entropy, injection)?;
        packets.extend(made.into_iter().map(|packet| (after, packet)));
    }
    Ok(packets)
}

/// One packet, or as many as a message by hand is to be said times.
fn some_packets(
    plan: &Plan,
    entropy: &mut Seeded,
    injection: &Injection,
) -> Result<Vec<Vec<u8>>, String> {
    let (from, to) = match &injection.what {
        Inject::Message(craft) => (craft.from, craft.to),
        Inject::Raw(raw) => (raw.from, raw.to),
    };
    let (mut from, to) = ends(plan, from, to)?;
    if let Some((block, length)) = injection.sources {
        if block.is_ipv4() != to.is_ipv4() {
            return Err("the block is of another family than the address".to_owned());
        }
        from = within(entropy, block, length);
    }
    match &injection.what {
        Inject::Message(craft) => {
            let port = craft.port.unwrap_or(PORT_IKE);
            let ends = (from, to);
            let mut maker =
                Maker { entropy, heard: None, meant: None, ends, spoken: &[], signer: None };
            let forms = maker.messages(craft, false)?;
            let (src, dst) = (SocketAddr::new(from, port), SocketAddr::new(to, port));
            let octets = form::all_out(forms)?.into_iter().filter_map(octets);
            octets.map(|octets| udp(src, dst, octets)).collect()
        }
        Inject::Raw(raw) => {
            let (src, dst) = (SocketAddr::new(from, raw.port), SocketAddr::new(to, raw.port));
            Ok(vec![bare(IpProtocol(raw.protocol), src, dst, raw.octets.clone())?])
        }
    }
}

/// An address of a block, neither the first nor the last of it.
fn within(entropy: &mut Seeded, block: IpAddr, length: u8) -> IpAddr {
    let mut drawn = [0; 16];
    entropy.fill(Purpose::aside(Value::Content), &mut drawn);
    let drawn = u128::from_be_bytes(drawn);
    let pick = |base: u128, width: u8| {
        let free = u32::from(width.saturating_sub(length));
        let size = if free >= 127 { u128::MAX } else { (1 << free) - 1 };
        let host = if size < 3 { drawn & size } else { 1 + drawn % (size - 1) };
        (base & !size) | host
    };
    match block {
        IpAddr::V4(v4) => {
            let picked = pick(u128::from(u32::from(v4)), 32) & u128::from(u32::MAX);
            IpAddr::V4(Ipv4Addr::from(u32::try_from(picked).unwrap_or(0)))
        }
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(pick(u128::from(v6), 128))),
    }
}

/// Octets in a packet of a protocol, behind a UDP header where it is UDP.
fn bare(
    protocol: IpProtocol,
    src: SocketAddr,
    dst: SocketAddr,
    octets: Vec<u8>,
) -> Result<Vec<u8>, String> {
    fits(octets.len())?;
    let octets = match protocol {
        IpProtocol::UDP => {
            let udp = Udp { src_port: src.port(), dst_port: dst.port(), payload: octets };
            udp.emit(src.ip(), dst.ip())
        }
        _ => octets,
    };
    Ok(IpPacket::new(src.ip(), dst.ip(), protocol, octets).emit())
}

/// The first addresses of one family that two hosts have on links.
fn ends(plan: &Plan, from: u16, to: u16) -> Result<(IpAddr, IpAddr), String> {
    let addresses = |place: u16| {
        let ifaces = plan.hosts.get(usize::from(place)).map_or(&[][..], |host| &host.ifaces);
        let linked = ifaces.iter().filter(|iface| iface.link.is_some());
        linked.flat_map(|iface| iface.addresses.iter().map(|(address, _)| *address))
    };
    let same = |a: IpAddr| addresses(to).find(|b| b.is_ipv4() == a.is_ipv4()).map(|b| (a, b));
    let found = addresses(from).find_map(same);
    found.ok_or_else(|| "the two hosts have no addresses of one family on a link".to_owned())
}

/// A message in the clear.
fn octets(what: What) -> Option<Vec<u8>> {
    match what {
        What::Octets(octets) => Some(octets),
        What::Sealed(_) => None,
    }
}

/// A UDP datagram in a packet, with the non-ESP marker on port 4500.
fn udp(src: SocketAddr, dst: SocketAddr, octets: Vec<u8>) -> Result<Vec<u8>, String> {
    let payload = if src.port() == PORT_NAT_T || dst.port() == PORT_NAT_T {
        with_marker(&octets)
    } else {
        octets
    };
    fits(payload.len())?;
    let udp = Udp { src_port: src.port(), dst_port: dst.port(), payload };
    let udp = udp.emit(src.ip(), dst.ip());
    Ok(IpPacket::new(src.ip(), dst.ip(), IpProtocol::UDP, udp).emit())
}

fn fits(length: usize) -> Result<(), String> {
    let most = Udp::PAYLOAD_MAX;
    if length <= most { Ok(()) } else { Err(format!("{length} octets, at most {most} fit")) }
}
