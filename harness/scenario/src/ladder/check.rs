//! One message against one pattern.

use std::collections::BTreeMap;
use std::rc::Rc;

use ikelab_ambient::Instant;
use ikelab_trace::SaId;
use ikelab_wire::ike::{Header, IkeSpi};
use ikelab_wire::notation;
use ikelab_wire::payload::{Body, Payload, TrafficSelector};
use ikelab_wire::registry::{IpProtocol, KeId, Protocol};

use super::spi;
use crate::pattern::{
    Arg, CarriedField, CarriedItem, ECN, Field, Item, Pattern, Payloads, Prop, Time, What,
    suite_words,
};
use crate::run::{Carried, Content, IkeContent, Message};
use crate::source::Span;

/// What variables hold. Cheap to clone: a search tries many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Env {
    bound: Rc<BTreeMap<String, (Binding, Span)>>,
    /// When the message of the line above was sent.
    pub(crate) last: Option<Instant>,
}

/// What a variable holds.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Binding {
    Payload(Payload),
    Ike(SaId),
    /// An SPI that a payload names.
    Spi(Vec<u8>),
}

impl Env {
    pub(crate) fn get(&self, name: &str) -> Option<&(Binding, Span)> {
        self.bound.get(name)
    }

    pub(super) fn with(&self, name: &str, binding: Binding, span: Span) -> Self {
        let mut env = self.clone();
        Rc::make_mut(&mut env.bound).insert(name.to_owned(), (binding, span));
        env
    }
}

/// Why a message is not what a pattern says.
#[derive(Clone, Debug)]
pub(crate) struct Mismatch {
    /// How much of the pattern was met before: of several lines, the nearest is told.
    pub(crate) met: u32,
    /// The part of the pattern that was not met.
    pub(crate) span: Span,
    pub(crate) expected: String,
    pub(crate) actual: String,
    /// Where a variable of that part was bound, and what it holds.
    pub(crate) bound: Option<(Span, String)>,
}

pub(super) fn mismatch(
    met: u32,
    span: Span,
    expected: impl Into<String>,
    actual: impl Into<String>,
) -> Mismatch {
    Mismatch { met, span, expected: expected.into(), actual: actual.into(), bound: None }
}

/// Names for the places of hosts.
pub(crate) type Names<'a> = &'a dyn Fn(u16) -> String;

/// Checks a message against a pattern; gives the variables with what it bound.
pub(crate) fn check(
    pattern: &Pattern,
    time: Option<&(Time, Span)>,
    message: &Message,
    env: &Env,
    names: Names<'_>,
) -> Result<Env, Mismatch> {
    let arrow = |from: u16, to: Option<u16>| {
        format!("{} -> {}", names(from), to.map_or_else(|| message.dst.ip().to_string(), names))
    };
    if (message.from, message.to) != (pattern.from, Some(pattern.to)) {
        let expected = arrow(pattern.from, Some(pattern.to));
        return Err(mismatch(0, pattern.hosts_span, expected, arrow(message.from, message.to)));
    }
    check_what(pattern, message)?;
    if let Some((time, span)) = time {
        check_time(*time, *span, message, env)?;
    }
    let mut env = env.clone();
    for (prop, span) in &pattern.props {
        env = check_prop(prop, *span, message, &env)?;
    }
    for item in &pattern.carried {
        check_carried(item, message)?;
    }
    match &pattern.payloads {
        None => Ok(env),
        Some(payloads) => match message.ike() {
            Some(ike) => check_payloads(payloads, ike, &env),
            None => Err(mismatch(6, payloads.span, "an IKE message", message.words())),
        },
    }
}

