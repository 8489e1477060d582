//! A peer made by hand: no engine, no keys. It answers what it sees, with any address.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ikelab_ambient::{Entropy, Instant, Seeded};
use ikelab_host::{Event, Software};
use ikelab_ike::What;
use ikelab_scenario::plan::{Craft, Does, Inject, Otherwise, Plan};
use ikelab_scenario::run::{Content, Message};
use ikelab_wire::ip::{IpPacket, IpView, Udp, with_marker};
use ikelab_wire::registry::IpProtocol;

use super::craft::Maker;
use super::{Memory, Rules, first, sight};

/// RFC 3948.
const PORT_NAT_T: u16 = 4500;
/// RFC 7296 §2.
const PORT_IKE: u16 = 500;

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
        let addresses = plan.hosts.iter().map(|host| {
            let all = host.ifaces.iter().flat_map(|iface| &iface.addresses);
            all.map(|(address, _)| *address).collect()
        });
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
        match self.react(&rule.does, &message) {
            Ok(sayings) => {
                self.note(rule.text, String::new());
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

    /// The packets that answer a message.
    fn react(
        &mut self,
        does: &Does,
        message: &Message,
    ) -> Result<Vec<(Duration, Vec<u8>)>, String> {
        let (src, dst) = (message.src, message.dst);
        match does {
            Does::Silence | Does::Edit(_) => Ok(Vec::new()),
            Does::Raw(octets) => Ok(vec![(Duration::ZERO, udp(dst, src, octets.clone())?)]),
            Does::Reply(craft) => self.reply(craft, message),
        }
    }

    fn reply(
        &mut self,
        craft: &Craft,
        message: &Message,
    ) -> Result<Vec<(Duration, Vec<u8>)>, String> {
        let (src, dst) = self.ends(craft, message)?;
        let heard = match &message.content {
            Content::Ike(ike) => Some((&ike.header, &ike.payloads[..])),
            _ => None,
        };
        let ends = (src.ip(), dst.ip());
        let entropy = &mut self.rules.entropy;
        let mut maker = Maker { entropy, heard, meant: None, ends, spoken: &[] };
        let form = maker.message(craft, false)?;
        let packets = form.out().into_iter().filter_map(octets);
        packets.map(|octets| Ok((craft.delay, udp(src, dst, octets)?))).collect()
    }

    /// The addresses that the names of a reply stand for: those of the message that is answered
    /// where its hosts have a part in it, else their first ones.
    fn ends(&self, craft: &Craft, message: &Message) -> Result<(SocketAddr, SocketAddr), String> {
        let end = |host: u16| {
            let seen = [message.src, message.dst];
            let known =
                seen.into_iter().find(|end| self.rules.owners.owner(end.ip()) == Some(host));
            let family = message.src.is_ipv4();
            let first = || {
                let all = self.addresses.get(usize::from(host)).map_or(&[][..], Vec::as_slice);
                let address = all.iter().find(|address| address.is_ipv4() == family)?;
                Some(SocketAddr::new(*address, PORT_IKE))
            };
            let end = known.or_else(first);
            let end = end.map(|end| SocketAddr::new(end.ip(), craft.port.unwrap_or(end.port())));
            end.ok_or_else(|| "the host has no address of this family".to_owned())
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

/// The packets that a step injects; or why it can't be done.
pub(crate) fn inject(plan: &Plan, step: u32, inject: &Inject) -> Result<Vec<Vec<u8>>, String> {
    match inject {
        Inject::Message(craft) => {
            let (from, to) = ends(plan, craft.from, craft.to)?;
            let port = craft.port.unwrap_or(PORT_IKE);
            let mut entropy = Seeded::new(plan.seed, &format!("inject {step}"));
            let ends = (from, to);
            let entropy = &mut entropy;
            let mut maker = Maker { entropy, heard: None, meant: None, ends, spoken: &[] };
            let octets = maker.message(craft, false)?.out().into_iter().filter_map(octets);
            let (src, dst) = (SocketAddr::new(from, port), SocketAddr::new(to, port));
            octets.map(|octets| udp(src, dst, octets)).collect()
        }
        Inject::Raw(raw) => {
            let (from, to) = ends(plan, raw.from, raw.to)?;
            let protocol = IpProtocol(raw.protocol);
            fits(raw.octets.len())?;
            let payload = match protocol {
                IpProtocol::UDP => {
                    let (src_port, dst_port) = (raw.port, raw.port);
                    Udp { src_port, dst_port, payload: raw.octets.clone() }.emit(from, to)
                }
                _ => raw.octets.clone(),
            };
            Ok(vec![IpPacket::new(from, to, protocol, payload).emit()])
        }
    }
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
