//! What a file says about a Child SA, and what each end makes of it.

use std::net::IpAddr;
use std::time::Duration;

use ikelab_wire::payload::{Proposal, SelectorRange};
use ikelab_wire::registry::{EsnId, KeId, Protocol, TransformType};

use super::values::{
    REKEY_AT, RekeyAt, group, off_or, positive, proposals, rekey_at, settle_rekey,
};
use super::world::{EndNow, Tunnel, World};
use crate::plan::{Child, DontFragment, Dummy, Ecn, EspMode, Narrow, Start, Tfc, VirtualIp};
use crate::quantity;
use crate::reader::{Cx, Fields, host_bits, parse_prefix};
use crate::shape::{self, Form, Key, Shape, may, need};
use crate::source::Span;
use crate::text::Text;
use crate::yaml::{Kind, Node};

/// RFC 4303 §3.4.3 recommends 64.
const REPLAY_WINDOW: u32 = 64;
/// Ours: as long as a short echo request.
const DUMMY_SIZE: u64 = 64;

/// What one place of the file says about a Child SA.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct ChildLayer {
    pub(crate) mode: Option<EspMode>,
    pub(crate) proposals: Option<Vec<Proposal>>,
    pub(crate) pfs: Option<Option<KeId>>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) rekey_at: Option<RekeyAt>,
    pub(crate) rekey_jitter: Option<Duration>,
    pub(crate) volume: Option<u64>,
    pub(crate) volume_soft: Option<u64>,
    pub(crate) packets: Option<u64>,
    pub(crate) packets_soft: Option<u64>,
    pub(crate) dscp: Option<Option<u8>>,
    pub(crate) dont_fragment: Option<DontFragment>,
    pub(crate) ecn: Option<Ecn>,
    pub(crate) tfc: Option<Tfc>,
    pub(crate) dummy: Option<Dummy>,
    pub(crate) start: Option<Start>,
    pub(crate) esn: Option<bool>,
    pub(crate) replay_window: Option<u32>,
    pub(crate) narrow: Option<Narrow>,
    /// Without a `mode`: transport where the selectors are the endpoints.
    pub(crate) transport_between_endpoints: bool,
}

/// What an end may say about all children of a tunnel.
pub(crate) static LAYER: Shape =
    Shape::new("children", "How the Child SAs of an end are negotiated and kept.", &[LAYER_KEYS]);

/// A child.
pub(crate) static SHAPE: Shape = Shape::new(
    "child",
    "A pair of Child SAs. What an end says under `child:` goes over what stands here.",
    &[
        &[
            need("name", shape::CHILD, "Its name."),
            need(
                "between",
                BETWEEN,
                "Two sides, in the order of the ends: selectors, or lists of them.",
            ),
            may(
                "ends",
                Form::Names(&shape::HOST, &Form::Shape(&END)),
                "What an end says of this child otherwise.",
            ),
        ],
        LAYER_KEYS,
    ],
);

/// What a step changes of a child.
pub(crate) static CHANGED: Shape = Shape::new(
    "changed child",
    "New words about a child. What is not said stays as it was.",
    &[
        &[
            need("name", shape::CHILD, "Its name."),
            may("between", BETWEEN, "Two sides, in the order of the ends of the tunnel."),
            may(
                "ends",
                Form::Names(&shape::HOST, &Form::Shape(&END)),
                "What an end says of this child otherwise.",
            ),
        ],
        LAYER_KEYS,
    ],
);

/// What an end says of one child otherwise than the child itself.
static END: Shape = Shape::new(
    "end of a child",
    "What an end makes of this child. It goes over what the child says, and over `child:` of the end.",
    &[
        &[may("between", BETWEEN, "The networks as this end sees them.").or("those of the child")],
        LAYER_KEYS,
    ],
);

const BETWEEN: Form = Form::List(&Form::Any(&[shape::SELECTOR, Form::List(&shape::SELECTOR)]));

