//! Messages made by hand, and changes of messages: what a liar's rules are made of.

use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use ikelab_wire::anatomy::{self, Step};
use ikelab_wire::payload::{Identification, Proposal, SelectorRange};
use ikelab_wire::registry::{ExchangeType, KeId, NotifyType, PayloadType, Protocol, short};

use super::fragment;
use super::item::{METHODS, NAMES, words_of};
use super::line::{EXCHANGES, LineCx, finish, host};
use super::scan::{Scan, Word};
use crate::duration;
use crate::nearest::suggestion;
use crate::plan::{
    Base, Craft, CraftPayload, Edit, HeaderField, PayloadField, Select, Target, Value,
};
use crate::read::world::World;
use crate::reader::Cx;
use crate::text::Text;

/// Octets that a file may ask for at once: as many as a payload can hold.
const OCTETS_MAX: usize = 65_535;
/// Messages that one rule may say at once.
const TIMES_MAX: u32 = 1_000;
/// Changes of one message that chance decides.
const MUTATIONS_MAX: u32 = 100;

pub(super) const HEADER: [(&str, HeaderField); 8] = [
    ("spi_i", HeaderField::InitiatorSpi),
    ("spi_r", HeaderField::ResponderSpi),
    ("next", HeaderField::NextPayload),
    ("version", HeaderField::Version),
    ("exchange", HeaderField::Exchange),
    ("flags", HeaderField::Flags),
    ("mid", HeaderField::MessageId),
    ("length", HeaderField::Length),
];

/// Fields that every payload has.
pub(super) const COMMON: [(&str, PayloadField); 4] = [
    ("critical", PayloadField::Critical),
    ("reserved", PayloadField::Reserved),
    ("next", PayloadField::Next),
    ("length", PayloadField::Length),
];

/// Where words of a rule are read.
pub(super) struct Place<'a, 't> {
    cx: LineCx<'a>,
    pub(super) scan: Scan<'t>,
}

fn place<'a, 't>(
    cx: &'a Cx<'a>,
    world: &'a World,
    text: &'t Text,
    range: Range<usize>,
) -> Place<'a, 't> {
    let scan = Scan::new(text, range);
    Place { cx: LineCx { cx, world, binds: false }, scan }
}

impl Place<'_, '_> {
    pub(super) fn error(
        &self,
        word: Word<'_>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) {
        self.cx.cx.error(self.scan.span(word), message, label);
    }
}

/// Reads `R2 -> R1 IKE_SA_INIT resp mid=0 delay=1ms {SA choose=first, KE group=x25519, Nr len=32}`.
pub(crate) fn craft(cx: &Cx<'_>, world: &World, text: &Text) -> Option<Craft> {
    let mut at = place(cx, world, text, 0..text.value.len());
    let from = host(&at.cx, &mut at.scan);
    let arrow = at.scan.word();
    if arrow.text != "->" {
        at.error(arrow, format!("unexpected `{}`", arrow.text), "expected HOST -> HOST EXCHANGE");
        return None;
    }
    let to = host(&at.cx, &mut at.scan);
    let word = at.scan.word();
    let Some(exchange) = exchange(word.text) else {
        let label = suggestion(word.text, EXCHANGES[..7].iter().copied());
        at.error(word, format!("unknown exchange `{}`", word.text), label);
        return None;
    };
    let response = match at.scan.peek().text {
        "req" => Some(false),
        "resp" => Some(true),
        _ => None,
    };
    if response.is_some() {
        at.scan.word();
    }
    let (from, to) = (from?, to?);
    let mut craft = Craft {
        from,
        to,
        exchange,
        response,
        header: Vec::new(),
        delay: Duration::ZERO,
        port: None,
        times: 1,
        mutations: 0,
        payloads: Vec::new(),
    };
    while at.scan.peek().text.contains('=') {
        let word = at.scan.word();
        prop(&at, word, &mut craft)?;
    }
    if at.scan.take("{") {
        at.scan.take("=");
        let inner = at.scan.until('}');
        if !at.scan.take("}") {
            at.error(inner, "a brace that is not closed", "expected `}`");
            return None;
        }
        let mut start = inner.start;
        for part in inner.text.split(',') {
            let word = Word { text: part, start }.trimmed();
            start += part.len() + 1;
            if !inner.text.trim().is_empty() {
                craft.payloads.push(payload(&at, word)?);
            }
        }
    }
    finish(&at.cx, &mut at.scan)?;
    Some(craft)
}

