//! The property library: laws of a whole run, by name. One file each.

mod amplification;
mod bounded;
mod cleartext;
mod collision;
mod decryptable;
mod deleted_spi;
mod fragments;
mod keys;
mod make_before_break;
mod memory;
mod message_ids;
mod no_state;
mod nonces;
mod old_sa;
mod pairs;
mod quiet;
mod replay;
mod retransmit;
mod single;
mod spis;
mod subject;

use std::time::Duration;

use ikelab_ambient::Instant;

use crate::duration;
use crate::expr::Call;
use crate::nearest::suggestion;
use crate::read::world::World;
use crate::reader::Cx;
use crate::run::Run;
use crate::source::Span;

pub(crate) use cleartext::any_cleartext;
pub(crate) use fragments::as_cut;
pub(crate) use message_ids::in_window;
pub(crate) use nonces::long_enough;
pub(crate) use retransmit::identical;
pub(crate) use spis::never_reused;

/// A law that was broken.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Violation {
    pub(crate) at: Instant,
    /// What happened, in a line.
    pub(crate) what: String,
    /// More of it.
    pub(crate) story: Vec<String>,
}

impl Violation {
    pub(crate) fn new(at: Instant, what: impl Into<String>) -> Self {
        Self { at, what: what.into(), story: Vec::new() }
    }
}

/// A property with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Property {
    manner: Manner,
    check: Check,
    subject: Subject,
    args: Vec<Arg>,
}

