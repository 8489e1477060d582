//! The payloads of a message made by hand: which one is meant, and what its fields and octets are.

use std::net::IpAddr;

use ikelab_wire::anatomy::{self, Step};
use ikelab_wire::payload::{Identification, Proposal, SelectorRange};
use ikelab_wire::registry::{KeId, NotifyType, PayloadType, Protocol, short};

use super::{OCTETS_MAX, Place, number, plain};
use crate::nearest::suggestion;
use crate::pattern::item::{METHODS, NAMES, words_of};
use crate::pattern::scan::Word;
use crate::plan::{Base, CraftPayload, PayloadField, Select, Value};

pub(crate) fn kind_named(name: &str) -> Option<PayloadType> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// `NAME`, `NAME(arg)`, `NAME[2]`: its words and where the rest begins.
pub(crate) fn select(at: &Place<'_, '_>, whole: Word<'_>) -> Option<Select> {
    let text = whole.text;
    let end = text.find(['(', '[']).unwrap_or(text.len());
    let name = Word { text: text.get(..end)?, start: whole.start };
    let arg = text.split_once('(').and_then(|(before, rest)| {
        let (arg, _) = rest.split_once(')')?;
        Some(Word { text: arg, start: whole.start + before.len() + 1 })
    });
    let index = match text.split_once('[') {
        Some((_, rest)) => {
            match rest.strip_suffix(']').and_then(|index| index.parse::<usize>().ok()) {
                Some(index) if index > 0 => Some(index - 1),
                _ => {
                    at.error(whole, format!("`{text}`: which one?"), "count from 1: V[2]");
                    return None;
                }
            }
        }
        None => None,
    };
    let kind = if name.text == "PAYLOAD" {
        let number = arg.and_then(|arg| arg.text.parse().ok()).map(PayloadType);
        if number.is_none() {
            at.error(whole, "a payload without a number", "expected PAYLOAD(130)");
        }
        number?
    } else {
        let found = kind_named(name.text);
        if found.is_none() {
            let names = NAMES.iter().map(|(name, _)| *name).chain(["PAYLOAD"]);
            let label = suggestion(name.text, names.collect::<Vec<_>>());
            at.error(name, format!("unknown payload `{}`", name.text), label);
        }
        found?
    };
    let arg = match arg {
        Some(arg) if name.text != "PAYLOAD" => Some(argument(at, kind, arg)?),
        Some(_) | None => None,
    };
    Some(Select { kind, arg, index, text: text.to_owned() })
}

pub(crate) fn argument(at: &Place<'_, '_>, kind: PayloadType, arg: Word<'_>) -> Option<u16> {
    let found = match kind {
        PayloadType::NOTIFY => notify_type(arg.text),
        PayloadType::SA | PayloadType::DELETE => protocol(arg.text).map(u16::from),
        _ => None,
    };
    if found.is_none() {
        let names: Vec<&str> = match kind {
            PayloadType::NOTIFY => NotifyType::all().map(|(_, name)| name).collect(),
            _ => vec!["IKE", "ESP", "AH"],
        };
        let label = suggestion(arg.text, names);
        at.error(arg, format!("`{}` in parentheses", arg.text), label);
    }
    found
}

pub(crate) fn notify_type(text: &str) -> Option<u16> {
    NotifyType::from_name(text).map(|kind| kind.0).or_else(|| text.parse().ok())
}

pub(crate) fn protocol(text: &str) -> Option<u8> {
    [("IKE", Protocol::IKE), ("AH", Protocol::AH), ("ESP", Protocol::ESP)]
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, protocol)| protocol.0)
        .or_else(|| text.parse().ok())
}

/// `KE group=x25519 hex=00*32`: a payload and its fields.
pub(crate) fn payload(at: &Place<'_, '_>, whole: Word<'_>) -> Option<CraftPayload> {
    let mut words = words_of(whole);
    let Some(first) = words.next() else {
        at.error(whole, "a payload is missing", "");
        return None;
    };
    let Select { kind, arg, index, .. } = select(at, first)?;
    if index.is_some() {
        at.error(first, "a payload that is made has no number", "");
        return None;
    }
    let mut made = CraftPayload { kind, arg, base: Base::Usual, sets: Vec::new() };
    for word in words {
        detail(at, word, &mut made)?;
    }
    Some(made)
}