fn exchange(text: &str) -> Option<ExchangeType> {
    let number = || text.parse().ok().map(ExchangeType);
    ExchangeType::from_name(text).or_else(number)
}

fn prop(at: &Place<'_, '_>, word: Word<'_>, craft: &mut Craft) -> Option<()> {
    let (name, value) = word.split('=')?;
    let bad = |label: &str| {
        at.error(value, format!("`{}` is no value of `{}`", value.text, name.text), label);
        None
    };
    match name.text {
        "delay" => match duration::parse(value.text) {
            Ok(delay) => craft.delay = delay,
            Err(_) => return bad("a duration with its unit: 1ms"),
        },
        "port" => match value.text.parse() {
            Ok(port) => craft.port = Some(port),
            Err(_) => return bad("a port: 500, 4500"),
        },
        "times" => match value.text.parse() {
            Ok(times @ 1..=TIMES_MAX) => craft.times = times,
            _ => return bad("how many of them: 1 to 1000"),
        },
        "mutate" => match value.text.parse() {
            Ok(count @ 0..=MUTATIONS_MAX) => craft.mutations = count,
            _ => return bad("how many changes chance decides: 0 to 100"),
        },
        other => {
            let Some((_, field)) = HEADER.iter().find(|(known, _)| *known == other) else {
                let more = ["delay", "port", "times", "mutate"];
                let names = HEADER.map(|(name, _)| name).into_iter().chain(more);
                let label = suggestion(other, names.collect::<Vec<_>>());
                at.error(name, format!("unknown property `{other}`"), label);
                return None;
            };
            craft.header.push((*field, header_value(at, *field, value)?));
        }
    }
    Some(())
}

pub(super) fn header_value(
    at: &Place<'_, '_>,
    field: HeaderField,
    word: Word<'_>,
) -> Option<Value> {
    let (_, size) = field.place();
    let spi = matches!(field, HeaderField::InitiatorSpi | HeaderField::ResponderSpi);
    let text = word.text;
    let value = if spi && !text.starts_with("0x") && !text.starts_with(['+', '-']) {
        u64::from_str_radix(text, 16).ok().map(Value::Number)
    } else if field == HeaderField::Version && text.contains('.') {
        text.split_once('.').and_then(|(major, minor)| {
            let (major, minor): (u64, u64) = (major.parse().ok()?, minor.parse().ok()?);
            (major < 16 && minor < 16).then_some(Value::Number(major << 4 | minor))
        })
    } else if field == HeaderField::Exchange {
        exchange(text).map(|exchange| Value::Number(exchange.0.into()))
    } else if field == HeaderField::NextPayload {
        kind_named(text).map(|kind| kind.0.into()).or_else(|| number(text)).map(Value::Number)
    } else {
        plain(text)
    };
    let fits = |value: &Value| match value {
        Value::Number(number) => size == 8 || *number >> (size * 8) == 0,
        Value::Add(_) | Value::Octets(_) | Value::Random(_) => true,
    };
    let value = value.filter(fits);
    if value.is_none() {
        let label = match field {
            HeaderField::Version => "a version: 2.0, 3.1, 0x21",
            _ if spi => "up to 16 hex digits",
            _ => "a number that fits: 7, 0x21, +1",
        };
        at.error(word, format!("`{text}` is no value here"), label);
    }
    value
}

pub(super) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `7`, `0x21`, `+1`, `-1`.
pub(super) fn plain(text: &str) -> Option<Value> {
    match text.strip_prefix(['+', '-']) {
        Some(more) => {
            let more: i64 = more.parse().ok()?;
            Some(Value::Add(if text.starts_with('-') { -more } else { more }))
        }
        None => number(text).map(Value::Number),
    }
}