const LAYER_KEYS: &[Key] = &[
    may("mode", Form::Words(&shape::words(&MODES)), "Tunnel or transport mode.").or("tunnel"),
    may("proposals", Form::List(&shape::PROPOSAL), "What is offered and accepted, best first."),
    may(
        "pfs",
        Form::Any(&[Form::Words(&["off"]), shape::GROUP]),
        "The key exchange of CREATE_CHILD_SA.",
    )
    .or("off"),
    may("lifetime", shape::DURATION, "How long it lives."),
    may("rekey_at", REKEY_AT, "When an end replaces it: a share of the lifetime, or an age.")
        .or("90%"),
    may("rekey_jitter", shape::DURATION, "Up to how much earlier it begins, at random.").or("0s"),
    may("volume", shape::VOLUME, "How many octets each direction may carry."),
    may("volume_soft", shape::VOLUME, "After how many octets an end replaces it.")
        .or("90% of `volume`"),
    may("packets", Form::Integer(1, u64::MAX), "How many packets each direction may carry."),
    may("packets_soft", Form::Integer(1, u64::MAX), "After how many packets an end replaces it.")
        .or("90% of `packets`"),
    may(
        "dscp",
        Form::Any(&[Form::Words(&["copy"]), Form::Integer(0, 63)]),
        "The DSCP of the outer header in tunnel mode: that of the inner one, or a value.",
    )
    .or("copy"),
    may("df", Form::Words(&shape::words(&DF)), "The DF bit of the outer header over IPv4.")
        .or("copy"),
    may(
        "ecn",
        Form::Words(&shape::words(&ECN)),
        "The mode of the tunnel's ingress, RFC 6040: the outer header copies the ECN field, or is not \
         ECN-capable.",
    )
    .or("normal"),
    may(
        "tfc",
        Form::Any(&[Form::Words(&["refuse", "accept"]), Form::Integer(1, 65_535)]),
        "Traffic flow padding, RFC 4303 section 2.7: refused, accepted, or how long inner packets are \
         made to look where the peer and the path take that.",
    )
    .or("refuse"),
    may("dummy", Form::Shape(&DUMMY), "Dummy packets that this end sends, RFC 4303 section 2.6."),
    may("start", Form::Words(&shape::words(&STARTS)), "What makes an end ask for it.")
        .or("on-traffic"),
    may("esn", Form::Boolean, "Extended sequence numbers.").or("false"),
    may(
        "replay_window",
        Form::Any(&[Form::Integer(0, 0), Form::Integer(WINDOW_MIN, WINDOW_MAX)]),
        "Packets in the anti-replay window; 0: no check.",
    )
    .or("64"),
    may(
        "narrow",
        Form::Words(&shape::words(&NARROW)),
        "Whether selectors may become narrower: yes; no, neither those of the peer nor ours; or \
         only to one selector for each side, which is not cut itself.",
    )
    .or("true"),
];

/// RFC 4303 §3.4.3 wants 32 at least; the most is ours.
const WINDOW_MIN: u64 = 32;
const WINDOW_MAX: u64 = 4_096;

static DUMMY: Shape = Shape::new(
    "dummy",
    "Packets of random octets with next header 59, as long as there is an SA to send them on.",
    &[&[
        need("every", shape::DURATION, "How long from one to the next."),
        may("size", Form::Integer(0, 65_000), "Octets of each, without ESP.").or("64"),
    ]],
);

/// RFC 6040 §4.1.
const ECN: [(&str, Ecn); 2] = [("normal", Ecn::Normal), ("compatibility", Ecn::Compatibility)];

/// RFC 4301 §8.1.
const DF: [(&str, DontFragment); 3] =
    [("copy", DontFragment::Copy), ("set", DontFragment::Set), ("clear", DontFragment::Clear)];

const MODES: [(&str, Option<EspMode>); 3] =
    [("tunnel", Some(EspMode::Tunnel)), ("transport", Some(EspMode::Transport)), ("beet", None)];

/// RFC 7296 §2.9.
const NARROW: [(&str, Narrow); 3] =
    [("true", Narrow::Allow), ("false", Narrow::Refuse), ("one", Narrow::One)];

