//! What changes under a running engine: its configuration, and its addresses.
//!
//! A reload touches no SA that policy still wants: keys, lifetimes and algorithms of an SA are those
//! that it was made with, and what is negotiated from now on follows the new words, rekeying
//! included. A Child SA that policy does not want any more is deleted (RFC 7296 §2.9.2).

use std::collections::BTreeSet;
use std::net::IpAddr;

use ikelab_wire::ike::EspSpi;

use crate::config::{Config, Tunnel};
use crate::context::{Context, Effect};
use crate::io::Command;
use crate::sa::{Established, Phase, Sa, Want};
use crate::timers;
use crate::turn::Turn;

/// Takes what a command says into the configuration, before it is carried out. Gives the places of
/// the Child SA configurations that protect something else now.
pub(crate) fn configure(config: &mut Config, command: &Command) -> BTreeSet<usize> {
    match command {
        Command::Configure(new) => {
            let old = config.tunnels.iter_mut().find(|tunnel| tunnel.name == new.name);
            return old.map(|old| replace(old, new)).unwrap_or_default();
        }
        Command::Moved { from, to } => {
            for tunnel in config.tunnels.iter_mut().filter(|tunnel| tunnel.local == *from) {
                tunnel.local = *to;
            }
        }
        Command::Start
        | Command::Up { .. }
        | Command::Down { .. }
        | Command::RekeyIke { .. }
        | Command::RekeyChild { .. }
        | Command::Clear { .. } => {}
    }
    BTreeSet::new()
}

/// Puts a configuration in the place of another. Child SAs know theirs by its place in the list: so
/// those of the same name keep their places, and those that are gone leave theirs empty.
fn replace(old: &mut Tunnel, new: &Tunnel) -> BTreeSet<usize> {
    let before = std::mem::take(&mut old.children);
    let mut children = before.clone();
    for child in &mut children {
        child.retired = true;
    }
    for child in &new.children {
        match children.iter_mut().find(|known| known.name == child.name) {
            Some(known) => *known = child.clone(),
            None => children.push(child.clone()),
        }
    }
    let changed = before.iter().zip(&children).zip(0..).filter(|((before, now), _)| {
        now.retired || (&before.local, &before.remote) != (&now.local, &now.remote)
    });
    let changed = changed.map(|(_, place)| place).collect();
    *old = Tunnel { children, ..new.clone() };
    changed
}

/// Lets the SAs know what has changed under them.
pub(crate) fn apply(turn: &mut Turn<'_>, command: &Command, changed: &BTreeSet<usize>) {
    match command {
        Command::Configure(tunnel) => {
            let named = |other: &Tunnel| other.name == tunnel.name;
            if let Some(place) = turn.config.tunnels.iter().position(named) {
                follow(turn, place, changed);
            }
        }
        Command::Moved { from, to } => relocate(turn, *from, *to),
        Command::Start
        | Command::Up { .. }
        | Command::Down { .. }
        | Command::RekeyIke { .. }
        | Command::RekeyChild { .. }
        | Command::Clear { .. } => {}
    }
}

/// Ends the Child SAs of a tunnel that are against its new configuration. Touching an IKE SA also
/// puts it under its new deadline: liveness checks and keepalives follow the new words at once.
fn follow(turn: &mut Turn<'_>, place: usize, changed: &BTreeSet<usize>) {
    turn.with_all(
        |sa| sa.core.tunnel == place,
        |sa, cx| {
            let tunnel = cx.tunnel(place);
            let Phase::Established(established) = &mut sa.phase else { return };
            let mut against: Vec<EspSpi> = Vec::new();
            let children = established.children.values_mut();
            for child in children.filter(|child| changed.contains(&child.config)) {
                let config = &tunnel.children[child.config];
                child.outgrown |= !child.is_whole(config);
                if child.is_against(config) {
                    against.push(child.spi_in);
                }
            }
            if !against.is_empty() {
                established.want(Want::DeleteChildren { spis: against });
            }
        },
    );
}

/// An address of ours is another one now. Without MOBIKE an IKE SA belongs to its addresses. Where
/// a NAT stands before us, and only there, the peer follows what comes from elsewhere
/// (RFC 7296 §2.23): such an SA goes on. Any other is deleted, from the new address, and made anew
/// when it is needed; what was still being made begins again.
fn relocate(turn: &mut Turn<'_>, from: IpAddr, to: IpAddr) {
    turn.with_all(
        |sa| sa.core.path.local.ip() == from,
        |sa, cx| match &mut sa.phase {
            Phase::Established(established) => {
                let follows = sa.core.path.nat.ours && !sa.core.path.nat.peers;
                sa.core.relocate(to, &established.children, cx);
                if follows {
                    established.want(Want::Liveness);
                } else {
                    give_way(sa, cx);
                }
            }
            Phase::InitSent(_) | Phase::AuthSent(_) => begin_anew(sa, cx),
            Phase::InitResponded(_) => timers::end(sa, GONE, cx),
            Phase::Closed { .. } => sa.core.path.local.set_ip(to),
        },
    );
}

const GONE: &str = "its address is gone";

/// Deletes an IKE SA whose address is gone; its Child SAs are made again where they always are.
fn give_way(sa: &mut Sa, cx: &mut Context<'_>) {
    let tunnel = sa.core.tunnel;
    let Phase::Established(established) = &mut sa.phase else { return };
    established.want(Want::DeleteIke);
    let again = |child: &usize| {
        cx.tunnel(tunnel).options.restart || { cx.tunnel(tunnel).children[*child].at_start }
    };
    let configs: BTreeSet<usize> = configs(established).filter(again).collect();
    cx.effects.extend(configs.into_iter().map(|child| Effect::Up { tunnel, child }));
}

fn configs(established: &Established) -> impl Iterator<Item = usize> + '_ {
    established.children.values().map(|child| child.config)
}

/// Begins an attempt at an IKE SA once more, from the new address.
fn begin_anew(sa: &mut Sa, cx: &mut Context<'_>) {
    let wanted = match &mut sa.phase {
        Phase::InitSent(sent) => std::mem::take(&mut sent.wanted),
        Phase::AuthSent(sent) => {
            let first = sent.child.take().map(|child| child.give_back(cx));
            first.into_iter().chain(std::mem::take(&mut sent.wanted)).collect()
        }
        Phase::InitResponded(_) | Phase::Established(_) | Phase::Closed { .. } => return,
    };
    let (tunnel, attempt) = (sa.core.tunnel, sa.core.attempt);
    cx.effects.push(Effect::Again { tunnel, wanted, attempt });
    timers::end(sa, GONE, cx);
}
