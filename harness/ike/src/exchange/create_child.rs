//! Child SAs: the one that IKE_AUTH brings, those that CREATE_CHILD_SA makes, and those that take
//! another's place (RFC 7296 §1.2, §1.3.1, §1.3.3, §2.8, §2.17).
//!
//! Two ends may rekey the same Child SA at once. Then both answer as usual, and when the second of
//! the two new pairs exists, the one with the lowest of the four nonces goes, deleted by the side
//! that asked for it; the other side deletes the pair that both replace (§2.8.1).

use ikelab_ambient::{Purpose, Value};
use ikelab_crypto::{ChildKeys, Group, PrivateKey, SharedSecret, child_keys};
use ikelab_trace::{EspMode, Role, Suite};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::payload::{
    Body, KeyExchange as Ke, Nonce, Notify, Payload, Proposal, SecurityAssociation, SelectorRange,
    TrafficSelectors,
};
use ikelab_wire::registry::{ExchangeType, KeId, NotifyType, Protocol};

use crate::child::{Agreed, Child, State};
use crate::context::{Context, Effect};
use crate::exchange::init::check_group;
use crate::exchange::{After, Ongoing};
use crate::guilt::{PeerMisbehaved, Refusal};
use crate::io::Output;
use crate::negotiate::{self, Chosen, KeyExchange};
use crate::parts::{self, Parts};
use crate::sa::{Core, Established, Want};
use crate::selectors;

const EXCHANGE: ExchangeType = ExchangeType::CREATE_CHILD_SA;
/// Ours: how many SPIs of overtaken pairs are remembered; more is no honest peer.
const DELETED_MAX: usize = 16;
/// Ours: how many corrections of the group we follow.
const RESTARTS_MAX: u32 = 3;

/// The packet for which a Child SA is wanted: its source and its destination.
pub(crate) type Packet = Option<(SelectorRange, SelectorRange)>;
/// A Child SA configuration, and the packet for which it is wanted.
pub(crate) type Asked = (usize, Packet);

/// A Child SA that we asked for.
#[derive(Debug)]
pub(crate) struct Sent {
    config: usize,
    packet: Packet,
    spi_in: EspSpi,
    offer: Vec<Proposal>,
    nonce: Vec<u8>,
    private: Option<PrivateKey>,
    local_ts: Vec<SelectorRange>,
    remote_ts: Vec<SelectorRange>,
    /// The Child SA whose place it takes, by our inbound SPI.
    replaces: Option<EspSpi>,
    restarts: u32,
    /// The peer rekeys the same one: what that made.
    collision: Option<Collision>,
    /// The peer deleted pairs that we do not know: if our answer names one of these SPIs, it was
    /// overtaken by its own end.
    deleted: Vec<EspSpi>,
}

/// The pair that the peer's rekeying of the same Child SA made.
#[derive(Debug)]
struct Collision {
    spi_in: EspSpi,
    lowest_nonce: Vec<u8>,
}

impl Sent {
    pub(crate) fn config(&self) -> usize {
        self.config
    }

    /// What was wanted, to be wanted again.
    pub(crate) fn give_back(self, cx: &mut Context<'_>) -> Want {
        cx.spis.esp.remove(&self.spi_in);
        Want::NewChild { child: self.config, packet: self.packet }
    }

    /// Notes that the peer deleted a pair that we do not know, by its inbound SPI.
    pub(crate) fn note_deleted(&mut self, spi_out: EspSpi) {
        if self.deleted.len() < DELETED_MAX {
            self.deleted.push(spi_out);
        }
    }
}

// Asking

/// Asks for a Child SA within IKE_AUTH: no nonce and no key exchange of its own.
pub(crate) fn offer_in_auth(
    core: &Core,
    config: usize,
    packet: Packet,
    cx: &mut Context<'_>,
) -> (Vec<Payload>, Sent) {
    let sent = prepare(core, config, packet, None, KeyExchange::Inherited, None, cx);
    (body(core, &sent, cx), sent)
}