const STARTS: [(&str, Start); 3] =
    [("on-traffic", Start::OnTraffic), ("at-start", Start::AtStart), ("manual", Start::Manual)];

pub(crate) fn child_layer(cx: &Cx<'_>, node: &Node, shape: &'static Shape) -> ChildLayer {
    let Some(fields) = Fields::named(cx, node, "child", shape) else {
        return ChildLayer::default();
    };
    let mode = fields.choice("mode", &MODES);
    if let (Some(None), Some(node)) = (mode, fields.get("mode")) {
        cx.not_yet(node.span, "mode `beet`");
    }
    ChildLayer {
        mode: mode.flatten(),
        proposals: fields.get("proposals").and_then(|node| proposals(cx, node, Protocol::ESP)),
        pfs: fields.get("pfs").and_then(|node| off_or(cx, node, |text| group(cx, text).map(Some))),
        lifetime: positive(cx, &fields, "lifetime"),
        rekey_at: fields.get("rekey_at").and_then(|node| rekey_at(cx, node)),
        rekey_jitter: fields.duration("rekey_jitter"),
        volume: fields.text("volume").and_then(|text| volume(cx, text)),
        start: fields.choice("start", &STARTS),
        esn: fields.boolean("esn"),
        volume_soft: fields.text("volume_soft").and_then(|text| volume(cx, text)),
        packets: fields.integer("packets", 1, u64::MAX),
        packets_soft: fields.integer("packets_soft", 1, u64::MAX),
        dscp: fields.text("dscp").and_then(|_| dscp(&fields)),
        dont_fragment: fields.choice("df", &DF),
        ecn: fields.choice("ecn", &ECN),
        tfc: fields.get("tfc").and_then(|node| tfc(cx, node)),
        dummy: fields.get("dummy").and_then(|node| dummy(cx, node)),
        replay_window: fields.get("replay_window").and_then(|node| window(cx, node)),
        narrow: fields.choice("narrow", &NARROW),
        transport_between_endpoints: false,
    }
}

/// `copy`, or a number.
fn dscp(fields: &Fields<'_, '_>) -> Option<Option<u8>> {
    if fields.text("dscp")?.value == "copy" {
        return Some(None);
    }
    fields.integer("dscp", 0, 63).and_then(|dscp| u8::try_from(dscp).ok()).map(Some)
}

/// `refuse`, `accept`, or a length.
fn tfc(cx: &Cx<'_>, node: &Node) -> Option<Tfc> {
    match cx.text(node, "tfc")?.value.as_str() {
        "refuse" => Some(Tfc::Refuse),
        "accept" => Some(Tfc::Accept),
        _ => {
            let length = cx.integer(node, "tfc", 1, 65_535)?;
            u16::try_from(length).ok().map(Tfc::Length)
        }
    }
}

/// `{every: 1s, size: 64}`.
fn dummy(cx: &Cx<'_>, node: &Node) -> Option<Dummy> {
    let fields = Fields::of(cx, node, &DUMMY)?;
    let every = cx.duration(fields.need("every")?, "every")?;
    if every.is_zero() {
        cx.error(node.span, "dummy packets without end at one moment", "expected `every: 1s`");
        return None;
    }
    let size = fields.integer("size", 0, 65_000).unwrap_or(DUMMY_SIZE);
    Some(Dummy { every, size: u16::try_from(size).ok()? })
}

/// 0, or what a receiver keeps.
fn window(cx: &Cx<'_>, node: &Node) -> Option<u32> {
    let text = cx.text(node, "replay_window")?;
    let least = if text.value == "0" { 0 } else { WINDOW_MIN };
    let size = cx.integer(node, "replay_window", least, WINDOW_MAX)?;
    u32::try_from(size).ok()
}

/// `4608000kB`, `100MB`, `1500B`.
fn volume(cx: &Cx<'_>, text: &Text) -> Option<u64> {
    let octets = quantity::octets(&text.value);
    if octets.is_none() {
        let label = format!("expected {}", quantity::OCTETS);
        cx.error(text.span, format!("`volume` is `{}`", text.value), label);
    }
    octets
}

