//! The ESP SAs of a host at a moment, and what became of packets that did not pass.

use std::collections::BTreeMap;
use std::fmt::Write;

use ikelab_ambient::Instant;
use ikelab_trace::{EspMode, HostId, Trace};
use ikelab_wire::ike::EspSpi;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::state::{Child, State, Traffic, role};
use super::{heading, lifetime, moment};
use crate::words;

/// What `ikelab show ipsec-sas --json` prints: the Child SAs of a host at a moment, and its counters
/// of packets that did not pass, from the beginning of the run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct IpsecSas {
    /// The host.
    pub host: String,
    /// The moment, in seconds.
    pub at_s: f64,
    /// The Child SAs that are installed.
    pub sas: Vec<ChildSa>,
    /// Inbound packets that ESP and policy dropped, by reason: `unknown_spi`, `replayed`. Those of
    /// the SAs above are counted here too.
    pub dropped: BTreeMap<String, u64>,
    /// Outbound packets that ESP and policy dropped, by reason: `no_sa_yet`.
    pub withheld: BTreeMap<String, u64>,
}

/// A Child SA with its two ESP SAs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChildSa {
    /// Its name: `site.net`.
    pub child: String,
    /// `tunnel` or `transport`.
    pub mode: String,
    /// Whether its packets travel in UDP.
    pub encapsulated: bool,
    /// `initiator` or `responder`.
    pub role: String,
    /// Our outer address, with the port of UDP.
    pub local: String,
    /// The peer's outer address, with the port of UDP.
    pub remote: String,
    /// What is protected on our side.
    pub local_ts: Vec<String>,
    /// What is protected on the peer's side.
    pub remote_ts: Vec<String>,
    /// Its algorithms.
    pub suite: String,
    /// The SA to us.
    pub inbound: EspSa,
    /// The SA to the peer.
    pub outbound: EspSa,
    /// When it was installed, in seconds.
    pub since_s: f64,
    /// When it is to be replaced, in seconds.
    pub rekey_at_s: Option<f64>,
    /// When it ends, in seconds.
    pub expires_at_s: Option<f64>,
    /// Its IKE SA: the SPIs of initiator and responder.
    pub ike_sa: String,
    /// The inbound SPI of the Child SA that it replaced.
    pub replaces: Option<String>,
}

/// One direction.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EspSa {
    /// Its SPI, in eight hexadecimal digits.
    pub spi: String,
    /// Packets that passed.
    pub packets: u64,
    /// Their octets, as they were before ESP.
    pub octets: u64,
    /// The sequence number of the last of them.
    pub last_sequence: u64,
    /// Packets that did not pass, by reason.
    pub dropped: BTreeMap<String, u64>,
}

impl IpsecSas {
    /// Those of a host at a moment.
    #[must_use]
    pub fn at(trace: &Trace, host: HostId, at: Instant) -> Self {
        let at = moment(trace, at);
        let state = State::at(trace, host, at);
        let name = |reason: &str| reason.to_owned();
        Self {
            host: trace.name(host).to_owned(),
            at_s: seconds(at),
            sas: state.children.iter().map(|child| ChildSa::of(child, &state)).collect(),
            dropped: total(&state.dropped, |reason| name(reason.word())),
            withheld: total(&state.withheld, |reason| name(reason.word())),
        }
    }
}

impl ChildSa {
    fn of(child: &Child<'_>, state: &State<'_>) -> Self {
        let installed = child.installed;
        let (local, remote) = ends(child);
        let inbound = of_sa(&state.dropped, installed.spi_in, ikelab_trace::Dropped::word);
        let outbound = of_sa(&state.withheld, installed.spi_out, ikelab_trace::Withheld::word);
        Self {
            child: installed.child.clone(),
            mode: mode(installed.mode).to_owned(),
            encapsulated: installed.encapsulated,
            role: role(installed.role).to_owned(),
            local,
            remote,
            local_ts: installed.local_ts.clone(),
            remote_ts: installed.remote_ts.clone(),
            suite: words::suite(&installed.suite),
            inbound: EspSa::of(installed.spi_in, child.inbound, inbound),
            outbound: EspSa::of(installed.spi_out, child.outbound, outbound),
            since_s: seconds(child.at),
            rekey_at_s: installed.rekey_at.map(seconds),
            expires_at_s: installed.expires_at.map(seconds),
            ike_sa: child.parent.to_string(),
            replaces: installed.replaces.map(|spi| spi.to_string()),
        }
    }
}