/// Asks for a new Child SA.
pub(crate) fn begin_new(
    core: &Core,
    config: usize,
    packet: Packet,
    cx: &mut Context<'_>,
) -> Option<(Vec<Payload>, Ongoing)> {
    Some(begin(core, config, packet, None, None, cx))
}

/// Asks for a Child SA in the place of another; nothing if that is gone or already being replaced.
pub(crate) fn begin_rekey(
    core: &Core,
    established: &mut Established,
    spi_in: EspSpi,
    cx: &mut Context<'_>,
) -> Option<(Vec<Payload>, Ongoing)> {
    let child = established.children.get_mut(&spi_in).filter(|child| child.state == State::Live)?;
    child.state = State::Rekeying;
    Some(begin(core, child.config, None, Some(spi_in), None, cx))
}

fn begin(
    core: &Core,
    config: usize,
    packet: Packet,
    replaces: Option<EspSpi>,
    group: Option<Group>,
    cx: &mut Context<'_>,
) -> (Vec<Payload>, Ongoing) {
    let sent = prepare(core, config, packet, replaces, KeyExchange::Negotiated, group, cx);
    let mut payloads: Vec<Payload> = Vec::new();
    if let Some(old) = sent.replaces {
        payloads.push(rekey_sa(old));
    }
    let rest = body(core, &sent, cx);
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
    config: usize,
    packet: Packet,
    replaces: Option<EspSpi>,
    ke: KeyExchange,
    group: Option<Group>,
    cx: &mut Context<'_>,
) -> Sent {
    let exchange = match ke {
        KeyExchange::Negotiated => EXCHANGE,
        KeyExchange::Inherited => ExchangeType::IKE_AUTH,
    };
    let spi_in = cx.esp_spi(exchange, false);
    let child = &cx.tunnel(core.tunnel).children[config];
    let offer = negotiate::with_spi(&child.proposals, &spi_in.0.to_be_bytes(), ke);
    let (local_ts, remote_ts) = (child.local.clone(), child.remote.clone());
    let first_group = offer.iter().flat_map(negotiate::groups).find_map(Group::from_id);
    let private =
        (ke == KeyExchange::Negotiated).then(|| group.or(first_group)).flatten().map(|group| {
            group.generate(cx.entropy, Purpose::of(Value::KeyExchange, EXCHANGE.0, false))
        });
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
        replaces,
        restarts: 0,
        collision: None,
        deleted: Vec::new(),
    }
}

