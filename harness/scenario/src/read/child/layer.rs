//! The words about a Child SA, each read for itself; what is not said is left to the layer below.

use std::time::Duration;

use ikelab_wire::payload::Proposal;
use ikelab_wire::registry::{KeId, Protocol};

use crate::plan::{DontFragment, Dummy, Ecn, EspMode, Narrow, Start, Tfc};
use crate::quantity;
use crate::read::values::{REKEY_AT, RekeyAt, group, off_or, positive, proposals, rekey_at};
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Key, Shape, may, need};
use crate::text::Text;
use crate::yaml::Node;

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
pub(super) static END: Shape = Shape::new(
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