impl EspSa {
    fn of(spi: EspSpi, traffic: Traffic, dropped: BTreeMap<String, u64>) -> Self {
        let Traffic { packets, octets, last_sequence } = traffic;
        Self { spi: spi.to_string(), packets, octets, last_sequence, dropped }
    }
}

/// The Child SAs of a host at a moment, each with its two ESP SAs, and the counters of packets that
/// did not pass.
#[must_use]
pub fn ipsec_sas(trace: &Trace, host: HostId, at: Instant) -> String {
    let at = moment(trace, at);
    let state = State::at(trace, host, at);
    let mut text = heading(trace.name(host), at, state.children.len(), "Child SA");
    for child in &state.children {
        text.push_str(&paragraph(child, &state, at));
    }
    let dropped = total(&state.dropped, |reason| reason.name().to_owned());
    let withheld = total(&state.withheld, |reason| reason.name().to_owned());
    for (title, counts) in [("dropped", dropped), ("withheld", withheld)] {
        if !counts.is_empty() {
            let _ = writeln!(text, "  {title}");
        }
        for (reason, count) in counts {
            let _ = writeln!(text, "      {reason:<47} {count:>7}");
        }
    }
    text
}

fn paragraph(child: &Child<'_>, state: &State<'_>, at: Instant) -> String {
    let installed = child.installed;
    let (local, remote) = ends(child);
    let udp = if installed.encapsulated { " in UDP" } else { "" };
    let mut text = String::new();
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    line(format!(
        "  {}  {} ESP{udp}  {}  {local} - {remote}",
        installed.child,
        mode(installed.mode),
        role(installed.role)
    ));
    let (ours, theirs) = (installed.local_ts.join(", "), installed.remote_ts.join(", "));
    let mut row = |name: &str, value: String| line(format!("      {name:<11} {value}"));
    row("selectors", format!("{ours} === {theirs}"));
    row("suite", words::suite(&installed.suite));
    let dropped = of_sa(&state.dropped, installed.spi_in, ikelab_trace::Dropped::name);
    let withheld = of_sa(&state.withheld, installed.spi_out, ikelab_trace::Withheld::name);
    row("in", format!("{}  {}{}", installed.spi_in, traffic(child.inbound), lost(&dropped)));
    row("out", format!("{}  {}{}", installed.spi_out, traffic(child.outbound), lost(&withheld)));
    let age = (at - child.at).as_secs_f64();
    let since = format!("since {} ({age:.3} s)", child.at);
    row("lifetime", format!("{since}{}", lifetime(installed.rekey_at, installed.expires_at)));
    row("IKE SA", child.parent.to_string());
    if let Some(replaces) = installed.replaces {
        row("replaces", replaces.to_string());
    }
    text
}

const fn mode(mode: EspMode) -> &'static str {
    match mode {
        EspMode::Tunnel => "tunnel",
        EspMode::Transport => "transport",
    }
}

/// Outer addresses, with ports where there are some.
fn ends(child: &Child<'_>) -> (String, String) {
    let installed = child.installed;
    if installed.encapsulated {
        (installed.local.to_string(), installed.remote.to_string())
    } else {
        (installed.local.ip().to_string(), installed.remote.ip().to_string())
    }
}

fn traffic(traffic: Traffic) -> String {
    let Traffic { packets, octets, last_sequence } = traffic;
    match packets {
        0 => "no packets".to_owned(),
        1 => format!("1 packet, {octets} octets, sequence {last_sequence}"),
        _ => format!("{packets} packets, {octets} octets, last sequence {last_sequence}"),
    }
}

/// `; 1 bad ICV, 2 replayed`.
fn lost(counts: &BTreeMap<String, u64>) -> String {
    let words: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    if words.is_empty() { String::new() } else { format!("; {}", words.join(", ")) }
}

/// The counts of one SA.
fn of_sa<R: Copy + Ord>(
    counts: &BTreeMap<(Option<EspSpi>, R), u64>,
    spi: EspSpi,
    name: fn(R) -> &'static str,
) -> BTreeMap<String, u64> {
    let own = counts.iter().filter(|((of, _), _)| *of == Some(spi));
    own.map(|((_, reason), count)| (name(*reason).to_owned(), *count)).collect()
}

/// The counts of the host.
fn total<R: Copy + Ord>(
    counts: &BTreeMap<(Option<EspSpi>, R), u64>,
    name: impl Fn(R) -> String,
) -> BTreeMap<String, u64> {
    let mut total = BTreeMap::new();
    for ((_, reason), count) in counts {
        *total.entry(name(*reason)).or_default() += count;
    }
    total
}

fn seconds(at: Instant) -> f64 {
    (at - Instant::ZERO).as_secs_f64()
}
