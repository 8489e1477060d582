//! Answering a request for a Child SA: what the peer wants, what of it policy allows, and whether
//! this is the moment for it (RFC 7296 §2.9, §2.25).

use std::net::IpAddr;

use ikelab_crypto::{Group, SharedSecret};
use ikelab_trace::{EspMode, Role};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::payload::{
    Body, KeyExchange as Ke, Nonce, Payload, Proposal, SecurityAssociation, SelectorRange,
    TrafficSelectors,
};
use ikelab_wire::registry::{ExchangeType, KeId, NotifyType, Protocol};

use super::{Collision, EXCHANGE, keys, status};
use crate::child::{Agreed, Child, State};
use crate::config::{Narrow, Tunnel};
use crate::configuration;
use crate::context::Context;
use crate::exchange::Ongoing;
use crate::exchange::init::check_group;
use crate::guilt::Refusal;
use crate::negotiate::{self, Chosen, KeyExchange};
use crate::parts::{self, Parts};
use crate::sa::{Core, Established};
use crate::selectors;

/// Answers the Child SA part of IKE_AUTH, with the nonces of IKE_SA_INIT.
pub(crate) fn respond_in_auth(
    core: &Core,
    established: &mut Established,
    parts: &Parts<'_>,
    nonces: (&[u8], &[u8]),
    cx: &mut Context<'_>,
) -> Result<Vec<Payload>, Refusal> {
    let config = configuration::respond(core, established, parts, cx)?;
    let wish = Wish::of(core, established, parts, None, KeyExchange::Inherited, cx)?;
    let spi_in = cx.esp_spi(ExchangeType::IKE_AUTH, true);
    let payloads = grant(core, established, wish, spi_in, None, nonces, None, cx);
    Ok(config.into_iter().chain(payloads).collect())
}

/// Answers CREATE_CHILD_SA about a Child SA.
pub(crate) fn respond(
    core: &Core,
    established: &mut Established,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) -> Result<Vec<Payload>, Refusal> {
    let undecided = established.undecided;
    if undecided || established.replaced || established.is_rekeying() || established.is_deleting() {
        let reason = "the IKE SA is being made, replaced or deleted";
        return Err(Refusal::new(NotifyType::TEMPORARY_FAILURE, reason));
    }
    let old = rekeyed(established, parts)?;
    check_room(core, established, old.as_ref(), cx)?;
    let nonce_i = parts.nonce()?;
    let config = configuration::respond(core, established, parts, cx)?;
    let wish = Wish::of(core, established, parts, old.as_ref(), KeyExchange::Negotiated, cx)?;
    let (ke, shared) = match wish.chosen.suite.ke {
        Some(group) => {
            let (payload, shared) = agree(group, parts, cx)?;
            (Some(payload), Some(shared))
        }
        None => (None, None),
    };
    let spi_in = cx.esp_spi(EXCHANGE, true);
    let nonce_r = cx.nonce(EXCHANGE, true);
    let shared = shared.as_ref().map(AsRef::as_ref);
    let nonces = (nonce_i, nonce_r.as_slice());
    let replaces = old.as_ref().map(|old| old.spi_in);
    let mut payloads = grant(core, established, wish, spi_in, shared, nonces, replaces, cx);
    payloads.insert(1, Body::Nonce(Nonce(nonce_r.clone())).into());
    if let Some(ke) = ke {
        payloads.insert(2, ke);
    }
    if let Some(old) = replaces {
        note_rekey(established, old, spi_in, nonce_i.min(nonce_r.as_slice()));
    }
    Ok(config.into_iter().chain(payloads).collect())
}

/// Ours: how many Child SAs an IKE SA has where the configuration does not say.
const CHILDREN_MAX: usize = 1_000;

