//! Where the fields of a payload stand in its octets, whatever they say (RFC 7296 §3.3 to §3.16).
//!
//! A parser wants sense; who changes one field of a payload wants to know where it is, also when
//! the fields beside it lie already. Nothing here is trusted: what does not reach that far is not
//! there.

use std::ops::Range;

use crate::registry::PayloadType;

/// One name of a path: `transform[2]`. Names without a number mean the first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The name of the field.
    pub name: String,
    /// Which of them, from 0.
    pub index: usize,
}

/// Where a field stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its octets, counted from behind the generic header.
    pub range: Range<usize>,
    /// True when it has always the same size.
    pub fixed: bool,
    /// Fields that count its octets: offset and size of each.
    pub counted_by: Vec<(usize, usize)>,
}

/// The paths of a payload's fields, beside `critical`, `reserved`, `next`, `length` and `body`, which
/// every payload has.
#[must_use]
pub fn paths(kind: PayloadType) -> &'static [&'static str] {
    match kind {
        PayloadType::SA => &[
            "proposal",
            "proposal.last",
            "proposal.reserved",
            "proposal.length",
            "proposal.number",
            "proposal.protocol",
            "proposal.spi_size",
            "proposal.transforms",
            "proposal.spi",
            "proposal.transform",
            "proposal.transform.last",
            "proposal.transform.reserved",
            "proposal.transform.length",
            "proposal.transform.type",
            "proposal.transform.reserved2",
            "proposal.transform.id",
            "proposal.transform.attributes",
            "proposal.transform.attribute_type",
            "proposal.transform.key_length",
        ],
        PayloadType::KE => &["group", "reserved1", "data"],
        PayloadType::IDI | PayloadType::IDR => &["type", "reserved1", "data"],
        PayloadType::CERT | PayloadType::CERTREQ => &["encoding", "data"],
        PayloadType::AUTH => &["method", "reserved1", "data"],
        PayloadType::NONCE | PayloadType::VENDOR_ID => &["data"],
        PayloadType::NOTIFY => &["protocol", "spi_size", "type", "spi", "data"],
        PayloadType::DELETE => &["protocol", "spi_size", "count", "spi", "spis"],
        PayloadType::TSI | PayloadType::TSR => &[
            "count",
            "reserved1",
            "ts",
            "ts.type",
            "ts.protocol",
            "ts.length",
            "ts.start_port",
            "ts.end_port",
            "ts.start",
            "ts.end",
        ],
        PayloadType::CP => &[
            "type",
            "reserved1",
            "attribute",
            "attribute.type",
            "attribute.length",
            "attribute.value",
        ],
        PayloadType::EAP => &["code", "identifier", "length", "type", "data"],
        PayloadType::SKF => &["number", "total"],
        _ => &[],
    }
}

/// Where a field stands in the octets behind a payload's generic header; nothing if they do not
/// reach that far.
#[must_use]
pub fn locate(kind: PayloadType, body: &[u8], path: &[Step]) -> Option<Place> {
    let (first, rest) = path.split_first()?;
    let name = first.name.as_str();
    let place = match (kind, name) {
        (_, "body") => open(0..body.len()),
        (PayloadType::SA, "proposal") => in_proposal(body, first.index, rest)?,
        (PayloadType::TSI | PayloadType::TSR, "ts") => in_selector(body, first.index, rest)?,
        (PayloadType::CP, "attribute") => in_attribute(body, first.index, rest)?,
        (PayloadType::DELETE, "spi") => {
            let size = usize::from(*body.get(1)?);
            let at = 4 + first.index.checked_mul(size)?;
            Place { range: at..at + size, fixed: true, counted_by: Vec::new() }
        }
        (PayloadType::NOTIFY, "spi" | "data") => {
            let data = 4 + usize::from(*body.get(1)?);
            match name {
                "spi" => Place { range: 4..data, fixed: false, counted_by: vec![(1, 1)] },
                _ => open(data..body.len()),
            }
        }
        _ => simple(kind, name, body.len())?,
    };
    body.get(place.range.clone())?;
    Some(place)
}