impl ChildLayer {
    /// What this layer says, and for the rest what the one below says.
    pub(crate) fn over(self, below: Self) -> Self {
        Self {
            mode: self.mode.or(below.mode),
            proposals: self.proposals.or(below.proposals),
            pfs: self.pfs.or(below.pfs),
            lifetime: self.lifetime.or(below.lifetime),
            rekey_at: self.rekey_at.or(below.rekey_at),
            rekey_jitter: self.rekey_jitter.or(below.rekey_jitter),
            volume: self.volume.or(below.volume),
            volume_soft: self.volume_soft.or(below.volume_soft),
            packets: self.packets.or(below.packets),
            packets_soft: self.packets_soft.or(below.packets_soft),
            dscp: self.dscp.or(below.dscp),
            dont_fragment: self.dont_fragment.or(below.dont_fragment),
            ecn: self.ecn.or(below.ecn),
            tfc: self.tfc.or(below.tfc),
            dummy: self.dummy.or(below.dummy),
            start: self.start.or(below.start),
            esn: self.esn.or(below.esn),
            replay_window: self.replay_window.or(below.replay_window),
            narrow: self.narrow.or(below.narrow),
            transport_between_endpoints: self.transport_between_endpoints
                || below.transport_between_endpoints,
        }
    }
}

/// What the tunnel says about all of its children.
pub(crate) struct ChildContext {
    pub(super) ends: [u16; 2],
    /// What goes over the words of a child.
    pub(super) above: [ChildLayer; 2],
    /// What lies below them.
    pub(super) below: [ChildLayer; 2],
    /// Whether an end gets an address of its side later.
    pub(super) roaming: [bool; 2],
}

impl ChildContext {
    /// The context of a tunnel that is there already, for a child that a step adds.
    pub(crate) fn of_tunnel(tunnel: &Tunnel) -> Self {
        let roams = |end: &EndNow| matches!(end.end.virtual_ip, VirtualIp::Request { .. });
        // A new child is like the first one in all that its own entry leaves open.
        let like = |end: &EndNow| {
            let first = end.children.first().map(|child| child.layer.clone()).unwrap_or_default();
            ChildLayer { start: None, esn: None, transport_between_endpoints: false, ..first }
        };
        let [one, other] = &tunnel.now;
        Self {
            ends: tunnel.ends,
            above: Default::default(),
            below: [like(one), like(other)],
            roaming: [roams(one), roams(other)],
        }
    }
}

/// A child as an end has it, and what is left to settle.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ChildDraft {
    pub(crate) name: String,
    pub(crate) layer: ChildLayer,
    pub(crate) sides: Sides,
    /// Where its networks stand.
    pub(crate) span: Span,
}

impl ChildDraft {
    /// The child as the first end (0) or the second has it.
    pub(crate) fn settle(&self, side: usize, addresses: [IpAddr; 2]) -> Option<Child> {
        settle_child(&self.name, self.layer.clone(), &self.sides, side, addresses)
    }
}

/// A child as each end sees it.
pub(crate) fn child(
    cx: &Cx<'_>,
    world: &World,
    context: &ChildContext,
    node: &Node,
) -> Option<(String, [ChildDraft; 2])> {
    let shared = child_layer(cx, node, &SHAPE);
    let Kind::Map(_) = node.kind else { return None };
    let fields = Fields::of(cx, node, &SHAPE)?;
    let (name, between) = (fields.need("name"), fields.need("between"));
    let own = own_words(cx, world, context, fields.get("ends"));
    let sides = between.and_then(|node| sides(cx, world, context, node));
    let name = cx.text(name?, "name")?.value.clone();
    let (between, sides) = (between?, sides?);
    let mut own = own.into_iter().enumerate().map(|(side, own)| ChildDraft {
        name: name.clone(),
        layer: own
            .layer
            .over(context.above[side].clone())
            .over(shared.clone())
            .over(context.below[side].clone()),
        sides: own.sides.unwrap_or_else(|| sides.clone()),
        span: between.span,
    });
    Some((name.clone(), [own.next()?, own.next()?]))
}