fn check_what(pattern: &Pattern, message: &Message) -> Result<(), Mismatch> {
    let fail =
        |met, expected: String| Err(mismatch(met, pattern.what_span, expected, message.words()));
    let part = pattern.props.iter().any(|(prop, _)| matches!(prop, Prop::Fragment(..)));
    let is_part = match &message.content {
        Content::Fragment(_) => true,
        // What a fault looks at as it passes may be a fragment that can be read.
        Content::Ike(ike) => ike.fragment.is_some(),
        _ => false,
    };
    if part && !is_part {
        return fail(1, "a fragment".to_owned());
    }
    if !part && matches!(message.content, Content::Fragment(_)) {
        return fail(1, "a whole message".to_owned());
    }
    let meets = match (pattern.what, &message.content) {
        (What::Any, _)
        | (What::Esp, Content::Esp { .. })
        | (What::Keepalive, Content::Keepalive)
        | (What::Icmp, Content::Icmp)
        | (What::Plain, Content::Plain) => true,
        (What::Ike(exchange), Content::Ike(ike)) => ike.header.exchange == exchange,
        (What::Ike(exchange), Content::Fragment(part)) => part.header.exchange == exchange,
        (What::Ike(_) | What::Esp | What::Keepalive | What::Icmp | What::Plain, _) => false,
    };
    if !meets {
        let expected = match pattern.what {
            What::Ike(exchange) => exchange.to_string(),
            What::Any => "anything".to_owned(),
            What::Esp => "ESP".to_owned(),
            What::Keepalive => "KEEPALIVE".to_owned(),
            What::Icmp => "ICMP".to_owned(),
            What::Plain => "PLAIN".to_owned(),
        };
        return fail(1, expected);
    }
    match (pattern.response, header(message)) {
        (Some(response), Some(header)) if header.flags.response() != response => {
            fail(2, if response { "a response" } else { "a request" }.to_owned())
        }
        _ => Ok(()),
    }
}

/// The header of an IKE message or of a fragment.
fn header(message: &Message) -> Option<&Header> {
    match &message.content {
        Content::Ike(ike) => Some(&ike.header),
        Content::Fragment(part) => Some(&part.header),
        Content::Esp { .. }
        | Content::Keepalive
        | Content::Icmp
        | Content::Plain
        | Content::Garbled(_) => None,
    }
}

fn check_carried(item: &CarriedItem, message: &Message) -> Result<(), Mismatch> {
    let Some(carried) = &message.carried else {
        return Err(mismatch(6, item.span, item.words.clone(), "what can't be read"));
    };
    if carries(item, carried, message) != item.absent {
        return Ok(());
    }
    Err(mismatch(6, item.span, item.words.clone(), carried.words()))
}

fn carries(item: &CarriedItem, carried: &Carried, message: &Message) -> bool {
    let (src, dst) = carried.addresses.unwrap_or((message.src.ip(), message.dst.ip()));
    let has = |field: &CarriedField| match field {
        CarriedField::Type(kind) => carried.icmp.is_some_and(|(actual, _)| actual == *kind),
        CarriedField::Code(code) => carried.icmp.is_some_and(|(_, actual)| actual == *code),
        CarriedField::Port(port) => {
            carried.ports.is_some_and(|(src, dst)| src == *port || dst == *port)
        }
        CarriedField::Src(address) => src == *address,
        CarriedField::Dst(address) => dst == *address,
        CarriedField::Length(length) => carried.length == *length,
        CarriedField::Ecn(ecn) => carried.ecn == Some(*ecn),
    };
    let icmp = item.protocol == IpProtocol::ICMP && carried.protocol == IpProtocol::ICMPV6;
    (carried.protocol == item.protocol || icmp) && item.fields.iter().all(has)
}

fn check_time(time: Time, span: Span, message: &Message, env: &Env) -> Result<(), Mismatch> {
    let (low, high) = match time {
        Time::Between(low, high) => (low, high),
        Time::After(after) => {
            let at = env.last.unwrap_or(Instant::ZERO) + after;
            (at, at)
        }
    };
    if (low..=high).contains(&message.at) {
        return Ok(());
    }
    let expected =
        if low == high { format!("sent at {low}s") } else { format!("sent at {low}s..{high}s") };
    // Everything else may be right: a wrong time is nearer than a wrong payload.
    Err(mismatch(4, span, expected, format!("sent at {}s", message.at)))
}

