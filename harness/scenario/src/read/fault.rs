//! `faults:` what the network does wrong.

use ikelab_ambient::Instant;

use super::world::World;
use super::{clock, nat, rate};
use crate::duration;
use crate::pattern::{Pattern, Prop, What, fault_pattern};
use crate::plan::{Carries, Fault, FaultKind, Harm, HostKind, Matcher, Packets, Trouble, When};
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Key, Shape, may};
use crate::text::Text;
use crate::yaml::{Kind, Node};

/// `faults:`, an entry.
pub(crate) static SHAPE: Shape = Shape::new(
    "fault",
    "Something that goes wrong. Exactly one kind; `at` and `for` say when.",
    &[PACKETS, OTHERS, DETAILS],
)
.one_of(&[
    "drop",
    "delay",
    "duplicate",
    "corrupt",
    "mark",
    "hold",
    "loss",
    "jitter",
    "reorder",
    "rate",
    "mtu",
    "partition",
    "link_down",
    "nat_rebind",
    "crash",
    "clock",
]);

/// Faults that happen to single packets.
const PACKETS: &[Key] = &[
    may("drop", shape::MESSAGE, "Such a packet never arrives. `none`: leave this fault out."),
    may(
        "delay",
        Form::Any(&[shape::MESSAGE, shape::DURATION]),
        "Such a packet arrives later, by `by`. Or, with `link`, how long its packets take.",
    ),
    may(
        "duplicate",
        Form::Any(&[shape::MESSAGE, shape::SHARE]),
        "Such a packet arrives once more. Or, with `link`, how likely it doubles a packet.",
    ),
    may(
        "corrupt",
        Form::Any(&[shape::MESSAGE, shape::SHARE]),
        "Bits of such a packet are turned over, `bits` of them. Or, with `link`, how likely it turns \
         a bit of a packet.",
    ),
    may(
        "mark",
        Form::Any(&[shape::MESSAGE, shape::SHARE]),
        "Such a packet is marked CE: congestion experienced, whatever it said of ECN. Or, with `link`, \
         how likely one is marked, or lost where it is not ECN-capable.",
    ),
    may("hold", shape::MESSAGE, "Such a packet waits at its sender's end of the link, to `until`."),
];
/// The other faults.
const OTHERS: &[Key] = &[
    may("loss", shape::SHARE, "How likely `link` loses a packet."),
    may("jitter", shape::DURATION, "Up to how much longer packets take on `link`, at random."),
    may("reorder", shape::SHARE, "How likely a packet on `link` is overtaken by later ones."),
    may("rate", shape::RATE, "How fast packets leave at each end of `link`."),
    may("mtu", Form::Integer(68, 65_535), "Octets of the largest IP packet that `link` passes."),
    may("partition", Form::List(&shape::HOST), "These hosts do not reach each other."),
    may("link_down", shape::LINK, "The link that passes nothing."),
    may("nat_rebind", shape::HOST, "The NAT that forgets its mappings, and gives other ports."),
    may(
        "crash",
        shape::HOST,
        "The host that goes down, at `at` or with a message (`when`), and loses all but its \
         configuration.",
    ),
    may("clock", shape::HOST, "The host whose clock is set (`jump`) or runs at another `speed`."),
];
/// Keys that say more about a fault.
const DETAILS: &[Key] = &[
    may("at", shape::DURATION, "From when on.").or("0s"),
    may("for", shape::DURATION, "How long.").or("to the end of the run"),
    may(
        "nth",
        Form::Any(&[Form::Words(&["all"]), Form::Integer(1, 1_000_000)]),
        "Which of the packets that fit, from 1, copies counted.",
    )
    .or("all"),
    may("by", shape::DURATION, "How much later a delayed packet arrives."),
    may("until", shape::DURATION, "When a held packet may leave: a time of the run."),
    may(
        "when",
        shape::MESSAGE,
        "The message with which a host goes down: as soon as it has sent it, or as it gets it and \
         before it reads it. `none`: leave this fault out.",
    ),
    may("restart_after", shape::DURATION, "How long after its crash a host is up again.")
        .or("never"),
    may("bits", Form::Integer(1, 100_000), "How many bits of a corrupted packet are turned over.")
        .or("1"),
    may("speed", shape::SPEED, "How fast a clock runs meanwhile: 1.01.").or("as it does"),
    may("jump", shape::JUMP, "How far a clock is set, ahead or back."),
    may("link", shape::LINK, "The link that it happens to."),
    may("queue", shape::ROOM, "What may wait for a `rate`.").or("the link's own, or 100 packets"),
    may(
        "address",
        shape::PREFIX,
        "The outside address of a NAT from then on: another one of its outside interface.",
    ),
];