/// The fields whose places are always the same.
fn simple(kind: PayloadType, name: &str, end: usize) -> Option<Place> {
    let range = match (kind, name) {
        // RFC 7383 §2.5.
        (PayloadType::KE, "group") | (PayloadType::SKF, "number") => 0..2,
        (PayloadType::SKF, "total") => 2..4,
        (PayloadType::KE, "reserved1") => 2..4,
        (PayloadType::CERT | PayloadType::CERTREQ, "encoding")
        | (PayloadType::IDI | PayloadType::IDR | PayloadType::CP, "type")
        | (PayloadType::AUTH, "method")
        | (PayloadType::NOTIFY | PayloadType::DELETE, "protocol")
        | (PayloadType::TSI | PayloadType::TSR, "count")
        | (PayloadType::EAP, "code") => 0..1,
        (
            PayloadType::IDI
            | PayloadType::IDR
            | PayloadType::AUTH
            | PayloadType::TSI
            | PayloadType::TSR
            | PayloadType::CP,
            "reserved1",
        ) => 1..4,
        (PayloadType::NOTIFY | PayloadType::DELETE, "spi_size")
        | (PayloadType::EAP, "identifier") => 1..2,
        (PayloadType::NOTIFY, "type")
        | (PayloadType::DELETE, "count")
        | (PayloadType::EAP, "length") => 2..4,
        (PayloadType::EAP, "type") => 4..5,
        (PayloadType::EAP, "data") => return Some(open(5..end)),
        (PayloadType::DELETE, "spis")
        | (PayloadType::KE | PayloadType::IDI | PayloadType::IDR | PayloadType::AUTH, "data") => {
            return Some(open(4..end));
        }
        (PayloadType::CERT | PayloadType::CERTREQ, "data") => return Some(open(1..end)),
        (PayloadType::NONCE | PayloadType::VENDOR_ID, "data") => return Some(open(0..end)),
        _ => return None,
    };
    Some(fixed(range))
}

fn fixed(range: Range<usize>) -> Place {
    Place { range, fixed: true, counted_by: Vec::new() }
}

fn open(range: Range<usize>) -> Place {
    Place { range, fixed: false, counted_by: Vec::new() }
}

/// The structures in a row that begin at an offset and tell their lengths, of which one is wanted;
/// `length_at` says where in each the length stands, `more` is what it does not count.
fn nth(
    body: &[u8],
    mut at: usize,
    index: usize,
    length_at: usize,
    more: usize,
) -> Option<Range<usize>> {
    for place in 0.. {
        let length = body.get(at + length_at..at + length_at + 2)?;
        let length = usize::from(u16::from_be_bytes(length.try_into().ok()?)) + more;
        if place == index {
            return Some(at..(at + length).min(body.len()));
        }
        at += length.max(4);
    }
    None
}

fn in_proposal(body: &[u8], index: usize, path: &[Step]) -> Option<Place> {
    let whole = nth(body, 0, index, 2, 0)?;
    let at = whole.start;
    let Some((first, rest)) = path.split_first() else { return Some(open(whole)) };
    let spi = at + 8..at + 8 + usize::from(*body.get(at + 6)?);
    Some(match first.name.as_str() {
        "last" => fixed(at..at + 1),
        "reserved" => fixed(at + 1..at + 2),
        "length" => fixed(at + 2..at + 4),
        "number" => fixed(at + 4..at + 5),
        "protocol" => fixed(at + 5..at + 6),
        "spi_size" => fixed(at + 6..at + 7),
        "transforms" => fixed(at + 7..at + 8),
        "spi" => Place { range: spi, fixed: false, counted_by: vec![(at + 6, 1), (at + 2, 2)] },
        "transform" => {
            let transform = nth(body, spi.end, first.index, 2, 0)?;
            in_transform(transform, at, rest)?
        }
        _ => return None,
    })
}

/// A transform of the proposal that begins at `proposal`.
fn in_transform(whole: Range<usize>, proposal: usize, path: &[Step]) -> Option<Place> {
    let at = whole.start;
    let length = (proposal + 2, 2);
    let Some(first) = path.first() else {
        return Some(Place { range: whole, fixed: false, counted_by: vec![length] });
    };
    Some(match first.name.as_str() {
        "last" => fixed(at..at + 1),
        "reserved" => fixed(at + 1..at + 2),
        "length" => fixed(at + 2..at + 4),
        "type" => fixed(at + 4..at + 5),
        "reserved2" => fixed(at + 5..at + 6),
        "id" => fixed(at + 6..at + 8),
        "attributes" => {
            let range = (at + 8).min(whole.end)..whole.end;
            Place { range, fixed: false, counted_by: vec![(at + 2, 2), length] }
        }
        // The key length is the one attribute that there is, and has the short form.
        "attribute_type" => fixed(at + 8..at + 10),
        "key_length" => fixed(at + 10..at + 12),
        _ => return None,
    })
}

fn in_selector(body: &[u8], index: usize, path: &[Step]) -> Option<Place> {
    let whole = nth(body, 4, index, 2, 0)?;
    let at = whole.start;
    let Some(first) = path.first() else { return Some(open(whole)) };
    let size = (whole.end - at).checked_sub(8)? / 2;
    Some(fixed(match first.name.as_str() {
        "type" => at..at + 1,
        "protocol" => at + 1..at + 2,
        "length" => at + 2..at + 4,
        "start_port" => at + 4..at + 6,
        "end_port" => at + 6..at + 8,
        "start" => at + 8..at + 8 + size,
        "end" => at + 8 + size..at + 8 + 2 * size,
        _ => return None,
    }))
}

