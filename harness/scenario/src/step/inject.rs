//! `inject: {from: EVIL, message: "R2 -> R1 INFORMATIONAL req mid=7 {D(IKE)}"}`: a packet that no
//! engine made, with any addresses.

use std::time::Duration;

use ikelab_wire::ike::EspSpi;

use super::Draft;
use crate::pattern::{craft, octets};
use crate::plan::{Command, Inject, Injection, RawPacket};
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, may, need};
use crate::yaml::Node;

/// RFC 7296 §2.
const PORT: u64 = 500;
/// The most packets of one step: all of them stand in the trace.
const COUNT_MAX: u64 = 100_000;
/// From one packet to the next, where nothing is said.
const EVERY: Duration = Duration::from_millis(1);
/// UDP and ESP among the protocols of IP.
const UDP: u64 = 17;
const ESP: u8 = 50;

pub(super) static SHAPE: Shape = Shape::new(
    "inject",
    "A packet that no engine made, or many: a message by hand in UDP, or octets.",
    &[&[
        need("from", shape::HOST, "The host that sends it."),
        may("message", shape::CRAFT, "An IKE message; its hosts are the addresses it bears."),
        may("raw", shape::HEX, "Octets behind the UDP, ESP or IP header. 00*32 repeats."),
        may("ends", shape::TEXT, "With `raw`, the addresses it bears: R2 -> R1."),
        may("port", Form::Integer(1, 65_535), "With `raw`, the UDP port at both ends.").or("500"),
        may("protocol", Form::Integer(0, 255), "With `raw`, the protocol of IP.").or("17, UDP"),
        may("spi", shape::HEX, "With `raw`, the SPI of an ESP header before it."),
        may("seq", Form::Integer(0, 4_294_967_295), "With `spi`, the sequence number.").or("1"),
        may("count", Form::Integer(1, COUNT_MAX), "How many; what chance decides is new in each.")
            .or("1"),
        may("every", shape::DURATION, "How long from one to the next.").or("1ms"),
        may("sources", shape::PREFIX, "A block that each draws its source address from."),
    ]],
);

pub(super) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let from_text = cx.text(fields.need("from")?, "from")?;
    let host = world.host_in(cx, from_text)?;
    let (inject, text) = match (fields.text("message"), fields.text("raw")) {
        (Some(text), None) => {
            for key in ["ends", "port", "protocol", "spi", "seq"] {
                if let Some(span) = fields.key(key) {
                    cx.error(span, format!("`{key}` is for `raw`"), "the message says it itself");
                }
            }
            (Inject::Message(Box::new(craft(cx, world, text)?)), text.value.clone())
        }
        (None, Some(text)) => {
            let Some(octets) = octets(&text.value) else {
                let label = "hex digits in pairs; 00*32 repeats";
                cx.error(text.span, format!("`{}` is no octets", text.value), label);
                return None;
            };
            let words = format!("{} octets", octets.len());
            (Inject::Raw(raw(cx, world, &fields, octets)?), words)
        }
        (Some(_), Some(_)) | (None, None) => {
            cx.error(fields.span, "one packet is injected", "expected `message: ..` or `raw: ..`");
            return None;
        }
    };
    let count = fields.integer("count", 1, COUNT_MAX).and_then(|count| u32::try_from(count).ok());
    let every = fields.duration("every").unwrap_or(EVERY);
    let sources = fields.text("sources").and_then(|text| cx.prefix(text, "the block"));
    let count = count.unwrap_or(1);
    let times = if count == 1 { String::new() } else { format!("{count} times ") };
    let text = format!("inject {times}{text} at {}", from_text.value);
    let injection = Injection { what: inject, count, every, sources };
    let actions = vec![(host, Command::Inject(injection))];
    Some(Draft { actions, text, takes: every.saturating_mul(count - 1) })
}

fn raw(
    cx: &Cx<'_>,
    world: &World,
    fields: &Fields<'_, '_>,
    mut octets: Vec<u8>,
) -> Option<RawPacket> {
    let Some(ends) = fields.get("ends") else {
        cx.error(fields.span, "`raw` without `ends`", "whose addresses does it bear? R2 -> R1");
        return None;
    };
    let (from, to) = world.ends(cx, cx.text(ends, "ends")?)?;
    let mut protocol = u8::try_from(fields.integer("protocol", 0, 255).unwrap_or(UDP)).ok()?;
    let port = fields.integer("port", 1, 65_535);
    if let Some(text) = fields.text("spi") {
        let Ok(spi) = text.value.trim_start_matches("0x").parse::<EspSpi>() else {
            cx.error(text.span, format!("`{}` is no SPI", text.value), "up to 8 hex digits");
            return None;
        };
        let sequence = u32::try_from(fields.integer("seq", 0, 4_294_967_295).unwrap_or(1)).ok()?;
        octets.splice(0..0, [spi.0.to_be_bytes(), sequence.to_be_bytes()].concat());
        if port.is_none() {
            protocol = ESP;
        }
    } else if let Some(span) = fields.key("seq") {
        cx.error(span, "`seq` without `spi`", "");
    }
    if u64::from(protocol) != UDP
        && let Some(span) = fields.key("port")
    {
        cx.error(span, "`port` is for UDP", "");
    }
    let port = u16::try_from(port.unwrap_or(PORT)).ok()?;
    Some(RawPacket { from, to, protocol, port, octets })
}