pub(crate) fn read(cx: &Cx<'_>, world: &World, node: &Node) -> Vec<Fault> {
    let items = cx.list(node, "faults").unwrap_or_default();
    items.iter().filter_map(|item| fault(cx, world, item)).collect()
}

fn fault(cx: &Cx<'_>, world: &World, node: &Node) -> Option<Fault> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let is_there = |key: &&str| fields.get(key).is_some();
    let keys: Vec<&str> = SHAPE.one_of.iter().copied().filter(is_there).collect();
    let &[key] = &keys[..] else {
        let label = SHAPE.one_of.join(", ");
        cx.error(node.span, "a fault is exactly one of its kinds", label);
        return None;
    };
    refuse_idle_details(cx, &fields, key);
    let at = Instant::ZERO + fields.duration("at").unwrap_or_default();
    let until = fields.duration("for").map_or(Instant::FAR, |span| at + span);
    let (text, kind) = match key {
        "loss" | "jitter" | "reorder" | "rate" | "mtu" => link_fault(cx, world, &fields, key)?,
        "delay" | "duplicate" | "corrupt" | "mark" if fields.get("link").is_some() => {
            link_fault(cx, world, &fields, key)?
        }
        "partition" => partition(cx, world, &fields)?,
        "link_down" => link_down(cx, world, &fields)?,
        "nat_rebind" => nat_rebind(cx, world, &fields)?,
        "crash" => crash(cx, world, &fields)?,
        "clock" => clock(cx, world, &fields)?,
        _ => packets(cx, world, &fields, key)?,
    };
    Some(Fault { at, until, text, kind })
}

/// Complains about keys that say nothing about this kind of fault.
fn refuse_idle_details(cx: &Cx<'_>, fields: &Fields<'_, '_>, key: &str) {
    let meant: &[&str] = match key {
        "delay" | "duplicate" | "corrupt" | "mark" if fields.get("link").is_some() => &["link"],
        "drop" | "duplicate" | "mark" => &["nth"],
        "delay" => &["nth", "by"],
        "hold" => &["nth", "until"],
        "corrupt" => &["nth", "bits"],
        "loss" | "jitter" | "reorder" | "mtu" => &["link"],
        "rate" => &["link", "queue"],
        "nat_rebind" => &["address"],
        "crash" => &["when", "nth", "restart_after"],
        "clock" => &["speed", "jump"],
        _ => &[],
    };
    let details = [
        "nth",
        "by",
        "until",
        "bits",
        "link",
        "queue",
        "address",
        "when",
        "restart_after",
        "speed",
        "jump",
    ];
    for detail in details {
        if let Some(span) = fields.key(detail).filter(|_| !meant.contains(&detail)) {
            cx.error(span, format!("`{detail}` says nothing about `{key}`"), "");
        }
    }
}

