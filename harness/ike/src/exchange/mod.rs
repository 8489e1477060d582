//! The exchanges. Each is whole in one file: what it asks, how it is answered, what the answer does.
//!
//! `begin` makes a request, `respond` answers one, `accept` takes an answer. Up to IKE_AUTH an
//! exchange moves its SA from phase to phase; after that it runs through the SA's window.

pub(crate) mod auth;
pub(crate) mod create_child;
pub(crate) mod inform;
pub(crate) mod init;
pub(crate) mod rekey_ike;

use ikelab_trace::IkeEvent;
use ikelab_wire::ike::EspSpi;
use ikelab_wire::payload::{Body, Payload};
use ikelab_wire::registry::{ExchangeType, NotifyType, Protocol};

use crate::channel::Opened;
use crate::context::Context;
use crate::guilt::Refusal;
use crate::parts::Parts;
use crate::sa::{Core, Established, Want};

/// An exchange of ours that waits for its response.
#[derive(Debug)]
pub(crate) enum Ongoing {
    /// A Child SA, new or in the place of another.
    CreateChild(Box<create_child::Sent>),
    /// An IKE SA in the place of this one.
    RekeyIke(Box<rekey_ike::Sent>),
    /// Delete of Child SAs.
    DeleteChildren(inform::DeleteChildren),
    /// Delete of a pair of which only the peer's half is there, by our inbound SPI.
    DeletePeersHalf(EspSpi),
    /// Delete of the IKE SA.
    DeleteIke,
    /// An empty INFORMATIONAL.
    Liveness,
    /// An error told to the peer, after which the IKE SA goes on.
    Tell,
    /// An error told to the peer, with which the IKE SA ends.
    Fail,
}

impl Ongoing {
    /// The exchange on the wire.
    pub(crate) const fn exchange(&self) -> ExchangeType {
        match self {
            Self::CreateChild(_) | Self::RekeyIke(_) => ExchangeType::CREATE_CHILD_SA,
            Self::DeleteChildren(_)
            | Self::DeletePeersHalf(_)
            | Self::DeleteIke
            | Self::Liveness
            | Self::Tell
            | Self::Fail => ExchangeType::INFORMATIONAL,
        }
    }
}

/// Begins what is wanted, as far as the window is open.
pub(crate) fn pump(core: &mut Core, established: &mut Established, cx: &mut Context<'_>) {
    look_ahead(core, established);
    while core.window.may_request() {
        let begun = match next(established) {
            Next::Nothing => return,
            Next::Correction(correction) => {
                create_child::begin_again(core, established, correction, cx)
            }
            Next::Want(want) => begin(core, established, want, cx),
        };
        let Some((payloads, ongoing)) = begun else { continue };
        let exchange = ongoing.exchange();
        let message_id = core.request(&mut established.channel, exchange, &payloads, cx);
        established.ongoing.insert(message_id, ongoing);
    }
}

/// Message ids come to an end: before they do, the IKE SA is replaced, and if that does not come
/// about, deleted with the last of them (RFC 7296 §2.2).
fn look_ahead(core: &Core, established: &mut Established) {
    let left = core.window.left();
    let going = established.replaced || established.is_deleting() || established.undecided;
    if left > IDS_FOR_REKEYING || going || established.is_rekeying() {
        return;
    }
    if left <= 1 {
        established.want(Want::DeleteIke);
    } else if established.later.iter().all(|(_, want)| *want != Want::RekeyIke) {
        established.wanted.retain(|want| *want != Want::RekeyIke);
        established.wanted.push_front(Want::RekeyIke);
    }
}

/// Ours: how many message ids before the last an IKE SA is replaced.
const IDS_FOR_REKEYING: u32 = 8;

/// What may be begun now.
enum Next {
    Nothing,
    Correction(create_child::Correction),
    Want(Want),
}

fn next(established: &mut Established) -> Next {
    if !established.is_rekeying()
        && !established.is_deleting()
        && let Some(correction) = established.corrections.pop()
    {
        return Next::Correction(correction);
    }
    next_want(established).map_or(Next::Nothing, Next::Want)
}

/// Begins one exchange; nothing if there is nothing left to do.
fn begin(
    core: &Core,
    established: &mut Established,
    want: Want,
    cx: &mut Context<'_>,
) -> Option<(Vec<Payload>, Ongoing)> {
    match want {
        Want::NewChild { child, packet } => {
            create_child::begin_new(core, established, child, packet, cx)
        }
        Want::RekeyChild { spi_in } => create_child::begin_rekey(core, established, spi_in, cx),
        Want::RekeyIke => rekey_ike::begin(core, established, cx),
        Want::DeleteChildren { spis } => inform::begin_delete_children(established, &spis, cx),
        Want::DeletePeersHalf { spi_in } => Some(inform::begin_delete_peers_half(spi_in)),
        Want::DeleteIke => Some(inform::begin_delete_ike()),
        Want::Liveness => Some((Vec::new(), Ongoing::Liveness)),
        Want::Tell { notify, data } => Some(inform::begin_tell(notify, &data)),
        Want::Fail { notify } => Some(inform::begin_fail(notify)),
    }
}

