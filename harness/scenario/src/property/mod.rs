//! The property library: laws of a whole run, by name. One file each.

mod cleartext;
mod decryptable;
mod keys;
mod message_ids;
mod retransmit;
mod spis;

use ikelab_ambient::Instant;

use crate::expr::Call;
use crate::nearest::suggestion;
use crate::read::world::World;
use crate::reader::Cx;
use crate::run::Run;

pub(crate) use cleartext::any_cleartext;
pub(crate) use message_ids::in_window;
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
    check: Check,
    args: Vec<Arg>,
}

type Check = fn(&Run<'_>, &[Arg]) -> Option<Violation>;

/// What an argument has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Param {
    Child,
    Tunnel,
    Host,
}

/// A resolved argument.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Arg {
    /// `site.net`
    Child(String),
    Tunnel(String),
    Host(u16),
}

struct Kind {
    name: &'static str,
    params: &'static [Param],
    /// None where this version has no check.
    check: Option<Check>,
}

const fn kind(name: &'static str, params: &'static [Param], check: Check) -> Kind {
    Kind { name, params, check: Some(check) }
}

const fn later(name: &'static str) -> Kind {
    Kind { name, params: &[], check: None }
}

const KINDS: [Kind; 18] = [
    kind("no_cleartext", &[Param::Child], cleartext::no_cleartext),
    kind("keys_agree", &[Param::Tunnel], keys::agree),
    kind("spi_unique", &[], spis::unique),
    kind("msgid_in_window", &[], message_ids::check),
    kind("retransmit_is_identical", &[], retransmit::check),
    kind("esp_decryptable", &[Param::Host, Param::Host], decryptable::check),
    // A panic ends the run with the outcome `error`: a trace to judge is the proof.
    kind("no_panic", &[Param::Host], |_, _| None),
    later("no_state_before_cookie"),
    later("amplification"),
    later("esp_on_deleted_spi"),
    later("make_before_break"),
    later("single_child"),
    later("old_sa_deleted"),
    later("replay_protected"),
    later("bounded"),
    later("quiet_after"),
    later("collision_by_nonce"),
    later("flowing"),
];

/// Names of all properties.
pub(crate) const NAMES: [&str; 18] = {
    let mut names = [""; 18];
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
    let Some(check) = kind.check else {
        cx.not_yet(call.span, &format!("property `{}`", call.name));
        return None;
    };
    if call.args.len() != kind.params.len() {
        let message = format!("`{}` takes {} arguments", call.name, kind.params.len());
        cx.error(call.span, message, format!("there are {}", call.args.len()));
        return None;
    }
    let mut args = Vec::new();
    for (param, (text, span)) in kind.params.iter().zip(&call.args) {
        args.push(match param {
            Param::Child => Arg::Child(world.child(cx, text, *span)?),
            Param::Tunnel => Arg::Tunnel(world.tunnel(cx, text, *span)?.name.clone()),
            Param::Host => Arg::Host(world.host(cx, text, *span)?),
        });
    }
    Some(Property { check, args })
}

impl Property {
    /// Whether a run keeps it.
    pub(crate) fn check(&self, run: &Run<'_>) -> Option<Violation> {
        (self.check)(run, &self.args)
    }
}
