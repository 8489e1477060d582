//! `seal: {host: G1, child: net, payload: "4500.."}`: an ESP packet by hand, under the keys of an SA of
//! the host. What a receiver does with a peer that has lost its mind is seen only so.

use std::time::Duration;

use super::{Draft, end_of_child};
use crate::pattern::{ECN, octets};
use crate::plan::{Command, EspByHand};
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, may, need};
use crate::text::Text;
use crate::yaml::Node;

/// Next headers of tunnel mode.
const IPV4: u8 = 4;
const IPV6: u8 = 41;

pub(super) static SHAPE: Shape = Shape::new(
    "seal",
    "An ESP packet by hand, sealed with the keys of the host's newest SA of a child.",
    &[&[
        need("host", shape::HOST, "The host that sends it."),
        need("child", shape::CHILD, "The child."),
        need("payload", shape::HEX, "What stands behind the IV. 00*32 repeats."),
        may("next", Form::Integer(0, 255), "The next header.").or("4 or 41, as the payload begins"),
        may("padding", shape::HEX, "The padding.").or("1, 2, 3 ..."),
        may("pad_length", Form::Integer(0, 255), "The pad length.").or("that of the padding"),
        may(
            "seq",
            Form::Integer(0, u64::MAX),
            "The sequence number; one that is given moves no counter.",
        )
        .or("the next one of the SA"),
        may("forged", Form::Boolean, "Whether the integrity check value is wrong.").or("false"),
        may("ecn", Form::Words(&shape::words(&ECN)), "The ECN field of the outer header.")
            .or("not-ect"),
        may("cut", Form::Integer(0, 65_535), "How many octets are missing at its end.").or("0"),
    ]],
);

pub(super) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let (host_text, host, child) = end_of_child(cx, world, &fields)?;
    let payload = hex(cx, cx.text(fields.need("payload")?, "payload")?)?;
    let padding = match fields.text("padding") {
        Some(text) => Some(padding(cx, text)?),
        None => None,
    };
    let octet = |key| fields.integer(key, 0, 255).and_then(|value| u8::try_from(value).ok());
    let version = if payload.first().is_some_and(|first| first >> 4 == 6) { IPV6 } else { IPV4 };
    let text = format!("seal {} octets for {child} at {}", payload.len(), host_text.value);
    let packet = EspByHand {
        child,
        payload,
        next_header: octet("next").unwrap_or(version),
        padding,
        pad_length: octet("pad_length"),
        sequence: fields.integer("seq", 0, u64::MAX),
        forged: fields.boolean("forged").unwrap_or(false),
        ecn: fields.choice("ecn", &ECN).unwrap_or(0),
        cut: fields.integer("cut", 0, 65_535).and_then(|cut| u16::try_from(cut).ok()).unwrap_or(0),
    };
    Some(Draft { actions: vec![(host, Command::Seal(packet))], text, takes: Duration::ZERO })
}

fn padding(cx: &Cx<'_>, text: &Text) -> Option<Vec<u8>> {
    let padding = hex(cx, text)?;
    if padding.len() > 255 {
        let message = format!("padding of {} octets", padding.len());
        cx.error(text.span, message, "its length has one octet: up to 255");
        return None;
    }
    Some(padding)
}

pub(super) fn hex(cx: &Cx<'_>, text: &Text) -> Option<Vec<u8>> {
    let octets = octets(&text.value);
    if octets.is_none() {
        let label = "hex digits in pairs; 00*32 repeats";
        cx.error(text.span, format!("`{}` is no octets", text.value), label);
    }
    octets
}