/// The first wish that may be begun beside what is open. The end of the IKE SA goes before all.
/// Rekeying it waits for exchanges about Child SAs, and they for it (RFC 7296 §2.25). Over an IKE SA
/// of which it is not decided whether it takes the place of another, nothing begins that is about
/// SAs: what would be made over it, or of it, might go to another that the peer never had.
fn next_want(established: &mut Established) -> Option<Want> {
    if established.is_deleting() {
        return None;
    }
    let is_end = |want: &Want| matches!(want, Want::DeleteIke | Want::Fail { .. });
    if let Some(place) = established.wanted.iter().position(is_end) {
        return established.wanted.remove(place);
    }
    if established.undecided {
        let harmless = |want: &Want| matches!(want, Want::Liveness | Want::Tell { .. });
        let place = established.wanted.iter().position(harmless)?;
        return established.wanted.remove(place);
    }
    let (rekeying, busy) = (established.is_rekeying(), !established.ongoing.is_empty());
    match established.wanted.front()? {
        Want::RekeyIke if busy => None,
        Want::NewChild { .. }
        | Want::RekeyChild { .. }
        | Want::DeleteChildren { .. }
        | Want::DeletePeersHalf { .. }
            if rekeying =>
        {
            None
        }
        _ => established.wanted.pop_front(),
    }
}

/// Answers a request that came over an established IKE SA: CREATE_CHILD_SA or INFORMATIONAL.
pub(crate) fn respond(
    core: &mut Core,
    established: &mut Established,
    exchange: ExchangeType,
    opened: &Opened,
    cx: &mut Context<'_>,
) -> Answer {
    let answer = opened.parts().and_then(|parts| match exchange {
        ExchangeType::CREATE_CHILD_SA => {
            respond_create_child(core, established, &parts, cx).map(Answer::of)
        }
        _ => Ok(inform::respond(core, established, &parts, cx)),
    });
    answer.unwrap_or_else(|refusal| {
        cx.refused(Some(core.id), &refusal);
        let closes = refusal.is_fatal().then_some("refused for good");
        Answer { payloads: vec![Body::Notify(refusal.notify).into()], closes }
    })
}

/// What a request is answered with, and whether the IKE SA ends with it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) payloads: Vec<Payload>,
    pub(crate) closes: Option<&'static str>,
}

impl Answer {
    fn of(payloads: Vec<Payload>) -> Self {
        Self { payloads, closes: None }
    }
}

/// CREATE_CHILD_SA does three things; its payloads tell which (RFC 7296 §1.3).
fn respond_create_child(
    core: &mut Core,
    established: &mut Established,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) -> Result<Vec<Payload>, Refusal> {
    let offer = crate::parts::need(parts.sa, "SA")?;
    let is_ike = offer.proposals.iter().any(|proposal| proposal.protocol == Protocol::IKE);
    if is_ike && parts.tsi.is_none() {
        rekey_ike::respond(core, established, parts, cx)
    } else {
        create_child::respond(core, established, parts, cx)
    }
}

/// Takes the response to one of our requests.
pub(crate) fn accept(
    core: &mut Core,
    established: &mut Established,
    ongoing: Ongoing,
    opened: &Opened,
    cx: &mut Context<'_>,
) -> After {
    let parts = match opened.parts() {
        Ok(parts) => parts,
        Err(refusal) => {
            let why = crate::guilt::PeerMisbehaved::new("bad response", refusal.reason);
            cx.misbehaved(Some(core.id), why);
            return unreadable(core, established, ongoing, cx);
        }
    };
    if let Some(error) = parts.error() {
        let (sa, exchange, notify) = (core.id, ongoing.exchange(), error.notify_type);
        cx.event(IkeEvent::PeerRefused { sa, exchange, notify });
        if notify == NotifyType::INVALID_SYNTAX || notify == NotifyType::AUTHENTICATION_FAILED {
            return After::Close("the peer ended it");
        }
    }
    match ongoing {
        Ongoing::CreateChild(sent) => create_child::accept(core, established, &sent, &parts, cx),
        Ongoing::RekeyIke(sent) => rekey_ike::accept(core, established, &sent, &parts, cx),
        Ongoing::DeleteChildren(sent) => inform::accept_delete(established, &sent, &parts, cx),
        Ongoing::DeletePeersHalf(spi_in) => {
            cx.spis.bury(spi_in);
            After::Go
        }
        Ongoing::DeleteIke => After::Close("deleted"),
        Ongoing::Fail => After::Close("an error ended it"),
        Ongoing::Liveness | Ongoing::Tell => After::Go,
    }
}

/// What a response that can't be read leaves behind: nobody knows what the peer has made of our
/// request, and so the IKE SA goes, with a Delete (RFC 7296 §2.4, §2.21.3).
fn unreadable(
    core: &Core,
    established: &mut Established,
    ongoing: Ongoing,
    cx: &mut Context<'_>,
) -> After {
    match ongoing {
        Ongoing::CreateChild(sent) => create_child::forget(core, &sent, cx),
        Ongoing::RekeyIke(sent) => rekey_ike::forget(&sent, cx),
        Ongoing::DeletePeersHalf(spi_in) => cx.spis.bury(spi_in),
        Ongoing::DeleteIke | Ongoing::Fail => return After::Close("deleted"),
        Ongoing::DeleteChildren(_) | Ongoing::Liveness | Ongoing::Tell => {}
    }
    established.want(Want::DeleteIke);
    After::Go
}

/// Whether an IKE SA goes on after a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum After {
    /// It goes on.
    Go,
    /// It ends, for this reason.
    Close(&'static str),
}
