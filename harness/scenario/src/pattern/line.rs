//! Lines: marks, times, hosts, exchange, properties, repetition.

use ikelab_ambient::Instant;
use ikelab_wire::registry::ExchangeType;

use super::carried::{self, CarriedItem};
use super::craft::number;
use super::item::payloads;
use super::scan::{Scan, Word};
use super::{ECN, Kind, Ladder, Line, Mark, MessageLine, Pattern, Prop, Time, Variables, What};
use crate::duration;
use crate::read::world::World;
use crate::reader::Cx;
use crate::text::Text;

/// What a line is read with.
pub(super) struct LineCx<'a> {
    pub(super) cx: &'a Cx<'a>,
    pub(super) world: &'a World,
    /// Whether variables may be bound here.
    pub(super) binds: bool,
}

pub(super) const EXCHANGES: [&str; 11] = [
    "IKE_SA_INIT",
    "IKE_AUTH",
    "CREATE_CHILD_SA",
    "INFORMATIONAL",
    "IKE_SESSION_RESUME",
    "IKE_INTERMEDIATE",
    "IKE_FOLLOWUP_KE",
    "ESP",
    "KEEPALIVE",
    "ICMP",
    "PLAIN",
];

/// Reads a ladder; lines that are wrong are told and left out.
pub(crate) fn ladder(cx: &Cx<'_>, world: &World, text: &Text) -> (Ladder, Variables) {
    let line_cx = LineCx { cx, world, binds: true };
    let mut variables = Variables::default();
    let mut lines = Vec::new();
    let mut empty = true;
    let mut unread = false;
    let mut start = 0;
    for raw in text.value.split_inclusive('\n') {
        let range = start..start + raw.trim_end().len();
        start += raw.len();
        let mut scan = Scan::new(text, range);
        if scan.is_empty() || scan.rest().starts_with('#') {
            continue;
        }
        empty = false;
        if scan.rest() == "..." {
            lines.push(Line::Gap);
            continue;
        }
        let whole = Word { text: scan.rest(), start: scan.at() };
        let Some(line) = message_line(&line_cx, &mut scan, &mut variables) else {
            bind_all(&scan, whole, &mut variables);
            unread = true;
            continue;
        };
        if line.mark == Mark::AnyOrder && !matches!(lines.last(), Some(Line::Message(_))) {
            let label = "it means: in any order with the line above";
            cx.error(line.span, "`&` without a line above", label);
        }
        lines.push(Line::Message(Box::new(line)));
    }
    if empty {
        cx.error(text.span, "the ladder has no line", "");
    }
    let ladder = Ladder { lines, span: text.span };
    if ladder.lines.contains(&Line::Gap) && !ladder.demands() && !unread {
        let label = "say a line that has to come; a ladder that nothing can fail shows nothing";
        cx.error(text.span, "the ladder asks for no message", label);
    }
    (ladder, variables)
}

/// Takes the variables of a line that could not be read as bound: one mistake is enough.
fn bind_all(scan: &Scan<'_>, line: Word<'_>, variables: &mut Variables) {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let marks = [("as $", Kind::Payload), ("ike=$", Kind::Ike), ("spi=$", Kind::Spi)];
    for (mark, kind) in marks {
        for (at, _) in line.text.match_indices(mark) {
            let rest = line.text.get(at + mark.len()..).unwrap_or_default();
            let name = rest.split(|c| !word(c)).next().unwrap_or_default();
            let span = scan.span(line);
            variables.0.entry(name.to_owned()).or_insert((kind, span));
        }
    }
}

/// Reads a message pattern: a line without mark, time and repetition. It may use variables that a
/// ladder binds, and binds none.
pub(crate) fn pattern(
    cx: &Cx<'_>,
    world: &World,
    text: &Text,
    known: &Variables,
) -> Option<Pattern> {
    let line_cx = LineCx { cx, world, binds: false };
    let mut scan = Scan::new(text, 0..text.value.len());
    let pattern = message(&line_cx, &mut scan, &mut known.clone())?;
    finish(&line_cx, &mut scan)?;
    Some(pattern)
}

