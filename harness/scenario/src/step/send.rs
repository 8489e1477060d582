//! `send: {from: A.lan, to: B.lan, proto: tcp, bytes: 1MB}`: a flow of messages over UDP or TCP.
//!
//! The receiver needs no step of its own: a flow implies who waits for it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ikelab_trace::Transport;

use super::{Draft, extensions, words};
use crate::pattern::ECN;
use crate::plan::{Command, Send};
use crate::quantity;
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, may, need};
use crate::text::Text;
use crate::yaml::Node;

/// The port of the usual program for throughput.
const PORT: u16 = 5_001;
/// The first of the ports that nobody is registered for, RFC 6335 §6. Each flow has its own.
const FROM_PORT: u16 = 49_152;
/// Octets of a message that fits the usual tunnel.
const SIZE: u32 = 1_200;
/// Messages of a flow that says neither `count` nor `bytes`.
const COUNT: u64 = 5;
const EVERY: Duration = Duration::from_secs(1);
/// The longest message over UDP.
const UDP_MAX: u64 = 65_000;

pub(super) static SHAPE: Shape = Shape::new(
    "send",
    "A flow of messages over UDP or TCP. The receiver waits for it by itself.",
    &[&[
        need("from", shape::IFACE, "Whose address it comes from."),
        need("to", shape::IFACE, "Whose address it goes to."),
        may("proto", Form::Words(&shape::words(&TRANSPORTS)), "What carries it.").or("udp"),
        may("port", Form::Integer(1, 65_535), "The receiver's port.").or("5001"),
        may("from_port", Form::Integer(1, 65_535), "The sender's port.")
            .or("49152 and the flow's number"),
        may("size", Form::Integer(1, 1_000_000), "Octets of each message.").or("1200"),
        may("count", Form::Integer(1, 1_000_000), "How many messages.").or("5"),
        may("bytes", shape::VOLUME, "Octets of all messages, in place of `count`."),
        may("every", shape::DURATION, "How long between two messages.")
            .or("1s over UDP; over TCP as fast as it goes"),
        may("rate", shape::RATE, "How fast, in place of `every`."),
        may("dscp", Form::Integer(0, 63), "The DSCP of its packets.").or("0"),
        may("ecn", Form::Words(&shape::words(&ECN)), "The ECN field of its packets.").or("not-ect"),
        may("df", Form::Boolean, "Whether routers must not fragment its packets.")
            .or("true over TCP, false over UDP; always so in IPv6"),
        may("extensions", extensions::FORM, "IPv6 extension headers of its datagrams, in order.")
            .or("none"),
    ]],
);

const TRANSPORTS: [(&str, Transport); 2] = [("udp", Transport::Udp), ("tcp", Transport::Tcp)];

pub(super) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let (from, to) = (fields.need("from"), fields.need("to"));
    let (from, to) = (cx.text(from?, "from")?, cx.text(to?, "to")?);
    let (source, target) = (addresses(cx, world, from)?, addresses(cx, world, to)?);
    if source.0 == target.0 {
        cx.error(to.span, "a flow from a host to itself", "name an interface of another host");
        return None;
    }
    let Some((source_ip, target_ip)) = of_one_family(&source.1, &target.1) else {
        let message =
            format!("`{}` and `{}` have no address family in common", from.value, to.value);
        cx.error(to.span, message, "");
        return None;
    };
    let transport = fields.choice("proto", &TRANSPORTS).unwrap_or(Transport::Udp);
    let size = size(&fields, transport);
    let octets = octets(cx, &fields, size)?;
    let every = every(cx, &fields, transport, size);
    let send = Send {
        flow: 0,
        transport,
        from: SocketAddr::new(source_ip, port(&fields, "from_port").unwrap_or(0)),
        to: SocketAddr::new(target_ip, port(&fields, "port").unwrap_or(PORT)),
        size,
        octets,
        every,
        dscp_ecn: marks(&fields),
        dont_fragment: fields.boolean("df"),
        extensions: extensions::read(cx, &fields, source_ip),
    };
    if let Some(node) = fields.get("extensions").filter(|_| transport == Transport::Tcp) {
        cx.error(node.span, "`extensions` are for UDP", "say `proto: udp`, or leave them out");
    }
    let messages = u32::try_from(octets.div_ceil(size.into())).unwrap_or(u32::MAX);
    let text = format!(
        "send {} {} > {}, {octets} octets{}",
        transport.name(),
        from.value,
        to.value,
        every.map(|every| format!(", {size} every {}", words(every))).unwrap_or_default()
    );
    let (source, target) = (source.0, target.0);
    Some(Draft {
        actions: vec![(target, Command::Expect(send.clone())), (source, Command::Send(send))],
        text,
        takes: every.unwrap_or_default().saturating_mul(messages),
    })
}

