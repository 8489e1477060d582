//! What comes from this side of the wire: packets that need a Child SA, and the operator's wishes.

use std::net::SocketAddr;

use ikelab_wire::ike::{EspSpi, IkeSpi};

use crate::child::State;
use crate::config::Config;
use crate::context::Context;
use crate::exchange::create_child::Packet;
use crate::io::{Acquire, Command};
use crate::sa::{Established, Phase, Sa, Want};
use crate::timers;
use crate::turn::Turn;

/// A packet met a policy without an SA.
pub(crate) fn acquire(turn: &mut Turn<'_>, acquire: &Acquire) {
    let Some((tunnel, child)) = place(turn.config, &acquire.child) else { return };
    if !turn.config.tunnels[tunnel].children[child].on_traffic {
        return;
    }
    let packet = Some((acquire.local, acquire.remote));
    up(turn, tunnel, child, packet);
}

/// Brings up a Child SA: over the tunnel's IKE SA if there is one, else with a new one. Nothing
/// happens if it is there, or on its way.
pub(crate) fn up(turn: &mut Turn<'_>, tunnel: usize, child: usize, packet: Packet) {
    let want = Want::NewChild { child, packet };
    match usable(turn, tunnel) {
        None => turn.initiate(tunnel, vec![want], 0),
        Some(spi) => {
            turn.with(spi, |sa, _| match &mut sa.phase {
                Phase::InitSent(sent) => want_once(&mut sent.wanted, want),
                Phase::AuthSent(sent) if sent.is_for(child) => {}
                Phase::AuthSent(sent) => want_once(&mut sent.wanted, want),
                Phase::Established(established) => {
                    if let Some(spi_in) = established.outgrown(child, &packet) {
                        established.want(Want::RekeyChild { spi_in });
                    } else if !established.has_child(child, &packet) {
                        established.want(want);
                    }
                }
                Phase::InitResponded(_) | Phase::Closed { .. } => {}
            });
        }
    }
}

/// Gives up an attempt that nobody has answered, when all that it is for has come about otherwise.
pub(crate) fn met(sa: &mut Sa, children: &[usize], cx: &mut Context<'_>) {
    let Phase::InitSent(sent) = &mut sa.phase else { return };
    sent.wanted
        .retain(|want| !matches!(want, Want::NewChild { child, .. } if children.contains(child)));
    if sent.wanted.is_empty() {
        timers::end(sa, "the peer was faster", cx);
    }
}

fn want_once(wanted: &mut Vec<Want>, want: Want) {
    let Want::NewChild { child, .. } = want else { return };
    let same =
        |other: &Want| matches!(other, Want::NewChild { child: other, .. } if *other == child);
    if !wanted.iter().any(same) {
        wanted.push(want);
    }
}

/// The youngest IKE SA of a tunnel that carries exchanges, or will. While it is not decided whether
/// one takes the place of another, the other is meant: it has the Child SAs.
fn usable(turn: &Turn<'_>, tunnel: usize) -> Option<IkeSpi> {
    let usable = |sa: &&Sa| {
        sa.core.tunnel == tunnel
            && match &sa.phase {
                Phase::InitSent(_) | Phase::AuthSent(_) => true,
                Phase::Established(established) => {
                    !established.replaced && !established.undecided && !established.is_deleting()
                }
                Phase::InitResponded(_) | Phase::Closed { .. } => false,
            }
    };
    let youngest = turn.state.sas.values().filter(usable).max_by_key(|sa| sa.core.since)?;
    Some(youngest.core.local_spi())
}

/// A Child SA has carried what it may.
pub(crate) fn expire(turn: &mut Turn<'_>, spi_in: EspSpi, hard: bool) {
    let has = move |sa: &Sa| established(sa).is_some_and(|e| e.children.contains_key(&spi_in));
    turn.with_all(has, |sa, _| {
        let Phase::Established(established) = &mut sa.phase else { return };
        let refused = established.children.get(&spi_in).is_some_and(|child| child.refused);
        established.want(match (hard, refused) {
            (false, _) => Want::RekeyChild { spi_in },
            // ESP lets nothing through any more in the direction that is at its end.
            (true, false) => Want::DeleteChildren { spis: vec![spi_in] },
            (true, true) => Want::DeleteIke,
        });
    });
}

