//! Payloads in braces: names, arguments, fields, bindings.

use ikelab_wire::payload::Proposal;
use ikelab_wire::registry::{AuthMethod, IdType, KeId, NotifyType, PayloadType, Protocol, short};

use super::line::{LineCx, unbound, variable_name};
use super::scan::{Scan, Word};
use super::{Arg, Field, Item, Kind, Payloads, Variables};
use crate::nearest::suggestion;

pub(super) const NAMES: [(&str, PayloadType); 18] = [
    ("SA", PayloadType::SA),
    ("KE", PayloadType::KE),
    ("Ni", PayloadType::NONCE),
    ("Nr", PayloadType::NONCE),
    ("IDi", PayloadType::IDI),
    ("IDr", PayloadType::IDR),
    ("CERT", PayloadType::CERT),
    ("CERTREQ", PayloadType::CERTREQ),
    ("AUTH", PayloadType::AUTH),
    ("N", PayloadType::NOTIFY),
    ("D", PayloadType::DELETE),
    ("V", PayloadType::VENDOR_ID),
    ("TSi", PayloadType::TSI),
    ("TSr", PayloadType::TSR),
    ("SK", PayloadType::SK),
    ("SKF", PayloadType::SKF),
    ("CP", PayloadType::CP),
    ("EAP", PayloadType::EAP),
];

/// Reads what stands between braces; the first is taken already.
pub(super) fn payloads(
    cx: &LineCx<'_>,
    scan: &mut Scan<'_>,
    known: &mut Variables,
) -> Option<Payloads> {
    let open = scan.at() - 1;
    let exact = scan.take("=");
    let inner = scan.until('}');
    if !scan.take("}") {
        let span = scan.span_of(open..open + 1);
        cx.cx.error(span, "a brace that is not closed", "expected `}` on the same line");
        return None;
    }
    let mut items = Vec::new();
    let mut start = inner.start;
    for part in inner.text.split(',') {
        let word = Word { text: part, start }.trimmed();
        start += part.len() + 1;
        if word.text.is_empty() {
            if inner.text.trim().is_empty() {
                break;
            }
            cx.cx.error(scan.span_of(word.start..word.start + 1), "a payload is missing", "");
            return None;
        }
        items.push(item(cx, scan, word, known)?);
    }
    Some(Payloads { exact, items, span: scan.span_of(open..scan.at()) })
}

fn item(cx: &LineCx<'_>, scan: &Scan<'_>, whole: Word<'_>, known: &mut Variables) -> Option<Item> {
    let (absent, rest) = match whole.text.strip_prefix('!') {
        Some(rest) => (true, Word { text: rest, start: whole.start + 1 }.trimmed()),
        None => (false, whole),
    };
    let end = rest.text.find(|c: char| c == '(' || c.is_whitespace()).unwrap_or(rest.text.len());
    let (name, tail) = rest.text.split_at(end);
    let name = Word { text: name, start: rest.start };
    let mut tail = Word { text: tail, start: rest.start + end };
    let arg = if tail.text.starts_with('(') {
        let Some(close) = tail.text.find(')') else {
            cx.cx.error(scan.span(tail), "a parenthesis that is not closed", "expected `)`");
            return None;
        };
        let arg = Word { text: &tail.text[1..close], start: tail.start + 1 }.trimmed();
        tail = Word { text: &tail.text[close + 1..], start: tail.start + close + 1 };
        Some(arg)
    } else {
        None
    };
    let kind = kind(cx, scan, name, arg)?;
    let mut item = Item {
        absent,
        kind,
        nonce_of_response: match name.text {
            "Ni" => Some(false),
            "Nr" => Some(true),
            _ => None,
        },
        arg: match arg {
            Some(arg) if name.text != "PAYLOAD" => Some(argument(cx, scan, kind, arg)?),
            Some(_) | None => None,
        },
        fields: Vec::new(),
        critical: false,
        bind: None,
        compare: None,
        span: scan.span(whole),
        words: whole.text.to_owned(),
    };
    details(cx, scan, tail, &mut item, known)?;
    Some(item)
}

