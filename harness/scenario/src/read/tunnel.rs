//! `tunnels:` a description for both ends, what an end says for itself, and what a preset fills in.

use std::net::IpAddr;

use ikelab_wire::payload::Identification;

use super::child::{ChildContext, ChildLayer, LAYER, child, child_layer};
use super::ike::{IkeLayer, ike_layer};
use super::preset::{self, PRESETS, Preset};
use super::virtual_ip::virtual_ip;
use super::world::{Tunnel, World};
use crate::lint::barred;
use crate::plan::{Child, End, VirtualIp};
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, later, may, need};
use crate::source::Span;
use crate::text::Text;
use crate::yaml::Node;

/// By the names of the tunnels.
pub(crate) const FORM: Form = Form::Names(&shape::TUNNEL, &Form::Shape(&SHAPE));

static SHAPE: Shape = Shape::new(
    "tunnel",
    "An IKE SA and its Child SAs, described for both ends at once.",
    &[&[
        may("preset", Form::Words(&preset::NAMES), "Defaults under a name.").or("default"),
        may("auth", Form::Shape(&AUTH), "How both ends prove who they are."),
        may("ike", Form::Shape(&super::ike::SHAPE), "The IKE SA, for both ends."),
        need(
            "ends",
            Form::Names(&shape::HOST, &Form::Shape(&END)),
            "The two hosts. The first is the one that `up` and `at-start` make begin.",
        ),
        need(
            "children",
            Form::List(&Form::Shape(&super::child::SHAPE)),
            "What is protected. The first is negotiated in IKE_AUTH.",
        ),
    ]],
);

static END: Shape = Shape::new(
    "end",
    "One end of a tunnel, and what is different at it.",
    &[&[
        need("via", shape::IFACE_NAME, "The interface it goes through."),
        may("id", shape::IDENTITY, "The identity it shows.").or("its address"),
        may("expect_id", shape::IDENTITY, "The identity it demands of the peer.")
            .or("the one that the peer shows"),
        may("auth", Form::Shape(&AUTH), "How this end proves who it is."),
        may("ike", Form::Shape(&super::ike::SHAPE), "The IKE SA, as this end has it."),
        may("child", Form::Shape(&LAYER), "All children, as this end has them."),
        may(
            "virtual_ip",
            super::virtual_ip::FORM,
            "An internal address asked for by CP, or a pool to give some out of, RFC 7296 section 2.19.",
        ),
    ]],
);

static AUTH: Shape = Shape::new(
    "auth",
    "How an end proves who it is.",
    &[&[
        may("psk", shape::TEXT, "The pre-shared key."),
        may("method", Form::Words(&["psk"]), "The method.").or("psk"),
        later("cert", "A certificate."),
        later("ca", "The certificate of an authority."),
        later("ppk", "A postquantum preshared key, RFC 8784."),
    ]],
);

/// Methods that the language knows; this version has the first.
const METHODS: [&str; 9] = [
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

pub(crate) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) {
    for (name, node) in cx.map(node, "tunnels").unwrap_or_default() {
        tunnel(cx, world, name, node);
    }
}

fn tunnel(cx: &Cx<'_>, world: &mut World, name: &Text, node: &Node) -> Option<()> {
    let fields = Fields::named(cx, node, &name.value, &SHAPE)?;
    let shared = Shared {
        name,
        preset: preset(cx, fields.text("preset")),
        psk: fields.get("auth").and_then(|node| auth(cx, node)),
        ike: fields.get("ike").map(|node| ike_layer(cx, node)).unwrap_or_default(),
    };
    let nodes = fields.need("children").and_then(|node| cx.list(node, "children"));
    let (ends, drafts) = ends(cx, world, &fields, name)?;
    let addresses = [drafts[0].address, drafts[1].address];
    let layers = [drafts[0].child.clone(), drafts[1].child.clone()];
    let roams = |draft: &EndDraft| matches!(draft.virtual_ip, VirtualIp::Request { .. });
    let roaming = [roams(&drafts[0]), roams(&drafts[1])];
    let context = ChildContext { preset: shared.preset, addresses, ends, layers, roaming };
    let (children, sides) = children(cx, world, &context, nodes.unwrap_or_default());
    let peers = [ends[1], ends[0]];
    for (side, own) in sides.into_iter().enumerate() {
        let end = settle(cx, &shared, &drafts[side], &drafts[1 - side], (peers[side], own))?;
        world.hosts.get_mut(usize::from(ends[side]))?.tunnels.push(end);
    }
    if let Some(text) = fields.text("preset") {
        let open = shared.ike.proposals.is_none()
            && drafts.iter().any(|draft| draft.ike.proposals.is_none());
        let barred = barred::of(&(shared.preset.ike)().proposals.unwrap_or_default());
        if open && !barred.is_empty() {
            let message = format!("L8: this preset offers {}", barred.join(", "));
            cx.warning(text.span, message, "RFC 8247 bars or discourages it: for look-alikes only");
        }
    }
    world.tunnels.push(Tunnel { name: name.value.clone(), span: name.span, ends, children });
    Some(())
}

/// What a tunnel says for both of its ends.
struct Shared<'n> {
    name: &'n Text,
    preset: &'static Preset,
    psk: Option<Vec<u8>>,
    ike: IkeLayer,
}

