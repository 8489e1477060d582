//! What a file says about a Child SA, and what each end makes of it.

mod layer;

use std::net::IpAddr;

use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::{EsnId, TransformType};

use super::values::settle_rekey;
use super::world::{EndNow, Tunnel, World};
use crate::plan::{Child, DontFragment, Ecn, EspMode, Narrow, Start, Tfc, VirtualIp};
use crate::reader::{Cx, Fields, host_bits, parse_prefix};
use crate::source::Span;
use crate::text::Text;
use crate::yaml::{Kind, Node};
use layer::END;

pub(crate) use layer::{CHANGED, ChildLayer, LAYER, SHAPE, child_layer};

/// RFC 4303 §3.4.3 recommends 64.
const REPLAY_WINDOW: u32 = 64;

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
