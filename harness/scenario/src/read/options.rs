//! What an end of a tunnel does beyond the plain protocol: the rarer keys of `ike:`.

use crate::plan::{HalfOpen, IkeOptions};
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Key, Shape, may};
use crate::source::Span;
use crate::text::Text;
use crate::yaml::Node;

/// The keys, a group of those of `ike:`.
pub(super) const KEYS: &[Key] = &[
    may(
        "retries",
        Form::Integer(0, 1_000),
        "How often an IKE SA is tried again when nobody answers.",
    )
    .or("0"),
    may(
        "dpd_action",
        Form::Words(&shape::words(&ACTIONS)),
        "What becomes of the Child SAs of a peer that is found dead.",
    )
    .or("clear"),
    may(
        "force_encapsulation",
        Form::Boolean,
        "Whether it pretends to be behind a NAT, so that ESP travels inside UDP.",
    )
    .or("false"),
    may(
        "invalid_ike_spi",
        Form::Boolean,
        "Whether the host answers a request over an unknown IKE SA with INVALID_IKE_SPI.",
    )
    .or("false"),
    may(
        "invalid_message_id",
        Form::Boolean,
        "Whether a request beyond the window is told of with INVALID_MESSAGE_ID.",
    )
    .or("false"),
    may(
        "children_max",
        Form::Integer(0, 100_000),
        "How many Child SAs the peer may make over one IKE SA; as many may wait for its Delete.",
    )
    .or("1000"),
    may(
        "additional_ts",
        Form::Boolean,
        "Whether ADDITIONAL_TS_POSSIBLE is said where several children fit.",
    )
    .or("false"),
    may(
        "invalid_spi",
        Form::Boolean,
        "Whether the sender of ESP with an unknown SPI is told: INVALID_SPI, RFC 7296 section 1.5.",
    )
    .or("false"),
    may(
        "single_pair",
        Form::Boolean,
        "Whether each child is for one pair of addresses; else SINGLE_PAIR_REQUIRED.",
    )
    .or("false"),
    may(
        "fragmentation_probes",
        Form::List(&Form::Integer(128, 65_535)),
        "Smaller sizes than `fragmentation`, from large to small, that are tried when nobody answers.",
    )
    .or("[]"),
    may(
        "message_ids_from",
        Form::Integer(2, 4_294_967_295),
        "The Message ID that both ends go on with after IKE_AUTH, a hook for tests. Both must say it.",
    )
    .or("no jump"),
    may(
        "vendor_ids",
        Form::List(&shape::TEXT),
        "Vendor IDs of its IKE_SA_INIT: text, or octets as 0x and hex digits; [] for none.",
    )
    .or("[ikelab]"),
    may("half_open", Form::Shape(&HALF_OPEN), "Limits of the host for half-open IKE SAs."),
];

const ACTIONS: [(&str, bool); 2] = [("clear", false), ("restart", true)];

static HALF_OPEN: Shape = Shape::new(
    "half_open",
    "Limits for half-open IKE SAs of a responder, RFC 7296 section 2.6.",
    &[&[
        may("max", Form::Integer(0, 1_000_000), "How many it keeps.").or("1000"),
        may(
            "per_source",
            Form::Integer(0, 1_000_000),
            "How many of them may be of one IPv4 address, or one IPv6 prefix of 64 bits.",
        )
        .or("as many as there are"),
        may(
            "cookies_from",
            Form::Integer(0, 1_000_000),
            "From how many on `cookie: under-load` asks for cookies.",
        )
        .or("10"),
        may("timeout", shape::DURATION, "How long it waits for IKE_AUTH.").or("30s"),
    ]],
);

/// What one place of the file says.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct OptionsLayer {
    retries: Option<u32>,
    restart: Option<bool>,
    force_encapsulation: Option<bool>,
    invalid_ike_spi: Option<bool>,
    invalid_message_id: Option<bool>,
    children_max: Option<usize>,
    additional_ts: Option<bool>,
    invalid_spi: Option<bool>,
    single_pair: Option<bool>,
    message_ids_from: Option<u32>,
    fragmentation_probes: Option<Vec<u16>>,
    pub(crate) vendor_ids: Option<Vec<Vec<u8>>>,
    half_open: Option<HalfOpen>,
    /// Where what holds for all of a host is said.
    invalid_ike_spi_at: Option<Span>,
    half_open_at: Option<Span>,
}

impl OptionsLayer {
    pub(super) fn read(cx: &Cx<'_>, fields: &Fields<'_, '_>) -> Self {
        let most = fields.integer("children_max", 0, 100_000);
        Self {
            retries: fields.integer("retries", 0, 1_000).and_then(|n| u32::try_from(n).ok()),
            restart: fields.choice("dpd_action", &ACTIONS),
            force_encapsulation: fields.boolean("force_encapsulation"),
            invalid_ike_spi: fields.boolean("invalid_ike_spi"),
            invalid_message_id: fields.boolean("invalid_message_id"),
            children_max: most.and_then(|n| usize::try_from(n).ok()),
            additional_ts: fields.boolean("additional_ts"),
            invalid_spi: fields.boolean("invalid_spi"),
            single_pair: fields.boolean("single_pair"),
            fragmentation_probes: fields.get("fragmentation_probes").map(|node| probes(cx, node)),
            message_ids_from: fields
                .integer("message_ids_from", 2, 4_294_967_295)
                .and_then(|n| u32::try_from(n).ok()),
            vendor_ids: fields.get("vendor_ids").map(|node| {
                let texts = cx.texts(node, "vendor_ids");
                texts.into_iter().filter_map(|text| vendor_id(cx, text)).collect()
            }),
            half_open: fields.get("half_open").and_then(|node| half_open(cx, node)),
            invalid_ike_spi_at: fields.key("invalid_ike_spi"),
            half_open_at: fields.key("half_open"),
        }
    }