/// The two ends: places of their hosts, and what they say.
fn ends(
    cx: &Cx<'_>,
    world: &World,
    fields: &Fields<'_, '_>,
    name: &Text,
) -> Option<([u16; 2], [EndDraft; 2])> {
    let node = fields.need("ends")?;
    let entries = cx.map(node, "ends")?;
    if entries.len() != 2 {
        let message = format!("tunnel `{}` has {} ends", name.value, entries.len());
        cx.error(node.span, message, "expected two");
    }
    let mut found = entries.iter().map(|(host, node)| {
        let place = world.host_in(cx, host)?;
        Some((place, end_draft(cx, world, place, host, node)?))
    });
    let (one, other) = (found.next()?, found.next()?);
    let ((one, mut mine), (other, mut theirs)) = (one?, other?);
    meet(cx, &mut mine, &mut theirs)?;
    Some(([one, other], [mine, theirs]))
}

/// Chooses the first two addresses of one family.
fn meet(cx: &Cx<'_>, mine: &mut EndDraft, theirs: &mut EndDraft) -> Option<()> {
    let both = mine.addresses.iter().find_map(|own| {
        let same = |peer: &&IpAddr| peer.is_ipv4() == own.is_ipv4();
        theirs.addresses.iter().find(same).map(|peer| (*own, *peer))
    });
    if both.is_none() {
        let all = |draft: &EndDraft| {
            draft.addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
        };
        let message = format!("`{}` has {}", theirs.via.value, all(theirs));
        let label = format!("the other end has {}: expected one of its family", all(mine));
        cx.error(theirs.via.span, message, label);
    }
    (mine.address, theirs.address) = both?;
    Some(())
}

/// Names of the children, and each end's view of them.
fn children(
    cx: &Cx<'_>,
    world: &World,
    context: &ChildContext,
    nodes: &[Node],
) -> (Vec<String>, [Vec<Child>; 2]) {
    let mut names = Vec::new();
    let mut sides = [Vec::new(), Vec::new()];
    for node in nodes {
        let Some((name, pair)) = child(cx, world, context, node) else { continue };
        if names.contains(&name) {
            cx.error(node.span, format!("child `{name}` is here twice"), "");
        }
        names.push(name);
        for (side, child) in sides.iter_mut().zip(pair) {
            side.push(child);
        }
    }
    (names, sides)
}

/// An end, once the other end is known: its peer's place and its children come with it.
fn settle(
    cx: &Cx<'_>,
    shared: &Shared<'_>,
    own: &EndDraft,
    other: &EndDraft,
    (peer, children): (u16, Vec<Child>),
) -> Option<End> {
    let name = shared.name;
    let psk = own.psk.clone().or_else(|| shared.psk.clone());
    if psk.is_none() {
        let label = "expected `auth: {psk: ..}` in the tunnel or in both ends";
        cx.error(name.span, format!("tunnel `{}` has no secret", name.value), label);
    }
    lint_identity(cx, own, &other.identity());
    let ike = own.ike.clone().over(shared.ike.clone()).over((shared.preset.ike)());
    Some(End {
        tunnel: name.value.clone(),
        peer,
        iface: own.iface,
        local: own.address,
        remote: other.address,
        id: own.identity(),
        expect_id: own.expect_id.clone().unwrap_or_else(|| other.identity()),
        psk: psk.unwrap_or_default(),
        ike: ike.settle(cx)?,
        virtual_ip: own.virtual_ip.clone(),
        children,
    })
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
    via: Text,
    iface: u16,
    /// All addresses of the interface.
    addresses: Vec<IpAddr>,
    /// The one that is used.
    address: IpAddr,
    id: Option<Identification>,
    expect_id: Option<Identification>,
    expect_id_span: Option<Span>,
    psk: Option<Vec<u8>>,
    ike: IkeLayer,
    child: ChildLayer,
    virtual_ip: VirtualIp,
}

impl EndDraft {
    /// Without an `id`, an end shows its address.
    fn identity(&self) -> Identification {
        self.id.clone().unwrap_or_else(|| Identification::from_text(&self.address.to_string()))
    }
}

fn end_draft(cx: &Cx<'_>, world: &World, place: u16, name: &Text, node: &Node) -> Option<EndDraft> {
    let fields = Fields::named(cx, node, &name.value, &END)?;
    let via = cx.text(fields.need("via")?, "via")?;
    let (_, iface) = world.iface(cx, &format!("{}.{}", name.value, via.value), via.span)?;
    let host = world.hosts.get(usize::from(place))?;
    let addresses = &host.ifaces.get(usize::from(iface))?.addresses;
    let id = |key| fields.text(key).map(|text| Identification::from_text(&text.value));
    let addresses: Vec<IpAddr> = addresses.iter().map(|(address, _)| *address).collect();
    Some(EndDraft {
        via: via.clone(),
        iface,
        address: *addresses.first()?,
        addresses,
        id: id("id"),
        expect_id: id("expect_id"),
        expect_id_span: fields.get("expect_id").map(|node| node.span),
        psk: fields.get("auth").and_then(|node| auth(cx, node)),
        ike: fields.get("ike").map(|node| ike_layer(cx, node)).unwrap_or_default(),
        child: fields.get("child").map(|node| child_layer(cx, node, &LAYER)).unwrap_or_default(),
        virtual_ip: fields
            .get("virtual_ip")
            .and_then(|node| virtual_ip(cx, node))
            .unwrap_or_default(),
    })
}

/// L6: the same text as another ID type fails for no visible reason.
fn lint_identity(cx: &Cx<'_>, draft: &EndDraft, peer: &Identification) {
    let (Some(expected), Some(span)) = (&draft.expect_id, draft.expect_id_span) else { return };
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
    let fields = Fields::of(cx, node, &AUTH)?;
    if let Some(method) = fields.text("method").filter(|method| method.value != "psk") {
        if METHODS.contains(&method.value.as_str()) {
            cx.not_yet(method.span, &format!("method `{}`", method.value));
        } else {
            cx.unknown(method.span, "method", &method.value, METHODS);
        }
    }
    fields.text("psk").map(|psk| psk.value.clone().into_bytes())
}
