//! `extensions: [hop-by-hop, routing, destination]`: IPv6 extension headers of the packets of a flow.

use std::net::IpAddr;

use ikelab_wire::registry::IpProtocol;

use crate::reader::{Cx, Fields};
use crate::shape::{self, Form};

/// RFC 8200 §4.
const KINDS: [(&str, IpProtocol); 3] = [
    ("hop-by-hop", IpProtocol::ANY),
    ("routing", IpProtocol::IPV6_ROUTE),
    ("destination", IpProtocol::IPV6_OPTIONS),
];
/// As many as a receiver walks over.
const MOST: usize = 8;

pub(super) const FORM: Form = Form::List(&Form::Words(&shape::words(&KINDS)));

/// The headers in their order; those that no receiver would take are complained about: `packet` sends
/// what is wrong.
pub(super) fn read(cx: &Cx<'_>, fields: &Fields<'_, '_>, from: IpAddr) -> Vec<IpProtocol> {
    let Some(node) = fields.get("extensions") else { return Vec::new() };
    let mut kinds = Vec::new();
    for text in cx.texts(node, "extensions") {
        match KINDS.iter().find(|(name, _)| *name == text.value) {
            Some((_, IpProtocol::ANY)) if !kinds.is_empty() => {
                let label = "a step `packet` sends what nobody should";
                cx.error(text.span, "hop-by-hop options come first", label);
            }
            Some((_, kind)) => kinds.push(*kind),
            None => {
                cx.unknown(text.span, "extension header", &text.value, KINDS.map(|(name, _)| name));
            }
        }
    }
    if from.is_ipv4() {
        cx.error(node.span, "`extensions` of a flow over IPv4", "only IPv6 has extension headers");
    }
    if kinds.len() > MOST {
        let message = format!("{} extension headers", kinds.len());
        cx.error(node.span, message, format!("a receiver takes at most {MOST}"));
    }
    kinds
}