/// What a step says about a child that is there: its name, and the words for each end.
pub(crate) fn changed<'n>(
    cx: &Cx<'_>,
    world: &World,
    context: &ChildContext,
    node: &'n Node,
) -> Option<(&'n Text, [Own; 2])> {
    let shared = child_layer(cx, node, &CHANGED);
    let Kind::Map(_) = node.kind else { return None };
    let fields = Fields::of(cx, node, &CHANGED)?;
    let sides = fields.get("between").map(|node| sides(cx, world, context, node));
    let own = own_words(cx, world, context, fields.get("ends"));
    let name = cx.text(fields.need("name")?, "name")?;
    let sides = match sides {
        Some(sides) => Some(sides?),
        None => None,
    };
    let with = |own: Own| Own {
        layer: own.layer.over(shared.clone()),
        sides: own.sides.or_else(|| sides.clone()),
    };
    Some((name, own.map(with)))
}

/// Tells the mistakes of a child whose tunnel is left out.
pub(super) fn glance(cx: &Cx<'_>, node: &Node) {
    child_layer(cx, node, &SHAPE);
    let Kind::Map(entries) = &node.kind else { return };
    let between = entries.iter().find(|(key, _)| key.value == "between");
    let Some((_, Node { kind: Kind::List(sides), .. })) = between else { return };
    for side in sides {
        ranges(cx, side);
    }
}

/// What lies at the first end, and what at the second.
pub(crate) type Sides = [Vec<SelectorRange>; 2];

/// What an end of a child says otherwise than the child.
#[derive(Default)]
pub(crate) struct Own {
    pub(crate) layer: ChildLayer,
    pub(crate) sides: Option<Sides>,
}

/// `between: [left, right]`.
fn sides(cx: &Cx<'_>, world: &World, context: &ChildContext, node: &Node) -> Option<Sides> {
    let between = cx.list(node, "between")?;
    let [left, right] = between else {
        cx.error(node.span, format!("`between` has {} sides", between.len()), "expected two");
        return None;
    };
    let side =
        |side: usize, node| selectors(cx, world, (context.ends[side], context.roaming[side]), node);
    let (left, right) = (side(0, left), side(1, right));
    let family = |range: &SelectorRange| range.start.is_ipv4();
    let meets = |one: &SelectorRange| right.iter().any(|other| family(one) == family(other));
    if !left.is_empty() && !right.is_empty() && !left.iter().any(meets) {
        cx.warning(node.span, "the sides are of two families", "no packet has an address of each");
    }
    Some([left, right])
}

/// `ends: {R2: {pfs: x25519}}`: what the ends of this child say for themselves.
fn own_words(cx: &Cx<'_>, world: &World, context: &ChildContext, ends: Option<&Node>) -> [Own; 2] {
    let mut own = [Own::default(), Own::default()];
    let entries = ends.and_then(|node| cx.map(node, "ends")).unwrap_or_default();
    for (host, node) in entries {
        let Some(place) = world.host_in(cx, host) else { continue };
        let Some(side) = context.ends.iter().position(|end| *end == place) else {
            cx.error(host.span, format!("{} is no end of this tunnel", host.value), "");
            continue;
        };
        let layer = child_layer(cx, node, &END);
        let between = match &node.kind {
            Kind::Map(entries) => entries.iter().find(|(key, _)| key.value == "between"),
            Kind::Scalar(_) | Kind::List(_) => None,
        };
        let sides = between.and_then(|(_, node)| sides(cx, world, context, node));
        own[side] = Own { layer, sides };
    }
    own
}