    /// What this layer says, and for the rest what the one below says.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            retries: self.retries.or(below.retries),
            restart: self.restart.or(below.restart),
            force_encapsulation: self.force_encapsulation.or(below.force_encapsulation),
            invalid_ike_spi: self.invalid_ike_spi.or(below.invalid_ike_spi),
            invalid_message_id: self.invalid_message_id.or(below.invalid_message_id),
            children_max: self.children_max.or(below.children_max),
            additional_ts: self.additional_ts.or(below.additional_ts),
            invalid_spi: self.invalid_spi.or(below.invalid_spi),
            single_pair: self.single_pair.or(below.single_pair),
            message_ids_from: self.message_ids_from.or(below.message_ids_from),
            fragmentation_probes: self.fragmentation_probes.or(below.fragmentation_probes),
            vendor_ids: self.vendor_ids.or(below.vendor_ids),
            half_open: self.half_open.or(below.half_open),
            invalid_ike_spi_at: self.invalid_ike_spi_at.or(below.invalid_ike_spi_at),
            half_open_at: self.half_open_at.or(below.half_open_at),
        }
    }

    /// True when it says something that holds for all of a host.
    pub(super) fn says_of_host(&self) -> bool {
        self.half_open_at.is_some() || self.invalid_ike_spi_at.is_some()
    }

    /// What holds for all of a host: two tunnels can't say it in different ways.
    pub(super) fn check_host(&self, cx: &Cx<'_>, other: &Self, host: &str, tunnels: [&str; 2]) {
        let differ = |key: &str, at: [Option<Span>; 2]| {
            let [Some(here), Some(there)] = at else { return };
            let place = cx.source.position(there.start);
            let file = cx.source.path_at(there.start);
            let message = format!(
                "`{key}` is of the host: tunnels `{}` and `{}` of {host} differ in it",
                tunnels[1], tunnels[0]
            );
            let label = format!(
                "`{}` says otherwise at {file}:{}:{}",
                tunnels[1], place.line, place.column
            );
            cx.error(here, message, label);
        };
        if self.half_open != other.half_open {
            differ("half_open", [self.half_open_at, other.half_open_at]);
        }
        if self.invalid_ike_spi != other.invalid_ike_spi {
            differ("invalid_ike_spi", [self.invalid_ike_spi_at, other.invalid_ike_spi_at]);
        }
    }

    pub(super) fn settle(self) -> IkeOptions {
        IkeOptions {
            retries: self.retries.unwrap_or(0),
            restart: self.restart.unwrap_or(false),
            force_encapsulation: self.force_encapsulation.unwrap_or(false),
            invalid_ike_spi: self.invalid_ike_spi.unwrap_or(false),
            invalid_message_id: self.invalid_message_id.unwrap_or(false),
            children_max: self.children_max,
            additional_ts: self.additional_ts.unwrap_or(false),
            invalid_spi: self.invalid_spi.unwrap_or(false),
            single_pair: self.single_pair.unwrap_or(false),
            message_ids_from: self.message_ids_from,
            fragmentation_probes: self.fragmentation_probes.unwrap_or_default(),
            vendor_ids: self.vendor_ids,
            half_open: self.half_open.unwrap_or_default(),
        }
    }
}

fn half_open(cx: &Cx<'_>, node: &Node) -> Option<HalfOpen> {
    let fields = Fields::of(cx, node, &HALF_OPEN)?;
    let number = |key| fields.integer(key, 0, 1_000_000).and_then(|n| usize::try_from(n).ok());
    Some(HalfOpen {
        most: number("max"),
        per_source: number("per_source"),
        cookies_from: number("cookies_from"),
        timeout: fields.duration("timeout"),
    })
}

/// Sizes that become smaller.
fn probes(cx: &Cx<'_>, node: &Node) -> Vec<u16> {
    let nodes = cx.list(node, "fragmentation_probes").unwrap_or_default();
    let sizes: Vec<u16> = nodes
        .iter()
        .filter_map(|node| cx.integer(node, "fragmentation_probes", 128, 65_535))
        .filter_map(|size| u16::try_from(size).ok())
        .collect();
    if !sizes.is_sorted_by(|one, next| one > next) {
        cx.error(node.span, "`fragmentation_probes` go from large to small", "");
    }
    sizes
}

/// Text as it stands, or hex digits behind `0x`.
fn vendor_id(cx: &Cx<'_>, text: &Text) -> Option<Vec<u8>> {
    let Some(digits) = text.value.strip_prefix("0x") else {
        return Some(text.value.clone().into_bytes());
    };
    let pairs = digits.as_bytes().chunks(2);
    let octet = |pair: &[u8]| match pair {
        [_, _] => u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok(),
        _ => None,
    };
    let octets: Option<Vec<u8>> = pairs.map(octet).collect();
    if octets.is_none() {
        let message = format!("`{}` is no vendor ID", text.value);
        cx.error(text.span, message, "expected hex digits in pairs behind 0x, or text");
    }
    octets
}