/// Reads what a fault is meant for: a pattern without variables, in which `frag=` tells the
/// fragments of a message apart.
pub(crate) fn fault_pattern(cx: &Cx<'_>, world: &World, text: &Text) -> Option<Pattern> {
    let line_cx = LineCx { cx, world, binds: false };
    let mut scan = Scan::new(text, 0..text.value.len());
    let pattern = message(&line_cx, &mut scan, &mut Variables::default())?;
    finish(&line_cx, &mut scan)?;
    Some(pattern)
}

pub(super) fn finish(cx: &LineCx<'_>, scan: &mut Scan<'_>) -> Option<()> {
    if scan.is_empty() {
        return Some(());
    }
    let rest = Word { text: scan.rest(), start: scan.at() }.trimmed();
    cx.cx.error(
        scan.span(rest),
        format!("`{}` is left over", rest.text),
        "expected the end of the line",
    );
    None
}

fn message_line(
    cx: &LineCx<'_>,
    scan: &mut Scan<'_>,
    known: &mut Variables,
) -> Option<MessageLine> {
    scan.skip_blanks();
    let start = scan.at();
    let mark = if scan.take("?") {
        Mark::Optional
    } else if scan.take("&") {
        Mark::AnyOrder
    } else {
        Mark::Plain
    };
    let time = if scan.take("[") { Some(time(cx, scan)?) } else { None };
    let pattern = message(cx, scan, known)?;
    let repeat = if scan.is_empty() { (1, 1) } else { repetition(cx, scan)? };
    finish(cx, scan)?;
    Some(MessageLine { mark, time, pattern, repeat, span: scan.span_of(start..scan.at()) })
}

/// `60s]`, `108s..109s]`, `+5s]`.
fn time(cx: &LineCx<'_>, scan: &mut Scan<'_>) -> Option<(Time, crate::source::Span)> {
    let word = scan.until(']').trimmed();
    let span = scan.span(word);
    let closed = scan.take("]");
    let moment = |text: &str| duration::parse(text.trim()).ok().map(|span| Instant::ZERO + span);
    let time = if let Some(after) = word.text.strip_prefix('+') {
        duration::parse(after).ok().map(Time::After)
    } else if let Some((low, high)) = word.text.split_once("..") {
        moment(low).zip(moment(high)).map(|(low, high)| Time::Between(low, high))
    } else {
        moment(word.text).map(|at| Time::Between(at, at))
    };
    match time {
        Some(Time::Between(low, high)) if low > high => {
            cx.cx.error(span, format!("bad time `{}`", word.text), "it ends before it begins");
            None
        }
        Some(time) if closed => Some((time, span)),
        Some(_) => {
            cx.cx.error(span, "a time without its `]`", "");
            None
        }
        None => {
            let label = "write a number and a unit: 500ms, 120s, 108s..109s";
            cx.cx.error(span, format!("bad time `{}`", word.text), label);
            None
        }
    }
}

/// `x3`, `x1..9`.
fn repetition(cx: &LineCx<'_>, scan: &mut Scan<'_>) -> Option<(u32, u32)> {
    let word = scan.word();
    let parse = || {
        let counts = word.text.strip_prefix('x')?;
        let (low, high) = counts.split_once("..").unwrap_or((counts, counts));
        let (low, high) = (low.parse().ok()?, high.parse().ok()?);
        (low <= high && (1..=1000).contains(&high)).then_some((low, high))
    };
    let counts = parse();
    if counts.is_none() {
        let message = format!("unexpected `{}`", word.text);
        cx.cx.error(
            scan.span(word),
            message,
            "expected `{payloads}`, `x3`, `x1..9` or the end of the line",
        );
    }
    counts
}

