//! INFORMATIONAL: Delete of Child SAs and of the IKE SA, signs of life, and errors told
//! (RFC 7296 §1.4, §1.4.1, §2.4).

use ikelab_wire::ike::EspSpi;
use ikelab_wire::payload::{Body, Delete, Notify, Payload};
use ikelab_wire::registry::{NotifyType, Protocol};

use crate::child::{Child, State};
use crate::configuration;
use crate::context::{Context, Effect};
use crate::exchange::{After, Answer, Ongoing, rekey_ike};
use crate::io::Output;
use crate::parts::Parts;
use crate::sa::{Core, Established};

/// Child SAs whose Delete we sent, by our inbound SPIs.
#[derive(Debug)]
pub(crate) struct DeleteChildren {
    spis: Vec<EspSpi>,
}

/// Asks the peer to delete Child SAs; nothing if none of them is left. A pair that is replaced goes
/// on receiving until the answer comes, so that no packet on its way is lost.
pub(crate) fn begin_delete_children(
    established: &mut Established,
    spis: &[EspSpi],
    cx: &mut Context<'_>,
) -> Option<(Vec<Payload>, Ongoing)> {
    let mut deleted = Vec::new();
    for spi_in in spis {
        let Some(child) = established.children.get_mut(spi_in) else { continue };
        if child.state == State::Deleting {
            continue;
        }
        child.state = State::Deleting;
        child.rekey_at = None;
        cx.out.push(Output::Retire { spi_in: *spi_in });
        deleted.push(*spi_in);
    }
    if deleted.is_empty() {
        return None;
    }
    let payload = Body::Delete(Delete::esp(&deleted)).into();
    Some((vec![payload], Ongoing::DeleteChildren(DeleteChildren { spis: deleted })))
}

/// Asks the peer to delete a pair of which there is only its half.
pub(crate) fn begin_delete_peers_half(spi_in: EspSpi) -> (Vec<Payload>, Ongoing) {
    (vec![Body::Delete(Delete::esp(&[spi_in])).into()], Ongoing::DeletePeersHalf(spi_in))
}

/// Asks the peer to delete the IKE SA.
pub(crate) fn begin_delete_ike() -> (Vec<Payload>, Ongoing) {
    (vec![Body::Delete(Delete::ike()).into()], Ongoing::DeleteIke)
}

/// Tells the peer of an error.
pub(crate) fn begin_tell(notify: NotifyType, data: &[u8]) -> (Vec<Payload>, Ongoing) {
    (vec![Body::Notify(Notify::new(notify, data)).into()], Ongoing::Tell)
}

/// Tells the peer of an error, after which the IKE SA is gone.
pub(crate) fn begin_fail(notify: NotifyType) -> (Vec<Payload>, Ongoing) {
    (vec![Body::Notify(Notify::new(notify, &[])).into()], Ongoing::Fail)
}

/// Answers. Delete of the IKE SA goes before all else in the message.
pub(crate) fn respond(
    core: &Core,
    established: &mut Established,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) -> Answer {
    if parts.deletes.iter().any(|delete| delete.protocol == Protocol::IKE) {
        // The peer finished its rekeying before it saw ours: ours is forgotten (RFC 7296 §2.8.2).
        if let Some(peers) = established.peers_rekey.take() {
            rekey_ike::hand_over(established, peers.spi, cx);
        }
        return Answer { payloads: Vec::new(), closes: Some("deleted by the peer") };
    }
    if parts.notify(NotifyType::INVALID_SYNTAX).is_some() {
        // What we said made no sense to the peer, which has ended it (RFC 7296 §2.21.2, §2.21.3).
        return Answer { payloads: Vec::new(), closes: Some("the peer did not understand us") };
    }
    if parts.notify(NotifyType::AUTHENTICATION_FAILED).is_some() {
        return Answer { payloads: Vec::new(), closes: Some("the peer did not authenticate us") };
    }
    if let Some(notify) = parts.notify(NotifyType::INVALID_SPI) {
        lost_by_the_peer(core, established, &notify.data, cx);
    }
    let spis = parts
        .deletes
        .iter()
        .filter(|delete| delete.protocol == Protocol::ESP)
        .flat_map(|delete| &delete.spis)
        .filter_map(|spi| EspSpi::from_octets(spi));
    let ours: Vec<EspSpi> =
        spis.filter_map(|spi_out| delete_child(established, spi_out, cx)).collect();
    let delete = (!ours.is_empty()).then(|| Body::Delete(Delete::esp(&ours)).into());
    let config = configuration::acknowledge(parts);
    Answer { payloads: config.into_iter().chain(delete).collect(), closes: None }
}

/// The peer does not know the SPI that a Child SA sends with: that SA is of no use any more, and
/// another is made. One that is on its way out may well be unknown (RFC 7296 §1.5).
fn lost_by_the_peer(core: &Core, established: &mut Established, spi: &[u8], cx: &mut Context<'_>) {
    let Some(spi_out) = EspSpi::from_octets(spi) else { return };
    let lost = |child: &&Child| child.spi_out == spi_out && child.state == State::Live;
    let lost = established.children.values().find(lost).map(|child| child.spi_in);
    if let Some(child) = lost.and_then(|spi_in| established.children.remove(&spi_in)) {
        child.uninstall("the peer does not know it", cx);
        cx.effects.push(Effect::Up { tunnel: core.tunnel, child: child.config });
    }
}

/// Deletes the pair whose outbound SPI the peer named; gives the inbound one to name in return,
/// unless our own Delete has named it already (RFC 7296 §1.4.1).
fn delete_child(
    established: &mut Established,
    spi_out: EspSpi,
    cx: &mut Context<'_>,
) -> Option<EspSpi> {
    let named = established.children.values().find(|child| child.spi_out == spi_out);
    let Some(spi_in) = named.map(|child| child.spi_in) else {
        // Perhaps the end of a pair whose beginning is still on its way to us.
        for ongoing in established.ongoing.values_mut() {
            if let Ongoing::CreateChild(sent) = ongoing {
                sent.note_deleted(spi_out);
            }
        }
        return None;
    };
    let child = established.children.remove(&spi_in)?;
    child.uninstall("deleted by the peer", cx);
    (child.state != State::Deleting).then_some(spi_in)
}

/// Takes the answer to our Delete of Child SAs: both directions are gone now.
pub(crate) fn accept_delete(
    established: &mut Established,
    sent: &DeleteChildren,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) -> After {
    for spi_in in &sent.spis {
        if let Some(child) = established.children.remove(spi_in) {
            child.uninstall("deleted", cx);
        }
    }
    // A peer may use its answer to delete more than it was asked for.
    let named = parts.deletes.iter().flat_map(|delete| &delete.spis);
    let named: Vec<EspSpi> = named.filter_map(|spi| EspSpi::from_octets(spi)).collect();
    for spi_out in named {
        delete_child(established, spi_out, cx);
    }
    After::Go
}