/// SA, TSi, TSr and the notifies about the kind of SA.
fn body(core: &Core, sent: &Sent, cx: &Context<'_>) -> Vec<Payload> {
    let child = &cx.tunnel(core.tunnel).children[sent.config];
    let with_packet = |packet: Option<SelectorRange>, ranges: &[SelectorRange]| {
        // The packet that asks stands first, RFC 7296 §2.9.
        let packet = packet.filter(|packet| ranges.iter().all(|range| range != packet));
        let all: Vec<SelectorRange> = packet.into_iter().chain(ranges.iter().copied()).collect();
        selectors::payload(&all)
    };
    let (local, remote) = sent.packet.unzip();
    let mut payloads = vec![
        Body::Sa(SecurityAssociation { proposals: sent.offer.clone() }).into(),
        Body::TsI(with_packet(local, &sent.local_ts)).into(),
        Body::TsR(with_packet(remote, &sent.remote_ts)).into(),
    ];
    if child.mode == EspMode::Transport {
        payloads.push(status(NotifyType::USE_TRANSPORT_MODE));
    }
    payloads.push(status(NotifyType::ESP_TFC_PADDING_NOT_SUPPORTED));
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

fn status(notify_type: NotifyType) -> Payload {
    Body::Notify(Notify::new(notify_type, &[])).into()
}

// Answering

/// Answers the Child SA part of IKE_AUTH, with the nonces of IKE_SA_INIT.
pub(crate) fn respond_in_auth(
    core: &Core,
    established: &mut Established,
    parts: &Parts<'_>,
    nonces: (&[u8], &[u8]),
    cx: &mut Context<'_>,
) -> Result<Vec<Payload>, Refusal> {
    let wish = Wish::of(core, parts, None, KeyExchange::Inherited, cx)?;
    let spi_in = cx.esp_spi(ExchangeType::IKE_AUTH, true);
    Ok(grant(core, established, wish, spi_in, None, nonces, None, cx))
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
    if old.is_none() {
        check_room(core, established, cx)?;
    }
    let nonce_i = parts.nonce()?;
    let wish = Wish::of(core, parts, old.as_ref(), KeyExchange::Negotiated, cx)?;
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
    Ok(payloads)
}

/// NO_ADDITIONAL_SAS when the peer has as many Child SAs as it may (RFC 7296 §1.3).
fn check_room(core: &Core, established: &Established, cx: &Context<'_>) -> Result<(), Refusal> {
    let Some(most) = cx.tunnel(core.tunnel).options.children_max else { return Ok(()) };
    let staying = |child: &&Child| matches!(child.state, State::Live | State::Rekeying);
    if established.children.values().filter(staying).count() < most {
        return Ok(());
    }
    let reason = format!("there are {most} Child SAs, and no more are allowed");
    Err(Refusal::new(NotifyType::NO_ADDITIONAL_SAS, reason))
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
    let spi_out = EspSpi::from_octets(&notify.spi).ok_or_else(not_found)?;
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
    /// True when other configurations have something of the selectors too.
    more_possible: bool,
}

impl Wish {
    fn of(
        core: &Core,
        parts: &Parts<'_>,
        old: Option<&Child>,
        ke: KeyExchange,
        cx: &Context<'_>,
    ) -> Result<Self, Refusal> {
        let offer = parts::need(parts.sa, "SA")?;
        let (tsi, tsr) = (parts::need(parts.tsi, "TSi")?, parts::need(parts.tsr, "TSr")?);
        let tunnel = cx.tunnel(core.tunnel);
        let configs = match old {
            Some(old) => vec![old.config],
            None => (0..tunnel.children.len()).collect(),
        };
        let (config, remote_ts, local_ts, more_possible) = fitting(tunnel, &configs, tsi, tsr)
            .ok_or_else(|| {
                Refusal::new(NotifyType::TS_UNACCEPTABLE, "no configured child has these selectors")
            })?;
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
        let transport = parts.notify(NotifyType::USE_TRANSPORT_MODE).is_some();
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
            more_possible,
        })
    }
}

