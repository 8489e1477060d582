//! Asking for a Child SA: in IKE_AUTH, by itself, in the place of another, and once more with the
//! group that the peer prefers.

use std::net::IpAddr;

use ikelab_crypto::Group;
use ikelab_trace::EspMode;
use ikelab_wire::ike::EspSpi;
use ikelab_wire::payload::{
    Body, KeyExchange as Ke, Nonce, Notify, Payload, SecurityAssociation, SelectorRange,
};
use ikelab_wire::registry::{ExchangeType, NotifyType, Protocol};

use super::{EXCHANGE, Packet, Sent, status};
use crate::child::{Child, State};
use crate::config::Narrow;
use crate::configuration;
use crate::context::Context;
use crate::exchange::Ongoing;
use crate::negotiate::{self, KeyExchange};
use crate::sa::{Core, Established};
use crate::selectors;

/// Asks for a Child SA within IKE_AUTH: no nonce and no key exchange of its own.
pub(crate) fn offer_in_auth(
    core: &Core,
    config: usize,
    packet: Packet,
    cx: &mut Context<'_>,
) -> (Vec<Payload>, Sent) {
    let asked = Ask { config, packet, replaces: None, group: None, pair: false };
    let sent = prepare(core, &[], asked, KeyExchange::Inherited, cx);
    (body(core, &[], &sent, cx), sent)
}

/// Asks for a new Child SA.
pub(crate) fn begin_new(
    core: &Core,
    established: &Established,
    config: usize,
    packet: Packet,
    cx: &mut Context<'_>,
) -> Option<(Vec<Payload>, Ongoing)> {
    if cx.tunnel(core.tunnel).children[config].retired {
        return None;
    }
    let asked = Ask { config, packet, replaces: None, group: None, pair: false };
    Some(begin(core, &established.leased, asked, cx))
}

/// Asks for a Child SA in the place of another; nothing if that is gone or already being replaced.
pub(crate) fn begin_rekey(
    core: &Core,
    established: &mut Established,
    spi_in: EspSpi,
    cx: &mut Context<'_>,
) -> Option<(Vec<Payload>, Ongoing)> {
    let child = established.children.get_mut(&spi_in).filter(|child| child.state == State::Live)?;
    if cx.tunnel(core.tunnel).children[child.config].retired {
        return None;
    }
    child.state = State::Rekeying;
    let config = child.config;
    // One that is for a pair of addresses stays so, and one that is for a pair of selectors too.
    let addresses = child.pair();
    let pair = addresses.is_some();
    let packet = addresses.or_else(|| {
        let one = cx.tunnel(core.tunnel).children[config].narrow == Narrow::One;
        child.local_ts.first().copied().zip(child.remote_ts.first().copied()).filter(|_| one)
    });
    let asked = Ask { config, packet, replaces: Some(spi_in), group: None, pair };
    Some(begin(core, &established.leased, asked, cx))
}

/// What is asked for.
#[derive(Clone, Copy)]
struct Ask {
    config: usize,
    packet: Packet,
    replaces: Option<EspSpi>,
    group: Option<Group>,
    /// Whether for the addresses of the packet alone.
    pair: bool,
}

fn begin(
    core: &Core,
    leased: &[IpAddr],
    asked: Ask,
    cx: &mut Context<'_>,
) -> (Vec<Payload>, Ongoing) {
    let sent = prepare(core, leased, asked, KeyExchange::Negotiated, cx);
    let mut payloads: Vec<Payload> = Vec::new();
    if let Some(old) = sent.replaces {
        payloads.push(rekey_sa(old));
    }
    let rest = body(core, leased, &sent, cx);
    payloads.extend(rest);
    // SA first, then Ni and KE, as RFC 7296 §1.3 draws them.
    let after_sa = payloads.iter().position(|payload| matches!(payload.body, Body::Sa(_)));
    let mut place = after_sa.map_or(payloads.len(), |place| place + 1);
    payloads.insert(place, Body::Nonce(Nonce(sent.nonce.clone())).into());
    if let Some(private) = &sent.private {
        place += 1;
        let ke = Ke { group: private.group().id(), data: private.public().to_vec() };
        payloads.insert(place, Body::Ke(ke).into());
    }
    (payloads, Ongoing::CreateChild(Box::new(sent)))
}