fn message(cx: &LineCx<'_>, scan: &mut Scan<'_>, known: &mut Variables) -> Option<Pattern> {
    scan.skip_blanks();
    let start = scan.at();
    let from = host(cx, scan);
    let arrow = scan.word();
    let lost = match arrow.text {
        "->" => false,
        "-x" => true,
        other => {
            cx.cx.error(
                scan.span(arrow),
                format!("unexpected `{other}`"),
                "expected `->` (sent) or `-x` (sent and lost)",
            );
            return None;
        }
    };
    let to = host(cx, scan);
    let hosts_span = scan.span_of(start..scan.at());
    if from.is_some() && from == to {
        cx.cx.error(hosts_span, "a message from a host to itself", "expected two hosts");
    }
    let (what, what_start) = what(cx, scan)?;
    let response = match scan.peek().text {
        "req" => Some(false),
        "resp" => Some(true),
        "request" | "response" | "reply" | "answer" => {
            let word = scan.word();
            let message = format!("unexpected `{}`", word.text);
            cx.cx.error(scan.span(word), message, "`req` is a request, `resp` a response");
            return None;
        }
        _ => None,
    };
    if response.is_some() || scan.peek().text == "*" {
        scan.word();
    }
    let what_span = scan.span_of(what_start..scan.at());
    let mut props = Vec::new();
    while scan.peek().text.contains('=') && !scan.peek().text.starts_with('{') {
        let word = scan.word();
        props.push((prop(cx, scan, word, known)?, scan.span(word)));
    }
    let (mut inside, mut outside): (_, Vec<CarriedItem>) = (None, Vec::new());
    if scan.take("{") {
        match what {
            What::Esp | What::Icmp | What::Plain => outside = carried::items(cx, scan)?,
            What::Any | What::Ike(_) | What::Keepalive => {
                inside = Some(payloads(cx, scan, known)?);
            }
        }
    }
    refuse_idle(cx, what, &props, inside.is_some());
    let span = scan.span_of(start..scan.at());
    Some(Pattern {
        from: from?,
        to: to?,
        lost,
        what,
        response,
        props,
        payloads: inside,
        carried: outside,
        span,
        hosts_span,
        what_span,
    })
}

pub(super) fn host(cx: &LineCx<'_>, scan: &mut Scan<'_>) -> Option<u16> {
    let word = scan.word();
    if word.text.is_empty() {
        cx.cx.error(scan.span(word), "a host is missing", "expected HOST -> HOST EXCHANGE");
        return None;
    }
    cx.world.host(cx.cx, word.text, scan.span(word))
}

fn what(cx: &LineCx<'_>, scan: &mut Scan<'_>) -> Option<(What, usize)> {
    let word = scan.word();
    let what = match word.text {
        "ESP" => What::Esp,
        "KEEPALIVE" => What::Keepalive,
        "ICMP" => What::Icmp,
        "PLAIN" => What::Plain,
        "*" => What::Any,
        name if EXCHANGES.contains(&name) => What::Ike(ExchangeType::from_name(name)?),
        "" => {
            cx.cx.error(
                scan.span(word),
                "an exchange is missing",
                format!("expected one of: {}", EXCHANGES.join(", ")),
            );
            return None;
        }
        other => {
            let upper = other.to_ascii_uppercase();
            if EXCHANGES.contains(&upper.as_str()) {
                let label = format!("in capitals: `{upper}`");
                cx.cx.error(scan.span(word), format!("unknown exchange `{other}`"), label);
            } else {
                cx.cx.unknown(scan.span(word), "exchange", other, EXCHANGES);
            }
            return None;
        }
    };
    Some((what, word.start))
}

const PROPS: [&str; 13] = [
    "mid", "flags", "port", "ike", "child", "frag", "len", "spi_i", "spi_r", "seq", "ecn", "dscp",
    "delay",
];

