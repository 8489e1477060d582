//! A capture in words: one line for each message.

use std::fmt::Write;

use ikelab_wire::notation;

use crate::decode::dissect;
use crate::dissector::Dissected;
use crate::ike::{Icv, IkeFragment, IkeMessage};
use crate::keys::KeyTable;

/// Writes what a capture holds, one line for each packet that is IKE or ESP, and one for each
/// thing that could not be read. Times are those since the first packet.
#[must_use]
pub fn ladder(file: &[u8], keys: &KeyTable) -> String {
    let mut text = String::new();
    let mut first = None;
    dissect(file, keys, |dissected| {
        let line = line(&dissected);
        let Some((frame, time_ns, rest)) = line else { return };
        let since = time_ns.map(|time| time.saturating_sub(*first.get_or_insert(time)));
        let since = since.map_or(String::new(), seconds);
        let _ = writeln!(text, "{frame:>5} {since:>12} {rest}");
    });
    text
}

type Line = (String, Option<u64>, String);

fn line(dissected: &Dissected) -> Option<Line> {
    Some(match dissected {
        Dissected::Ike(message) => {
            (message.frame.to_string(), Some(message.time_ns), message_words(message))
        }
        Dissected::Fragment(fragment) => {
            (fragment.frame.to_string(), Some(fragment.time_ns), fragment_words(fragment))
        }
        Dissected::Esp(esp) => {
            let inner = esp.inner.as_ref().map_or("sealed", |inner| inner.words.as_str());
            let (src, dst) = (esp.src.ip(), esp.dst.ip());
            let rest = format!(
                "{src} > {dst}  ESP {} seq {}{}  {inner}",
                esp.spi,
                esp.sequence,
                icv_words(esp.icv)
            );
            (esp.frame.to_string(), Some(esp.time_ns), rest)
        }
        Dissected::Keepalive(keepalive) => {
            let rest = format!("{} > {}  NAT keepalive", keepalive.src, keepalive.dst);
            (keepalive.frame.to_string(), Some(keepalive.time_ns), rest)
        }
        Dissected::Problem(problem) => (
            problem.frame.map_or_else(|| "-".to_owned(), |frame| frame.to_string()),
            None,
            format!("! {}", problem.what),
        ),
        Dissected::Clear(_) => return None,
    })
}

fn message_words(message: &IkeMessage) -> String {
    let header = &message.header;
    let outside = notation::outside(&message.outside, header.flags.response());
    let payloads = match message.payloads.as_slice() {
        [] => "no payloads".to_owned(),
        payloads => notation::line(payloads, header.flags.response()),
    };
    let fragments = match message.fragment {
        Some((_, total)) => format!(" of {total} fragments"),
        None => String::new(),
    };
    let icv = if message.protected { icv_words(message.icv) } else { "" };
    let kind = if header.flags.response() { "resp" } else { "req" };
    format!(
        "{} > {}  {} {kind} mid={}{fragments}{icv}  {outside}{payloads}",
        message.src, message.dst, header.exchange, header.message_id
    )
}

fn fragment_words(fragment: &IkeFragment) -> String {
    let header = &fragment.header;
    let kind = if header.flags.response() { "resp" } else { "req" };
    format!(
        "{} > {}  {} {kind} mid={} fragment {} of {}{}",
        fragment.src,
        fragment.dst,
        header.exchange,
        header.message_id,
        fragment.number,
        fragment.total,
        icv_words(fragment.icv)
    )
}

/// Nothing for what is as it should be.
fn icv_words(icv: Icv) -> &'static str {
    match icv {
        Icv::Good => "",
        Icv::Bad => " BAD ICV",
        Icv::Unknown => " (icv unknown)",
    }
}

fn seconds(nanos: u64) -> String {
    format!("{}.{:06}", nanos / 1_000_000_000, nanos % 1_000_000_000 / 1_000)
}
