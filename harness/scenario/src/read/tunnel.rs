//! `tunnels:` a description for both ends, what an end says for itself, and what a preset fills in.

use std::net::IpAddr;

use ikelab_wire::payload::Identification;
use ikelab_wire::registry::IdType;

use super::child::{ChildContext, ChildDraft, ChildLayer, LAYER, child, child_layer, glance};
use super::ike::{IkeLayer, ike_layer};
use super::nat;
use super::preset::{self, PRESETS, Preset};
use super::virtual_ip::virtual_ip;
use super::world::{EndNow, Told, Tunnel, World};
use crate::lint::barred;
use crate::plan::{End, VirtualIp};
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
        may(
            "remote",
            REMOTE,
            "Where the peer is; `any`: this end only answers, and knows the peer by its id.",
        )
        .or("the address of the other end, or any where a NAT hides it"),
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

/// Where a peer is.
pub(crate) const REMOTE: Form = Form::Any(&[Form::Words(&["any"]), shape::PREFIX]);

pub(crate) static AUTH: Shape = Shape::new(
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
        cx.name("tunnel", name);
        world.broken |= tunnel(cx, world, name, node).is_none();
    }
    check_hosts(cx, world);
}

/// What holds for all of a host is said once, or in the same way.
fn check_hosts(cx: &Cx<'_>, world: &World) {
    let ends = world.tunnels.iter().flat_map(|tunnel| {
        let sides = tunnel.ends.into_iter().zip(&tunnel.now);
        sides.map(move |(host, now)| (host, tunnel.name.as_str(), &now.ike.options))
    });
    let ends: Vec<_> = ends.collect();
    for (place, (host, name, options)) in ends.iter().enumerate() {
        let earlier =
            ends.iter().take(place).find(|(other, _, known)| other == host && known.says_of_host());
        if let Some((_, before, known)) = earlier {
            let host = world.host_names().nth(usize::from(*host)).unwrap_or("?");
            options.check_host(cx, known, host, [name, before]);
        }
    }
}

fn tunnel(cx: &Cx<'_>, world: &mut World, name: &Text, node: &Node) -> Option<()> {
    let fields = Fields::named(cx, node, &name.value, &SHAPE)?;
    let mut shared = Shared {
        name,
        preset: preset(cx, fields.text("preset")),
        psk: fields.get("auth").and_then(|node| auth(cx, node)),
        ike: fields.get("ike").map(|node| ike_layer(cx, node)).unwrap_or_default(),
        told: <[Told; 2]>::default(),
    };
    let nodes = fields.need("children").and_then(|node| cx.list(node, "children"));
    let Some((ends, drafts)) = ends(cx, world, &fields, name) else {
        nodes.unwrap_or_default().iter().for_each(|node| glance(cx, node));
        return None;
    };
    shared.told = ends.map(|place| world.told.get(&place).cloned().unwrap_or_default());
    let presets = [0, 1].map(|side| shared.preset_of(side));
    let above = [0, 1].map(|side| drafts[side].child.clone().over(shared.told[side].child.clone()));
    let below = presets.map(|preset| (preset.child)());
    let roams = |draft: &EndDraft| matches!(draft.virtual_ip, VirtualIp::Request { .. });
    let roaming = [roams(&drafts[0]), roams(&drafts[1])];
    let context = ChildContext { ends, above, below, roaming };
    let (children, sides) = children(cx, world, &context, nodes.unwrap_or_default());
    let mut now = Vec::new();
    for (side, own) in sides.into_iter().enumerate() {
        now.push(settle(cx, &shared, &drafts, (side, ends), own));
    }
    let [Some(one), Some(other)] = <[Option<EndNow>; 2]>::try_from(now).ok()? else { return None };
    let now = [one, other];
    for (side, place) in ends.into_iter().enumerate() {
        world.hosts.get_mut(usize::from(place))?.tunnels.push(now[side].end.clone());
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
    world.tunnels.push(Tunnel { name: name.value.clone(), span: name.span, ends, children, now });
    Some(())
}

/// What a tunnel says for both of its ends.
struct Shared<'n> {
    name: &'n Text,
    preset: &'static Preset,
    psk: Option<Vec<u8>>,
    ike: IkeLayer,
    /// What the programs of both ends are told.
    told: [Told; 2],
}