fn prop(cx: &LineCx<'_>, scan: &Scan<'_>, word: Word<'_>, known: &mut Variables) -> Option<Prop> {
    let (name, value) = word.split('=')?;
    let prop = match name.text {
        "mid" => value.text.parse().ok().map(Prop::MessageId),
        "flags" => number(value.text).and_then(|flags| flags.try_into().ok()).map(Prop::Flags),
        "port" => value.text.parse().ok().map(Prop::Port),
        "len" => value.text.parse().ok().map(Prop::Length),
        "seq" => value.text.parse().ok().map(Prop::Sequence),
        "spi_i" => value.text.parse().ok().map(Prop::InitiatorSpi),
        "spi_r" => value.text.parse().ok().map(Prop::ResponderSpi),
        "ike" => return ike_variable(cx, scan, value, known),
        "frag" => fragment(value.text),
        "ecn" => ecn(value.text).map(Prop::Ecn),
        "dscp" => value.text.parse().ok().map(Prop::Dscp),
        "child" => {
            return cx.world.child(cx.cx, value.text, scan.span(value)).map(Prop::Child);
        }
        "delay" => {
            let label = "`delay` says when a crafted peer answers (`reply:`); here, write [+1ms]";
            cx.cx.error(scan.span(word), "a message that is expected has no `delay`", label);
            return None;
        }
        other => {
            cx.cx.unknown(scan.span(name), "property", other, PROPS);
            return None;
        }
    };
    if prop.is_none() {
        let message = format!("`{}` is no value of `{}`", value.text, name.text);
        let label = match name.text {
            "spi_i" | "spi_r" => "expected hex digits",
            "flags" => "expected a number: 0x28, 8",
            "ecn" => "expected not-ect, ect0, ect1 or ce",
            "frag" => "expected a fragment's number, or number and total: 2, 2/3",
            _ => "expected a number",
        };
        cx.cx.error(scan.span(value), message, label);
    }
    prop
}

/// `ect0`.
pub(super) fn ecn(text: &str) -> Option<u8> {
    ECN.iter().find(|(name, _)| *name == text).map(|(_, bits)| *bits)
}

/// `2`, `2/3`.
fn fragment(text: &str) -> Option<Prop> {
    let (number, total) = match text.split_once('/') {
        Some((number, total)) => (number, Some(total.parse().ok()?)),
        None => (text, None),
    };
    Some(Prop::Fragment(number.parse().ok()?, total))
}

/// Complains about properties that a message of this kind can't have.
fn refuse_idle(cx: &LineCx<'_>, what: What, props: &[(Prop, crate::source::Span)], reads: bool) {
    for (prop, span) in props {
        match prop {
            Prop::Child(_) if !matches!(what, What::Esp | What::Any) => {
                cx.cx.error(*span, "`child` is about ESP packets", "");
            }
            Prop::Fragment(..) if reads => {
                let label = "its payloads stand in the line of the whole message";
                cx.cx.error(*span, "a fragment alone can't be read", label);
            }
            _ => {}
        }
    }
}

fn ike_variable(
    cx: &LineCx<'_>,
    scan: &Scan<'_>,
    value: Word<'_>,
    known: &mut Variables,
) -> Option<Prop> {
    let name = variable_name(cx, scan, value)?;
    match known.0.get(name) {
        Some((Kind::Ike, _)) => {}
        Some((Kind::Payload, _)) => {
            cx.cx.error(
                scan.span(value),
                format!("`${name}` holds a payload"),
                "expected an IKE SA",
            );
        }
        Some((Kind::Spi, _)) => {
            cx.cx.error(scan.span(value), format!("`${name}` holds an SPI"), "expected an IKE SA");
        }
        None if cx.binds => {
            known.0.insert(name.to_owned(), (Kind::Ike, scan.span(value)));
        }
        None => unbound(cx, scan, value, known),
    }
    Some(Prop::Ike(name.to_owned()))
}

/// The name of `$name`.
pub(super) fn variable_name<'t>(
    cx: &LineCx<'_>,
    scan: &Scan<'_>,
    word: Word<'t>,
) -> Option<&'t str> {
    let name = word.text.strip_prefix('$').filter(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    if name.is_none() {
        cx.cx.error(scan.span(word), format!("`{}` is no variable", word.text), "expected $name");
    }
    name
}

pub(super) fn unbound(cx: &LineCx<'_>, scan: &Scan<'_>, word: Word<'_>, known: &Variables) {
    let names = known.0.keys().map(String::as_str);
    let message = format!("`{}` is used before it is bound", word.text);
    let name = word.text.trim_start_matches('$');
    let label = match crate::nearest::nearest(name, names) {
        Some(near) if near != name => format!("did you mean `${near}`?"),
        _ => "bind it above: `SA as $name`, `ike=$name` or `spi=$name`".to_owned(),
    };
    cx.cx.error(scan.span(word), message, label);
}