/// NO_ADDITIONAL_SAS when the peer has as many Child SAs as it may (RFC 7296 §1.3). A rekeying makes
/// none more, if the peer deletes what it replaces: one that owes many Deletes has to wait.
fn check_room(
    core: &Core,
    established: &Established,
    old: Option<&Child>,
    cx: &Context<'_>,
) -> Result<(), Refusal> {
    let most = cx.tunnel(core.tunnel).options.children_max.unwrap_or(CHILDREN_MAX);
    let staying = |child: &&Child| matches!(child.state, State::Live | State::Rekeying);
    let stay = established.children.values().filter(staying).count();
    if old.is_none() && stay >= most {
        let reason = format!("there are {most} Child SAs, and no more are allowed");
        return Err(Refusal::new(NotifyType::NO_ADDITIONAL_SAS, reason));
    }
    let replaced = established.children.len() - stay;
    if replaced > most {
        let reason = format!("{replaced} replaced Child SAs are not deleted yet");
        return Err(Refusal::new(NotifyType::TEMPORARY_FAILURE, reason));
    }
    Ok(())
}

/// The Child SA that REKEY_SA names, if the request has it and the SA can be rekeyed now
/// (RFC 7296 §2.25.1).
fn rekeyed(established: &Established, parts: &Parts<'_>) -> Result<Option<Child>, Refusal> {
    let Some(notify) = parts.notify(NotifyType::REKEY_SA) else { return Ok(None) };
    let asking = |ongoing: &Ongoing| matches!(ongoing, Ongoing::CreateChild(_));
    let not_found = || {
        if established.ongoing.values().any(asking) {
            // Perhaps a pair that we asked for, and whose answer the peer's request has overtaken.
            let reason = "no such Child SA yet, and one is being made";
            return Refusal::new(NotifyType::TEMPORARY_FAILURE, reason);
        }
        Refusal::about(NotifyType::CHILD_SA_NOT_FOUND, &notify.spi, "no such Child SA")
    };
    let spi_out = EspSpi::from_octets(&notify.spi).filter(|_| notify.protocol == Protocol::ESP);
    let spi_out = spi_out.ok_or_else(not_found)?;
    let mut children = established.children.values();
    let child = children.find(|child| child.spi_out == spi_out).ok_or_else(not_found)?;
    match child.state {
        State::Live | State::Rekeying => Ok(Some(child.clone())),
        State::Replaced | State::Deleting => {
            let reason = "the Child SA is being closed";
            Err(Refusal::new(NotifyType::TEMPORARY_FAILURE, reason))
        }
    }
}

/// What the peer wants and we can give.
struct Wish {
    config: usize,
    chosen: Chosen,
    spi_out: EspSpi,
    local_ts: Vec<SelectorRange>,
    remote_ts: Vec<SelectorRange>,
    mode: EspMode,
    non_first_fragments: bool,
    /// Whether the peer takes packets with traffic flow padding.
    peer_takes_tfc: bool,
    /// True when other configurations have something of the selectors too.
    more_possible: bool,
}