fn check_prop(prop: &Prop, span: Span, message: &Message, env: &Env) -> Result<Env, Mismatch> {
    let fail = |expected: String, actual: String| Err(mismatch(5, span, expected, actual));
    let same = |name: &str, expected: u64, actual: u64| {
        if expected == actual {
            return Ok(env.clone());
        }
        fail(format!("{name}={expected}"), format!("{name}={actual}"))
    };
    match (prop, &message.content) {
        (Prop::MessageId(id), Content::Ike(ike)) => {
            same("mid", (*id).into(), ike.header.message_id.into())
        }
        (Prop::Flags(flags), Content::Ike(ike)) => {
            if *flags == ike.header.flags.0 {
                return Ok(env.clone());
            }
            fail(format!("flags={flags:#04x}"), format!("flags={:#04x}", ike.header.flags.0))
        }
        (Prop::Port(port), _) => {
            if *port == message.src.port() || *port == message.dst.port() {
                return Ok(env.clone());
            }
            let actual = format!("ports {} and {}", message.src.port(), message.dst.port());
            fail(format!("port {port} on either side"), actual)
        }
        (Prop::Length(length), Content::Ike(ike)) => {
            same("len", (*length).into(), ike.octets.len() as u64)
        }
        (Prop::Length(length), Content::Esp { octets, .. }) => {
            same("len", (*length).into(), octets.len() as u64)
        }
        (Prop::Dscp(dscp), _) => same("dscp", (*dscp).into(), (message.dscp_ecn >> 2).into()),
        (Prop::Ecn(ecn), _) if *ecn == message.dscp_ecn & 0b11 => Ok(env.clone()),
        (Prop::Ecn(ecn), _) => {
            fail(format!("ecn={}", ecn_word(*ecn)), format!("ecn={}", ecn_word(message.dscp_ecn)))
        }
        (Prop::MessageId(id), Content::Fragment(part)) => {
            same("mid", (*id).into(), part.header.message_id.into())
        }
        (Prop::Length(length), Content::Fragment(part)) => {
            same("len", (*length).into(), part.octets.len() as u64)
        }
        (Prop::Fragment(number, total), Content::Fragment(part)) => {
            if *number == part.number && total.is_none_or(|total| total == part.total) {
                return Ok(env.clone());
            }
            let total = total.map_or_else(String::new, |total| format!("/{total}"));
            fail(format!("frag={number}{total}"), format!("frag={}/{}", part.number, part.total))
        }
        (Prop::Child(name), Content::Esp { .. }) => {
            if message.child.as_ref() == Some(name) {
                return Ok(env.clone());
            }
            let actual = message.child.clone().unwrap_or_else(|| "no child's SPI".to_owned());
            fail(format!("child={name}"), actual)
        }
        (Prop::Sequence(number), Content::Esp { sequence, .. }) => same("seq", *number, *sequence),
        (Prop::Fragment(number, _), Content::Ike(ike)) if ike.fragment.is_some() => {
            same("frag", (*number).into(), ike.fragment.unwrap_or_default().into())
        }
        (prop, _) => match (prop, header(message)) {
            (Prop::InitiatorSpi(spi), Some(header)) => {
                spi_is(span, "spi_i", *spi, header.initiator_spi, env)
            }
            (Prop::ResponderSpi(spi), Some(header)) => {
                spi_is(span, "spi_r", *spi, header.responder_spi, env)
            }
            (Prop::Ike(name), Some(header)) => check_ike(name, span, header, env),
            (_, _) => fail("a message that has this property".to_owned(), message.words()),
        },
    }
}

/// `ect0`.
fn ecn_word(bits: u8) -> &'static str {
    ECN.iter().find(|(_, known)| *known == bits & 0b11).map_or("?", |(name, _)| name)
}

fn spi_is(
    span: Span,
    name: &str,
    expected: IkeSpi,
    actual: IkeSpi,
    env: &Env,
) -> Result<Env, Mismatch> {
    if expected == actual {
        return Ok(env.clone());
    }
    Err(mismatch(5, span, format!("{name}={expected}"), format!("{name}={actual}")))
}

/// `ike=$A`: the SPIs of the header, of which the responder's may come later.
fn check_ike(name: &str, span: Span, header: &Header, env: &Env) -> Result<Env, Mismatch> {
    let sa = SaId { initiator: header.initiator_spi, responder: header.responder_spi };
    match env.get(name) {
        Some((Binding::Ike(known), at)) => {
            let open = known.responder == IkeSpi::NONE;
            if known.initiator == sa.initiator && (open || known.responder == sa.responder) {
                return Ok(if open { env.with(name, Binding::Ike(sa), *at) } else { env.clone() });
            }
            let mut wrong = mismatch(5, span, format!("IKE SA {known}"), format!("IKE SA {sa}"));
            wrong.bound = Some((*at, format!("bound here: {known}")));
            Err(wrong)
        }
        Some((Binding::Payload(_) | Binding::Spi(_), _)) | None => {
            Ok(env.with(name, Binding::Ike(sa), span))
        }
    }
}