fn settle_child(
    name: &str,
    layer: ChildLayer,
    sides: &[Vec<SelectorRange>; 2],
    side: usize,
    addresses: [IpAddr; 2],
) -> Option<Child> {
    let (local, remote) = (sides[side].clone(), sides[1 - side].clone());
    let is = |selectors: &[SelectorRange], address| matches!(selectors, [one] if one.start == address && one.end == address);
    let endpoints = is(&local, addresses[side]) && is(&remote, addresses[1 - side]);
    let between = layer.transport_between_endpoints && endpoints;
    let default_mode = if between { EspMode::Transport } else { EspMode::Tunnel };
    let start = match layer.start {
        // One end asks, or both would at the same instant.
        Some(Start::AtStart) if side == 1 => Start::OnTraffic,
        other => other.unwrap_or(Start::OnTraffic),
    };
    let esn = layer.esn.unwrap_or(false);
    let mut proposals = layer.proposals?;
    if esn {
        for proposal in &mut proposals {
            for transform in &mut proposal.transforms {
                if transform.kind == TransformType::ESN {
                    transform.id = EsnId::ESN.0;
                }
            }
        }
    }
    Some(Child {
        name: name.to_owned(),
        local,
        remote,
        mode: layer.mode.unwrap_or(default_mode),
        proposals,
        pfs: layer.pfs.flatten(),
        lifetime: layer.lifetime,
        rekey_at: settle_rekey(layer.rekey_at, layer.lifetime),
        rekey_jitter: layer.rekey_jitter.unwrap_or_default(),
        volume: layer.volume,
        volume_soft: layer.volume_soft.or(layer.volume.map(nine_tenths)),
        packets: layer.packets,
        packets_soft: layer.packets_soft.or(layer.packets.map(nine_tenths)),
        dscp: layer.dscp.flatten(),
        dont_fragment: layer.dont_fragment.unwrap_or(DontFragment::Copy),
        ecn: layer.ecn.unwrap_or(Ecn::Normal),
        tfc: layer.tfc.unwrap_or(Tfc::Refuse),
        dummy: layer.dummy,
        start,
        esn,
        replay_window: layer.replay_window.unwrap_or(REPLAY_WINDOW),
        narrow: layer.narrow.unwrap_or(Narrow::Allow),
    })
}

/// When an SA is replaced that may carry so much: this leaves the ends time.
fn nine_tenths(most: u64) -> u64 {
    most - most / 10
}

/// One side of `between`: a network or a list of them, which lie at an interface of the end unless
/// its address comes later.
fn selectors(
    cx: &Cx<'_>,
    world: &World,
    (host, roaming): (u16, bool),
    node: &Node,
) -> Vec<SelectorRange> {
    let mut selectors = Vec::new();
    for (text, range) in ranges(cx, node) {
        let Some(host) = world.hosts.get(usize::from(host)) else { continue };
        let own = host.ifaces.iter().flat_map(|iface| &iface.addresses);
        if !roaming && !own.into_iter().any(|(own, _)| range.contains(*own)) {
            let message = format!("no interface of {} lies in {}", host.name, text.value);
            cx.warning(text.span, message, "nothing there can use this selector");
        }
        selectors.push(range);
    }
    selectors
}

/// The selectors of one side, as they are written.
fn ranges<'n>(cx: &Cx<'_>, node: &'n Node) -> Vec<(&'n Text, SelectorRange)> {
    let texts: Vec<_> = match &node.kind {
        Kind::Scalar(text) => vec![text],
        Kind::List(_) | Kind::Map(_) => cx.texts(node, "between"),
    };
    let mut ranges = Vec::new();
    for text in texts {
        match text.value.parse::<SelectorRange>() {
            Ok(range) => {
                warn_of_host_bits(cx, text);
                ranges.push((text, range));
            }
            Err(why) => {
                cx.error(text.span, format!("selector `{}`", text.value), why.to_string());
            }
        }
    }
    ranges
}

/// `192.168.1.1/24` means the whole network.
fn warn_of_host_bits(cx: &Cx<'_>, text: &Text) {
    let words = text.value.split('[').next().unwrap_or_default();
    let Some((address, length)) = parse_prefix(words.trim()) else { return };
    if words.contains('/') && host_bits(address, length) != 0 {
        let label = "the whole network is meant: write its address, or a longer prefix";
        cx.warning(text.span, format!("selector `{}` names a host", text.value), label);
    }
}