impl Wish {
    fn of(
        core: &Core,
        established: &Established,
        parts: &Parts<'_>,
        old: Option<&Child>,
        ke: KeyExchange,
        cx: &Context<'_>,
    ) -> Result<Self, Refusal> {
        let offer = parts::need(parts.sa, "SA")?;
        let (tsi, tsr) = (parts::need(parts.tsi, "TSi")?, parts::need(parts.tsr, "TSr")?);
        let tunnel = cx.tunnel(core.tunnel);
        let mut configs: Vec<usize> = match old {
            Some(old) => vec![old.config],
            None => (0..tunnel.children.len()).collect(),
        };
        configs.retain(|config| !tunnel.children[*config].retired);
        let transport = parts.notify(NotifyType::USE_TRANSPORT_MODE).is_some();
        let leased = established.leased.as_slice();
        let fits = if transport && core.path.nat.any() {
            through_nat(core, tunnel, leased, &configs, (tsi, tsr), old)
        } else {
            fitting(tunnel, leased, &configs, (tsi, tsr), old)
        };
        let (config, mut remote_ts, mut local_ts, more_possible) = fits.ok_or_else(|| {
            Refusal::new(NotifyType::TS_UNACCEPTABLE, "no configured child has these selectors")
        })?;
        if tunnel.options.single_pair {
            (remote_ts, local_ts) = one_pair(old, (tsi, tsr), &remote_ts, &local_ts)?;
        }
        if old.is_some_and(|old| !old.is_covered(&local_ts, &remote_ts)) {
            // RFC 7296 §2.9.2: not narrower than what it replaces.
            let reason = "policy has less now than the Child SA that is to be replaced";
            return Err(Refusal::new(NotifyType::TS_UNACCEPTABLE, reason));
        }
        if core.path.nat.peers && cx.spis.is_claimed(core.tunnel, &local_ts, &remote_ts) {
            let reason = "another peer behind a NAT has a Child SA for some of these packets";
            return Err(Refusal::new(NotifyType::TS_UNACCEPTABLE, reason));
        }
        let child = &tunnel.children[config];
        let chosen = negotiate::choose(&child.proposals, offer, Protocol::ESP, ke)
            .ok_or_else(|| Refusal::new(NotifyType::NO_PROPOSAL_CHOSEN, "no proposal in common"))?;
        let spi_out = offer
            .proposals
            .iter()
            .find(|proposal| proposal.number == chosen.proposal.number)
            .and_then(|proposal| EspSpi::from_octets(&proposal.spi))
            .filter(|spi| spi.0 != 0)
            .ok_or_else(|| parts::syntax("a proposal without an ESP SPI"))?;
        let mode = if transport { child.mode } else { EspMode::Tunnel };
        let non_first_fragments = parts.notify(NotifyType::NON_FIRST_FRAGMENTS_ALSO).is_some();
        Ok(Self {
            config,
            chosen,
            spi_out,
            local_ts,
            remote_ts,
            mode,
            non_first_fragments,
            peer_takes_tfc: parts.notify(NotifyType::ESP_TFC_PADDING_NOT_SUPPORTED).is_none(),
            more_possible,
        })
    }
}

/// The same through a NAT in transport mode: the addresses of the selectors become those of the IKE
/// SA as it is seen here. A configuration for transport mode has to fit these; if none does, one for
/// tunnel mode may fit what the peer wrote (RFC 7296 §2.23.1).
fn through_nat(
    core: &Core,
    tunnel: &Tunnel,
    leased: &[IpAddr],
    configs: &[usize],
    (tsi, tsr): (&TrafficSelectors, &TrafficSelectors),
    old: Option<&Child>,
) -> Option<Fit> {
    let of = |mode: EspMode| {
        let fits = move |config: &&usize| tunnel.children[**config].mode == mode;
        configs.iter().filter(fits).copied().collect::<Vec<_>>()
    };
    let (seen_i, seen_r) = (core.path.as_peers(tsi), core.path.as_ours(tsr));
    fitting(tunnel, leased, &of(EspMode::Transport), (&seen_i, &seen_r), old)
        .or_else(|| fitting(tunnel, leased, &of(EspMode::Tunnel), (tsi, tsr), old))
}

/// Cuts selectors, the peer's and ours, to one pair of addresses: that of the Child SA which is
/// replaced, or the one that the peer names.
fn one_pair(
    old: Option<&Child>,
    (tsi, tsr): (&TrafficSelectors, &TrafficSelectors),
    remote_ts: &[SelectorRange],
    local_ts: &[SelectorRange],
) -> Result<(Vec<SelectorRange>, Vec<SelectorRange>), Refusal> {
    let pair = match old {
        Some(old) => {
            old.remote_ts.first().zip(old.local_ts.first()).map(|(r, l)| (r.start, l.start))
        }
        None => selectors::single(tsi).zip(selectors::single(tsr)),
    };
    let cut = pair.map(|(remote, local)| {
        (selectors::only(remote_ts, &[remote]), selectors::only(local_ts, &[local]))
    });
    cut.filter(|(remote, local)| !remote.is_empty() && !local.is_empty()).ok_or_else(|| {
        let reason = "each Child SA is for one pair of addresses";
        Refusal::new(NotifyType::SINGLE_PAIR_REQUIRED, reason)
    })
}

