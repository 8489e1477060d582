//! What ESP and unprotected packets carry: `{ICMP type=8}`, `{UDP port=53 dst=10.0.0.1}`, `{!TCP}`.

use std::net::IpAddr;

use ikelab_wire::registry::IpProtocol;

use super::line::{LineCx, ecn};
use super::scan::{Scan, Word};
use crate::source::Span;

/// A protocol and what is known of its packet.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CarriedItem {
    /// `!`: it is not that.
    pub(crate) absent: bool,
    pub(crate) protocol: IpProtocol,
    pub(crate) fields: Vec<CarriedField>,
    pub(crate) span: Span,
    /// The item as it is written.
    pub(crate) words: String,
}

/// A field of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CarriedField {
    /// Of ICMP.
    Type(u8),
    /// Of ICMP.
    Code(u8),
    /// Of UDP and TCP, on either side.
    Port(u16),
    Src(IpAddr),
    Dst(IpAddr),
    /// Octets of the packet.
    Length(usize),
    /// The ECN field of its IP header.
    Ecn(u8),
}

/// A dummy packet of ESP has the next header 59, RFC 4303 §2.6.
const PROTOCOLS: [(&str, IpProtocol); 4] = [
    ("ICMP", IpProtocol::ICMP),
    ("UDP", IpProtocol::UDP),
    ("TCP", IpProtocol::TCP),
    ("DUMMY", IpProtocol::IPV6_NO_NEXT),
];

/// Reads what stands between braces; the first is taken already.
pub(super) fn items(cx: &LineCx<'_>, scan: &mut Scan<'_>) -> Option<Vec<CarriedItem>> {
    let open = scan.at() - 1;
    let inner = scan.until('}');
    if !scan.take("}") {
        let span = scan.span_of(open..open + 1);
        cx.cx.error(span, "a brace that is not closed", "expected `}` on the same line");
        return None;
    }
    let mut items = Vec::new();
    let mut start = inner.start;
    for part in inner.text.split(',') {
        let word = Word { text: part, start }.trimmed();
        start += part.len() + 1;
        items.push(item(cx, scan, word)?);
    }
    Some(items)
}

fn item(cx: &LineCx<'_>, scan: &Scan<'_>, whole: Word<'_>) -> Option<CarriedItem> {
    let (absent, rest) = match whole.text.strip_prefix('!') {
        Some(rest) => (true, Word { text: rest, start: whole.start + 1 }.trimmed()),
        None => (false, whole),
    };
    let end = rest.text.find(char::is_whitespace).unwrap_or(rest.text.len());
    let (name, tail) = rest.text.split_at(end);
    let known = PROTOCOLS.iter().find(|(known, _)| *known == name);
    let Some((_, protocol)) = known else {
        let names = PROTOCOLS.map(|(name, _)| name);
        cx.cx.unknown(scan.span(Word { text: name, start: rest.start }), "protocol", name, names);
        return None;
    };
    let mut fields = Vec::new();
    let mut at = rest.start + end;
    for part in tail.split(' ') {
        let word = Word { text: part, start: at };
        at += part.len() + 1;
        if !part.is_empty() {
            fields.push(field(cx, scan, *protocol, word)?);
        }
    }
    let (protocol, span) = (*protocol, scan.span(whole));
    Some(CarriedItem { absent, protocol, fields, span, words: whole.text.to_owned() })
}

fn field(
    cx: &LineCx<'_>,
    scan: &Scan<'_>,
    protocol: IpProtocol,
    word: Word<'_>,
) -> Option<CarriedField> {
    let icmp = protocol == IpProtocol::ICMP;
    let field = word.split('=').and_then(|(name, value)| match name.text {
        "type" if icmp => value.text.parse().ok().map(CarriedField::Type),
        "code" if icmp => value.text.parse().ok().map(CarriedField::Code),
        "port" if !icmp => value.text.parse().ok().map(CarriedField::Port),
        "src" => value.text.parse().ok().map(CarriedField::Src),
        "dst" => value.text.parse().ok().map(CarriedField::Dst),
        "len" => value.text.parse().ok().map(CarriedField::Length),
        "ecn" => ecn(value.text).map(CarriedField::Ecn),
        _ => None,
    });
    if field.is_none() {
        let own = if icmp { "type=8, code=0" } else { "port=53" };
        let label = format!("expected {own}, src=10.0.0.1, dst=10.0.0.2, ecn=ce or len=84");
        cx.cx.error(scan.span(word), format!("unexpected `{}`", word.text), label);
    }
    field
}
