//! The IKE SAs of a host at a moment.

use std::fmt::Write;

use ikelab_ambient::Instant;
use ikelab_dissect::Dissected;
use ikelab_trace::{HostId, Role, SaId};

use super::state::{Child, IkeSa, State, role};
use super::{heading, lifetime, moment};
use crate::reading::{Reading, arrivals};
use crate::words;

/// The IKE SAs of a host at a moment: a line for each, or a paragraph with all that is known.
#[must_use]
pub fn ike_sas(reading: &Reading<'_>, host: HostId, at: Instant, detail: bool) -> String {
    let at = moment(reading.trace, at);
    let state = State::at(reading.trace, host, at);
    let mut text = heading(reading.trace.name(host), at, state.ike.len(), "IKE SA");
    for sa in &state.ike {
        text.push_str(&line(sa));
        if detail {
            let children: Vec<&Child<'_>> =
                state.children.iter().filter(|child| child.parent.is_same(sa.id)).collect();
            text.push_str(&paragraph(sa, &children, &Numbers::of(reading, host, sa, at), at));
        }
    }
    text
}

fn line(sa: &IkeSa<'_>) -> String {
    let Some(up) = sa.up else {
        return format!("  {}  {}  since {}\n", sa.phase, sa.id, sa.since);
    };
    let (tunnel, role, local, remote) = (&up.tunnel, role(up.role), up.local, up.remote);
    format!("  {tunnel}  {}  {role}  {local} - {remote}  {}\n", sa.phase, sa.id)
}

fn paragraph(sa: &IkeSa<'_>, children: &[&Child<'_>], numbers: &Numbers, at: Instant) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "      {name:<11} {value}");
    };
    if let Some(up) = sa.up {
        row("suite", words::suite(&up.suite));
        row("identities", format!("{} - {}", up.local_id, up.remote_id));
        row("proved by", format!("{} - {}", up.local_auth, up.remote_auth));
        let age = (at - sa.since).as_secs_f64();
        let since = format!("{} since {} ({age:.3} s)", sa.phase, sa.since);
        row("lifetime", format!("{since}{}", lifetime(up.rekey_at, up.expires_at)));
        row("window", format!("ours {}, the peer's {}", up.window_ours, up.window_peers));
        if let Some(replaces) = up.replaces {
            row("replaces", replaces.to_string());
        }
    }
    row("next mid", format!("to send {}, to receive {}", numbers.sent, numbers.received));
    for child in children {
        let child = child.installed;
        row("child", format!("{}  in {} out {}", child.child, child.spi_in, child.spi_out));
    }
    text
}

/// The message ids of the next requests, as the messages on the wire tell them.
#[derive(Default)]
struct Numbers {
    sent: u32,
    received: u32,
}

impl Numbers {
    fn of(reading: &Reading<'_>, host: HostId, sa: &IkeSa<'_>, at: Instant) -> Self {
        let mut numbers = Self::default();
        for seen in &reading.packets {
            let Some((id, initiator, message_id)) = seen.found.iter().find_map(request) else {
                continue;
            };
            if !id.is_same(sa.id) {
                continue;
            }
            let own =
                sa.up.map_or(seen.host == host, |up| (up.role == Role::Initiator) == initiator);
            let next = message_id.saturating_add(1);
            if own && seen.at <= at {
                numbers.sent = numbers.sent.max(next);
            } else if !own && arrivals(seen.sent).any(|(to, when)| to == host && when <= at) {
                numbers.received = numbers.received.max(next);
            }
        }
        numbers
    }
}

/// The SA, the sender's side and the message id of a request.
fn request(found: &Dissected) -> Option<(SaId, bool, u32)> {
    let header = match found {
        Dissected::Ike(message) => &message.header,
        Dissected::Fragment(fragment) => &fragment.header,
        _ => return None,
    };
    let id = SaId { initiator: header.initiator_spi, responder: header.responder_spi };
    (!header.flags.response()).then_some((id, header.flags.initiator(), header.message_id))
}