impl Shared<'_> {
    /// The preset of an end: its program may have one of its own.
    fn preset_of(&self, side: usize) -> &'static Preset {
        let own = self.told[side].preset.and_then(|name| PRESETS.iter().find(|p| p.name == name));
        own.unwrap_or(self.preset)
    }
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
) -> (Vec<String>, [Vec<ChildDraft>; 2]) {
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
    drafts: &[EndDraft; 2],
    (side, ends): (usize, [u16; 2]),
    children: Vec<ChildDraft>,
) -> Option<EndNow> {
    let (own, other) = (&drafts[side], &drafts[1 - side]);
    let name = shared.name;
    let psk = own.psk.clone().or_else(|| shared.psk.clone());
    if psk.is_none() {
        let label = "expected `auth: {psk: ..}` in the tunnel or in both ends";
        cx.error(name.span, format!("tunnel `{}` has no secret", name.value), label);
    }
    let [told, told_there] = [side, 1 - side].map(|side| &shared.told[side]);
    let peer_id = other.identity(told_there);
    lint_identity(cx, own, &peer_id);
    let preset = (shared.preset_of(side).ike)();
    let ike = own.ike.clone().over(told.ike.clone()).over(shared.ike.clone()).over(preset);
    let addresses = [drafts[0].address, drafts[1].address];
    let end = End {
        tunnel: name.value.clone(),
        peer: ends[1 - side],
        iface: own.iface,
        local: own.address,
        remote: own.remote.unwrap_or(other.address),
        id: own.identity(told),
        expect_id: own.expect_id.clone().unwrap_or(peer_id),
        psk,
        ike: ike.clone().settle(cx)?,
        virtual_ip: own.virtual_ip.clone(),
        children: children.iter().filter_map(|child| child.settle(side, addresses)).collect(),
    };
    Some(EndNow { end, ike, children })
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
    /// Where the peer is, if that is said.
    remote: Option<IpAddr>,
    id: Option<Identification>,
    expect_id: Option<Identification>,
    expect_id_span: Option<Span>,
    psk: Option<Vec<u8>>,
    ike: IkeLayer,
    child: ChildLayer,
    virtual_ip: VirtualIp,
}

impl EndDraft {
    /// Without an `id`, an end shows its address; some programs show it as a name.
    fn identity(&self, told: &Told) -> Identification {
        let address = self.address.to_string();
        self.id.clone().unwrap_or_else(|| match told.address_as_name {
            true => Identification::new(IdType::ID_FQDN, address.as_bytes()),
            false => Identification::from_text(&address),
        })
    }
}

fn end_draft(cx: &Cx<'_>, world: &World, place: u16, name: &Text, node: &Node) -> Option<EndDraft> {
    let fields = Fields::named(cx, node, &name.value, &END)?;
    let via = cx.text(fields.need("via")?, "via")?;
    let iface = world.own_iface(cx, place, &via.value, via.span)?;
    let host = world.hosts.get(usize::from(place))?;
    let addresses = &host.ifaces.get(usize::from(iface))?.addresses;
    let id = |key| fields.text(key).map(identity);
    let addresses: Vec<IpAddr> = addresses.iter().map(|(address, _)| *address).collect();
    let address = *addresses.first()?;
    Some(EndDraft {
        via: via.clone(),
        iface,
        address,
        addresses,
        remote: fields.text("remote").and_then(|text| remote(cx, text, address)),
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

/// `10.0.0.1`, `gw.example.org`, `a@example.org`, or a type and what stands behind it.
pub(crate) fn identity(text: &Text) -> Identification {
    let types = [
        ("fqdn:", IdType::ID_FQDN),
        ("rfc822:", IdType::ID_RFC822_ADDR),
        ("key-id:", IdType::ID_KEY_ID),
    ];
    let typed = types.iter().find_map(|(prefix, id_type)| {
        Some(Identification::new(*id_type, text.value.strip_prefix(prefix)?.as_bytes()))
    });
    typed.unwrap_or_else(|| Identification::from_text(&text.value))
}

/// Where the peer is: an address of the family of ours, or `any`.
pub(crate) fn remote(cx: &Cx<'_>, text: &Text, local: IpAddr) -> Option<IpAddr> {
    if text.value == "any" {
        return Some(nat::anybody(local));
    }
    let found = text.value.parse().ok().filter(|to: &IpAddr| to.is_ipv4() == local.is_ipv4());
    if found.is_none() {
        let family = if local.is_ipv4() { "IPv4" } else { "IPv6" };
        let label = format!("expected an {family} address, as that of this end, or any");
        cx.error(text.span, format!("`remote` is `{}`", text.value), label);
    }
    found
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
pub(crate) fn auth(cx: &Cx<'_>, node: &Node) -> Option<Vec<u8>> {
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