fn kind_named(name: &str) -> Option<PayloadType> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// `NAME`, `NAME(arg)`, `NAME[2]`: its words and where the rest begins.
fn select(at: &Place<'_, '_>, whole: Word<'_>) -> Option<Select> {
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

fn argument(at: &Place<'_, '_>, kind: PayloadType, arg: Word<'_>) -> Option<u16> {
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

fn notify_type(text: &str) -> Option<u16> {
    NotifyType::from_name(text).map(|kind| kind.0).or_else(|| text.parse().ok())
}

fn protocol(text: &str) -> Option<u8> {
    [("IKE", Protocol::IKE), ("AH", Protocol::AH), ("ESP", Protocol::ESP)]
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, protocol)| protocol.0)
        .or_else(|| text.parse().ok())
}

/// `KE group=x25519 hex=00*32`: a payload and its fields.
pub(super) fn payload(at: &Place<'_, '_>, whole: Word<'_>) -> Option<CraftPayload> {
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

fn detail(at: &Place<'_, '_>, word: Word<'_>, made: &mut CraftPayload) -> Option<()> {
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

fn group(text: &str) -> Option<KeId> {
    KeId::from_short_name(text).or_else(|| number(text)?.try_into().ok().map(KeId))
}

fn inside(name: &str) -> PayloadField {
    PayloadField::Inside(vec![Step { name: name.to_owned(), index: 0 }])
}

/// What `hex=` and `len=` are about.
fn data_of(kind: PayloadType) -> PayloadField {
    inside(if anatomy::paths(kind).contains(&"data") { "data" } else { "body" })
}

/// `critical`, `length`, `proposal[1].transform[2].id`.
pub(super) fn payload_field(
    at: &Place<'_, '_>,
    kind: PayloadType,
    name: Word<'_>,
) -> Option<PayloadField> {
    if let Some((_, field)) = COMMON.iter().find(|(known, _)| *known == name.text) {
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
    let names = COMMON.iter().map(|(name, _)| *name).chain(["body"]);
    let names: Vec<&str> = names.chain(anatomy::paths(kind).iter().copied()).collect();
    let label = format!("{}: {}", suggestion(&bare, names.clone()), names.join(", "));
    at.error(name, format!("this payload has no field `{bare}`"), label);
    None
}

/// A value for a field: a number, a name that the field knows, or octets.
pub(super) fn field_value(
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

pub(super) fn octet_value(text: &str) -> Option<Value> {
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

const EDITS: [&str; 18] = [
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
fn edit(cx: &Cx<'_>, world: &World, text: &Text, range: Range<usize>) -> Option<Edit> {
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

fn one(at: &mut Place<'_, '_>) -> Option<Select> {
    let word = at.scan.word();
    select(at, word)
}

pub(super) fn count<T: std::str::FromStr>(at: &mut Place<'_, '_>, label: &str) -> Option<T> {
    let word = at.scan.word();
    let count = word.text.parse().ok();
    if count.is_none() {
        at.error(word, format!("`{}` is no number", word.text), label);
    }
    count
}

/// `append 00*4`.
fn append(at: &mut Place<'_, '_>) -> Option<Edit> {
    let word = at.scan.word();
    let found = octets(word.text).filter(|octets| !octets.is_empty());
    if found.is_none() {
        let label = "hex digits in pairs; 00*32 repeats";
        at.error(word, format!("`{}` is no octets", word.text), label);
    }
    found.map(Edit::Append)
}

/// `set FIELD = VALUE`.
fn set(at: &mut Place<'_, '_>) -> Option<Edit> {
    let field = at.scan.until('=').trimmed();
    if !at.scan.take("=") {
        at.error(field, "`set` without `=`", "expected set FIELD = VALUE");
        return None;
    }
    at.scan.skip_blanks();
    let value = at.scan.until('\n').trimmed();
    if let Some((_, header)) = HEADER.iter().find(|(name, _)| *name == field.text) {
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
        let names = HEADER.map(|(name, _)| name).join(", ");
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
fn insert(at: &mut Place<'_, '_>) -> Option<Edit> {
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