/// `drop: R1 -> R2 IKE_AUTH req`; the pattern `none` leaves the fault out.
fn packets(
    cx: &Cx<'_>,
    world: &World,
    fields: &Fields<'_, '_>,
    key: &str,
) -> Option<(String, FaultKind)> {
    let text = fields.text(key)?;
    if text.value == "none" {
        return None;
    }
    if ["delay", "duplicate", "corrupt", "mark"].contains(&key) && !text.value.contains('-') {
        let label = "expected a message; or say the `link` that does it to its packets";
        cx.error(text.span, format!("`{key}` is `{}`", text.value), label);
        return None;
    }
    let pattern = fault_pattern(cx, world, text)?;
    // What is for a host behind a NAT is known at the NAT only.
    let place = nat::hiding(world, pattern.to, pattern.from).last().copied();
    let which = Packets { place: place.unwrap_or(pattern.from), ..which(pattern, &text.value) };
    let nth = nth(fields);
    let harm = match key {
        "delay" => Harm::Delay(cx.duration(fields.need("by")?, "by")?),
        "duplicate" => Harm::Duplicate,
        "mark" => Harm::Mark,
        "hold" => Harm::Hold(until(cx, fields)?),
        "corrupt" => {
            let bits = fields.integer("bits", 1, 100_000).unwrap_or(1);
            Harm::Corrupt(u32::try_from(bits).unwrap_or(u32::MAX))
        }
        _ => Harm::Drop,
    };
    Some((format!("{key} {}", text.value), FaultKind::Packets { which, nth, harm }))
}

/// Which of the packets that fit, from 0; none for all.
fn nth(fields: &Fields<'_, '_>) -> Option<u32> {
    match fields.text("nth") {
        Some(all) if all.value == "all" => None,
        _ => fields.integer("nth", 1, 1_000_000).and_then(|nth| u32::try_from(nth - 1).ok()),
    }
}

/// When what is held may leave: a time of the run. A message cannot be waited for, since the sender
/// of what is held need not see it.
fn until(cx: &Cx<'_>, fields: &Fields<'_, '_>) -> Option<Instant> {
    let node = fields.need("until")?;
    if let Some(text) = cx.text(node, "until").filter(|text| text.value.contains("->")) {
        let label = "expected a time of the run: 12s, 10.3s";
        cx.error(text.span, "`until` is a message", label);
        return None;
    }
    let until = Instant::ZERO + cx.duration(node, "until")?;
    if fields.duration("at").is_some_and(|at| Instant::ZERO + at >= until) {
        cx.error(node.span, "`until` comes before `at`", "nothing would be held");
    }
    Some(until)
}

/// What everybody on the way can see of a pattern; and the pattern itself, where it says more.
pub(super) fn which(pattern: Pattern, text: &str) -> Packets {
    let message_id = pattern.props.iter().find_map(|(prop, _)| match prop {
        Prop::MessageId(id) => Some(*id),
        _ => None,
    });
    let what = match pattern.what {
        What::Any => Carries::Anything,
        What::Ike(exchange) => Carries::Ike { exchange, response: pattern.response, message_id },
        What::Esp => Carries::Esp,
        What::Keepalive => Carries::Keepalive,
        What::Icmp => Carries::Icmp,
        What::Plain => Carries::Plain,
    };
    let told = pattern.props.iter().all(|(prop, _)| matches!(prop, Prop::MessageId(_)));
    let (from, to) = (pattern.from, pattern.to);
    let also = (!told || pattern.payloads.is_some()).then(|| Matcher::new(pattern, text));
    Packets { from, place: from, to, what, also }
}