fn kind(
    cx: &LineCx<'_>,
    scan: &Scan<'_>,
    name: Word<'_>,
    arg: Option<Word<'_>>,
) -> Option<PayloadType> {
    match name.text {
        "PAYLOAD" => {
            let number = arg.and_then(|arg| arg.text.parse().ok());
            if number.is_none() {
                cx.cx.error(scan.span(name), "a payload without a number", "expected PAYLOAD(130)");
            }
            number.map(PayloadType)
        }
        "ICMP" | "UDP" | "TCP" => {
            let label = "it stands in lines of ESP, ICMP and PLAIN";
            cx.cx.error(scan.span(name), format!("IKE carries no {}", name.text), label);
            None
        }
        other => {
            let found = NAMES.iter().find(|(known, _)| *known == other).map(|(_, kind)| *kind);
            if found.is_none() {
                let names: Vec<_> = NAMES.iter().map(|(known, _)| *known).collect();
                cx.cx.unknown(scan.span(name), "payload", other, names);
            }
            found
        }
    }
}

fn argument(cx: &LineCx<'_>, scan: &Scan<'_>, kind: PayloadType, arg: Word<'_>) -> Option<Arg> {
    match kind {
        PayloadType::NOTIFY => {
            let found =
                NotifyType::from_name(arg.text).or_else(|| arg.text.parse().ok().map(NotifyType));
            if found.is_none() {
                let names: Vec<_> = NotifyType::all().map(|(_, name)| name).collect();
                cx.cx.unknown(scan.span(arg), "notify type", arg.text, names);
            }
            found.map(Arg::Notify)
        }
        PayloadType::SA | PayloadType::DELETE => match arg.text {
            "IKE" => Some(Arg::Protocol(Protocol::IKE)),
            "ESP" => Some(Arg::Protocol(Protocol::ESP)),
            "AH" => Some(Arg::Protocol(Protocol::AH)),
            other => {
                cx.cx.unknown(scan.span(arg), "protocol", other, ["IKE", "ESP", "AH"]);
                None
            }
        },
        _ => {
            let label = "N(TYPE), D(IKE), D(ESP), SA(ESP) and PAYLOAD(130) have one";
            cx.cx.error(scan.span(arg), "this payload has no argument", label);
            None
        }
    }
}

/// Fields, `critical`, `as $v`, `== $v`, `!= $v`.
fn details(
    cx: &LineCx<'_>,
    scan: &Scan<'_>,
    tail: Word<'_>,
    item: &mut Item,
    known: &mut Variables,
) -> Option<()> {
    let mut words = words_of(tail).peekable();
    while let Some(word) = words.next() {
        match word.text {
            "critical" => item.critical = true,
            "as" | "==" | "!=" => {
                let Some(variable) = words.next() else {
                    cx.cx.error(
                        scan.span(word),
                        format!("`{}` without a variable", word.text),
                        "expected $name",
                    );
                    return None;
                };
                let name = variable_name(cx, scan, variable)?;
                if word.text == "as" {
                    bind(cx, scan, variable, name, known);
                    item.bind = Some(name.to_owned());
                } else {
                    compare(cx, scan, variable, name, known);
                    item.compare = Some((word.text == "==", name.to_owned()));
                }
            }
            _ => item.fields.push(field(cx, scan, word, item, known)?),
        }
    }
    if item.absent && item.bind.is_some() {
        cx.cx.error(item.span, "what is not there binds nothing", "");
    }
    Some(())
}

pub(super) fn words_of(tail: Word<'_>) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = tail.text.get(at..)?;
        let trimmed = rest.trim_start();
        if trimmed.is_empty() {
            return None;
        }
        let start = at + rest.len() - trimmed.len();
        let end = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
        at = start + end;
        Some(Word { text: trimmed.get(..end)?, start: tail.start + start })
    })
}

fn bind(cx: &LineCx<'_>, scan: &Scan<'_>, word: Word<'_>, name: &str, known: &mut Variables) {
    if !cx.binds {
        cx.cx.error(scan.span(word), "nothing is bound here", "variables are bound in the ladder");
    } else if known.0.insert(name.to_owned(), (Kind::Payload, scan.span(word))).is_some() {
        cx.cx.error(scan.span(word), format!("`${name}` is bound already"), "");
    }
}

