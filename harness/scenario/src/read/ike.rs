//! What a file says about an IKE SA, in the tunnel and in its ends.

use std::time::Duration;

use ikelab_wire::payload::Proposal;
use ikelab_wire::registry::{KeId, Protocol, TransformType};

use super::options::{self, OptionsLayer};
use super::values::{
    OFF_OR_DURATION, REKEY_AT, RekeyAt, group, off_or, off_or_duration, positive, proposals,
    rekey_at, settle_rekey,
};
use crate::plan::{Childless, Cookie, Ike, Retransmit};
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, later, may};
use crate::source::Span;
use crate::yaml::Node;

/// RFC 7296 §2.4 leaves the numbers open; these give up after a bit more than a minute.
pub(super) const RETRANSMIT: Retransmit = Retransmit {
    first: Duration::from_secs(2),
    factor: 2.0,
    tries: 5,
    longest: Duration::from_hours(24),
    jitter: 0.0,
};
/// RFC 3948 §4 suggests 20 s.
const NAT_KEEPALIVE: Duration = Duration::from_secs(20);

/// What one place of the file says about an IKE SA.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct IkeLayer {
    pub(crate) proposals: Option<Vec<Proposal>>,
    pub(crate) ke_first: Option<KeId>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) rekey_at: Option<RekeyAt>,
    pub(crate) rekey_jitter: Option<Duration>,
    pub(crate) dpd: Option<Option<Duration>>,
    pub(crate) retransmit: Option<Retransmit>,
    pub(crate) window: Option<u32>,
    pub(crate) cookie: Option<Cookie>,
    pub(crate) initial_contact: Option<bool>,
    pub(crate) nat_keepalive: Option<Option<Duration>>,
    pub(crate) fragmentation: Option<Option<u16>>,
    pub(crate) childless: Option<Childless>,
    pub(crate) port: Option<u16>,
    pub(crate) ke_first_span: Option<Span>,
    pub(crate) options: OptionsLayer,
}

/// `ike:` of a tunnel and of an end.
pub(crate) static SHAPE: Shape = Shape::new(
    "ike",
    "How an IKE SA is negotiated and kept. What an end says goes over what the tunnel says, and \
     that over the preset.",
    &[
        &[
            may(
                "proposals",
                Form::List(&shape::PROPOSAL),
                "What is offered and accepted, best first.",
            ),
            may("ke_first", shape::GROUP, "The method of the first KE payload.")
                .or("the first of the proposals"),
            later("additional_ke", "Further key exchanges, RFC 9370."),
            may("lifetime", shape::DURATION, "How long an IKE SA lives."),
            may(
                "rekey_at",
                REKEY_AT,
                "When an end replaces it: a share of the lifetime, or an age.",
            )
            .or("90%"),
            may("rekey_jitter", shape::DURATION, "Up to how much earlier it begins, at random.")
                .or("0s"),
            may("dpd", OFF_OR_DURATION, "After how long a silence liveness is checked.").or("off"),
            may("retransmit", Form::Shape(&RETRANSMIT_SHAPE), "How requests are repeated."),
            may("window", Form::Integer(1, 1024), "How many requests the peer may have open.")
                .or("1"),
            may(
                "fragmentation",
                Form::Any(&[Form::Words(&["off"]), Form::Integer(128, 65_535)]),
                "Octets of the largest IP datagram before IKE fragments a message, RFC 7383.",
            )
            .or("off"),
            may("mobike", Form::Words(&["false"]), "MOBIKE, RFC 4555.").or("false"),
            may("cookie", Form::Words(&shape::words(&COOKIES)), "When a cookie is asked for.")
                .or("never"),
            may("nat_keepalive", OFF_OR_DURATION, "Interval of keepalives behind a NAT.").or("20s"),
            may(
                "initial_contact",
                Form::Boolean,
                "Whether the first IKE_AUTH says INITIAL_CONTACT.",
            )
            .or("true"),
            may(
                "childless",
                Form::Words(&shape::words(&CHILDLESS)),
                "Whether an IKE SA comes up without a Child SA: never, where both ends agree to it, \
                 or only so, RFC 6023.",
            )
            .or("never"),
            may("port", Form::Integer(1, 65_535), "The UDP port that it begins with.").or("500"),
        ],
        options::KEYS,
    ],
);

static RETRANSMIT_SHAPE: Shape = Shape::new(
    "retransmit",
    "How requests are repeated, RFC 7296 section 2.4.",
    &[&[
        may("first", shape::DURATION, "How long after the first time.").or("2s"),
        may("factor", Form::Number(1.0, 10.0), "How many times longer each further wait is.")
            .or("2"),
        may("tries", Form::Integer(1, 100), "How often a request is sent in all.").or("5"),
        may("longest", shape::DURATION, "The longest wait.").or("24h"),
        may("jitter", shape::SHARE, "By what share of itself a wait is longer, at random.").or("0"),
    ]],
);