type Check = fn(&Run<'_>, &[Arg]) -> Option<Violation>;
/// Whether a run met what a property speaks of: of one that met none of it, every property holds.
type Subject = fn(&Run<'_>, &[Arg]) -> bool;

/// What an argument has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Param {
    Child,
    Tunnel,
    Host,
    /// A span of time, written `20s` in its place or `grace=20s` in any; with a default, it may be
    /// left out.
    Span(&'static str, Option<Duration>),
    /// A whole number.
    Number(&'static str),
    /// One of a few words.
    Word(&'static str, &'static [&'static str]),
}

impl Param {
    /// Its name, where the argument may be written `name=value`.
    fn name(self) -> &'static str {
        match self {
            Self::Child => "child",
            Self::Tunnel => "tunnel",
            Self::Host => "host",
            Self::Span(name, _) | Self::Number(name) | Self::Word(name, _) => name,
        }
    }
}

/// A resolved argument.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Arg {
    /// `site.net`
    Child(String),
    Tunnel(String),
    Host(u16),
    Span(Duration),
    Number(u64),
    Word(&'static str),
}

/// Whether a property says what holds, or what may not happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    /// It stands under `always`.
    Law,
    /// It stands under `never`.
    Offence,
}

struct Kind {
    name: &'static str,
    manner: Manner,
    params: &'static [Param],
    /// None where this version has no check.
    check: Option<(Check, Subject)>,
}

const fn kind(
    name: &'static str,
    params: &'static [Param],
    check: Check,
    subject: Subject,
) -> Kind {
    Kind { name, manner: Manner::Law, params, check: Some((check, subject)) }
}

const fn offence(
    name: &'static str,
    params: &'static [Param],
    check: Check,
    subject: Subject,
) -> Kind {
    Kind { name, manner: Manner::Offence, params, check: Some((check, subject)) }
}

const fn later(name: &'static str) -> Kind {
    Kind { name, manner: Manner::Law, params: &[], check: None }
}

const KINDS: [Kind; 22] = [
    kind("no_cleartext", &[Param::Child], cleartext::no_cleartext, subject::traffic),
    kind("keys_agree", &[Param::Tunnel], keys::agree, subject::tunnel),
    kind("spi_unique", &[], spis::unique, subject::ike),
    kind("msgid_in_window", &[], message_ids::check, subject::ike),
    kind("retransmit_is_identical", &[], retransmit::check, subject::repetition),
    kind("esp_decryptable", &[Param::Host, Param::Host], decryptable::check, subject::esp_between),
    // A panic ends the run with the outcome `error`: a trace to judge is the proof.
    kind("no_panic", &[Param::Host], |_, _| None, subject::packet_to),
    kind("nonces_fresh", &[], nonces::fresh, subject::ike),
    kind("no_state_before_cookie", &[Param::Host], no_state::check, subject::ike_to),
    kind(
        "amplification",
        &[Param::Host, Param::Number("most")],
        amplification::check,
        subject::ike_to,
    ),
    offence(
        "esp_on_deleted_spi",
        &[Param::Span("grace", Some(Duration::ZERO))],
        deleted_spi::find,
        subject::deletion,
    ),
    kind("make_before_break", &[Param::Child], make_before_break::check, subject::replacement),
    kind(
        "single_child",
        &[Param::Child, Param::Span("grace", None)],
        single::check,
        subject::child,
    ),
    kind("old_sa_deleted", &[Param::Span("within", None)], old_sa::check, subject::rekey),
    kind("replay_protected", &[Param::Child], replay::check, subject::esp_of),
    kind(
        "bounded",
        &[Param::Word("what", &bounded::WHAT), Param::Number("n")],
        bounded::check,
        subject::ike,
    ),
    kind(
        "memory",
        &[Param::Host, Param::Number("most"), Param::Number("left")],
        memory::check,
        subject::ike_to,
    ),
    kind("quiet_after", &[Param::Span("t", None)], quiet::check, subject::packet_before),
    kind("collision_by_nonce", &[Param::Child], collision::by_nonce, subject::collision),
    kind("fragments_well_formed", &[Param::Host], fragments::check, subject::fragment_from),
    kind(
        "ike_datagrams",
        &[Param::Host, Param::Number("n")],
        fragments::datagrams,
        subject::ike_from,
    ),
    later("flowing"),
];

/// Names of all properties.
pub(crate) const NAMES: [&str; 22] = {
    let mut names = [""; 22];
    let mut place = 0;
    while place < names.len() {
        names[place] = KINDS[place].name;
        place += 1;
    }
    names
};

/// Resolves a call.
pub(crate) fn read(cx: &Cx<'_>, world: &World, call: &Call) -> Option<Property> {
    let Some(kind) = KINDS.iter().find(|kind| kind.name == call.name) else {
        cx.error(
            call.span,
            format!("unknown property `{}`", call.name),
            suggestion(&call.name, NAMES),
        );
        return None;
    };
    let Some((check, subject)) = kind.check else {
        cx.not_yet(call.span, &format!("property `{}`", call.name));
        return None;
    };
    let args = arguments(cx, world, kind, call)?;
    Some(Property { manner: kind.manner, check, subject, args })
}

/// The arguments in the order of the parameters.
fn arguments(cx: &Cx<'_>, world: &World, kind: &Kind, call: &Call) -> Option<Vec<Arg>> {
    let mut given: Vec<Option<&(String, Span)>> = vec![None; kind.params.len()];
    for (place, arg) in call.args.iter().enumerate() {
        let named = arg.0.split_once('=').map(|(name, _)| name.trim());
        let place = match named {
            Some(name) => kind.params.iter().position(|param| param.name() == name),
            None => Some(place),
        };
        let Some(slot) = place.and_then(|place| given.get_mut(place)).filter(|slot| slot.is_none())
        else {
            cx.error(arg.1, format!("`{}` has no such argument", kind.name), takes(kind));
            return None;
        };
        *slot = Some(arg);
    }
    let mut args = Vec::new();
    for (param, given) in kind.params.iter().zip(given) {
        args.push(match (param, given) {
            (_, Some((text, span))) => {
                let value = text.split_once('=').map_or(text.as_str(), |(_, value)| value.trim());
                argument(cx, world, *param, value, *span)?
            }
            (Param::Span(_, Some(default)), None) => Arg::Span(*default),
            (_, None) => {
                let message = format!("`{}` lacks its {}", kind.name, param.name());
                cx.error(call.span, message, takes(kind));
                return None;
            }
        });
    }
    Some(args)
}

/// How a property is written.
fn takes(kind: &Kind) -> String {
    let params = kind.params.iter().map(|param| match param {
        Param::Span(name, Some(default)) => format!("{name}={}", duration::words(*default)),
        Param::Word(_, words) => words.join("|"),
        param => param.name().to_owned(),
    });
    format!("expected {}({})", kind.name, params.collect::<Vec<_>>().join(", "))
}

fn argument(cx: &Cx<'_>, world: &World, param: Param, text: &str, span: Span) -> Option<Arg> {
    match param {
        Param::Child => world.child(cx, text, span).map(Arg::Child),
        Param::Tunnel => world.tunnel(cx, text, span).map(|known| Arg::Tunnel(known.name.clone())),
        Param::Host => world.host(cx, text, span).map(Arg::Host),
        Param::Span(name, _) => match duration::parse(text) {
            Ok(time) => Some(Arg::Span(time)),
            Err(why) => {
                cx.error(span, format!("`{name}`: {text}: {why}"), duration::HELP);
                None
            }
        },
        Param::Number(name) => {
            let number = text.parse().ok().map(Arg::Number);
            if number.is_none() {
                cx.error(span, format!("`{name}` is `{text}`"), "expected a whole number");
            }
            number
        }
        Param::Word(name, words) => {
            let word = words.iter().find(|known| **known == text).copied().map(Arg::Word);
            if word.is_none() {
                cx.unknown(span, name, text, words.iter().copied());
            }
            word
        }
    }
}

impl Property {
    /// Whether a run keeps it.
    pub(crate) fn check(&self, run: &Run<'_>) -> Option<Violation> {
        (self.check)(run, &self.args)
    }

    /// Whether a run met anything that it speaks of.
    pub(crate) fn met(&self, run: &Run<'_>) -> bool {
        (self.subject)(run, &self.args)
    }

    /// Whether it stands under `always` or under `never`.
    pub(crate) fn manner(&self) -> Manner {
        self.manner
    }
}
