//! How IKE messages are cut into fragments (RFC 7383 §2.5).
//!
//! `fragments_well_formed(H)`: every message that H sends in fragments is cut as the RFC has it.
//! `ike_datagrams(H, n)`: no IP packet of H with a protected IKE message is longer than `n` octets.

use std::collections::{BTreeMap, BTreeSet};

use ikelab_wire::ike::Header;
use ikelab_wire::registry::{ExchangeType, PayloadType};

use super::{Arg, Violation};
use crate::run::{Content, FragmentContent, Message, Run};

/// Octets before the fragment's part of the message: the generic header and the two numbers.
const SKF_FIELDS: usize = 8;
/// RFC 7296 §3.1: the marker in front of a message on port 4500.
const MARKER: usize = 4;
const UDP_HEADER: usize = 8;

/// What tells the sets of fragments apart: ends, SPIs, exchange, flags, message id and total.
type Set = (String, Vec<u8>, u16);

/// The law, for every host that does not lie.
pub(crate) fn as_cut(run: &Run<'_>) -> Option<Violation> {
    well_formed(run, |host| !run.lies(host))
}

pub(super) fn check(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Host(host)] = args else { return None };
    well_formed(run, |from| from == *host)
}

fn well_formed(run: &Run<'_>, is_meant: impl Fn(u16) -> bool) -> Option<Violation> {
    let mut sets: BTreeMap<Set, (BTreeSet<u16>, &Message)> = BTreeMap::new();
    for (message, part) in parts(run).filter(|(message, _)| is_meant(message.from)) {
        if let Err(what) = one(part) {
            let what = format!("{}: {what}", message.words());
            return Some(Violation::new(
                message.at,
                format!("{}'s {what}", run.name(message.from)),
            ));
        }
        let set = (format!("{} {}", message.src, message.dst), intact(&part.octets), part.total);
        sets.entry(set).or_insert_with(|| (BTreeSet::new(), message)).0.insert(part.number);
    }
    let short = sets.iter().find(|((_, _, total), (numbers, _))| {
        !(1..=*total).all(|number| numbers.contains(&number))
    });
    short.map(|((_, _, total), (numbers, message))| {
        let who = run.name(message.from);
        let what = format!("{who} sent {} of {total} fragments of a message", numbers.len());
        Violation::new(message.at, what)
    })
}

fn parts<'a>(run: &'a Run<'_>) -> impl Iterator<Item = (&'a Message, &'a FragmentContent)> {
    run.conversation.messages.iter().filter_map(|message| match &message.content {
        Content::Fragment(part) => Some((message, &**part)),
        _ => None,
    })
}

/// The header without what may differ from fragment to fragment: next payload and length.
fn intact(octets: &[u8]) -> Vec<u8> {
    let fields = [0..16, 17..24];
    fields.into_iter().filter_map(|range| octets.get(range)).flatten().copied().collect()
}

fn one(part: &FragmentContent) -> Result<(), String> {
    let FragmentContent { header, number, total, skf_at, octets, .. } = part;
    if header.exchange == ExchangeType::IKE_SA_INIT {
        return Err("IKE_SA_INIT is not protected, and is never cut".to_owned());
    }
    if *number == 0 || number > total {
        return Err(format!("fragment {number} of {total}"));
    }
    let Some([next, _, high, low]) = octets.get(*skf_at..).and_then(|o| o.first_chunk()) else {
        return Err("no SKF payload".to_owned());
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    // Of a datagram that IP has cut, only the beginning is seen here.
    let whole = octets.len() as u64 >= Header::parse(octets).map_or(0, |raw| raw.length.into());
    if length < SKF_FIELDS || (whole && skf_at + length != octets.len()) {
        return Err(format!("SKF has {length} octets, and is not the last payload"));
    }
    if *number > 1 && *skf_at > Header::LENGTH {
        return Err("what is in the clear stands before the first fragment".to_owned());
    }
    match (number, PayloadType(*next)) {
        (1, PayloadType::NO_NEXT) => Err("the first fragment does not say what begins".to_owned()),
        (2.., next) if next != PayloadType::NO_NEXT => {
            Err(format!("the next payload is {next}, expected 0"))
        }
        _ => Ok(()),
    }
}

pub(super) fn datagrams(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Host(host), Arg::Number(most)] = args else { return None };
    let messages = run.conversation.messages.iter().filter(|message| message.from == *host);
    messages.into_iter().find_map(|message| {
        let length = length(message)? as u64;
        let what = format!("{} in {length} octets, expected {most} at most", message.words());
        (length > *most).then(|| Violation::new(message.at, what))
    })
}

/// The length of the IP packet that holds a protected message or a fragment of one.
fn length(message: &Message) -> Option<usize> {
    let octets = match &message.content {
        // The whole message stands beside its fragments, and was never a packet.
        Content::Ike(ike) if is_protected(&ike.octets) => &ike.octets,
        Content::Fragment(part) => &part.octets,
        _ => return None,
    };
    let marker = if message.dst.port() == 4500 { MARKER } else { 0 };
    let ip = if message.dst.is_ipv4() { 20 } else { 40 };
    Some(ip + UDP_HEADER + marker + octets.len())
}

fn is_protected(octets: &[u8]) -> bool {
    let raw = Header::parse(octets).ok();
    raw.is_some_and(|raw| raw.next_payload == PayloadType::SK)
}