const COOKIES: [(&str, Cookie); 3] =
    [("never", Cookie::Never), ("always", Cookie::Always), ("under-load", Cookie::UnderLoad)];

const CHILDLESS: [(&str, Childless); 3] =
    [("never", Childless::Never), ("allow", Childless::Allow), ("force", Childless::Force)];

pub(crate) fn ike_layer(cx: &Cx<'_>, node: &Node) -> IkeLayer {
    let Some(fields) = Fields::of(cx, node, &SHAPE) else { return IkeLayer::default() };
    refuse_unless(cx, &fields, "mobike", "false");
    IkeLayer {
        proposals: fields.get("proposals").and_then(|node| proposals(cx, node, Protocol::IKE)),
        ke_first: fields.text("ke_first").and_then(|text| group(cx, text)),
        ke_first_span: fields.get("ke_first").map(|node| node.span),
        lifetime: positive(cx, &fields, "lifetime"),
        rekey_at: fields.get("rekey_at").and_then(|node| rekey_at(cx, node)),
        rekey_jitter: fields.duration("rekey_jitter"),
        dpd: off_or_duration(cx, &fields, "dpd"),
        retransmit: fields.get("retransmit").and_then(|node| retransmit(cx, node)),
        window: fields.integer("window", 1, 1024).and_then(|n| u32::try_from(n).ok()),
        cookie: fields.choice("cookie", &COOKIES),
        initial_contact: fields.boolean("initial_contact"),
        nat_keepalive: off_or_duration(cx, &fields, "nat_keepalive"),
        fragmentation: fields.get("fragmentation").and_then(|node| {
            off_or(cx, node, |_| {
                let octets = cx.integer(node, "fragmentation", 128, 65_535)?;
                u16::try_from(octets).ok().map(Some)
            })
        }),
        childless: fields.choice("childless", &CHILDLESS),
        port: fields.integer("port", 1, 65_535).and_then(|n| u16::try_from(n).ok()),
        options: OptionsLayer::read(cx, &fields),
    }
}

/// A key of which this version knows one value only.
fn refuse_unless(cx: &Cx<'_>, fields: &Fields<'_, '_>, key: &str, only: &str) {
    if let Some(text) = fields.text(key).filter(|text| text.value != only) {
        cx.not_yet(text.span, &format!("`{key}: {}`", text.value));
    }
}

fn retransmit(cx: &Cx<'_>, node: &Node) -> Option<Retransmit> {
    let fields = Fields::of(cx, node, &RETRANSMIT_SHAPE)?;
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
        longest: fields.duration("longest").unwrap_or(RETRANSMIT.longest),
        jitter: fields
            .get("jitter")
            .and_then(|node| cx.probability(node, "jitter"))
            .unwrap_or(RETRANSMIT.jitter),
    })
}

impl IkeLayer {
    /// What this layer says, and for the rest what the one below says.
    pub(crate) fn over(self, below: Self) -> Self {
        Self {
            // A KE guess below is about the proposals below.
            ke_first: self.ke_first.or(below.ke_first.filter(|_| self.proposals.is_none())),
            ke_first_span: self.ke_first_span,
            proposals: self.proposals.or(below.proposals),
            lifetime: self.lifetime.or(below.lifetime),
            rekey_at: self.rekey_at.or(below.rekey_at),
            rekey_jitter: self.rekey_jitter.or(below.rekey_jitter),
            dpd: self.dpd.or(below.dpd),
            retransmit: self.retransmit.or(below.retransmit),
            window: self.window.or(below.window),
            cookie: self.cookie.or(below.cookie),
            initial_contact: self.initial_contact.or(below.initial_contact),
            nat_keepalive: self.nat_keepalive.or(below.nat_keepalive),
            fragmentation: self.fragmentation.or(below.fragmentation),
            childless: self.childless.or(below.childless),
            port: self.port.or(below.port),
            options: self.options.over(below.options),
        }
    }

    pub(crate) fn settle(self, cx: &Cx<'_>) -> Option<Ike> {
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
            rekey_jitter: self.rekey_jitter.unwrap_or_default(),
            dpd: self.dpd.flatten(),
            retransmit: self.retransmit.unwrap_or(RETRANSMIT),
            window: self.window.unwrap_or(1),
            cookie: self.cookie.unwrap_or(Cookie::Never),
            initial_contact: self.initial_contact.unwrap_or(true),
            nat_keepalive: self.nat_keepalive.unwrap_or(Some(NAT_KEEPALIVE)),
            fragmentation: self.fragmentation.flatten(),
            childless: self.childless.unwrap_or(Childless::Never),
            port: self.port.unwrap_or(500),
            options: self.options.settle(),
        })
    }
}