/// The first configuration that has something of both selectors; one that has the packet for
/// which the peer asks is better (RFC 7296 §2.9). Gives the peer's side, then ours, and whether
/// others would have fitted.
fn fitting(
    tunnel: &crate::config::Tunnel,
    configs: &[usize],
    tsi: &TrafficSelectors,
    tsr: &TrafficSelectors,
) -> Option<(usize, Vec<SelectorRange>, Vec<SelectorRange>, bool)> {
    let has = |packet: Option<&SelectorRange>, ranges: &[SelectorRange]| {
        packet.is_none_or(|packet| ranges.iter().any(|range| selectors::is_within(packet, range)))
    };
    let mut fitting: Vec<_> = configs
        .iter()
        .filter_map(|config| {
            let child = tunnel.children.get(*config)?;
            let peers = selectors::narrow(tsi, &child.remote);
            let ours = selectors::narrow(tsr, &child.local);
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
    let private = group.generate(cx.entropy, Purpose::of(Value::KeyExchange, EXCHANGE.0, true));
    let shared = private.agree(&ke.data).map_err(|why| parts::syntax(why.to_string()))?;
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
    payloads.push(status(NotifyType::ESP_TFC_PADDING_NOT_SUPPORTED));
    if wish.non_first_fragments {
        payloads.push(status(NotifyType::NON_FIRST_FRAGMENTS_ALSO));
    }
    if wish.more_possible && cx.tunnel(core.tunnel).options.additional_ts {
        payloads.push(status(NotifyType::ADDITIONAL_TS_POSSIBLE));
    }
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

// Taking the answer

/// Takes the Child SA part of the answer to IKE_AUTH. If the peer declines it, the IKE SA stays
/// (RFC 7296 §1.2).
pub(crate) fn accept_in_auth(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    parts: &Parts<'_>,
    nonces: (&[u8], &[u8]),
    cx: &mut Context<'_>,
) {
    if let Some(error) = parts.error() {
        let notify = error.notify_type;
        cx.event(ikelab_trace::IkeEvent::PeerRefused {
            sa: core.id,
            exchange: ExchangeType::IKE_AUTH,
            notify,
        });
    }
    if parts.sa.is_none() {
        return forget(core, sent, cx);
    }
    match Answered::of(sent, parts) {
        Ok(answered) => install(core, established, sent, answered, None, nonces, true, cx),
        Err(why) => {
            cx.misbehaved(Some(core.id), why);
            forget(core, sent, cx);
            established.want(Want::DeleteIke);
        }
    }
}

/// Takes the answer to CREATE_CHILD_SA.
pub(crate) fn accept(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) -> After {
    if let Some(error) = parts.error() {
        declined(core, established, sent, error, cx);
        return After::Go;
    }
    match accept_new(core, established, sent, parts, cx) {
        Ok(Some(nonce_r)) => {
            established.temporary_failures = 0;
            settle(established, sent, &nonce_r);
            After::Go
        }
        Ok(None) => {
            forget(core, sent, cx);
            After::Go
        }
        Err(why) => {
            cx.misbehaved(Some(core.id), why);
            forget(core, sent, cx);
            After::Close("the peer broke a rule")
        }
    }
}

/// Checks and installs; gives the peer's nonce, or nothing if the pair is deleted already.
fn accept_new(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) -> Result<Option<Vec<u8>>, PeerMisbehaved> {
    let bad =
        |refusal: Refusal| PeerMisbehaved::new("bad CREATE_CHILD_SA response", refusal.reason);
    let nonce_r = parts.nonce().map_err(bad)?;
    let answered = Answered::of(sent, parts)?;
    if sent.deleted.contains(&answered.spi_out) {
        return Ok(None);
    }
    let shared = match (answered.suite.ke, &sent.private) {
        (None, _) => None,
        (Some(group), Some(private)) if group == private.group().id() => {
            let ke = parts::need(parts.ke, "KE").map_err(bad)?;
            check_group(ke, private.group()).map_err(bad)?;
            let wrong = |why: ikelab_crypto::BadPublicValue| {
                PeerMisbehaved::new("bad public value", why.to_string())
            };
            Some(private.agree(&ke.data).map_err(wrong)?)
        }
        (Some(group), _) => {
            let detail = format!("group {group} was chosen, and our KE has another");
            return Err(PeerMisbehaved::new("wrong group", detail));
        }
    };
    let nonces = (sent.nonce.as_slice(), nonce_r);
    let shared = shared.as_ref().map(AsRef::as_ref);
    let send_at_once = !loses(sent, nonce_r);
    install(core, established, sent, answered, shared, nonces, send_at_once, cx);
    Ok(Some(nonce_r.to_vec()))
}

/// An answer that holds together.
struct Answered {
    suite: Suite,
    spi_out: EspSpi,
    local_ts: Vec<SelectorRange>,
    remote_ts: Vec<SelectorRange>,
    mode: EspMode,
}

impl Answered {
    fn of(sent: &Sent, parts: &Parts<'_>) -> Result<Self, PeerMisbehaved> {
        let missing = |name| PeerMisbehaved::new("payload missing", format!("{name} is missing"));
        let answer = parts.sa.ok_or_else(|| missing("SA"))?;
        let suite = negotiate::accepted(&sent.offer, answer)
            .map_err(|why| PeerMisbehaved::new("proposal was not offered", why))?;
        let spi_out = answer
            .proposals
            .first()
            .and_then(|proposal| EspSpi::from_octets(&proposal.spi))
            .filter(|spi| spi.0 != 0)
            .ok_or_else(|| missing("an ESP SPI"))?;
        let local_ts = chosen_ts(parts.tsi.ok_or_else(|| missing("TSi"))?, &sent.local_ts)?;
        let remote_ts = chosen_ts(parts.tsr.ok_or_else(|| missing("TSr"))?, &sent.remote_ts)?;
        let transport = parts.notify(NotifyType::USE_TRANSPORT_MODE).is_some();
        let mode = if transport { EspMode::Transport } else { EspMode::Tunnel };
        Ok(Self { suite, spi_out, local_ts, remote_ts, mode })
    }
}

/// The peer may narrow what we offered, and not widen it (RFC 7296 §2.9).
fn chosen_ts(
    answer: &TrafficSelectors,
    offer: &[SelectorRange],
) -> Result<Vec<SelectorRange>, PeerMisbehaved> {
    let ranges: Vec<SelectorRange> = selectors::ranges(answer).copied().collect();
    if selectors::is_subset(&ranges, offer) {
        Ok(ranges)
    } else {
        let words: Vec<String> = ranges.iter().map(ToString::to_string).collect();
        Err(PeerMisbehaved::new("selectors were not offered", words.join(", ")))
    }
}

#[expect(clippy::too_many_arguments, reason = "it is the meeting point of answer, keys and SA")]
fn install(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    answered: Answered,
    shared: Option<&[u8]>,
    nonces: (&[u8], &[u8]),
    send_at_once: bool,
    cx: &mut Context<'_>,
) {
    let keys = keys(established, &answered.suite, shared, nonces);
    let agreed = Agreed {
        config: sent.config,
        role: Role::Initiator,
        spi_in: sent.spi_in,
        spi_out: answered.spi_out,
        suite: answered.suite,
        mode: answered.mode,
        keys,
        local_ts: answered.local_ts,
        remote_ts: answered.remote_ts,
        replaces: sent.replaces,
        send_at_once,
    };
    let child = Child::install(agreed, &core.as_parent(), cx);
    established.children.insert(sent.spi_in, child);
}

/// After our rekeying: one pair goes, and who deletes it is decided (RFC 7296 §2.8.1).
fn settle(established: &mut Established, sent: &Sent, nonce_r: &[u8]) {
    let Some(old) = sent.replaces else { return };
    if let Some(child) = established.children.get_mut(&old) {
        child.state = State::Replaced;
        child.rekey_at = None;
    }
    let redundant = if loses(sent, nonce_r) { sent.spi_in } else { old };
    if let Some(child) = established.children.get_mut(&redundant) {
        child.state = State::Replaced;
        child.rekey_at = None;
        established.want(Want::DeleteChildren { spis: vec![redundant] });
    }
    let peers = sent.collision.as_ref().map(|collision| collision.spi_in);
    if let Some(peers) = peers.filter(|_| redundant == old)
        && let Some(child) = established.children.get_mut(&peers)
    {
        // The peer deletes it; we will not rekey it in the meantime.
        child.state = State::Replaced;
        child.rekey_at = None;
    }
}

/// True when the peer rekeys the same Child SA, and the lowest of the four nonces is one of ours.
fn loses(sent: &Sent, nonce_r: &[u8]) -> bool {
    let ours = sent.nonce.as_slice().min(nonce_r);
    sent.collision.as_ref().is_some_and(|peers| ours < peers.lowest_nonce.as_slice())
}

/// The peer declined (RFC 7296 §2.25, §1.3).
fn declined(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    error: &Notify,
    cx: &mut Context<'_>,
) {
    cx.spis.esp.remove(&sent.spi_in);
    let collided = sent.collision.is_some();
    let old = sent.replaces.and_then(|spi_in| established.children.get_mut(&spi_in));
    match error.notify_type {
        // The peer's own rekeying took its place; nothing of ours is left to do.
        _ if collided => {
            if let Some(old) = old {
                old.state = State::Replaced;
                old.rekey_at = None;
            }
        }
        NotifyType::INVALID_KE_PAYLOAD => {
            if let Some(old) = old {
                old.state = State::Live;
            }
            correct_group(core, established, sent, error, cx);
        }
        NotifyType::TEMPORARY_FAILURE => {
            let want = match sent.replaces {
                Some(spi_in) => Want::RekeyChild { spi_in },
                None => Want::NewChild { child: sent.config, packet: sent.packet },
            };
            if let Some(old) = old {
                old.state = State::Live;
            }
            established.want_later(want, cx);
        }
        NotifyType::CHILD_SA_NOT_FOUND if sent.replaces.is_some() => {
            // The peer lost it: ours goes silently, and a new one is made (RFC 7296 §2.25).
            if let Some(old) = sent.replaces.and_then(|spi_in| established.children.remove(&spi_in))
            {
                old.uninstall("the peer does not know it", cx);
                cx.effects.push(Effect::Up { tunnel: core.tunnel, child: sent.config });
            }
        }
        _ => match old {
            // The old one lives on until it expires.
            Some(old) => {
                old.state = State::Live;
                old.rekey_at = None;
            }
            None => forget(core, sent, cx),
        },
    }
}

/// INVALID_KE_PAYLOAD: once more, with the group that the peer wants, if it is one of ours.
fn correct_group(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    error: &Notify,
    cx: &mut Context<'_>,
) {
    let group =
        <[u8; 2]>::try_from(error.data.as_slice()).map(|data| KeId(u16::from_be_bytes(data)));
    let offered = |group: &KeId| sent.offer.iter().flat_map(negotiate::groups).any(|o| o == *group);
    let tried = sent.private.as_ref().map(PrivateKey::group);
    let better = group.ok().filter(offered).and_then(Group::from_id).filter(|g| Some(*g) != tried);
    let Some(better) = better.filter(|_| sent.restarts < RESTARTS_MAX) else {
        return forget(core, sent, cx);
    };
    established.corrections.push(Correction {
        config: sent.config,
        packet: sent.packet,
        replaces: sent.replaces,
        group: better,
        restarts: sent.restarts + 1,
    });
}

/// A request that goes out again with another group, before anything else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Correction {
    config: usize,
    packet: Packet,
    replaces: Option<EspSpi>,
    group: Group,
    restarts: u32,
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
    let Correction { config, packet, replaces, group, restarts } = correction;
    let (payloads, mut ongoing) = begin(core, config, packet, replaces, Some(group), cx);
    if let Ongoing::CreateChild(sent) = &mut ongoing {
        sent.restarts = restarts;
    }
    Some((payloads, ongoing))
}

/// Gives up a Child SA that was asked for.
pub(crate) fn forget(core: &Core, sent: &Sent, cx: &mut Context<'_>) {
    cx.spis.esp.remove(&sent.spi_in);
    let tunnel = cx.tunnel(core.tunnel);
    let child = format!("{}.{}", tunnel.name, tunnel.children[sent.config].name);
    cx.out.push(Output::AcquireFailed { child });
}

fn keys(
    established: &Established,
    suite: &Suite,
    shared: Option<&[u8]>,
    (nonce_i, nonce_r): (&[u8], &[u8]),
) -> ChildKeys {
    let protection = negotiate::protection(suite).expect("chosen among the supported");
    let channel = &established.channel;
    child_keys(channel.prf, &channel.keys.sk_d, protection, shared, nonce_i, nonce_r)
}
