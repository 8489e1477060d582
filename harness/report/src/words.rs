//! What packets and SAs are called in every report.

use ikelab_dissect::{Icv, IkeFragment, IkeMessage};
use ikelab_trace::Suite;
use ikelab_wire::ike::Header;
use ikelab_wire::notation;
use ikelab_wire::payload::Transform;
use ikelab_wire::registry::{TransformType, short};

/// `IKE_SA_INIT req`, without the message id.
pub(crate) fn exchange(header: &Header) -> String {
    let side = if header.flags.response() { "resp" } else { "req" };
    format!("{} {side}", header.exchange)
}

/// The payloads of a message on one line, in brackets what is not protected, and what is wrong with its integrity.
pub(crate) fn payloads(message: &IkeMessage) -> String {
    let response = message.header.flags.response();
    let mut words = notation::outside(&message.outside, response);
    words.push_str(&notation::line(&message.payloads, response));
    if message.payloads.is_empty() {
        words.push_str("(no payloads)");
    }
    if let Some((_, total)) = message.fragment {
        words.push_str(&format!(" [{total} fragments]"));
    }
    if message.protected {
        words.push_str(integrity(message.icv));
    }
    words
}

/// `fragment 1 of 3`, and what is wrong with its integrity.
pub(crate) fn fragment(fragment: &IkeFragment) -> String {
    format!("fragment {} of {}{}", fragment.number, fragment.total, integrity(fragment.icv))
}

/// Nothing for what is as it should be.
pub(crate) fn integrity(icv: Icv) -> &'static str {
    match icv {
        Icv::Good => "",
        Icv::Bad => " [bad ICV]",
        Icv::Unknown => " [no key]",
    }
}

/// The algorithms of an SA by their short names: `aes256 sha256 prfsha256 x25519`.
pub(crate) fn suite(suite: &Suite) -> String {
    let transform = |kind: TransformType, id: u16| short::name(&Transform::new(kind, id));
    let mut words = vec![short::name(&Transform::encr(suite.encr, suite.encr_bits))];
    words.extend(suite.integ.map(|id| transform(TransformType::INTEG, id.0)));
    words.extend(suite.prf.map(|id| transform(TransformType::PRF, id.0)));
    words.extend(suite.ke.map(|id| transform(TransformType::KE, id.0)));
    words.extend(suite.esn.filter(|esn| esn.0 == 1).map(|_| "esn".to_owned()));
    words.join(" ")
}