fn check_payloads(payloads: &Payloads, ike: &IkeContent, env: &Env) -> Result<Env, Mismatch> {
    let response = ike.is_response();
    if !ike.readable {
        return Err(mismatch(6, payloads.span, "a message that can be opened", "no key opens it"));
    }
    if payloads.exact {
        return check_exactly(payloads, ike, env);
    }
    let mut used = vec![false; ike.all().count()];
    let mut env = env.clone();
    // Items that say more choose first, so that `N` does not take what `N(COOKIE)` needs.
    let mut items: Vec<_> = payloads.items.iter().collect();
    items.sort_by_key(|item| std::cmp::Reverse(said(item)));
    for (met, item) in (7_u32..).zip(items) {
        let mut nearest: Option<Mismatch> = None;
        let mut taken = None;
        for (place, payload) in ike.all().enumerate() {
            if used.get(place).copied().unwrap_or(true) {
                continue;
            }
            match check_item(item, payload, response, &env) {
                Ok(next) => {
                    taken = Some((place, next));
                    break;
                }
                Err(wrong) => {
                    if nearest.as_ref().is_none_or(|nearest| wrong.met > nearest.met) {
                        nearest = Some(wrong);
                    }
                }
            }
        }
        match (item.absent, taken) {
            (true, None) => {}
            (true, Some(_)) => {
                let actual = ike.line();
                return Err(mismatch(
                    met,
                    item.span,
                    format!("no {}", item.words.trim_start_matches('!')),
                    actual,
                ));
            }
            (false, Some((place, next))) => {
                if let Some(slot) = used.get_mut(place) {
                    *slot = true;
                }
                env = next;
            }
            (false, None) => return Err(missing(met, item, nearest, ike)),
        }
    }
    Ok(env)
}

/// The payload that comes nearest, where it is one of the right kind; else all there is.
fn missing(met: u32, item: &Item, nearest: Option<Mismatch>, ike: &IkeContent) -> Mismatch {
    match nearest {
        Some(wrong) if wrong.met > 0 => Mismatch { met: met + 1, ..wrong },
        _ => {
            let there = ike.line();
            let there = if there.is_empty() { "no payload".to_owned() } else { there };
            mismatch(met, item.span, item.words.clone(), there)
        }
    }
}

fn said(item: &Item) -> usize {
    usize::from(item.arg.is_some()) + item.fields.len() + usize::from(item.compare.is_some())
}

fn check_exactly(payloads: &Payloads, ike: &IkeContent, env: &Env) -> Result<Env, Mismatch> {
    let response = ike.is_response();
    let all: Vec<_> = ike.all().collect();
    let items: Vec<_> = payloads.items.iter().filter(|item| !item.absent).collect();
    let mut env = env.clone();
    for (met, item) in (7_u32..).zip(&items) {
        let place = usize::try_from(met - 7).unwrap_or(0);
        let Some(payload) = all.get(place) else {
            return Err(mismatch(met, item.span, item.words.clone(), "nothing more"));
        };
        env = check_item(item, payload, response, &env).map_err(|wrong| match wrong.met {
            0 => mismatch(met, item.span, item.words.clone(), notation::word(payload, response)),
            _ => Mismatch { met: met + 1, ..wrong },
        })?;
    }
    if all.len() != items.len() {
        let names: Vec<_> = items.iter().map(|item| item.words.as_str()).collect();
        let expected = if names.is_empty() { "no payload".to_owned() } else { names.join(" ") };
        return Err(mismatch(8, payloads.span, format!("exactly: {expected}"), ike.line()));
    }
    Ok(env)
}

/// One payload against one item. `met` is 0 when it is not even one of that kind.
fn check_item(item: &Item, payload: &Payload, response: bool, env: &Env) -> Result<Env, Mismatch> {
    let word = || notation::word(payload, response);
    let other = || mismatch(0, item.span, item.words.clone(), word());
    if payload.body.payload_type() != item.kind
        || item.nonce_of_response.is_some_and(|wanted| wanted != response)
        || item.arg.is_some_and(|arg| !has_arg(arg, &payload.body))
    {
        return Err(other());
    }
    let fail = |expected: String, actual: String| Err(mismatch(1, item.span, expected, actual));
    let mut env = env.clone();
    for field in &item.fields {
        if let Field::Spi(name, equal) = field {
            env = spi::check(item, name, *equal, payload, &env)?;
        } else if let Some((expected, actual)) = check_field(field, &payload.body) {
            return fail(expected, actual);
        }
    }
    if item.critical && !payload.critical {
        return fail("critical".to_owned(), "not critical".to_owned());
    }
    if let Some((equal, name)) = &item.compare {
        check_equal(item, *equal, name, payload, &env)?;
    }
    let Some(name) = &item.bind else { return Ok(env) };
    match env.get(name) {
        // The line is repeated: a copy is the same, or it is no copy.
        Some((Binding::Payload(known), at)) if *at == item.span && known != payload => {
            fail("the same again".to_owned(), payload.to_string())
        }
        _ => Ok(env.with(name, Binding::Payload(payload.clone()), item.span)),
    }
}