pub(crate) fn detail(at: &Place<'_, '_>, word: Word<'_>, made: &mut CraftPayload) -> Option<()> {
    if word.text == "critical" {
        made.sets.push((PayloadField::Critical, Value::Number(1)));
        return Some(());
    }
    if word.text == "echo" {
        made.base = Base::Echo;
        return Some(());
    }
    let Some((name, value)) = word.split('=') else {
        let label = "expected field=value, critical or echo";
        at.error(word, format!("unexpected `{}`", word.text), label);
        return None;
    };
    let kind = made.kind;
    let is_id = matches!(kind, PayloadType::IDI | PayloadType::IDR);
    let is_ts = matches!(kind, PayloadType::TSI | PayloadType::TSR);
    let bad = |label: String| {
        at.error(value, format!("`{}` is no value of `{}`", value.text, name.text), label);
        None
    };
    match name.text {
        "choose" if kind == PayloadType::SA => match value.text {
            "first" => made.base = Base::Usual,
            "unoffered" => made.base = Base::Unoffered,
            _ => return bad("first, or unoffered".to_owned()),
        },
        "offer" if kind == PayloadType::SA => {
            let mut all = match &made.base {
                Base::Offer(all) => all.clone(),
                _ => Vec::new(),
            };
            let number = u8::try_from(all.len() + 1).unwrap_or(u8::MAX);
            let ike = u16::from(Protocol::IKE.0);
            let of = Protocol(u8::try_from(made.arg.unwrap_or(ike)).unwrap_or_default());
            match Proposal::from_text(value.text, of, number) {
                Ok(proposal) => all.push(proposal),
                Err(why) => return bad(why.what.to_string()),
            }
            made.base = Base::Offer(all);
        }
        "value" if is_id => made.base = Base::Id(Identification::from_text(value.text)),
        "ts" if is_ts && !value.text.is_empty() => {
            let range: SelectorRange = match value.text.parse() {
                Ok(range) => range,
                Err(why) => return bad(why.to_string()),
            };
            let mut all = match &made.base {
                Base::Selectors(all) => all.clone(),
                _ => Vec::new(),
            };
            all.push(range);
            made.base = Base::Selectors(all);
        }
        "group" if kind == PayloadType::NOTIFY => {
            let Some(group) = group(value.text) else {
                return bad(suggestion(value.text, short::words().collect::<Vec<_>>()));
            };
            let octets = group.0.to_be_bytes().to_vec();
            made.sets.push((inside("data"), Value::Octets(octets)));
        }
        "hex" => match octets(value.text) {
            Some(octets) => made.sets.push((data_of(kind), Value::Octets(octets))),
            None => return bad("hex digits in pairs; 00*32 repeats".to_owned()),
        },
        "len" => match value.text.parse() {
            Ok(length) if length <= OCTETS_MAX => {
                made.sets.push((data_of(kind), Value::Random(length)));
            }
            _ => return bad("octets: 0 to 65535".to_owned()),
        },
        _ => {
            let field = payload_field(at, kind, name)?;
            let value = field_value(at, kind, &field, value)?;
            made.sets.push((field, value));
        }
    }
    Some(())
}

pub(crate) fn group(text: &str) -> Option<KeId> {
    KeId::from_short_name(text).or_else(|| number(text)?.try_into().ok().map(KeId))
}

pub(crate) fn inside(name: &str) -> PayloadField {
    PayloadField::Inside(vec![Step { name: name.to_owned(), index: 0 }])
}

/// What `hex=` and `len=` are about.
pub(crate) fn data_of(kind: PayloadType) -> PayloadField {
    inside(if anatomy::paths(kind).contains(&"data") { "data" } else { "body" })
}