/// Something that befalls a link: `{loss: 30%, link: wan}`.
fn link_fault(
    cx: &Cx<'_>,
    world: &World,
    fields: &Fields<'_, '_>,
    key: &str,
) -> Option<(String, FaultKind)> {
    let (name, link) = link(cx, world, fields)?;
    let node = fields.need(key)?;
    let share = || cx.probability(node, key);
    let trouble = match key {
        "delay" => {
            let delay = cx.duration(node, key)?;
            if delay.is_zero() {
                let label = "nothing is instantaneous: 1us at least";
                cx.error(node.span, "a link without delay", label);
            }
            Trouble::Delay(delay)
        }
        "jitter" => Trouble::Jitter(cx.duration(node, key)?),
        "loss" => Trouble::Loss(share()?),
        "duplicate" => Trouble::Duplicate(share()?),
        "reorder" => Trouble::Reorder(share()?),
        "corrupt" => Trouble::Corrupt(share()?),
        "mark" => Trouble::Mark(share()?),
        "rate" => {
            let own = world.links.get(usize::from(link)).and_then(|link| link.rate);
            Trouble::Rate(rate::read(cx, fields, own.map(|rate| rate.room))?)
        }
        _ => Trouble::Mtu(u16::try_from(fields.integer("mtu", 68, 65_535)?).ok()?),
    };
    let value = cx.text(node, key).map_or("", |text| &text.value);
    Some((format!("{key} {value} on {name}"), FaultKind::Link { link, trouble }))
}

fn link(cx: &Cx<'_>, world: &World, fields: &Fields<'_, '_>) -> Option<(String, u16)> {
    let name = cx.text(fields.need("link")?, "link")?;
    Some((name.value.clone(), link_named(cx, world, name)?))
}

fn link_named(cx: &Cx<'_>, world: &World, name: &Text) -> Option<u16> {
    let place = world.links.iter().position(|link| link.name == name.value);
    if place.is_none() {
        let names = world.links.iter().map(|link| link.name.as_str()).collect::<Vec<_>>();
        cx.unknown(name.span, "link", &name.value, names);
    }
    u16::try_from(place?).ok()
}

fn partition(cx: &Cx<'_>, world: &World, fields: &Fields<'_, '_>) -> Option<(String, FaultKind)> {
    let node = fields.need("partition")?;
    let names = cx.texts(node, "partition");
    let hosts: Vec<u16> = names.iter().filter_map(|name| world.host_in(cx, name)).collect();
    if hosts.len() < 2 {
        cx.error(node.span, "a partition is between two hosts or more", "");
        return None;
    }
    let names: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
    Some((format!("partition {}", names.join(", ")), FaultKind::Partition { hosts }))
}

fn link_down(cx: &Cx<'_>, world: &World, fields: &Fields<'_, '_>) -> Option<(String, FaultKind)> {
    let name = cx.text(fields.need("link_down")?, "link_down")?;
    let link = link_named(cx, world, name)?;
    let kind = FaultKind::Link { link, trouble: Trouble::Down };
    Some((format!("link_down {}", name.value), kind))
}

/// A rebinding happens at one moment, so that it has no length.
fn nat_rebind(cx: &Cx<'_>, world: &World, fields: &Fields<'_, '_>) -> Option<(String, FaultKind)> {
    let name = cx.text(fields.need("nat_rebind")?, "nat_rebind")?;
    let place = world.host_in(cx, name)?;
    let host = world.hosts.get(usize::from(place))?;
    let Some(found) = host.nat else {
        cx.error(
            name.span,
            format!("`{}` is no NAT", name.value),
            "expected a host of `kind: nat`",
        );
        return None;
    };
    if let Some(span) = fields.key("for") {
        cx.error(span, "`for` says nothing about `nat_rebind`", "it happens at one moment");
    }
    let own = &host.ifaces.get(usize::from(found.outside))?.addresses;
    let address = match fields.text("address") {
        None => None,
        Some(text) => {
            let address = text.value.parse().ok().filter(|to| own.iter().any(|(at, _)| at == to));
            if address.is_none() {
                let names: Vec<String> = own.iter().map(|(at, _)| at.to_string()).collect();
                let label = format!("the outside interface has {}", names.join(", "));
                cx.error(text.span, format!("address `{}`", text.value), label);
            }
            Some(address?)
        }
    };
    Some((format!("nat_rebind {}", name.value), FaultKind::NatRebind { nat: place, address }))
}

