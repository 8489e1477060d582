//! `tunnels:` a description for both ends, what an end says for itself, and what a preset fills in.

use std::net::IpAddr;
use std::time::Duration;

use ikelab_wire::payload::{Identification, Proposal, SelectorRange};
use ikelab_wire::registry::{EsnId, KeId, Protocol, TransformType, short};

use super::preset::{PRESETS, Preset};
use super::world::{Tunnel, World};
use crate::nearest::nearest;
use crate::plan::{Child, Cookie, End, EspMode, Ike, Narrow, Retransmit, Start};
use crate::reader::{Cx, Fields};
use crate::source::Span;
use crate::text::Text;
use crate::yaml::{Kind, Node};

/// RFC 7296 §2.4 leaves the numbers open; these give up after a bit more than a minute.
const RETRANSMIT: Retransmit = Retransmit { first: Duration::from_secs(2), factor: 2.0, tries: 5 };
/// Where no end says when to replace an SA: after this share of its lifetime.
const REKEY_PERCENT: u32 = 90;
/// RFC 4303 §3.4.3 recommends 64.
const REPLAY_WINDOW: u32 = 64;
/// RFC 3948 §4 suggests 20 s.
const NAT_KEEPALIVE: Duration = Duration::from_secs(20);

/// What one place of the file says about an IKE SA.
#[derive(Clone, Default)]
pub(crate) struct IkeLayer {
    pub(crate) proposals: Option<Vec<Proposal>>,
    pub(crate) ke_first: Option<KeId>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) rekey_at: Option<RekeyAt>,
    pub(crate) dpd: Option<Option<Duration>>,
    pub(crate) retransmit: Option<Retransmit>,
    pub(crate) window: Option<u32>,
    pub(crate) cookie: Option<Cookie>,
    pub(crate) initial_contact: Option<bool>,
    pub(crate) nat_keepalive: Option<Duration>,
    pub(crate) port: Option<u16>,
    pub(crate) ke_first_span: Option<Span>,
}

/// What one place of the file says about a Child SA.
#[derive(Clone, Default)]
pub(crate) struct ChildLayer {
    pub(crate) mode: Option<EspMode>,
    pub(crate) proposals: Option<Vec<Proposal>>,
    pub(crate) pfs: Option<Option<KeId>>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) rekey_at: Option<RekeyAt>,
    pub(crate) volume: Option<u64>,
    pub(crate) start: Option<Start>,
    pub(crate) esn: Option<bool>,
    pub(crate) replay_window: Option<u32>,
    pub(crate) narrow: Option<Narrow>,
    /// Without a `mode`: transport where the selectors are the endpoints.
    pub(crate) transport_between_endpoints: bool,
}

/// When an SA is replaced.
#[derive(Clone, Copy)]
pub(crate) enum RekeyAt {
    Never,
    After(Duration),
    Percent(u32),
}

pub(crate) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) {
    for (name, node) in cx.map(node, "tunnels").unwrap_or_default() {
        tunnel(cx, world, name, node);
    }
}

