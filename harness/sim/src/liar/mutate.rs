//! Changes of a message that chance decides, with its structure in view: a field at its limits, a
//! payload more or less, a length that lies, a bit of nothing in particular.
//!
//! The same seed makes the same changes, and each is told in words, so that what was found can be
//! written down as an edit.

use ikelab_scenario::plan::{HeaderField, PayloadField};
use ikelab_wire::anatomy::{self, Step};
use ikelab_wire::registry::PayloadType;

use super::craft::Maker;
use super::form::{Form, Piece};

/// Octets that a payload may grow to: enough to be odd, and a datagram holds it.
const OCTETS_MAX: usize = 8_192;
/// Payloads that a message may grow to.
const PAYLOADS_MAX: usize = 64;
/// How far into a list of structures a field is looked for.
const INDEX_MAX: usize = 3;

/// Makes so many changes.
pub(super) fn mutate(form: &mut Form, count: u32, maker: &mut Maker<'_>) {
    for _ in 0..count {
        let what = match maker.below(16) {
            0 => header(form, maker),
            1..=6 => field(form, maker),
            7 => common(form, maker),
            8..=11 => structure(form, maker),
            _ => octets(form, maker),
        };
        form.mutations.push(what);
    }
}

/// A rule's words, and behind them what chance decided.
pub(super) fn told(rule: String, mutations: &[String]) -> String {
    match mutations {
        [] => rule,
        mutations => format!("{rule}: {}", mutations.join("; ")),
    }
}

fn header(form: &mut Form, maker: &mut Maker<'_>) -> String {
    let (name, field) = HeaderField::NAMED[maker.below(HeaderField::NAMED.len())];
    let (_, size) = field.place();
    let was = form.header_field(field);
    let value = number(was, size, maker);
    form.set_header(field, value);
    format!("set {name} = {value:#x}")
}

/// A number at one of the limits of a field, beside what stood there, or anywhere.
fn number(was: u64, size: usize, maker: &mut Maker<'_>) -> u64 {
    let largest = u64::MAX >> (64 - 8 * size.clamp(1, 8));
    let value = match maker.below(7) {
        0 => 0,
        1 => 1,
        2 => largest,
        3 => largest / 2 + 1,
        4 => was.wrapping_add(1),
        5 => was.wrapping_sub(1),
        _ => maker.random(8).iter().fold(0, |value, octet| value << 8 | u64::from(*octet)),
    };
    value & largest
}

/// Some payload; none in a message without.
fn some(form: &Form, maker: &mut Maker<'_>) -> Option<usize> {
    (!form.payloads.is_empty()).then(|| maker.below(form.payloads.len()))
}

fn field(form: &mut Form, maker: &mut Maker<'_>) -> String {
    let Some(at) = some(form, maker) else { return header(form, maker) };
    let piece = &mut form.payloads[at];
    let paths = anatomy::paths(piece.kind);
    let Some(path) = paths.get(maker.below(paths.len())) else { return common(form, maker) };
    let steps: Vec<Step> = path
        .split('.')
        .map(|name| Step { name: name.to_owned(), index: maker.below(INDEX_MAX) })
        .collect();
    // Most payloads have less than so many structures: then it is the first.
    let first = || steps.iter().map(|step| Step { index: 0, ..step.clone() }).collect();
    let found = anatomy::locate(piece.kind, &piece.body, &steps).is_some();
    let steps = if found { steps } else { first() };
    let Some(place) = anatomy::locate(piece.kind, &piece.body, &steps) else {
        return octets(form, maker);
    };
    let now = piece.body.get(place.range).unwrap_or_default().to_vec();
    let value = match (place.fixed, now.len()) {
        (true, 1..=8) => {
            let was = now.iter().fold(0, |value, octet| value << 8 | u64::from(*octet));
            let octets = number(was, now.len(), maker).to_be_bytes();
            octets[8 - now.len()..].to_vec()
        }
        (true, size) => maker.random(size),
        (false, size) => {
            let lengths = [0, 1, size.saturating_sub(1), size + 1, 2 * size, 255];
            let length = lengths[maker.below(lengths.len())].min(OCTETS_MAX);
            maker.random(length)
        }
    };
    let named = steps.iter().map(|step| format!("{}[{}]", step.name, step.index + 1));
    let named = named.collect::<Vec<_>>().join(".");
    let kind = piece.kind;
    piece.set(&PayloadField::Inside(steps), &value);
    format!("set {kind}.{named} = {}", shown(&value))
}

