//! Messages made by hand, and changes of messages: what a liar's rules are made of.

mod edit;
mod payload;

use std::ops::Range;
use std::time::Duration;

use ikelab_wire::registry::ExchangeType;

use self::payload::kind_named;
use super::line::{EXCHANGES, LineCx, finish, host};
use super::scan::{Scan, Word};
use crate::duration;
use crate::nearest::suggestion;
use crate::plan::{Craft, HeaderField, Value};
use crate::read::world::World;
use crate::reader::Cx;
use crate::text::Text;

pub(crate) use edit::{count, edits};
pub(crate) use payload::{field_value, octet_value, octets, payload, payload_field};

/// Changes of one message that chance decides.
pub(crate) const MUTATIONS_MAX: u32 = 100;
/// Octets that a file may ask for at once: as many as a payload can hold.
pub(crate) const OCTETS_MAX: usize = 65_535;
/// Messages that one rule may say at once.
pub(crate) const TIMES_MAX: u32 = 1_000;

/// Where words of a rule are read.
pub(crate) struct Place<'a, 't> {
    cx: LineCx<'a>,
    pub(super) scan: Scan<'t>,
}

pub(crate) fn place<'a, 't>(
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

pub(crate) fn exchange(text: &str) -> Option<ExchangeType> {
    let number = || text.parse().ok().map(ExchangeType);
    ExchangeType::from_name(text).or_else(number)
}

pub(crate) fn prop(at: &Place<'_, '_>, word: Word<'_>, craft: &mut Craft) -> Option<()> {
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
            let Some((_, field)) = HeaderField::NAMED.iter().find(|(known, _)| *known == other)
            else {
                let more = ["delay", "port", "times", "mutate"];
                let names = HeaderField::NAMED.map(|(name, _)| name).into_iter().chain(more);
                let label = suggestion(other, names.collect::<Vec<_>>());
                at.error(name, format!("unknown property `{other}`"), label);
                return None;
            };
            craft.header.push((*field, header_value(at, *field, value)?));
        }
    }
    Some(())
}

pub(crate) fn header_value(
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

pub(crate) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `7`, `0x21`, `+1`, `-1`.
pub(crate) fn plain(text: &str) -> Option<Value> {
    match text.strip_prefix(['+', '-']) {
        Some(more) => {
            let more: i64 = more.parse().ok()?;
            Some(Value::Add(if text.starts_with('-') { -more } else { more }))
        }
        None => number(text).map(Value::Number),
    }
}
