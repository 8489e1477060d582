//! `virtual_ip:` of an end: an internal address asked for, or a pool of them (RFC 7296 §2.19).

use std::net::IpAddr;

use crate::plan::{Pool, VirtualIp};
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, may, need};
use crate::yaml::{Kind, Node};

pub(super) const FORM: Form = Form::Any(&[Form::Words(&shape::words(&WORDS)), Form::Shape(&POOL)]);

static POOL: Shape = Shape::new(
    "pool",
    "Internal addresses to give out, and what the peer is told beside its own.",
    &[&[
        need(
            "pool",
            Form::Any(&[shape::PREFIX, Form::List(&shape::PREFIX)]),
            "Networks of addresses, given out in order; tunnels may share them.",
        ),
        may("dns", Form::Any(&[shape::PREFIX, Form::List(&shape::PREFIX)]), "Name servers."),
        may(
            "subnets",
            Form::Any(&[shape::PREFIX, Form::List(&shape::PREFIX)]),
            "Networks that are reached through this end.",
        ),
        may(
            "required",
            Form::Boolean,
            "Whether a peer that does not ask is refused a Child SA: FAILED_CP_REQUIRED.",
        )
        .or("false"),
    ]],
);

/// `request`, `request-ipv4`, `request-ipv6`, or `{pool: net, dns: .., subnets: .., required: ..}`.
pub(super) fn virtual_ip(cx: &Cx<'_>, node: &Node) -> Option<VirtualIp> {
    match &node.kind {
        Kind::Map(_) => pool(cx, node),
        Kind::Scalar(_) | Kind::List(_) => cx.choice(node, "virtual_ip", &WORDS).map(request),
    }
}

/// What is asked for: IPv4, IPv6.
const WORDS: [(&str, (bool, bool)); 3] =
    [("request-ipv4", (true, false)), ("request-ipv6", (false, true)), ("request", (true, true))];

fn request((ipv4, ipv6): (bool, bool)) -> VirtualIp {
    VirtualIp::Request { ipv4, ipv6 }
}

fn pool(cx: &Cx<'_>, node: &Node) -> Option<VirtualIp> {
    let fields = Fields::of(cx, node, &POOL)?;
    let blocks = prefixes(cx, fields.need("pool")?, "pool");
    Some(VirtualIp::Pool(Pool {
        blocks,
        dns: fields.get("dns").map(|node| addresses(cx, node)).unwrap_or_default(),
        subnets: fields
            .get("subnets")
            .map(|node| prefixes(cx, node, "subnets"))
            .unwrap_or_default(),
        required: fields.boolean("required").unwrap_or(false),
    }))
}

/// A network or a list of them.
fn prefixes(cx: &Cx<'_>, node: &Node, what: &str) -> Vec<(IpAddr, u8)> {
    let texts = match &node.kind {
        Kind::Scalar(text) => vec![text],
        Kind::List(_) | Kind::Map(_) => cx.texts(node, what),
    };
    texts.into_iter().filter_map(|text| cx.prefix(text, "network")).collect()
}

/// An address or a list of them.
fn addresses(cx: &Cx<'_>, node: &Node) -> Vec<IpAddr> {
    let texts = match &node.kind {
        Kind::Scalar(text) => vec![text],
        Kind::List(_) | Kind::Map(_) => cx.texts(node, "dns"),
    };
    let address = |text: &crate::text::Text| {
        let address = text.value.parse().ok();
        if address.is_none() {
            let message = format!("`{}` is no address", text.value);
            cx.error(text.span, message, "expected IPv4 or IPv6: 10.9.0.1");
        }
        address
    };
    texts.into_iter().filter_map(address).collect()
}
