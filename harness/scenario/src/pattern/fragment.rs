//! Changes of the fragments that a liar cuts a message into: `cut 60`, `send 3 1..2`,
//! `fragment 2 set total = 9`.

use ikelab_wire::registry::PayloadType;

use super::craft::{
    Place, count, field_value, header_value, octet_value, payload, payload_field, plain,
};
use super::scan::Word;
use crate::nearest::suggestion;
use crate::plan::{Edit, FragmentEdit, FragmentField, HeaderField, PayloadField, Value};

/// Ours: more fragments than a scenario needs, and no more than a message may fall into.
const FRAGMENTS_MAX: usize = 65_535;
const VERBS: [&str; 6] = ["set", "insert", "truncate", "flip-bit", "keep-icv", "splice"];

/// `cut 60`: so many octets of payloads in each fragment.
pub(super) fn cut(at: &mut Place<'_, '_>) -> Option<usize> {
    const LABEL: &str = "octets of payloads in each fragment: cut 60";
    let word = at.scan.peek();
    let octets = count(at, LABEL)?;
    if octets == 0 {
        at.error(word, "fragments of no octets", LABEL);
        return None;
    }
    Some(octets)
}

/// `send 3 1..2 4..`: places of fragments from 1, and ranges of them.
pub(super) fn send(at: &mut Place<'_, '_>) -> Option<Vec<(usize, Option<usize>)>> {
    let mut places = Vec::new();
    while !at.scan.is_empty() {
        let word = at.scan.word();
        let Some((low, high)) = range(word.text) else {
            let label = "places of fragments, counted from 1: send 3 1..2 4..";
            at.error(word, format!("`{}` is no fragment", word.text), label);
            return None;
        };
        places.push((low - 1, high.map(|high| high - 1)));
    }
    Some(places)
}

/// `3`, `1..2`, `4..`.
fn range(text: &str) -> Option<(usize, Option<usize>)> {
    let (low, high) = match text.split_once("..") {
        None => (text, Some(text)),
        Some((low, "")) => (low, None),
        Some((low, high)) => (low, Some(high)),
    };
    let low: usize = low.parse().ok()?;
    let high = high
        .map(|high| high.parse().ok())
        .map_or(Some(None), |high: Option<usize>| high.map(Some))?;
    let fits = high.is_none_or(|high| low <= high && high <= FRAGMENTS_MAX);
    (low >= 1 && fits).then_some((low, high))
}

/// `fragment 2 set number = 0`: a place from 1, and what happens to the fragment there.
pub(super) fn edit(at: &mut Place<'_, '_>) -> Option<Edit> {
    let word = at.scan.peek();
    let place: usize = count(at, "which fragment, counted from 1: fragment 2 keep-icv")?;
    let Some(place) = place.checked_sub(1) else {
        at.error(word, "there is no fragment 0", "count from 1");
        return None;
    };
    let verb = at.scan.word();
    let edit = match verb.text {
        "set" => set(at)?,
        "insert" => {
            let whole = at.scan.until('\n').trimmed();
            FragmentEdit::Insert(payload(at, whole)?)
        }
        "truncate" => FragmentEdit::Truncate(count(at, "octets that are left: truncate 40")?),
        "flip-bit" => FragmentEdit::Flip(count(at, "a bit, from 0, or from the end: flip-bit -1")?),
        "keep-icv" => FragmentEdit::KeepIcv,
        "splice" => FragmentEdit::Splice(count(at, "a fragment of the message before: splice 1")?),
        other => {
            at.error(verb, format!("a fragment has no edit `{other}`"), suggestion(other, VERBS));
            return None;
        }
    };
    Some(Edit::Fragment(place, edit))
}

/// `set FIELD = VALUE`.
fn set(at: &mut Place<'_, '_>) -> Option<FragmentEdit> {
    let field = at.scan.until('=').trimmed();
    if !at.scan.take("=") {
        at.error(field, "`set` without `=`", "expected set FIELD = VALUE");
        return None;
    }
    at.scan.skip_blanks();
    let value = at.scan.until('\n').trimmed();
    let (field, value) = match field.text {
        "body" => (FragmentField::Body, octets(at, value)?),
        "pad_length" => (FragmentField::PadLength, octet(at, value)?),
        name => match header(name) {
            Some(header) => (FragmentField::Header(header), header_value(at, header, value)?),
            None => {
                let skf = payload_field(at, PayloadType::SKF, field)?;
                let value = field_value(at, PayloadType::SKF, &skf, value)?;
                (FragmentField::Skf(skf), value)
            }
        },
    };
    Some(FragmentEdit::Set(field, value))
}

/// A field of the IKE header; those of its names that SKF has too are SKF's.
fn header(name: &str) -> Option<HeaderField> {
    let skf = PayloadField::COMMON.iter().any(|(known, _)| *known == name);
    HeaderField::NAMED.iter().find(|(known, _)| *known == name && !skf).map(|(_, field)| *field)
}

fn octets(at: &Place<'_, '_>, word: Word<'_>) -> Option<Value> {
    let value = octet_value(word.text);
    if value.is_none() {
        let label = "octets: hex digits (00*32 repeats, - for none), text:abc, random:32";
        at.error(word, format!("`{}` is no value here", word.text), label);
    }
    value
}

fn octet(at: &Place<'_, '_>, word: Word<'_>) -> Option<Value> {
    let value = plain(word.text).filter(|value| matches!(value, Value::Number(0..=255)));
    if value.is_none() {
        at.error(word, format!("`{}` is no value here", word.text), "0 to 255");
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_from_one_and_ranges_may_be_open() {
        for (text, expected) in [
            ("3", Some((3, Some(3)))),
            ("1..2", Some((1, Some(2)))),
            ("4..", Some((4, None))),
            ("0", None),
            ("2..1", None),
            ("..2", None),
            ("1..65536", None),
            ("x", None),
        ] {
            assert_eq!(range(text), expected, "{text}");
        }
    }
}
