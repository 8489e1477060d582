//! Changes of a message: `set`, `insert`, `remove` and the others.

use std::ops::Range;

use super::payload::{field_value, octets, payload, payload_field, select};
use super::{MUTATIONS_MAX, Place, header_value, place, plain};
use crate::nearest::suggestion;
use crate::pattern::fragment;
use crate::pattern::line::finish;
use crate::pattern::scan::Word;
use crate::plan::{Edit, HeaderField, Select, Target, Value};
use crate::read::world::World;
use crate::reader::Cx;
use crate::text::Text;

pub(crate) const EDITS: [&str; 18] = [
    "set",
    "insert",
    "remove",
    "swap",
    "copy",
    "truncate",
    "append",
    "flip-bit",
    "repeat",
    "honest-copy",
    "keep-icv",
    "nest",
    "sign",
    "cut",
    "whole",
    "send",
    "fragment",
    "mutate",
];

/// Reads changes, one or several with semicolons between them.
pub(crate) fn edits(cx: &Cx<'_>, world: &World, text: &Text) -> Option<Vec<Edit>> {
    let mut start = 0;
    let parts = text.value.split(';').map(|part| {
        let range = start..start + part.len();
        start = range.end + 1;
        edit(cx, world, text, range)
    });
    // All of them are read, so that all mistakes are told.
    let parts: Vec<Option<Edit>> = parts.collect();
    parts.into_iter().collect()
}

/// Reads a change: `set N(COOKIE).data = 00*64`, `insert PAYLOAD(130) critical after KE`.
pub(crate) fn edit(cx: &Cx<'_>, world: &World, text: &Text, range: Range<usize>) -> Option<Edit> {
    let mut at = place(cx, world, text, range);
    let verb = at.scan.word();
    let edit = match verb.text {
        "set" => set(&mut at)?,
        "insert" => insert(&mut at)?,
        "remove" => Edit::Remove(one(&mut at)?),
        "swap" => Edit::Swap(one(&mut at)?, one(&mut at)?),
        "copy" => Edit::Copy(one(&mut at)?),
        "truncate" => Edit::Truncate(count(&mut at, "octets that are left: truncate 40")?),
        "append" => append(&mut at)?,
        "flip-bit" => Edit::Flip(count(&mut at, "a bit, from 0, or from the end: flip-bit -1")?),
        "repeat" => Edit::Repeat,
        "honest-copy" => Edit::HonestCopy,
        "keep-icv" => Edit::KeepIcv,
        "cut" => Edit::Cut(fragment::cut(&mut at)?),
        "whole" => Edit::Whole,
        "send" => Edit::Send(fragment::send(&mut at)?),
        "fragment" => fragment::edit(&mut at)?,
        "mutate" => {
            let word = at.scan.peek();
            let label = "changes that chance decides, 1 to 100: mutate 3";
            match count(&mut at, label)? {
                number @ 1..=MUTATIONS_MAX => Edit::Mutate(number),
                _ => {
                    at.error(word, format!("`{}` is not 1 to 100", word.text), label);
                    return None;
                }
            }
        }
        "nest" => Edit::Nest,
        "sign" => Edit::Sign,
        other => {
            let label = suggestion(other, EDITS);
            at.error(verb, format!("unknown edit `{other}`"), label);
            return None;
        }
    };
    finish(&at.cx, &mut at.scan)?;
    Some(edit)
}

pub(crate) fn one(at: &mut Place<'_, '_>) -> Option<Select> {
    let word = at.scan.word();
    select(at, word)
}

pub(crate) fn count<T: std::str::FromStr>(at: &mut Place<'_, '_>, label: &str) -> Option<T> {
    let word = at.scan.word();
    let count = word.text.parse().ok();
    if count.is_none() {
        at.error(word, format!("`{}` is no number", word.text), label);
    }
    count
}

/// `append 00*4`.
pub(crate) fn append(at: &mut Place<'_, '_>) -> Option<Edit> {
    let word = at.scan.word();
    let found = octets(word.text).filter(|octets| !octets.is_empty());
    if found.is_none() {
        let label = "hex digits in pairs; 00*32 repeats";
        at.error(word, format!("`{}` is no octets", word.text), label);
    }
    found.map(Edit::Append)
}

/// `set FIELD = VALUE`.
pub(crate) fn set(at: &mut Place<'_, '_>) -> Option<Edit> {
    let field = at.scan.until('=').trimmed();
    if !at.scan.take("=") {
        at.error(field, "`set` without `=`", "expected set FIELD = VALUE");
        return None;
    }
    at.scan.skip_blanks();
    let value = at.scan.until('\n').trimmed();
    if let Some((_, header)) = HeaderField::NAMED.iter().find(|(name, _)| *name == field.text) {
        let value = header_value(at, *header, value)?;
        return Some(Edit::Set(Target::Header(*header), value));
    }
    if field.text == "SK.pad_length" {
        let Some(Value::Number(number @ 0..=255)) = plain(value.text) else {
            at.error(value, format!("`{}` is no value here", value.text), "0 to 255");
            return None;
        };
        return Some(Edit::Set(Target::PadLength, Value::Number(number)));
    }
    let Some((payload, name)) = field.split('.') else {
        let names = HeaderField::NAMED.map(|(name, _)| name).join(", ");
        let label = format!("{names}, or a field of a payload: KE.group, N(COOKIE).data");
        at.error(field, format!("unknown field `{}`", field.text), label);
        return None;
    };
    let select = select(at, payload)?;
    let inner = payload_field(at, select.kind, name)?;
    let value = field_value(at, select.kind, &inner, value)?;
    Some(Edit::Set(Target::Payload(select, inner), value))
}

/// `insert PAYLOAD [before|after PAYLOAD]`.
pub(crate) fn insert(at: &mut Place<'_, '_>) -> Option<Edit> {
    let whole = at.scan.until('\n').trimmed();
    for (mark, before) in [(" before ", true), (" after ", false)] {
        if let Some(place) = whole.text.find(mark) {
            let made = Word { text: whole.text.get(..place)?, start: whole.start };
            let behind = place + mark.len();
            let other = Word { text: whole.text.get(behind..)?, start: whole.start + behind };
            let made = payload(at, made.trimmed())?;
            return Some(Edit::Insert(made, Some((before, select(at, other.trimmed())?))));
        }
    }
    Some(Edit::Insert(payload(at, whole)?, None))
}