fn in_attribute(body: &[u8], index: usize, path: &[Step]) -> Option<Place> {
    let whole = nth(body, 4, index, 2, 4)?;
    let at = whole.start;
    let Some(first) = path.first() else { return Some(open(whole)) };
    Some(match first.name.as_str() {
        "type" => fixed(at..at + 2),
        "length" => fixed(at + 2..at + 4),
        "value" => Place { range: at + 4..whole.end, fixed: false, counted_by: vec![(at + 2, 2)] },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    fn path(text: &str) -> Vec<Step> {
        let step = |part: &str| {
            let (name, index) = part.split_once('[').unwrap_or((part, "1"));
            let index: usize = index.trim_end_matches(']').parse().unwrap();
            Step { name: name.to_owned(), index: index - 1 }
        };
        text.split('.').map(step).collect()
    }

    /// Two proposals for ESP: AES-CBC-256 with SHA-256 and no ESN; AES-GCM-16-128 and no ESN.
    const OFFER: [u8; 72] = hex!(
        "02 00 0028 01 03 04 03 c0ffee01"
        "03 00 000c 01 00 000c 800e 0100"
        "03 00 0008 03 00 000c"
        "00 00 0008 05 00 0000"
        "00 00 0020 02 03 04 02 c0ffee02"
        "03 00 000c 01 00 0014 800e 0080"
        "00 00 0008 05 00 0000"
    );

    #[test]
    fn fields_stand_where_the_figures_of_rfc_7296_have_them() {
        let selectors = hex!(
            "02 000000"
            "07 06 0010 01bb 01bb 0a000001 0a0000ff"
            "07 00 0010 0000 ffff c0a80000 c0a8ffff"
        );
        for (kind, body, at, expected) in [
            (PayloadType::SA, &OFFER[..], "proposal.number", &hex!("01")[..]),
            (PayloadType::SA, &OFFER, "proposal[2].number", &hex!("02")),
            (PayloadType::SA, &OFFER, "proposal[2].spi", &hex!("c0ffee02")),
            (PayloadType::SA, &OFFER, "proposal.transform.key_length", &hex!("0100")),
            (PayloadType::SA, &OFFER, "proposal.transform[2].id", &hex!("000c")),
            (PayloadType::SA, &OFFER, "proposal[2].transform.id", &hex!("0014")),
            (PayloadType::SA, &OFFER, "proposal[2].transform.attributes", &hex!("800e0080")),
            (PayloadType::SA, &OFFER, "proposal[2].transform[2].type", &hex!("05")),
            (PayloadType::TSI, &selectors, "count", &hex!("02")),
            (PayloadType::TSI, &selectors, "ts[2].start", &hex!("c0a80000")),
            (PayloadType::TSI, &selectors, "ts.end_port", &hex!("01bb")),
            (PayloadType::NOTIFY, &hex!("03 04 4009 c0ffee01 aa"), "spi", &hex!("c0ffee01")),
            (PayloadType::NOTIFY, &hex!("03 04 4009 c0ffee01 aa"), "data", &hex!("aa")),
            (
                PayloadType::DELETE,
                &hex!("03 04 0002 c0ffee01 c0ffee02"),
                "spi[2]",
                &hex!("c0ffee02"),
            ),
            (
                PayloadType::CP,
                &hex!("01000000 0001 0004 0a000001"),
                "attribute.value",
                &hex!("0a000001"),
            ),
            (PayloadType::KE, &hex!("001f 0000 0102"), "data", &hex!("0102")),
            (PayloadType::SKF, &hex!("0002 0005"), "number", &hex!("0002")),
            (PayloadType::SKF, &hex!("0002 0005"), "total", &hex!("0005")),
            (PayloadType(130), &hex!("0102"), "body", &hex!("0102")),
        ] {
            let place = locate(kind, body, &path(at)).expect(at);
            assert_eq!(&body[place.range], expected, "{at}");
        }
    }

    #[test]
    fn what_grows_is_counted() {
        let place = locate(PayloadType::SA, &OFFER, &path("proposal[2].spi")).unwrap();
        assert_eq!((place.fixed, place.counted_by), (false, vec![(46, 1), (42, 2)]));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for (kind, body, at) in [
            (PayloadType::SA, &OFFER[..], "proposal[3].number"),
            (PayloadType::SA, &OFFER[..20], "proposal.transform.key_length"),
            (PayloadType::SA, &hex!("00 00 0000 01 03 04 03"), "proposal[9].number"),
            (PayloadType::NOTIFY, &hex!("03 ff 4009"), "data"),
            (PayloadType::TSI, &hex!("01 000000 07 00 0004"), "ts.start"),
            (PayloadType::KE, &[], "group"),
        ] {
            assert_eq!(locate(kind, body, &path(at)), None, "{at}");
        }
    }

    #[test]
    fn every_path_that_is_told_of_is_known() {
        for kind in (0..=255).map(PayloadType) {
            let body = if kind == PayloadType::SA { OFFER.to_vec() } else { vec![0; 64] };
            for at in paths(kind) {
                let mut body = body.clone();
                if matches!(kind, PayloadType::TSI | PayloadType::TSR) {
                    body[4..8].copy_from_slice(&hex!("07 00 0010"));
                }
                assert!(locate(kind, &body, &path(at)).is_some(), "{kind:?} {at}");
            }
        }
    }
}