fn check_equal(
    item: &Item,
    equal: bool,
    name: &str,
    payload: &Payload,
    env: &Env,
) -> Result<(), Mismatch> {
    let Some((Binding::Payload(known), at)) = env.get(name) else {
        let actual = format!("${name} is not bound: its line did not come");
        return Err(mismatch(1, item.span, item.words.clone(), actual));
    };
    if (known == payload) == equal {
        return Ok(());
    }
    let expected = if equal { known.to_string() } else { format!("another than {known}") };
    let mut wrong = mismatch(1, item.span, expected, payload.to_string());
    wrong.bound = Some((*at, format!("${name} is bound here")));
    Err(wrong)
}

fn has_arg(arg: Arg, body: &Body) -> bool {
    match (arg, body) {
        (Arg::Notify(wanted), Body::Notify(notify)) => notify.notify_type == wanted,
        (Arg::Protocol(wanted), Body::Delete(delete)) => delete.protocol == wanted,
        (Arg::Protocol(wanted), Body::Sa(sa)) => {
            sa.proposals.iter().all(|proposal| proposal.protocol == wanted)
        }
        (Arg::Notify(_) | Arg::Protocol(Protocol(_)), _) => false,
    }
}

/// What a field should be and what it is, where they differ.
fn check_field(field: &Field, body: &Body) -> Option<(String, String)> {
    let differ =
        |expected: String, actual: String| (expected != actual).then_some((expected, actual));
    match (field, body) {
        (Field::Group(group), Body::Ke(ke)) => differ(
            format!("group={}", group.short_name()),
            format!("group={}", ke.group.short_name()),
        ),
        (Field::Group(group), Body::Notify(notify)) => {
            let actual = match notify.data.as_slice() {
                [high, low] => KeId(u16::from_be_bytes([*high, *low])).short_name(),
                other => format!("{} octets", other.len()),
            };
            differ(format!("group={}", group.short_name()), format!("group={actual}"))
        }
        (Field::IdType(kind), Body::IdI(id) | Body::IdR(id)) => {
            differ(kind.to_string(), id.id_type.to_string())
        }
        (Field::Value(text), Body::IdI(id) | Body::IdR(id)) => differ(text.clone(), id.to_string()),
        (Field::Method(method), Body::Auth(auth)) => {
            differ(format!("method {}", method.0), format!("method {}", auth.method.0))
        }
        (Field::Selector(range), Body::TsI(ts) | Body::TsR(ts)) => {
            let there = ts.selectors.contains(&TrafficSelector::Range(*range));
            let words: Vec<_> = ts.selectors.iter().map(ToString::to_string).collect();
            (!there).then(|| (format!("ts={range}"), format!("ts={}", words.join(" "))))
        }
        (Field::Suites(suites), Body::Sa(sa)) => {
            differ(format!("suites={suites}"), format!("suites={}", suite_words(&sa.proposals)))
        }
        (Field::Length(length), body) => {
            let actual = octets(body).map_or("none".to_owned(), |octets| octets.len().to_string());
            differ(format!("len={length}"), format!("len={actual}"))
        }
        (Field::Octets(wanted), body) => differ(format!("hex={}", hex(wanted)), {
            octets(body)
                .map_or("another payload".to_owned(), |octets| format!("hex={}", hex(octets)))
        }),
        (field, _) => Some((format!("{field:?}"), "another payload".to_owned())),
    }
}

/// The value of a payload that is no structure.
fn octets(body: &Body) -> Option<&[u8]> {
    match body {
        Body::Ke(ke) => Some(&ke.data),
        Body::IdI(id) | Body::IdR(id) => Some(&id.data),
        Body::Cert(cert) => Some(&cert.data),
        Body::CertReq(request) => Some(&request.authorities),
        Body::Auth(auth) => Some(&auth.data),
        Body::Nonce(nonce) => Some(&nonce.0),
        Body::Notify(notify) => Some(&notify.data),
        Body::VendorId(id) => Some(&id.0),
        Body::Eap(eap) => Some(&eap.data),
        Body::Unknown(unknown) => Some(&unknown.octets),
        Body::Sa(_)
        | Body::Delete(_)
        | Body::TsI(_)
        | Body::TsR(_)
        | Body::Sk(_)
        | Body::Skf(_)
        | Body::Config(_) => None,
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