fn tunnel(cx: &Cx<'_>, world: &mut World, name: &Text, node: &Node) -> Option<()> {
    let known = ["preset", "auth", "ike", "ends", "children"];
    let fields = Fields::of(cx, node, &name.value, &known)?;
    let preset = preset(cx, fields.text("preset"));
    let shared_auth = fields.get("auth").and_then(|node| auth(cx, node));
    let shared_ike = fields.get("ike").map(|node| ike_layer(cx, node)).unwrap_or_default();
    let ends_node = fields.need("ends");
    let entries = ends_node.and_then(|node| cx.map(node, "ends")).unwrap_or_default();
    let places: Vec<_> = entries.iter().filter_map(|(host, _)| world.host_in(cx, host)).collect();
    let children = fields.need("children").and_then(|node| cx.list(node, "children"));
    let [one, other] = places.as_slice() else {
        if entries.len() != 2 {
            let message = format!("tunnel `{}` has {} ends", name.value, entries.len());
            cx.error(ends_node.map_or(fields.span, |node| node.span), message, "expected two");
        }
        return None;
    };
    let ends = [*one, *other];
    let mut drafts = Vec::new();
    for (place, (host, node)) in ends.into_iter().zip(entries) {
        drafts.push(end_draft(cx, world, place, host, node)?);
    }
    let addresses = [drafts.first()?.address, drafts.get(1)?.address];
    let mut names = Vec::new();
    let mut sides = [Vec::new(), Vec::new()];
    for node in children.unwrap_or_default() {
        let layers = [drafts.first()?.child.clone(), drafts.get(1)?.child.clone()];
        let context = ChildContext { preset, addresses, ends, layers };
        let Some((child_name, pair)) = child(cx, world, &context, node) else { continue };
        if names.contains(&child_name) {
            cx.error(node.span, format!("child `{child_name}` is here twice"), "");
        }
        names.push(child_name);
        for (side, child) in sides.iter_mut().zip(pair) {
            side.push(child);
        }
    }
    let ids: Vec<_> = drafts.iter().map(EndDraft::identity).collect();
    let peers = [ends[1], ends[0]];
    for (side, draft) in drafts.iter().enumerate() {
        let ike = draft.ike.clone().over(shared_ike.clone()).over((preset.ike)());
        let psk = draft.psk.clone().or_else(|| shared_auth.clone());
        if psk.is_none() {
            let label = "expected `auth: {psk: ..}` in the tunnel or in both ends";
            cx.error(name.span, format!("tunnel `{}` has no secret", name.value), label);
        }
        let other = 1 - side;
        let expect_id = draft.expect_id.clone().or_else(|| ids.get(other).cloned());
        lint_identity(cx, draft, ids.get(other));
        let end = End {
            tunnel: name.value.clone(),
            peer: peers[side],
            iface: draft.iface,
            local: draft.address,
            remote: addresses[other],
            id: draft.identity(),
            expect_id: expect_id?,
            psk: psk.unwrap_or_default(),
            ike: ike.settle(cx)?,
            children: std::mem::take(&mut sides[side]),
        };
        world.hosts.get_mut(usize::from(ends[side]))?.tunnels.push(end);
    }
    world.tunnels.push(Tunnel { name: name.value.clone(), span: name.span, ends, children: names });
    Some(())
}

