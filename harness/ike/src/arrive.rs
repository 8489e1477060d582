//! What comes off the wire: for which IKE SA it is, and what strangers are told.

use std::net::SocketAddr;

use ikelab_crypto::Prf;
use ikelab_wire::ike::{EspSpi, Header, IkeSpi, Message};
use ikelab_wire::registry::{ExchangeType, NotifyType};

use crate::exchange::init;
use crate::guilt::Discard;
use crate::io::Output;
use crate::sa::{Sa, Want};
use crate::turn::Turn;
use crate::{operator, receive, stray};

impl Turn<'_> {
    /// A datagram: for which SA, by our SPI in it (RFC 7296 §2.6)?
    pub(crate) fn datagram(&mut self, local: SocketAddr, remote: SocketAddr, octets: &[u8]) {
        let routed = Header::parse(octets).map_err(Discard::Malformed);
        let header = routed.as_ref().ok().map(|raw| raw.header);
        if header.is_some_and(|header| self.hear_first(local, remote, &header, octets)) {
            return;
        }
        let outcome = routed.and_then(|raw| {
            receive::check_version(&raw.header)?;
            if let Some(spi) = stray::heard(&raw.header, octets) {
                self.hint(remote, spi);
                return Err(Discard::Unbelieved { what: format!("INVALID_SPI about {spi}") });
            }
            if is_first_request(&raw.header) {
                receive::check_first_request(&raw.header)?;
                return self.first_request(local, remote, &raw.header, octets);
            }
            let sender_began = raw.header.flags.initiator();
            let spi =
                if sender_began { raw.header.responder_spi } else { raw.header.initiator_spi };
            let came = receive::Came { local, remote, header: &raw.header, octets };
            self.with(spi, |sa, cx| receive::message(sa, &came, cx))
                .unwrap_or_else(|| Err(Discard::UnknownSpi { spi: spi.to_string() }))
        });
        if let Err(why) = outcome {
            let answer = header.and_then(|header| receive::unprotected_answer(&header, &why));
            let answer = answer.filter(|_| self.may_answer(&why));
            self.context(&mut Vec::new(), |cx| {
                if let Some(answer) = answer {
                    let datagrams = cx.emit_clear((local, remote), &answer);
                    cx.transmit((local, remote), datagrams);
                }
                cx.discard(None, &why);
            });
        }
    }

    /// Lets the editor hear a message of IKE_SA_INIT; true when it has taken it. The others are
    /// heard when they are opened.
    fn hear_first(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        header: &Header,
        octets: &[u8],
    ) -> bool {
        if self.editor.is_none() || header.exchange != ExchangeType::IKE_SA_INIT {
            return false;
        }
        let payloads = Message::parse(octets).map(|message| message.payloads).unwrap_or_default();
        let came = receive::Came { local, remote, header, octets };
        self.context(&mut Vec::new(), |cx| {
            let clear = came.opened(&payloads, false, cx);
            let Some(sayings) = cx.heard(&clear) else {
                return false;
            };
            for saying in sayings {
                let delay = saying.delay;
                let datagrams = saying.octets().into_iter().collect();
                cx.transmit_after(delay, (local, remote), datagrams);
            }
            true
        })
    }

    /// An IKE_SA_INIT request: a repeated one is answered from memory, a new one by `init`.
    fn first_request(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        header: &Header,
        octets: &[u8],
    ) -> Result<(), Discard> {
        let digest = Prf::HmacSha256.digest(b"IKE_SA_INIT", &[octets]);
        let key = (remote, header.initiator_spi, digest);
        if let Some(spi) = self.state.requests.get(&key).copied() {
            let (id, ends) = (header.message_id, (local, remote));
            let again = self.with(spi, |sa, cx| receive::answer_again(sa, id, ends, cx));
            return again.unwrap_or(Err(Discard::Closed));
        }
        let arrival = init::Arrival { local, remote, spi: header.initiator_spi, octets };
        let mut jar = std::mem::take(&mut self.state.jar);
        let load = self.state.half_open.load(remote.ip());
        let made = self.apply(|cx| init::respond(arrival, load, &mut jar, cx));
        self.state.jar = jar;
        if let Some(sa) = made? {
            self.state.requests.insert(key, sa.core.local_spi());
            self.admit(sa);
        }
        Ok(())
    }

    /// Whether we say to a stranger why we drop its request, and have not done so too often.
    fn may_answer(&mut self, why: &Discard) -> bool {
        let wished = self.config.invalid_ike_spi || !matches!(why, Discard::UnknownSpi { .. });
        wished && self.state.unprotected.take(self.now, self.config.unprotected_answers)
    }

    /// Somebody says, outside of any IKE SA, that an SPI of ours is unknown to it: that proves
    /// nothing, but a sign of life is asked for (RFC 7296 §1.5, §2.4).
    fn hint(&mut self, remote: SocketAddr, spi: EspSpi) {
        let now = self.now;
        let sends = move |sa: &Sa| sa.core.path.remote.ip() == remote.ip() && sa.sends_on(spi);
        self.with_all(sends, |sa, _| sa.wonder(now));
    }

    /// An ESP packet with an unknown SPI: its sender is told, over an IKE SA if there is one, and not
    /// too often (RFC 7296 §1.5).
    pub(crate) fn unknown_spi(&mut self, local: SocketAddr, remote: SocketAddr, spi: EspSpi) {
        if !self.state.spis.is_strange(spi) {
            return;
        }
        let between = |sa: &&Sa| {
            let path = &sa.core.path;
            (path.local.ip(), path.remote.ip()) == (local.ip(), remote.ip()) && sa.is_open()
        };
        let over = self.state.sas.values().find(between).map(|sa| sa.core.local_spi());
        let wished =
            self.config.tunnels.iter().any(|tunnel| {
                tunnel.options.invalid_spi && tunnel.is_between(local.ip(), remote.ip())
            });
        let limit = self.config.unprotected_answers;
        if !wished || !self.state.unprotected.take(self.now, limit) {
            return;
        }
        match over {
            Some(sa) => {
                let data = spi.0.to_be_bytes().to_vec();
                let tell = Want::Tell { notify: NotifyType::INVALID_SPI, data };
                self.with(sa, |sa, _| operator::want(sa, tell));
            }
            None => {
                let octets = stray::tell(spi);
                self.out.push(Output::Transmit { local, remote, octets });
            }
        }
    }

    /// Believes an ICMP error if it quotes an IKE SA of ours, and nobody else's addresses.
    pub(crate) fn too_big(&mut self, ends: (SocketAddr, SocketAddr), mtu: usize, quoted: &[u8]) {
        let Ok(raw) = Header::parse(quoted) else { return };
        let Header { flags, initiator_spi, responder_spi, message_id, .. } = raw.header;
        let spi = if flags.initiator() { initiator_spi } else { responder_spi };
        self.with(spi, |sa, cx| {
            if sa.core.path.ends() == ends && !flags.response() {
                sa.too_big(message_id, mtu, cx);
            }
        });
    }

    /// A good packet came in on a Child SA; its IKE SA asks for it when it wonders about the peer.
    pub(crate) fn alive(&mut self, spi_in: EspSpi) {
        if self.state.spis.esp.contains(&spi_in) {
            self.state.spis.alive.insert(spi_in, self.now);
        }
    }

    /// An ESP packet in UDP left on a Child SA; its IKE SA asks for it before it sends a keepalive.
    pub(crate) fn spoke(&mut self, spi_in: EspSpi) {
        if self.state.spis.esp.contains(&spi_in) {
            self.state.spis.spoke.insert(spi_in, self.now);
        }
    }
}

/// A request for an IKE SA: there is no SPI of ours yet (RFC 7296 §2.6).
fn is_first_request(header: &Header) -> bool {
    header.exchange == ExchangeType::IKE_SA_INIT
        && !header.flags.response()
        && header.responder_spi == IkeSpi::NONE
}