/// A host goes down at a moment, or with a message that it sends or gets.
fn crash(cx: &Cx<'_>, world: &World, fields: &Fields<'_, '_>) -> Option<(String, FaultKind)> {
    let name = cx.text(fields.need("crash")?, "crash")?;
    let host = world.host_in(cx, name)?;
    if world.hosts.get(usize::from(host))?.kind == HostKind::Attacker {
        let label = "it keeps nothing that it could lose";
        cx.error(name.span, format!("`{}` is an attacker", name.value), label);
    }
    if let Some(span) = fields.key("for") {
        let label = "say when it is up again: `restart_after`";
        cx.error(span, "`for` says nothing about `crash`", label);
    }
    let restart_after = fields.duration("restart_after");
    let Some(text) = fields.text("when") else {
        if let Some(span) = fields.key("nth") {
            cx.error(span, "`nth` of nothing", "say of which messages: `when`");
        }
        let kind = FaultKind::Crash { host, when: None, restart_after };
        return Some((format!("crash {}", name.value), kind));
    };
    if text.value == "none" {
        return None;
    }
    let pattern = fault_pattern(cx, world, text)?;
    if pattern.from != host && pattern.to != host {
        let message = format!("`{}` neither sends nor gets this", name.value);
        cx.error(text.span, message, "a host goes down with a message of its own");
        return None;
    }
    if pattern.from == host && !nat::hiding(world, pattern.to, pattern.from).is_empty() {
        let label = "only the NAT knows whom it is for: take a message that the host gets";
        cx.error(text.span, "what this is sent to is behind a NAT", label);
        return None;
    }
    let which = Packets { place: host, ..which(pattern, &text.value) };
    let when = Some(When { which, nth: nth(fields) });
    let words = format!("crash {} at {}", name.value, text.value);
    Some((words, FaultKind::Crash { host, when, restart_after }))
}

/// A clock is set, or runs at another speed.
fn clock(cx: &Cx<'_>, world: &World, fields: &Fields<'_, '_>) -> Option<(String, FaultKind)> {
    let name = cx.text(fields.need("clock")?, "clock")?;
    let host = world.host_in(cx, name)?;
    let speed = clock::speed(cx, fields, "speed");
    let jump = clock::jump(cx, fields);
    if fields.key("speed").is_none() && fields.key("jump").is_none() {
        cx.error(name.span, "a clock to which nothing happens", "say `speed` or `jump`");
    }
    if let (None, Some(span)) = (fields.key("speed"), fields.key("for")) {
        cx.error(span, "`for` says nothing about `jump`", "it happens at one moment");
    }
    Some((format!("clock {}", name.value), FaultKind::Clock { host, speed, jump }))
}

/// Complains about faults that begin when the run is over.
pub(crate) fn check_times(cx: &Cx<'_>, node: &Node, until: Instant) {
    let Kind::List(items) = &node.kind else { return };
    for item in items {
        let Kind::Map(entries) = &item.kind else { continue };
        let Some((_, at)) = entries.iter().find(|(key, _)| key.value == "at") else { continue };
        let Kind::Scalar(text) = &at.kind else { continue };
        let time = duration::parse(&text.value).map(|span| Instant::ZERO + span);
        if time.is_ok_and(|time| time >= until) {
            let message = format!("this fault begins at {}, when the run is over", text.value);
            let label = format!("the run ends at {}s", until.as_secs_f64());
            cx.error(text.span, message, label);
        }
    }
}

/// When the last fault begins or ends: a run without a `duration` goes on until after that.
pub(crate) fn latest(faults: &[Fault]) -> Instant {
    let ends = faults.iter().map(|fault| match (&fault.kind, fault.until) {
        (FaultKind::Packets { harm: Harm::Hold(until), .. }, _) => *until,
        (FaultKind::Crash { restart_after: Some(after), .. }, _) => fault.at + *after,
        (_, Instant::FAR) => fault.at,
        (_, until) => until,
    });
    ends.max().unwrap_or(Instant::ZERO)
}