/// The place of a configuration, the peer's selectors and ours, and whether others would have
/// fitted too.
type Fit = (usize, Vec<SelectorRange>, Vec<SelectorRange>, bool);

/// The first configuration that has something of both selectors; one that has the packet for
/// which the peer asks is better (RFC 7296 §2.9). Gives the peer's side, then ours, and whether
/// others would have fitted.
fn fitting(
    tunnel: &Tunnel,
    leased: &[IpAddr],
    configs: &[usize],
    (tsi, tsr): (&TrafficSelectors, &TrafficSelectors),
    old: Option<&Child>,
) -> Option<Fit> {
    let (old_i, old_r) =
        old.and_then(|old| old.remote_ts.first().zip(old.local_ts.first())).unzip();
    let has = |packet: Option<&SelectorRange>, ranges: &[SelectorRange]| {
        packet.is_none_or(|packet| ranges.iter().any(|range| selectors::is_within(packet, range)))
    };
    let mut fitting: Vec<_> = configs
        .iter()
        .filter_map(|config| {
            let peers = selectors::narrow(tsi, &configuration::remote_ts(tunnel, *config, leased));
            let ours = selectors::narrow(tsr, &configuration::local_ts(tunnel, *config, leased));
            let (peers, ours) = match tunnel.children[*config].narrow {
                Narrow::Allow => (peers, ours),
                Narrow::Refuse => (whole(peers, tsi), whole(ours, tsr)),
                Narrow::One => (one(peers, tsi, old_i), one(ours, tsr, old_r)),
            };
            (!peers.is_empty() && !ours.is_empty()).then_some((*config, peers, ours))
        })
        .collect();
    let (packet_i, packet_r) = (selectors::trigger(tsi), selectors::trigger(tsr));
    let best =
        fitting.iter().position(|(_, peers, ours)| has(packet_i, peers) && has(packet_r, ours));
    let several = fitting.len() > 1;
    (!fitting.is_empty()).then(|| {
        let (config, peers, ours) = fitting.swap_remove(best.unwrap_or(0));
        (config, peers, ours, several)
    })
}

/// What was narrowed, if nothing had to be left out.
fn whole(narrowed: Vec<SelectorRange>, offer: &TrafficSelectors) -> Vec<SelectorRange> {
    if selectors::covers(&narrowed, offer) { narrowed } else { Vec::new() }
}

/// One range of an offer that policy has as it is: the one that is in use, or that has the packet
/// which made the peer ask, or the first.
fn one(
    narrowed: Vec<SelectorRange>,
    offer: &TrafficSelectors,
    in_use: Option<&SelectorRange>,
) -> Vec<SelectorRange> {
    let uncut: Vec<SelectorRange> = narrowed
        .into_iter()
        .filter(|range| selectors::ranges(offer).any(|offered| offered == range))
        .collect();
    let hint = in_use.or_else(|| selectors::trigger(offer));
    let better = hint.and_then(|hint| uncut.iter().find(|r| selectors::is_within(hint, r)));
    better.or(uncut.first()).copied().into_iter().collect()
}

/// True when a tunnel has a Child SA configuration with something of the selectors that are asked
/// for in IKE_AUTH; where none are, it need not have any.
pub(crate) fn has_selectors(tunnel: &Tunnel, parts: &Parts<'_>) -> bool {
    let configs: Vec<usize> = (0..tunnel.children.len()).collect();
    let asked = parts.tsi.zip(parts.tsr);
    asked.is_none_or(|(tsi, tsr)| fitting(tunnel, &[], &configs, (tsi, tsr), None).is_some())
}