/// `critical`, `length`, `proposal[1].transform[2].id`.
pub(crate) fn payload_field(
    at: &Place<'_, '_>,
    kind: PayloadType,
    name: Word<'_>,
) -> Option<PayloadField> {
    if let Some((_, field)) = PayloadField::COMMON.iter().find(|(known, _)| *known == name.text) {
        return Some(field.clone());
    }
    let mut steps = Vec::new();
    for part in name.text.split('.') {
        let (word, index) = match part.split_once('[') {
            Some((word, rest)) => (word, rest.strip_suffix(']').and_then(|n| n.parse().ok())),
            None => (part, Some(1_usize)),
        };
        let Some(index) = index.and_then(|index| index.checked_sub(1)) else {
            at.error(name, format!("`{part}`: which one?"), "count from 1: transform[2]");
            return None;
        };
        steps.push(Step { name: word.to_owned(), index });
    }
    let bare: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
    let bare = bare.join(".");
    if bare == "body" || anatomy::paths(kind).contains(&bare.as_str()) {
        return Some(PayloadField::Inside(steps));
    }
    let names = PayloadField::COMMON.iter().map(|(name, _)| *name).chain(["body"]);
    let names: Vec<&str> = names.chain(anatomy::paths(kind).iter().copied()).collect();
    let label = format!("{}: {}", suggestion(&bare, names.clone()), names.join(", "));
    at.error(name, format!("this payload has no field `{bare}`"), label);
    None
}

/// A value for a field: a number, a name that the field knows, or octets.
pub(crate) fn field_value(
    at: &Place<'_, '_>,
    kind: PayloadType,
    field: &PayloadField,
    word: Word<'_>,
) -> Option<Value> {
    let text = word.text;
    let last = match field {
        PayloadField::Inside(steps) => steps.last().map_or("", |step| step.name.as_str()),
        PayloadField::Critical
        | PayloadField::Reserved
        | PayloadField::Next
        | PayloadField::Length => "",
    };
    let named = match (kind, last) {
        (_, "") => kind_named(text).map(|kind| u64::from(kind.0)),
        (PayloadType::NOTIFY, "type") => notify_type(text).map(u64::from),
        (_, "protocol") => protocol(text).map(u64::from),
        (PayloadType::KE, "group") => group(text).map(|group| group.0.into()),
        (PayloadType::SA, "id") => short::transform(text).map(|transform| transform.id.into()),
        (PayloadType::AUTH, "method") => {
            METHODS.iter().find(|(name, _)| *name == text).map(|(_, method)| method.0.into())
        }
        _ => None,
    };
    let many = matches!(
        last,
        "data"
            | "body"
            | "spi"
            | "spis"
            | "value"
            | "start"
            | "end"
            | "attributes"
            | "proposal"
            | "transform"
            | "ts"
            | "attribute"
    );
    let value =
        named.map(Value::Number).or_else(|| if many { octet_value(text) } else { plain(text) });
    if value.is_none() {
        let label = if many {
            "octets: hex digits (00*32 repeats), text:abc, random:32, an address"
        } else {
            "a number or a name: 7, 0x21, +1"
        };
        at.error(word, format!("`{text}` is no value here"), label);
    }
    value
}

pub(crate) fn octet_value(text: &str) -> Option<Value> {
    if let Some(text) = text.strip_prefix("text:") {
        return Some(Value::Octets(text.as_bytes().to_vec()));
    }
    if let Some(length) = text.strip_prefix("random:") {
        return length.parse().ok().filter(|length| *length <= OCTETS_MAX).map(Value::Random);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Value::Octets(match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        }));
    }
    octets(text).map(Value::Octets)
}

/// `00ff`, `00*32`, `0102*3`, joined by `_`; `-` for no octets.
pub(crate) fn octets(text: &str) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    for part in text.trim_start_matches("0x").split(['_', ' ']).filter(|part| !part.is_empty()) {
        let (digits, times) = part.split_once('*').unwrap_or((part, "1"));
        let times: usize = times.parse().ok()?;
        let digits = if digits == "-" { "" } else { digits };
        if !digits.len().is_multiple_of(2) || !digits.is_ascii() {
            return None;
        }
        let once: Option<Vec<u8>> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
            .collect();
        let once = once?;
        if once.len().checked_mul(times)? + all.len() > OCTETS_MAX {
            return None;
        }
        all.extend(once.repeat(times));
    }
    Some(all)
}