fn preset(cx: &Cx<'_>, name: Option<&Text>) -> &'static Preset {
    let [default, ..] = &PRESETS;
    let Some(name) = name else { return default };
    let found = PRESETS.iter().find(|preset| preset.name == name.value);
    if found.is_none() {
        cx.unknown(name.span, "preset", &name.value, PRESETS.iter().map(|preset| preset.name));
    }
    found.unwrap_or(default)
}

/// An end before the other end is known.
struct EndDraft {
    iface: u16,
    address: IpAddr,
    id: Option<Identification>,
    expect_id: Option<Identification>,
    expect_id_span: Option<Span>,
    psk: Option<Vec<u8>>,
    ike: IkeLayer,
    child: ChildLayer,
}

impl EndDraft {
    /// Without an `id`, an end shows its address.
    fn identity(&self) -> Identification {
        self.id.clone().unwrap_or_else(|| Identification::from_text(&self.address.to_string()))
    }
}

fn end_draft(cx: &Cx<'_>, world: &World, place: u16, name: &Text, node: &Node) -> Option<EndDraft> {
    let known = ["via", "id", "expect_id", "auth", "ike", "child"];
    let fields = Fields::of(cx, node, &name.value, &known)?;
    let via = cx.text(fields.need("via")?, "via")?;
    let (_, iface) = world.iface(cx, &format!("{}.{}", name.value, via.value), via.span)?;
    let host = world.hosts.get(usize::from(place))?;
    let addresses = &host.ifaces.get(usize::from(iface))?.addresses;
    let id = |key| fields.text(key).map(|text| Identification::from_text(&text.value));
    Some(EndDraft {
        iface,
        address: addresses.first()?.0,
        id: id("id"),
        expect_id: id("expect_id"),
        expect_id_span: fields.get("expect_id").map(|node| node.span),
        psk: fields.get("auth").and_then(|node| auth(cx, node)),
        ike: fields.get("ike").map(|node| ike_layer(cx, node)).unwrap_or_default(),
        child: fields.get("child").map(|node| child_layer(cx, node, false)).unwrap_or_default(),
    })
}

/// L6: the same text as another ID type fails for no visible reason.
fn lint_identity(cx: &Cx<'_>, draft: &EndDraft, peer: Option<&Identification>) {
    let (Some(expected), Some(span), Some(peer)) = (&draft.expect_id, draft.expect_id_span, peer)
    else {
        return;
    };
    if expected.data == peer.data && expected.id_type != peer.id_type {
        let message = format!("L6: the peer's id is {peer}, as another type");
        cx.warning(
            span,
            message,
            format!("this is {}, that is {}", expected.id_type, peer.id_type),
        );
    } else if expected != peer {
        let label = format!("the peer says {peer}");
        cx.warning(span, "L6: `expect_id` is not the peer's id", label);
    }
}

/// The pre-shared key.
fn auth(cx: &Cx<'_>, node: &Node) -> Option<Vec<u8>> {
    let fields = Fields::of(cx, node, "auth", &["psk", "method", "cert", "ca", "ppk"])?;
    fields.not_yet(&["cert", "ca", "ppk"]);
    let methods = [
        "psk",
        "rsa",
        "ecdsa",
        "eddsa",
        "digital-signature",
        "null",
        "eap-mschapv2",
        "eap-tls",
        "eap-only",
    ];
    if let Some(method) = fields.text("method").filter(|method| method.value != "psk") {
        if methods.contains(&method.value.as_str()) {
            cx.not_yet(method.span, &format!("method `{}`", method.value));
        } else {
            cx.unknown(method.span, "method", &method.value, methods);
        }
    }
    fields.text("psk").map(|psk| psk.value.clone().into_bytes())
}

const IKE_KEYS: [&str; 15] = [
    "proposals",
    "ke_first",
    "additional_ke",
    "lifetime",
    "rekey_at",
    "dpd",
    "retransmit",
    "window",
    "fragmentation",
    "mobike",
    "cookie",
    "nat_keepalive",
    "initial_contact",
    "childless",
    "port",
];

fn ike_layer(cx: &Cx<'_>, node: &Node) -> IkeLayer {
    let Some(fields) = Fields::of(cx, node, "ike", &IKE_KEYS) else { return IkeLayer::default() };
    fields.not_yet(&["additional_ke"]);
    refuse_unless(cx, &fields, "fragmentation", "off");
    refuse_unless(cx, &fields, "mobike", "false");
    refuse_unless(cx, &fields, "childless", "never");
    let cookies =
        [("never", Cookie::Never), ("always", Cookie::Always), ("under-load", Cookie::UnderLoad)];
    IkeLayer {
        proposals: fields.get("proposals").and_then(|node| proposals(cx, node, Protocol::IKE)),
        ke_first: fields.text("ke_first").and_then(|text| group(cx, text)),
        ke_first_span: fields.get("ke_first").map(|node| node.span),
        lifetime: fields.duration("lifetime"),
        rekey_at: fields.get("rekey_at").and_then(|node| rekey_at(cx, node)),
        dpd: fields
            .get("dpd")
            .and_then(|node| off_or(cx, node, |text| cx.duration(node, &text.value).map(Some))),
        retransmit: fields.get("retransmit").and_then(|node| retransmit(cx, node)),
        window: fields.integer("window", 1, 1024).and_then(|n| u32::try_from(n).ok()),
        cookie: fields.choice("cookie", &cookies),
        initial_contact: fields.boolean("initial_contact"),
        nat_keepalive: fields.duration("nat_keepalive"),
        port: fields.integer("port", 1, 65_535).and_then(|n| u16::try_from(n).ok()),
    }
}

/// A key of which this version knows one value only.
fn refuse_unless(cx: &Cx<'_>, fields: &Fields<'_, '_>, key: &str, only: &str) {
    if let Some(text) = fields.text(key).filter(|text| text.value != only) {
        cx.not_yet(text.span, &format!("`{key}: {}`", text.value));
    }
}

fn off_or<T>(
    cx: &Cx<'_>,
    node: &Node,
    otherwise: impl FnOnce(&Text) -> Option<Option<T>>,
) -> Option<Option<T>> {
    let text = cx.text(node, "value")?;
    if text.value == "off" { Some(None) } else { otherwise(text) }
}

fn rekey_at(cx: &Cx<'_>, node: &Node) -> Option<RekeyAt> {
    let text = cx.text(node, "rekey_at")?;
    if text.value == "never" {
        return Some(RekeyAt::Never);
    }
    let Some(percent) = text.value.strip_suffix('%') else {
        return cx.duration(node, "rekey_at").map(RekeyAt::After);
    };
    match percent.trim().parse() {
        Ok(percent) if (1..=100).contains(&percent) => Some(RekeyAt::Percent(percent)),
        _ => {
            let label = "expected a part of the lifetime, such as \"90%\", or a duration, or never";
            cx.error(text.span, format!("`rekey_at` is `{}`", text.value), label);
            None
        }
    }
}

fn retransmit(cx: &Cx<'_>, node: &Node) -> Option<Retransmit> {
    let fields = Fields::of(cx, node, "retransmit", &["first", "factor", "tries"])?;
    let factor = fields.text("factor").and_then(|text| {
        let factor = text.value.parse().ok().filter(|factor| (1.0..=10.0).contains(factor));
        if factor.is_none() {
            cx.error(text.span, format!("`factor` is `{}`", text.value), "expected 1 to 10");
        }
        factor
    });
    let tries = fields.integer("tries", 1, 100).and_then(|n| u32::try_from(n).ok());
    Some(Retransmit {
        first: fields.duration("first").unwrap_or(RETRANSMIT.first),
        factor: factor.unwrap_or(RETRANSMIT.factor),
        tries: tries.unwrap_or(RETRANSMIT.tries),
    })
}

/// Proposals in words, numbered from 1.
fn proposals(cx: &Cx<'_>, node: &Node, protocol: Protocol) -> Option<Vec<Proposal>> {
    let mut proposals = Vec::new();
    for (number, text) in (1_u8..).zip(cx.texts(node, "proposals")) {
        match Proposal::from_text(&text.value, protocol, number) {
            Ok(proposal) => proposals.push(proposal),
            Err(why) => {
                let word = text.value.get(why.at..).and_then(|rest| rest.split('-').next());
                let word = word.unwrap_or_default();
                let label =
                    nearest(word, short::words()).map(|name| format!("did you mean `{name}`?"));
                cx.error(
                    text.at(why.at..why.at + word.len()),
                    why.what.to_string(),
                    label.unwrap_or_default(),
                );
            }
        }
    }
    if proposals.is_empty() {
        return None;
    }
    Some(proposals)
}

fn group(cx: &Cx<'_>, text: &Text) -> Option<KeId> {
    let found = KeId::from_short_name(&text.value);
    if found.is_none() {
        cx.unknown(text.span, "key exchange", &text.value, short::words().collect::<Vec<_>>());
    }
    found
}

impl IkeLayer {
    /// What this layer says, and for the rest what the one below says.
    fn over(self, below: Self) -> Self {
        Self {
            // A KE guess below is about the proposals below.
            ke_first: self.ke_first.or(below.ke_first.filter(|_| self.proposals.is_none())),
            ke_first_span: self.ke_first_span,
            proposals: self.proposals.or(below.proposals),
            lifetime: self.lifetime.or(below.lifetime),
            rekey_at: self.rekey_at.or(below.rekey_at),
            dpd: self.dpd.or(below.dpd),
            retransmit: self.retransmit.or(below.retransmit),
            window: self.window.or(below.window),
            cookie: self.cookie.or(below.cookie),
            initial_contact: self.initial_contact.or(below.initial_contact),
            nat_keepalive: self.nat_keepalive.or(below.nat_keepalive),
            port: self.port.or(below.port),
        }
    }

    fn settle(self, cx: &Cx<'_>) -> Option<Ike> {
        let proposals = self.proposals?;
        let of = |proposal: &Proposal| {
            proposal.of_type(TransformType::KE).map(|ke| KeId(ke.id)).collect::<Vec<_>>()
        };
        let offered: Vec<_> = proposals.iter().flat_map(of).collect();
        let ke_first = self.ke_first.or_else(|| offered.first().copied())?;
        if let Some(span) = self.ke_first_span.filter(|_| !offered.contains(&ke_first)) {
            let message = format!("`ke_first` is {}, which is not offered", ke_first.short_name());
            let names: Vec<_> = offered.iter().map(|group| group.short_name()).collect();
            cx.error(span, message, format!("the proposals have: {}", names.join(", ")));
        }
        Some(Ike {
            proposals,
            ke_first,
            lifetime: self.lifetime,
            rekey_at: settle_rekey(self.rekey_at, self.lifetime),
            dpd: self.dpd.flatten(),
            retransmit: self.retransmit.unwrap_or(RETRANSMIT),
            window: self.window.unwrap_or(1),
            cookie: self.cookie.unwrap_or(Cookie::Never),
            initial_contact: self.initial_contact.unwrap_or(true),
            nat_keepalive: Some(self.nat_keepalive.unwrap_or(NAT_KEEPALIVE)),
            port: self.port.unwrap_or(500),
        })
    }
}

fn settle_rekey(rekey_at: Option<RekeyAt>, lifetime: Option<Duration>) -> Option<Duration> {
    match rekey_at {
        Some(RekeyAt::Never) => None,
        Some(RekeyAt::After(span)) => Some(span),
        Some(RekeyAt::Percent(percent)) => lifetime.map(|life| life * percent / 100),
        None => lifetime.map(|life| life * REKEY_PERCENT / 100),
    }
}

const CHILD_KEYS: [&str; 12] = [
    "mode",
    "proposals",
    "pfs",
    "lifetime",
    "rekey_at",
    "volume",
    "start",
    "esn",
    "replay_window",
    "narrow",
    "name",
    "between",
];

fn child_layer(cx: &Cx<'_>, node: &Node, whole: bool) -> ChildLayer {
    let known = if whole { &CHILD_KEYS[..] } else { &CHILD_KEYS[..CHILD_KEYS.len() - 2] };
    let Some(fields) = Fields::of(cx, node, "child", known) else { return ChildLayer::default() };
    let modes = [
        ("tunnel", Some(EspMode::Tunnel)),
        ("transport", Some(EspMode::Transport)),
        ("beet", None),
    ];
    let mode = fields.choice("mode", &modes);
    if let (Some(None), Some(node)) = (mode, fields.get("mode")) {
        cx.not_yet(node.span, "mode `beet`");
    }
    let starts =
        [("on-traffic", Start::OnTraffic), ("at-start", Start::AtStart), ("manual", Start::Manual)];
    let narrow = [("true", Narrow::Allow), ("false", Narrow::Refuse)];
    ChildLayer {
        mode: mode.flatten(),
        proposals: fields.get("proposals").and_then(|node| proposals(cx, node, Protocol::ESP)),
        pfs: fields.get("pfs").and_then(|node| off_or(cx, node, |text| group(cx, text).map(Some))),
        lifetime: fields.duration("lifetime"),
        rekey_at: fields.get("rekey_at").and_then(|node| rekey_at(cx, node)),
        volume: fields.text("volume").and_then(|text| volume(cx, text)),
        start: fields.choice("start", &starts),
        esn: fields.boolean("esn"),
        replay_window: fields
            .integer("replay_window", 0, 65_536)
            .and_then(|n| u32::try_from(n).ok()),
        narrow: fields.choice("narrow", &narrow),
        transport_between_endpoints: false,
    }
}

/// `4608000kB`, `100MB`, `1500B`.
fn volume(cx: &Cx<'_>, text: &Text) -> Option<u64> {
    let digits = text.value.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.value.len());
    let (number, unit) = text.value.split_at(digits);
    let unit = match unit.trim() {
        "B" => Some(1),
        "kB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        _ => None,
    };
    let octets = unit.zip(number.parse::<u64>().ok()).and_then(|(unit, n)| n.checked_mul(unit));
    if octets.is_none() {
        let label = "expected a number and B, kB, MB or GB: 4608000kB";
        cx.error(text.span, format!("`volume` is `{}`", text.value), label);
    }
    octets
}