fn compare(cx: &LineCx<'_>, scan: &Scan<'_>, word: Word<'_>, name: &str, known: &Variables) {
    match known.0.get(name) {
        Some((Kind::Payload, _)) => {}
        Some((Kind::Ike, _)) => holds(cx, scan, word, "an IKE SA", "a payload"),
        Some((Kind::Spi, _)) => holds(cx, scan, word, "an SPI", "a payload"),
        None => unbound(cx, scan, word, known),
    }
}

/// Complains about a variable of another kind.
fn holds(cx: &LineCx<'_>, scan: &Scan<'_>, word: Word<'_>, what: &str, expected: &str) {
    let message = format!("`{}` holds {what}", word.text);
    cx.cx.error(scan.span(word), message, format!("expected {expected}"));
}

const FIELDS: [&str; 11] =
    ["group", "type", "value", "method", "ts", "len", "spi", "suites", "hex", "choose", "delay"];

fn field(
    cx: &LineCx<'_>,
    scan: &Scan<'_>,
    word: Word<'_>,
    item: &Item,
    known: &mut Variables,
) -> Option<Field> {
    let Some((name, value)) = word.split('=') else {
        let label = "expected field=value, critical, `as $v`, `== $v` or `!= $v`";
        cx.cx.error(scan.span(word), format!("unexpected `{}`", word.text), label);
        return None;
    };
    if matches!(name.text, "choose" | "delay") {
        let label = "it is for what a crafted peer sends (`reply:`)";
        cx.cx.error(scan.span(word), format!("nothing expected has a `{}`", name.text), label);
        return None;
    }
    let has_spi = matches!(item.kind, PayloadType::SA | PayloadType::NOTIFY | PayloadType::DELETE);
    if has_spi && matches!(name.text, "spi" | "spi!") {
        return spi(cx, scan, value, name.text == "spi", known);
    }
    if !FIELDS.contains(&name.text) {
        cx.cx.unknown(scan.span(name), "field", name.text, FIELDS);
        return None;
    }
    let notify_group = item.arg == Some(Arg::Notify(NotifyType::INVALID_KE_PAYLOAD));
    let field = match (name.text, item.kind) {
        ("group", PayloadType::KE) => group(value),
        ("group", PayloadType::NOTIFY) if notify_group => group(value),
        ("type", PayloadType::IDI | PayloadType::IDR) => id_type(value.text).map(Field::IdType),
        ("value", PayloadType::IDI | PayloadType::IDR) => Some(Field::Value(value.text.to_owned())),
        ("method", PayloadType::AUTH) => method(value.text).map(Field::Method),
        ("ts", PayloadType::TSI | PayloadType::TSR) => value.text.parse().ok().map(Field::Selector),
        ("suites", PayloadType::SA) => suites(value.text, item.arg),
        ("len", kind) if has_octets(kind) => value.text.parse().ok().map(Field::Length),
        ("hex", kind) if has_octets(kind) => octets(value.text).map(Field::Octets),
        _ => {
            cx.cx.error(scan.span(name), format!("this payload has no field `{}`", name.text), "");
            return None;
        }
    };
    if field.is_none() {
        let label = match name.text {
            "group" => suggestion(value.text, short::words().collect::<Vec<_>>()),
            "type" => suggestion(value.text, ID_TYPES.map(|(name, _)| name)),
            "method" => suggestion(value.text, METHODS.map(|(name, _)| name)),
            "ts" => "expected a selector: 192.168.1.0/24, 10.0.0.5-10.0.0.9[udp/53]".to_owned(),
            "suites" => "expected suites as under `proposals:`, joined by +".to_owned(),
            "hex" => "expected hex digits in pairs: 0102, 00*32".to_owned(),
            _ => "expected a number".to_owned(),
        };
        cx.cx.error(
            scan.span(value),
            format!("`{}` is no value of `{}`", value.text, name.text),
            label,
        );
    }
    field
}

