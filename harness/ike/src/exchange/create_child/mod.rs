//! Child SAs: the one that IKE_AUTH brings, those that CREATE_CHILD_SA makes, and those that take
//! another's place (RFC 7296 §1.2, §1.3.1, §1.3.3, §2.8, §2.17).
//!
//! `ask` makes the request, `answer` is the responder's side, `accept` takes the answer.

mod accept;
mod answer;
mod ask;

use ikelab_crypto::{ChildKeys, PrivateKey, child_keys};
use ikelab_trace::{EspMode, Suite};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::payload::{Body, Notify, Payload, Proposal, SelectorRange};
use ikelab_wire::registry::{ExchangeType, NotifyType};

use crate::context::Context;
use crate::io::Output;
use crate::negotiate;
use crate::sa::{Core, Established, Want};

pub(crate) use accept::{accept, accept_in_auth};
pub(crate) use answer::{has_selectors, respond, respond_in_auth};
pub(crate) use ask::{Correction, begin_again, begin_new, begin_rekey, offer_in_auth};

const EXCHANGE: ExchangeType = ExchangeType::CREATE_CHILD_SA;
/// Ours: how many SPIs of overtaken pairs are remembered; more is no honest peer.
const DELETED_MAX: usize = 16;

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
    /// What we asked for.
    mode: EspMode,
    /// The Child SA whose place it takes, by our inbound SPI.
    replaces: Option<EspSpi>,
    /// True when it is for the addresses of the packet alone.
    pair: bool,
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

/// Gives up a Child SA that was asked for.
pub(crate) fn forget(core: &Core, sent: &Sent, cx: &mut Context<'_>) {
    cx.spis.esp.remove(&sent.spi_in);
    let tunnel = cx.tunnel(core.tunnel);
    let child = format!("{}.{}", tunnel.name, tunnel.children[sent.config].name);
    cx.out.push(Output::AcquireFailed { child });
}

fn status(notify_type: NotifyType) -> Payload {
    Body::Notify(Notify::new(notify_type, &[])).into()
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