impl ChildLayer {
    fn over(self, below: Self) -> Self {
        Self {
            mode: self.mode.or(below.mode),
            proposals: self.proposals.or(below.proposals),
            pfs: self.pfs.or(below.pfs),
            lifetime: self.lifetime.or(below.lifetime),
            rekey_at: self.rekey_at.or(below.rekey_at),
            volume: self.volume.or(below.volume),
            start: self.start.or(below.start),
            esn: self.esn.or(below.esn),
            replay_window: self.replay_window.or(below.replay_window),
            narrow: self.narrow.or(below.narrow),
            transport_between_endpoints: below.transport_between_endpoints,
        }
    }
}

/// What the tunnel says about all of its children.
pub(crate) struct ChildContext {
    preset: &'static Preset,
    addresses: [IpAddr; 2],
    ends: [u16; 2],
    layers: [ChildLayer; 2],
}

impl ChildContext {
    /// The context of a tunnel that is there already, for a child that a step adds.
    pub(crate) fn of_tunnel(world: &World, tunnel: &Tunnel) -> Option<Self> {
        let end = |place: u16| {
            let host = world.hosts.get(usize::from(place))?;
            host.tunnels.iter().find(|end| end.tunnel == tunnel.name)
        };
        let (one, other) = (end(tunnel.ends[0])?, end(tunnel.ends[1])?);
        // A new child is like the first one in all that its own entry leaves open.
        let layer = |end: &End| {
            let like = end.children.first();
            ChildLayer {
                mode: like.map(|child| child.mode),
                proposals: like.map(|child| child.proposals.clone()),
                pfs: like.map(|child| child.pfs),
                lifetime: like.and_then(|child| child.lifetime),
                rekey_at: like.map(|child| child.rekey_at.map_or(RekeyAt::Never, RekeyAt::After)),
                volume: like.and_then(|child| child.volume),
                start: Some(Start::OnTraffic),
                esn: None,
                replay_window: like.map(|child| child.replay_window),
                narrow: like.map(|child| child.narrow),
                transport_between_endpoints: false,
            }
        };
        let [preset, ..] = &PRESETS;
        let layers = [layer(one), layer(other)];
        Some(Self { preset, addresses: [one.local, other.local], ends: tunnel.ends, layers })
    }
}