/// Our part of a key exchange, and its secret.
fn agree(
    group: KeId,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) -> Result<(Payload, SharedSecret), Refusal> {
    let group = Group::from_id(group).expect("chosen among the supported");
    let ke = parts.ke.ok_or_else(|| {
        let data = group.id().0.to_be_bytes();
        Refusal::with_data(NotifyType::INVALID_KE_PAYLOAD, &data, "a group without KE")
    })?;
    check_group(ke, group)?;
    let private = cx.key_pair(group, EXCHANGE, true);
    let shared = cx.agree(&private, &ke.data).map_err(|why| parts::syntax(why.to_string()))?;
    let ke = Ke { group: group.id(), data: private.public().to_vec() };
    Ok((Body::Ke(ke).into(), shared))
}

/// Installs what the peer wants; gives SA, TSi, TSr and the notifies of the answer.
#[expect(clippy::too_many_arguments, reason = "it is the meeting point of wish, keys and SA")]
fn grant(
    core: &Core,
    established: &mut Established,
    wish: Wish,
    spi_in: EspSpi,
    shared: Option<&[u8]>,
    nonces: (&[u8], &[u8]),
    replaces: Option<EspSpi>,
    cx: &mut Context<'_>,
) -> Vec<Payload> {
    let proposal = Proposal { spi: spi_in.0.to_be_bytes().to_vec(), ..wish.chosen.proposal };
    let mut payloads: Vec<Payload> = vec![
        Body::Sa(SecurityAssociation { proposals: vec![proposal] }).into(),
        Body::TsI(selectors::payload(&wish.remote_ts)).into(),
        Body::TsR(selectors::payload(&wish.local_ts)).into(),
    ];
    if wish.mode == EspMode::Transport {
        payloads.push(status(NotifyType::USE_TRANSPORT_MODE));
    }
    if cx.tunnel(core.tunnel).children[wish.config].refuses_tfc {
        payloads.push(status(NotifyType::ESP_TFC_PADDING_NOT_SUPPORTED));
    }
    if wish.non_first_fragments {
        payloads.push(status(NotifyType::NON_FIRST_FRAGMENTS_ALSO));
    }
    if wish.more_possible && cx.tunnel(core.tunnel).options.additional_ts {
        payloads.push(status(NotifyType::ADDITIONAL_TS_POSSIBLE));
    }
    let tunnel = cx.tunnel(core.tunnel);
    let more = tunnel.options.single_pair || tunnel.children[wish.config].narrow == Narrow::One;
    let keys = keys(established, &wish.chosen.suite, shared, nonces);
    let agreed = Agreed {
        config: wish.config,
        role: Role::Responder,
        spi_in,
        spi_out: wish.spi_out,
        suite: wish.chosen.suite,
        mode: wish.mode,
        keys,
        local_ts: wish.local_ts,
        remote_ts: wish.remote_ts,
        replaces,
        send_at_once: replaces.is_none(),
        more,
        peer_takes_tfc: wish.peer_takes_tfc,
        non_first_fragments: wish.non_first_fragments,
    };
    let child = Child::install(agreed, &core.as_parent(), cx);
    established.children.insert(spi_in, child);
    payloads
}

/// The peer rekeyed a Child SA. If we are rekeying it too, which pair stays is decided when our
/// answer comes; else the old one waits for the peer's Delete.
fn note_rekey(established: &mut Established, old: EspSpi, new: EspSpi, lowest_nonce: &[u8]) {
    let ours = established.ongoing.values_mut().find_map(|ongoing| match ongoing {
        Ongoing::CreateChild(sent) if sent.replaces == Some(old) => Some(sent),
        _ => None,
    });
    if let Some(sent) = ours {
        sent.collision = Some(Collision { spi_in: new, lowest_nonce: lowest_nonce.to_vec() });
    } else if let Some(child) = established.children.get_mut(&old) {
        child.state = State::Replaced;
        child.rekey_at = None;
    }
}
