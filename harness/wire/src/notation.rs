//! Messages as the RFC writes them: `IKE_SA_INIT req mid=0 | SA KE(x25519) Ni N(COOKIE)`.
//!
//! A payload's file says what stands in its parentheses; here is how they hang together.

use std::fmt;

use crate::ike::Message;
use crate::payload::{Body, Payload};

/// A chain of payloads on one line, as the RFCs draw exchanges.
pub fn line(payloads: &[Payload], response: bool) -> String {
    let words: Vec<String> = payloads.iter().map(|payload| word(payload, response)).collect();
    words.join(" ")
}

/// What stands in the clear beside an SK payload, to go before what is in it: `[N(COOKIE)] `;
/// nothing where nothing does.
pub fn outside(payloads: &[Payload], response: bool) -> String {
    if payloads.is_empty() { String::new() } else { format!("[{}] ", line(payloads, response)) }
}

/// One payload in a few characters: `KE(x25519)`, `Ni`, `N(COOKIE)`, `SKF(2/3)`.
pub fn word(payload: &Payload, response: bool) -> String {
    let name = match &payload.body {
        Body::Nonce(_) => if response { "Nr" } else { "Ni" }.to_owned(),
        body => name(body),
    };
    let brief = match &payload.body {
        Body::Ke(ke) => Some(ke.group.short_name()),
        Body::Notify(notify) => Some(notify.notify_type.to_string()),
        Body::Delete(delete) => Some(delete.protocol.to_string()),
        Body::Skf(fragment) => Some(format!("{}/{}", fragment.number, fragment.total)),
        Body::Config(configuration) => Some(configuration.config_type.to_string()),
        Body::Eap(eap) => Some(eap.to_string()),
        Body::Sa(_)
        | Body::IdI(_)
        | Body::IdR(_)
        | Body::Cert(_)
        | Body::CertReq(_)
        | Body::Auth(_)
        | Body::Nonce(_)
        | Body::VendorId(_)
        | Body::TsI(_)
        | Body::TsR(_)
        | Body::Sk(_)
        | Body::Unknown(_) => None,
    };
    let brief = brief.map(|brief| format!("({brief})")).unwrap_or_default();
    format!("{name}{}{brief}", critical(payload))
}

/// A payload in full, on one line or several; a proposal, an attribute or a selector has a line
/// of its own.
pub fn details(payload: &Payload) -> Vec<String> {
    let parts: Vec<String> = match &payload.body {
        Body::Sa(sa) => sa.proposals.iter().map(ToString::to_string).collect(),
        Body::TsI(ts) | Body::TsR(ts) => ts.selectors.iter().map(ToString::to_string).collect(),
        Body::Config(config) => config.attributes.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    if parts.len() < 2 {
        return vec![payload.to_string()];
    }
    let mut lines = vec![word(payload, false)];
    lines.extend(parts.into_iter().map(|part| format!("  {part}")));
    lines
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let response = self.header.flags.response();
        let side = if response { "resp" } else { "req" };
        write!(f, "{} {side} mid={} |", self.header.exchange, self.header.message_id)?;
        for payload in &self.payloads {
            write!(f, " {}", word(payload, response))?;
        }
        Ok(())
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", name(&self.body), critical(self))?;
        match &self.body {
            Body::Sa(sa) => write!(f, "({sa})"),
            Body::Ke(ke) => write!(f, "({ke})"),
            Body::IdI(id) | Body::IdR(id) => write!(f, "({id})"),
            Body::Cert(certificate) => write!(f, "({certificate})"),
            Body::CertReq(request) => write!(f, "({request})"),
            Body::Auth(auth) => write!(f, "({auth})"),
            Body::Nonce(nonce) => write!(f, "({nonce})"),
            Body::Notify(notify) => write!(f, "({notify})"),
            Body::Delete(delete) => write!(f, "({delete})"),
            Body::VendorId(vendor) => write!(f, "({vendor})"),
            Body::TsI(selectors) | Body::TsR(selectors) => write!(f, "({selectors})"),
            Body::Sk(sealed) => write!(f, "({sealed})"),
            Body::Skf(sealed) => write!(f, "({sealed})"),
            Body::Config(configuration) => write!(f, "({configuration})"),
            Body::Eap(eap) => write!(f, "({eap})"),
            Body::Unknown(unknown) => write!(f, "({unknown})"),
        }
    }
}

/// IANA's notation for a payload; `#200` for a type that has none.
fn name(body: &Body) -> String {
    let kind = body.payload_type();
    match kind.name() {
        Some(name) => name.to_owned(),
        None => format!("#{}", kind.0),
    }
}

/// The mark of a critical payload.
fn critical(payload: &Payload) -> &'static str {
    if payload.critical { "!" } else { "" }
}

/// Values one after the other.
pub(crate) fn join<T: ToString>(values: &[T], separator: &str) -> String {
    let words: Vec<String> = values.iter().map(ToString::to_string).collect();
    words.join(separator)
}

/// How much of a value is shown in hex.
const HEX_MAX: usize = 32;

/// Octets as lower-case hex digits; of a long value the beginning, and how long it is.
pub fn hex(octets: &[u8]) -> String {
    let shown = octets.get(..HEX_MAX).unwrap_or(octets);
    let digits: String = shown.iter().map(|octet| format!("{octet:02x}")).collect();
    if shown.len() < octets.len() { format!("{digits}.. {} octets", octets.len()) } else { digits }
}

/// Octets as the text they may be, or else in hex.
pub(crate) fn text_or_hex(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) if !text.is_empty() && text.len() <= 2 * HEX_MAX && is_plain(text) => {
            format!("\"{text}\"")
        }
        _ => hex(octets),
    }
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}