impl Send {
    /// Numbers the flow, and with its number its port.
    pub(super) fn number(&mut self, flow: u32) {
        self.flow = flow;
        if self.from.port() == 0 {
            let room = u32::from(u16::MAX - FROM_PORT) + 1;
            self.from.set_port(FROM_PORT + u16::try_from(flow % room).unwrap_or(0));
        }
    }
}

fn size(fields: &Fields<'_, '_>, transport: Transport) -> u32 {
    let (least, most) = match transport {
        Transport::Udp => (8, UDP_MAX), // room for the numbers of flow and message
        Transport::Tcp => (1, 1_000_000),
    };
    let size = fields.integer("size", least, most);
    size.and_then(|size| u32::try_from(size).ok()).unwrap_or(SIZE)
}

/// Octets of all messages.
fn octets(cx: &Cx<'_>, fields: &Fields<'_, '_>, size: u32) -> Option<u64> {
    /// What a run may carry in a flow: more than anybody reads the trace of.
    const MOST: u64 = 1_000_000_000;
    let octets = match (fields.integer("count", 1, 1_000_000), fields.text("bytes")) {
        (Some(_), Some(text)) => {
            cx.error(text.span, "`count` and `bytes` both say how much", "say one of them");
            return None;
        }
        (count, None) => count.unwrap_or(COUNT) * u64::from(size),
        (None, Some(text)) => quantity::octets(&text.value).or_else(|| {
            let message = format!("`bytes` is `{}`", text.value);
            cx.error(text.span, message, format!("expected {}", quantity::OCTETS));
            None
        })?,
    };
    if octets == 0 || octets > MOST || octets.div_ceil(size.into()) > 1_000_000 {
        let key = fields.key("bytes").or(fields.key("count")).unwrap_or(fields.span);
        let label = "expected at most 1GB, and a million messages";
        cx.error(key, format!("a flow of {octets} octets"), label);
        return None;
    }
    Some(octets)
}

/// The time from one message to the next.
fn every(
    cx: &Cx<'_>,
    fields: &Fields<'_, '_>,
    transport: Transport,
    size: u32,
) -> Option<Duration> {
    let default = match transport {
        Transport::Udp => Some(EVERY),
        Transport::Tcp => None,
    };
    match (fields.duration("every"), fields.text("rate")) {
        (Some(_), Some(text)) => {
            cx.error(text.span, "`every` and `rate` both say how fast", "say one of them");
            default
        }
        (every, None) => every.or(default),
        (None, Some(text)) => {
            let Some(rate @ 1..) = quantity::rate(&text.value) else {
                let message = format!("`rate` is `{}`", text.value);
                cx.error(text.span, message, format!("expected {}", quantity::RATE));
                return default;
            };
            Some(Duration::from_nanos(u64::from(size) * 8_000_000_000 / rate))
        }
    }
}

fn port(fields: &Fields<'_, '_>, key: &str) -> Option<u16> {
    fields.integer(key, 1, 65_535).and_then(|port| u16::try_from(port).ok())
}

/// DSCP stands before ECN, RFC 2474 §3 and RFC 3168 §5.
fn marks(fields: &Fields<'_, '_>) -> u8 {
    let dscp = fields.integer("dscp", 0, 63).and_then(|dscp| u8::try_from(dscp).ok());
    dscp.unwrap_or(0) << 2 | fields.choice("ecn", &ECN).unwrap_or(0)
}

/// The host that is named, and the addresses that are meant: those of an interface, or one.
fn addresses(cx: &Cx<'_>, world: &World, text: &Text) -> Option<(u16, Vec<IpAddr>)> {
    let (host, address) = world.address(cx, &text.value, text.span)?;
    let known = world.hosts.get(usize::from(host))?;
    let iface = text.value.split_once('.').map_or("", |(_, iface)| iface);
    let all = known.ifaces.iter().find(|known| known.name == iface);
    let all = all.map(|iface| iface.addresses.iter().map(|(address, _)| *address).collect());
    Some((host, all.unwrap_or_else(|| vec![address])))
}

/// The first addresses that are of one family.
fn of_one_family(from: &[IpAddr], to: &[IpAddr]) -> Option<(IpAddr, IpAddr)> {
    from.iter().find_map(|from| {
        let to = to.iter().find(|to| to.is_ipv4() == from.is_ipv4())?;
        Some((*from, *to))
    })
}
