//! What an IKE SA has in every phase, and how it sends with that.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ikelab_ambient::Instant;
use ikelab_trace::{Role, SaId};
use ikelab_wire::ike::{EspSpi, Flags, Header, IkeSpi, Version};
use ikelab_wire::payload::Payload;
use ikelab_wire::registry::ExchangeType;

use super::Path;
use crate::channel::Channel;
use crate::child::{Child, Parent};
use crate::config::Tunnel;
use crate::context::Context;
use crate::editor::{Clear, Saying};
use crate::fragments::Fragments;
use crate::io::Output;
use crate::threshold::{Threshold, Unsealed};
use crate::window::{Datagrams, Window};

/// What an IKE SA has in every phase.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) id: SaId,
    /// Who began IKE_SA_INIT, or the rekeying that made it.
    pub(crate) role: Role,
    /// Place of its configuration.
    pub(crate) tunnel: usize,
    pub(crate) path: Path,
    pub(crate) window: Window,
    /// What came of messages that are not whole.
    pub(crate) fragments: Fragments,
    /// True when both ends said that they take fragments (RFC 7383 §2.3).
    pub(crate) fragmentation: bool,
    /// How large fragments may be.
    pub(crate) threshold: Threshold,
    /// When it began.
    pub(crate) since: Instant,
    /// When something new was last sent.
    pub(crate) spoke: Instant,
    /// How many attempts before this one nobody answered.
    pub(crate) attempt: u32,
}

impl Core {
    /// Our SPI of it.
    pub(crate) fn local_spi(&self) -> IkeSpi {
        match self.role {
            Role::Initiator => self.id.initiator,
            Role::Responder => self.id.responder,
        }
    }

    /// The peer's SPI of it.
    pub(crate) fn peers_spi(&self) -> IkeSpi {
        match self.role {
            Role::Initiator => self.id.responder,
            Role::Responder => self.id.initiator,
        }
    }

    /// The header of a message of ours.
    pub(crate) fn header(&self, exchange: ExchangeType, response: bool, message_id: u32) -> Header {
        let role = match self.role {
            Role::Initiator => Flags::INITIATOR,
            Role::Responder => Flags::NONE,
        };
        Header {
            initiator_spi: self.id.initiator,
            responder_spi: self.id.responder,
            version: Version::IKEV2,
            exchange,
            flags: if response { role | Flags::RESPONSE } else { role },
            message_id,
        }
    }

    /// Sends a message to the peer.
    pub(crate) fn transmit(&self, datagrams: Datagrams, cx: &mut Context<'_>) {
        cx.transmit(self.path.ends(), datagrams);
    }

    /// The longest message that is not cut into fragments; none: all are sent whole.
    fn longest(&self, cx: &Context<'_>) -> Option<usize> {
        let options = &cx.tunnel(self.tunnel).options;
        let datagram = self.threshold.datagram(options).filter(|_| self.fragmentation)?;
        Some(self.message_room(datagram))
    }

    /// The longest message that fits into a datagram.
    pub(crate) fn message_room(&self, datagram: usize) -> usize {
        datagram.saturating_sub(self.path.overhead())
    }

    /// Seals a message, or what the editor has in its place; says whether it had.
    fn seal(
        &self,
        channel: &mut Channel,
        (header, payloads): (&Header, &[Payload]),
        longest: Option<usize>,
        cx: &mut Context<'_>,
    ) -> (Datagrams, bool) {
        let ends = self.path.ends();
        let edited = cx.edited(ends, header, payloads, true);
        let is_edited = edited.is_some();
        let datagrams = match edited {
            None => channel.seal(header, payloads, longest, cx.entropy),
            Some(sayings) => {
                let meant = Some((header, payloads));
                sayings
                    .into_iter()
                    .flat_map(|saying| channel.say(saying.what, meant, longest, cx.entropy))
                    .collect()
            }
        };
        cx.said(ends, header, payloads, &datagrams);
        (datagrams, is_edited)
    }