/// `spi=$s`: bound at its first use, compared from then on; `spi!=$s` compares only.
fn spi(
    cx: &LineCx<'_>,
    scan: &Scan<'_>,
    word: Word<'_>,
    equal: bool,
    known: &mut Variables,
) -> Option<Field> {
    let name = variable_name(cx, scan, word)?;
    match known.0.get(name) {
        Some((Kind::Spi, _)) => {}
        Some((Kind::Payload, _)) => holds(cx, scan, word, "a payload", "an SPI"),
        Some((Kind::Ike, _)) => holds(cx, scan, word, "an IKE SA", "an SPI"),
        None if cx.binds && equal => {
            known.0.insert(name.to_owned(), (Kind::Spi, scan.span(word)));
        }
        None => unbound(cx, scan, word, known),
    }
    Some(Field::Spi(name.to_owned(), equal))
}

/// Suites in the words of `proposals:`, with what those words imply, numbered from 1 where they say
/// no number: `aes256-sha256-x25519+aes128-sha256-x25519`, `2:aes128-sha256-x25519`.
fn suites(text: &str, arg: Option<Arg>) -> Option<Field> {
    let protocol = match arg {
        Some(Arg::Protocol(protocol)) => protocol,
        Some(Arg::Notify(_)) | None => Protocol::IKE,
    };
    let mut proposals = Vec::new();
    for (place, suite) in (1_u8..).zip(text.split('+')) {
        let (number, words) = match suite.split_once(':') {
            Some((number, words)) => (number.parse().ok()?, words),
            None => (place, suite),
        };
        proposals.push(Proposal::from_text(words, protocol, number).ok()?);
    }
    Some(Field::Suites(suite_words(&proposals)))
}

/// The words of proposals, with their numbers.
pub(crate) fn suite_words(proposals: &[Proposal]) -> String {
    let words = |proposal: &Proposal| format!("{}:{}", proposal.number, proposal.to_text());
    proposals.iter().map(words).collect::<Vec<_>>().join("+")
}

/// Whether a payload has octets to compare: all but those that are structures.
fn has_octets(kind: PayloadType) -> bool {
    !matches!(
        kind,
        PayloadType::SA
            | PayloadType::DELETE
            | PayloadType::TSI
            | PayloadType::TSR
            | PayloadType::SK
            | PayloadType::SKF
            | PayloadType::CP
    )
}

/// `0102`, `0x0102`, `00*32`.
fn octets(text: &str) -> Option<Vec<u8>> {
    let (digits, times) = match text.split_once('*') {
        Some((digits, times)) => (digits, times.parse().ok()?),
        None => (text, 1_usize),
    };
    let digits = digits.trim_start_matches("0x");
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) || times > 65_535 {
        return None;
    }
    let octets: Option<Vec<u8>> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect();
    octets.map(|octets| octets.repeat(times)).filter(|octets| octets.len() <= 65_535)
}

fn group(value: Word<'_>) -> Option<Field> {
    KeId::from_short_name(value.text).map(Field::Group)
}

const ID_TYPES: [(&str, IdType); 6] = [
    ("ipv4", IdType::ID_IPV4_ADDR),
    ("ipv6", IdType::ID_IPV6_ADDR),
    ("fqdn", IdType::ID_FQDN),
    ("rfc822", IdType::ID_RFC822_ADDR),
    ("dn", IdType::ID_DER_ASN1_DN),
    ("key-id", IdType::ID_KEY_ID),
];

fn id_type(word: &str) -> Option<IdType> {
    ID_TYPES.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
}

/// RFC 7296 §3.8, RFC 4754, RFC 7427, RFC 7619.
pub(super) const METHODS: [(&str, AuthMethod); 7] = [
    ("rsa", AuthMethod(1)),
    ("psk", AuthMethod(2)),
    ("ecdsa-256", AuthMethod(9)),
    ("ecdsa-384", AuthMethod(10)),
    ("ecdsa-521", AuthMethod(11)),
    ("null", AuthMethod(13)),
    ("digital-signature", AuthMethod(14)),
];

fn method(word: &str) -> Option<AuthMethod> {
    METHODS.iter().find(|(name, _)| *name == word).map(|(_, method)| *method)
}