fn prepare(
    core: &Core,
    leased: &[IpAddr],
    Ask { config, packet, replaces, group, pair }: Ask,
    ke: KeyExchange,
    cx: &mut Context<'_>,
) -> Sent {
    let exchange = match ke {
        KeyExchange::Negotiated => EXCHANGE,
        KeyExchange::Inherited => ExchangeType::IKE_AUTH,
    };
    let spi_in = cx.esp_spi(exchange, false);
    let tunnel = cx.tunnel(core.tunnel);
    let child = &tunnel.children[config];
    let offer = negotiate::with_spi(&child.proposals, &spi_in.0.to_be_bytes(), ke);
    let mut local_ts = configuration::local_ts(tunnel, config, leased);
    let mut remote_ts = configuration::remote_ts(tunnel, config, leased);
    if let Some((local, remote)) = packet.filter(|_| pair) {
        local_ts = selectors::only(&local_ts, &[local.start]);
        remote_ts = selectors::only(&remote_ts, &[remote.start]);
    } else if child.narrow == Narrow::One {
        let (local, remote) = packet.unzip();
        keep_one(&mut local_ts, local);
        keep_one(&mut remote_ts, remote);
    } else if child.mode == EspMode::Transport && core.path.nat.any() {
        // RFC 7296 §2.23.1: exactly one address, and that of the IKE SA.
        cut(&mut local_ts, core.path.local.ip());
        cut(&mut remote_ts, core.path.remote.ip());
    }
    let mode = child.mode;
    let first_group = offer.iter().flat_map(negotiate::groups).find_map(Group::from_id);
    let private = (ke == KeyExchange::Negotiated)
        .then(|| group.or(first_group))
        .flatten()
        .map(|group| cx.key_pair(group, EXCHANGE, false));
    let nonce = match ke {
        KeyExchange::Negotiated => cx.nonce(EXCHANGE, false),
        KeyExchange::Inherited => Vec::new(),
    };
    Sent {
        config,
        packet,
        spi_in,
        offer,
        nonce,
        private,
        local_ts,
        remote_ts,
        mode,
        replaces,
        pair,
        restarts: 0,
        collision: None,
        deleted: Vec::new(),
    }
}

/// Leaves the range that has the packet, or the first.
fn keep_one(ranges: &mut Vec<SelectorRange>, packet: Option<SelectorRange>) {
    let has = |range: &&SelectorRange| packet.is_some_and(|p| selectors::is_within(&p, range));
    let one = ranges.iter().find(has).or(ranges.first()).copied();
    *ranges = one.into_iter().collect();
}

/// Leaves of the ranges what is about an address, if anything is.
fn cut(ranges: &mut Vec<SelectorRange>, address: IpAddr) {
    let left = selectors::only(ranges, &[address]);
    if !left.is_empty() {
        *ranges = left;
    }
}

/// CP where it is wanted, SA, TSi, TSr and the notifies about the kind of SA.
fn body(core: &Core, leased: &[IpAddr], sent: &Sent, cx: &Context<'_>) -> Vec<Payload> {
    let tunnel = cx.tunnel(core.tunnel);
    let child = &tunnel.children[sent.config];
    let with_packet = |packet: Option<SelectorRange>, ranges: &[SelectorRange]| {
        // The packet that asks stands first, RFC 7296 §2.9.
        let packet = packet.filter(|packet| ranges.iter().all(|range| range != packet));
        let all: Vec<SelectorRange> = packet.into_iter().chain(ranges.iter().copied()).collect();
        selectors::payload(&all)
    };
    let (local, remote) = sent.packet.unzip();
    let config = configuration::request(tunnel, leased).filter(|_| sent.replaces.is_none());
    let mut payloads: Vec<Payload> = config.into_iter().collect();
    payloads.extend([
        Body::Sa(SecurityAssociation { proposals: sent.offer.clone() }).into(),
        Body::TsI(with_packet(local, &sent.local_ts)).into(),
        Body::TsR(with_packet(remote, &sent.remote_ts)).into(),
    ]);
    if child.mode == EspMode::Transport {
        payloads.push(status(NotifyType::USE_TRANSPORT_MODE));
    }
    if child.refuses_tfc {
        payloads.push(status(NotifyType::ESP_TFC_PADDING_NOT_SUPPORTED));
    }
    payloads.push(status(NotifyType::NON_FIRST_FRAGMENTS_ALSO));
    payloads
}

/// REKEY_SA carries the SPI that its sender expects in inbound packets (RFC 7296 §1.3.3).
fn rekey_sa(spi_in: EspSpi) -> Payload {
    let notify = Notify {
        protocol: Protocol::ESP,
        spi: spi_in.0.to_be_bytes().to_vec(),
        ..Notify::new(NotifyType::REKEY_SA, &[])
    };
    Body::Notify(notify).into()
}

/// A request that goes out again with another group, before anything else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Correction {
    pub(super) config: usize,
    pub(super) packet: Packet,
    pub(super) replaces: Option<EspSpi>,
    pub(super) group: Option<Group>,
    /// Whether for the addresses of the packet alone.
    pub(super) pair: bool,
    pub(super) restarts: u32,
}

/// Repeats a request with the group that the peer asked for; nothing if what it was to replace is
/// gone by now.
pub(crate) fn begin_again(
    core: &Core,
    established: &mut Established,
    correction: Correction,
    cx: &mut Context<'_>,
) -> Option<(Vec<Payload>, Ongoing)> {
    if let Some(spi_in) = correction.replaces {
        let live = |child: &&mut Child| child.state == State::Live;
        established.children.get_mut(&spi_in).filter(live)?.state = State::Rekeying;
    }
    let Correction { config, packet, replaces, group, pair, restarts } = correction;
    let asked = Ask { config, packet, replaces, group, pair };
    let leased = &established.leased;
    let (payloads, mut ongoing) = begin(core, leased, asked, cx);
    if let Ongoing::CreateChild(sent) = &mut ongoing {
        sent.restarts = restarts;
    }
    Some((payloads, ongoing))
}