/// A child as each end sees it.
pub(crate) fn child(
    cx: &Cx<'_>,
    world: &World,
    context: &ChildContext,
    node: &Node,
) -> Option<(String, [Child; 2])> {
    let shared = child_layer(cx, node, true);
    let Kind::Map(_) = node.kind else { return None };
    let fields = Fields::of(cx, node, "child", &CHILD_KEYS)?;
    let name = cx.text(fields.need("name")?, "name")?;
    let between = cx.list(fields.need("between")?, "between")?;
    let [left, right] = between else {
        let span = fields.get("between").map_or(fields.span, |node| node.span);
        cx.error(span, format!("`between` has {} sides", between.len()), "expected two");
        return None;
    };
    let sides =
        [selectors(cx, world, context.ends[0], left), selectors(cx, world, context.ends[1], right)];
    let make = |side: usize| {
        let layer = context.layers[side].clone();
        let settled = layer.over(shared.clone()).over((context.preset.child)());
        settle_child(name, settled, &sides, side, context.addresses)
    };
    Some((name.value.clone(), [make(0)?, make(1)?]))
}

fn settle_child(
    name: &Text,
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
        name: name.value.clone(),
        local,
        remote,
        mode: layer.mode.unwrap_or(default_mode),
        proposals,
        pfs: layer.pfs.flatten(),
        lifetime: layer.lifetime,
        rekey_at: settle_rekey(layer.rekey_at, layer.lifetime),
        volume: layer.volume,
        start,
        esn,
        replay_window: layer.replay_window.unwrap_or(REPLAY_WINDOW),
        narrow: layer.narrow.unwrap_or(Narrow::Allow),
    })
}

/// One side of `between`: a network or a list of them, which lie at an interface of the end.
fn selectors(cx: &Cx<'_>, world: &World, host: u16, node: &Node) -> Vec<SelectorRange> {
    let texts: Vec<_> = match &node.kind {
        Kind::Scalar(text) => vec![text],
        Kind::List(_) | Kind::Map(_) => cx.texts(node, "between"),
    };
    let mut ranges = Vec::new();
    for text in texts {
        let Some((address, length)) = cx.prefix(text, "network") else { continue };
        let range = SelectorRange::from_prefix(address, length);
        let Some(host) = world.hosts.get(usize::from(host)) else { continue };
        let own = host.ifaces.iter().flat_map(|iface| &iface.addresses);
        if !own.into_iter().any(|(own, _)| range.contains(*own)) {
            let message = format!("no interface of {} lies in {}", host.name, text.value);
            cx.warning(text.span, message, "nothing there can use this selector");
        }
        ranges.push(range);
    }
    ranges
}