/// The first octets, and how many there are.
fn shown(octets: &[u8]) -> String {
    match octets.get(..8).filter(|_| octets.len() > 8) {
        Some(first) => format!("{}.. ({} octets)", hex(first), octets.len()),
        None if octets.is_empty() => "-".to_owned(),
        None => hex(octets),
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// What every payload has.
fn common(form: &mut Form, maker: &mut Maker<'_>) -> String {
    let Some(at) = some(form, maker) else { return header(form, maker) };
    let piece = &mut form.payloads[at];
    let (name, field) = &PayloadField::COMMON[maker.below(PayloadField::COMMON.len())];
    let now = piece.get(field).unwrap_or_default();
    let was = now.iter().fold(0, |value, octet| value << 8 | u64::from(*octet));
    let value = match field {
        PayloadField::Critical => u64::from(was == 0),
        PayloadField::Reserved => number(was, 1, maker) & 0x7f,
        _ => number(was, now.len(), maker),
    };
    let octets = value.to_be_bytes();
    piece.set(field, &octets[8 - now.len().clamp(1, 8)..]);
    format!("set {}.{name} = {value:#x}", piece.kind)
}

fn structure(form: &mut Form, maker: &mut Maker<'_>) -> String {
    let (Some(one), Some(other)) = (some(form, maker), some(form, maker)) else {
        return insert(form, maker);
    };
    let kind = form.payloads[one].kind;
    match maker.below(4) {
        0 => {
            form.payloads.remove(one);
            format!("remove {kind}")
        }
        1 if form.payloads.len() < PAYLOADS_MAX => {
            let copy = form.payloads[one].clone();
            form.payloads.insert(other, copy);
            format!("copy {kind}")
        }
        2 => {
            let with = form.payloads[other].kind;
            form.payloads.swap(one, other);
            format!("swap {kind} {with}")
        }
        _ => insert(form, maker),
    }
}

/// A payload of any type, with anything in it.
fn insert(form: &mut Form, maker: &mut Maker<'_>) -> String {
    if form.payloads.len() >= PAYLOADS_MAX {
        return header(form, maker);
    }
    // Three of four are types that mean something.
    let kind = match maker.below(4) {
        0 => maker.below(256),
        _ => 33 + maker.below(21),
    };
    let kind = PayloadType(u8::try_from(kind).unwrap_or(0));
    let length = [0, 1, 4, 8, 20, 64, 300][maker.below(7)];
    let mut piece = Piece::new(kind, maker.random(length));
    if maker.below(4) == 0 {
        piece.flags = 0x80;
    }
    let critical = if piece.flags == 0 { "" } else { " critical" };
    let at = maker.below(form.payloads.len() + 1);
    form.payloads.insert(at, piece);
    format!("insert PAYLOAD({}){critical} len={length}", kind.0)
}

/// The octets of a payload, whatever they mean.
fn octets(form: &mut Form, maker: &mut Maker<'_>) -> String {
    let Some(at) = some(form, maker) else { return header(form, maker) };
    let kind = form.payloads[at].kind;
    let body = &mut form.payloads[at].body;
    match maker.below(3) {
        0 if !body.is_empty() => {
            let bit = maker.below(body.len() * 8);
            body[bit / 8] ^= 0x80 >> (bit % 8);
            format!("flip bit {bit} of {kind}")
        }
        1 => {
            body.truncate(maker.below(body.len()));
            format!("truncate {kind} to {} octets", body.len())
        }
        _ => {
            let more = [1, 3, 4, 8, 100][maker.below(5)];
            if body.len() + more <= OCTETS_MAX {
                body.extend(maker.random(more));
            }
            format!("{more} octets more in {kind}")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use ikelab_ambient::Seeded;
    use ikelab_ike::What;
    use ikelab_wire::ike::{Flags, Header, IkeSpi, Version};
    use ikelab_wire::registry::ExchangeType;

    use super::*;

    /// A message with `count` changes, as octets and in words.
    fn mutated(seed: u64, count: u32) -> (Vec<u8>, Vec<String>) {
        let header = Header {
            initiator_spi: IkeSpi(1),
            responder_spi: IkeSpi::NONE,
            version: Version::IKEV2,
            exchange: ExchangeType::IKE_SA_INIT,
            flags: Flags::INITIATOR,
            message_id: 0,
        };
        let pieces = vec![
            Piece::new(PayloadType::KE, vec![0; 36]),
            Piece::new(PayloadType::NONCE, vec![7; 32]),
        ];
        let mut form = Form::new(header, pieces, None);
        let mut entropy = Seeded::new(seed, "test");
        let address = IpAddr::from([10, 0, 0, 1]);
        let ends = (address, address);
        let entropy = &mut entropy;
        let mut maker =
            Maker { entropy, heard: None, meant: None, ends, spoken: &[], signer: None };
        mutate(&mut form, count, &mut maker);
        let words = form.mutations.clone();
        match form.out().expect("no harm is done").remove(0) {
            What::Octets(octets) => (octets, words),
            What::Sealed(_) => (Vec::new(), words),
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_changes_and_another_makes_others() {
        assert_eq!(mutated(1, 5), mutated(1, 5));
        assert_ne!(mutated(1, 5), mutated(2, 5));
        assert_eq!(mutated(1, 5).1.len(), 5);
    }

    #[test]
    fn a_message_stays_small_enough_for_a_datagram_however_often_it_is_changed() {
        for seed in 0..200 {
            assert!(mutated(seed, 100).0.len() < 65_000, "seed {seed}");
        }
    }

    #[test]
    fn every_kind_of_change_is_made() {
        let all: Vec<String> = (0..300).flat_map(|seed| mutated(seed, 2).1).collect();
        for begin in [
            "set mid",
            "set KE.group",
            "set NONCE.data",
            "set KE.length",
            "set NONCE.critical",
            "remove",
            "copy",
            "swap",
            "insert PAYLOAD",
            "flip bit",
            "truncate",
            "8 octets more",
        ] {
            assert!(all.iter().any(|what| what.starts_with(begin)), "{begin}: {all:?}");
        }
    }
}