/// Follows a peer behind a NAT whose ESP packets come from elsewhere now.
pub(crate) fn elsewhere(turn: &mut Turn<'_>, spi_in: EspSpi, remote: SocketAddr) {
    let has = move |sa: &Sa| established(sa).is_some_and(|e| e.children.contains_key(&spi_in));
    turn.with_all(has, |sa, cx| {
        let Sa { core, phase, .. } = sa;
        let Phase::Established(established) = phase else { return };
        core.follow(remote, &established.children, cx);
    });
}

/// Does what the operator wants.
pub(crate) fn command(turn: &mut Turn<'_>, command: &Command) {
    match command {
        Command::Start => start(turn),
        Command::Up { tunnel, child } => {
            let Some(place) = tunnel_named(turn.config, tunnel) else { return };
            let config = &turn.config.tunnels[place];
            let child = match child {
                Some(name) => config.child_named(name),
                None => config.first_child(),
            };
            if let Some(child) = child {
                up(turn, place, child, None);
            }
        }
        Command::Down { tunnel } => {
            let place = tunnel_named(turn.config, tunnel);
            turn.with_all(|sa| Some(sa.core.tunnel) == place, |sa, _| want(sa, Want::DeleteIke));
        }
        Command::RekeyIke { tunnel } => {
            let spi = tunnel_named(turn.config, tunnel).and_then(|place| usable(turn, place));
            if let Some(spi) = spi {
                turn.with(spi, |sa, _| want(sa, Want::RekeyIke));
            }
        }
        Command::RekeyChild { tunnel, child } => rekey_child(turn, tunnel.as_deref(), child),
        Command::Clear { children: false } => {
            turn.with_all(|_| true, |sa, _| want(sa, Want::DeleteIke));
        }
        Command::Clear { children: true } => {
            turn.with_all(
                |_| true,
                |sa, _| {
                    let live = established(sa).map(|e| e.children.keys().copied().collect());
                    if let Some(spis) = live.filter(|spis: &Vec<EspSpi>| !spis.is_empty()) {
                        want(sa, Want::DeleteChildren { spis });
                    }
                },
            );
        }
        // `reload` has done it.
        Command::Configure(_) | Command::Moved { .. } => {}
    }
}

fn start(turn: &mut Turn<'_>) {
    let config = turn.config;
    for (tunnel, peer) in config.tunnels.iter().enumerate() {
        for (child, settings) in peer.children.iter().enumerate() {
            if settings.at_start && !settings.retired {
                up(turn, tunnel, child, None);
            }
        }
    }
}

fn rekey_child(turn: &mut Turn<'_>, tunnel: Option<&str>, child: &str) {
    let config = turn.config;
    turn.with_all(
        |_| true,
        |sa, _| {
            let Some(peer) = config.tunnels.get(sa.core.tunnel) else { return };
            let Some(place) = peer.child_named(child) else { return };
            if tunnel.is_some_and(|name| name != peer.name) {
                return;
            }
            let Phase::Established(established) = &mut sa.phase else { return };
            let live = established
                .children
                .values()
                .filter(|c| c.config == place && c.state == State::Live);
            for spi_in in live.map(|child| child.spi_in).collect::<Vec<_>>() {
                established.want(Want::RekeyChild { spi_in });
            }
        },
    );
}

/// Wants something of an established IKE SA.
pub(crate) fn want(sa: &mut Sa, want: Want) {
    if let Phase::Established(established) = &mut sa.phase {
        established.want(want);
    }
}

fn established(sa: &Sa) -> Option<&Established> {
    match &sa.phase {
        Phase::Established(established) => Some(established),
        _ => None,
    }
}

fn tunnel_named(config: &Config, name: &str) -> Option<usize> {
    config.tunnels.iter().position(|tunnel| tunnel.name == name)
}

/// The places of `tunnel.child`.
fn place(config: &Config, name: &str) -> Option<(usize, usize)> {
    let (tunnel, child) = name.split_once('.')?;
    let tunnel = tunnel_named(config, tunnel)?;
    Some((tunnel, config.tunnels[tunnel].child_named(child)?))
}