    /// Lets the editor hear a message of the peer; true when it has answered, or is silent, in
    /// the engine's place. What it says to a request is remembered as the answer.
    pub(crate) fn hear(
        &mut self,
        channel: &mut Channel,
        message: &Clear<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(sayings) = cx.heard(message) else {
            return false;
        };
        let longest = self.longest(cx);
        let ends = (message.local, message.remote);
        let mut answer = Vec::new();
        for Saying { delay, what } in sayings {
            let datagrams = channel.say(what, None, longest, cx.entropy);
            answer.extend(datagrams.iter().cloned());
            cx.transmit_after(delay, ends, datagrams);
        }
        if !message.header.flags.response() && !answer.is_empty() {
            self.window.answer(message.header.message_id, answer);
        }
        true
    }

    /// Sends a sealed request and keeps it until it is answered; gives its message id.
    pub(crate) fn request(
        &mut self,
        channel: &mut Channel,
        exchange: ExchangeType,
        payloads: &[Payload],
        cx: &mut Context<'_>,
    ) -> u32 {
        let message_id = self.window.next_id();
        let header = self.header(exchange, false, message_id);
        let longest = self.longest(cx);
        let (datagrams, is_edited) = self.seal(channel, (&header, payloads), longest, cx);
        let at = cx.now + cx.patience(self.tunnel, 1);
        self.spoke = cx.now;
        // What an editor made of it is repeated as it is.
        let unsealed = (datagrams.len() > 1 && !is_edited)
            .then(|| Unsealed { header, payloads: payloads.to_vec() });
        self.window.request(datagrams.clone(), unsealed, at);
        self.transmit(datagrams, cx);
        message_id
    }

    /// Sends a sealed response and remembers it. It goes to where its request came from, and from
    /// where that came to, whatever the SA has for addresses (RFC 7296 §2.11).
    pub(crate) fn answer(
        &mut self,
        channel: &mut Channel,
        (exchange, message_id): (ExchangeType, u32),
        payloads: &[Payload],
        ends: (SocketAddr, SocketAddr),
        cx: &mut Context<'_>,
    ) {
        let header = self.header(exchange, true, message_id);
        let longest = self.longest(cx);
        let longest = self.threshold.mirrored(longest, &cx.tunnel(self.tunnel).options);
        let (datagrams, _) = self.seal(channel, (&header, payloads), longest, cx);
        self.spoke = cx.now;
        self.window.answer(message_id, datagrams.clone());
        cx.transmit(ends, datagrams);
    }

    /// Follows a peer behind a NAT that has changed its address or port, after a new and authentic
    /// message; not when we are behind one ourselves, for then anybody on the way could break the
    /// connection with one packet (RFC 7296 §2.23).
    pub(crate) fn follow(
        &mut self,
        remote: SocketAddr,
        children: &BTreeMap<EspSpi, Child>,
        cx: &mut Context<'_>,
    ) {
        let may = self.path.nat.peers && !self.path.nat.ours;
        if !may || self.path.remote == remote {
            return;
        }
        self.path.remote = remote;
        for spi_in in children.keys() {
            cx.out.push(Output::Moved { spi_in: *spi_in, remote });
        }
    }

    /// Goes on from another address of ours.
    pub(crate) fn relocate(
        &mut self,
        address: IpAddr,
        children: &BTreeMap<EspSpi, Child>,
        cx: &mut Context<'_>,
    ) {
        self.path.local.set_ip(address);
        let local = self.path.local;
        for spi_in in children.keys() {
            cx.out.push(Output::Relocated { spi_in: *spi_in, local });
        }
    }

    /// When the next keepalive is due, if we are behind a NAT (RFC 3948 §4).
    pub(crate) fn keepalive_at(&self, tunnel: &Tunnel) -> Option<Instant> {
        let every = tunnel.options.keepalive.filter(|_| self.path.nat.ours)?;
        Some(self.spoke + every)
    }

    /// What a Child SA needs to know of it.
    pub(crate) fn as_parent(&self) -> Parent {
        Parent { sa: self.id, tunnel: self.tunnel, path: self.path }
    }
}
