//! The ESP SAs of a host at a moment.

use std::fmt::Write;

use ikelab_ambient::Instant;
use ikelab_trace::{EspMode, HostId, Trace};

use super::state::{Child, State, Traffic, role};
use super::{heading, lifetime, moment};
use crate::words;

/// The Child SAs of a host at a moment, each with its two ESP SAs.
#[must_use]
pub fn ipsec_sas(trace: &Trace, host: HostId, at: Instant) -> String {
    let at = moment(trace, at);
    let state = State::at(trace, host, at);
    let mut text = heading(trace.name(host), at, state.children.len(), "Child SA");
    for child in &state.children {
        text.push_str(&paragraph(child, at));
    }
    text
}

fn paragraph(child: &Child<'_>, at: Instant) -> String {
    let installed = child.installed;
    let mode = match installed.mode {
        EspMode::Tunnel => "tunnel",
        EspMode::Transport => "transport",
    };
    let (local, remote) = if installed.encapsulated {
        (installed.local.to_string(), installed.remote.to_string())
    } else {
        (installed.local.ip().to_string(), installed.remote.ip().to_string())
    };
    let udp = if installed.encapsulated { " in UDP" } else { "" };
    let mut text = String::new();
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    line(format!(
        "  {}  {mode} ESP{udp}  {}  {local} - {remote}",
        installed.child,
        role(installed.role)
    ));
    let (ours, theirs) = (installed.local_ts.join(", "), installed.remote_ts.join(", "));
    let mut row = |name: &str, value: String| line(format!("      {name:<11} {value}"));
    row("selectors", format!("{ours} === {theirs}"));
    row("suite", words::suite(&installed.suite));
    row("in", format!("{}  {}", installed.spi_in, traffic(child.inbound)));
    row("out", format!("{}  {}", installed.spi_out, traffic(child.outbound)));
    let age = (at - child.at).as_secs_f64();
    let since = format!("since {} ({age:.3} s)", child.at);
    row("lifetime", format!("{since}{}", lifetime(installed.rekey_at, installed.expires_at)));
    row("IKE SA", child.parent.to_string());
    if let Some(replaces) = installed.replaces {
        row("replaces", replaces.to_string());
    }
    text
}

fn traffic(traffic: Traffic) -> String {
    let Traffic { packets, octets, last_sequence } = traffic;
    match packets {
        0 => "no packets".to_owned(),
        1 => format!("1 packet, {octets} octets, sequence {last_sequence}"),
        _ => format!("{packets} packets, {octets} octets, last sequence {last_sequence}"),
    }
}
