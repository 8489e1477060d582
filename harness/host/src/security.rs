//! What IKE and ESP want of each other, of the network and of the trace.

use std::net::SocketAddr;

use ikelab_ambient::Instant;
use ikelab_esp::{Action, Dropped, OuterPolicy, Policy, SaConfig, SaKeys, Withheld};
use ikelab_ike::{Acquire, ChildSa};
use ikelab_trace::{EspEvent, Fact, Origin};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::ip::{IcmpMessage, IpPacket, IpView, KEEPALIVE, Udp, with_marker};
use ikelab_wire::registry::IpProtocol;

use crate::deliver::{PORT_IKE, PORT_NAT_T};
use crate::host::Arrival;
use crate::{Host, SaSettings};

impl Host {
    /// Tells the IKE engine something, and does what it wants done.
    pub(crate) fn tell_ike(&mut self, now: Instant, input: ikelab_ike::Input<'_>) {
        let local = self.local(now);
        for output in self.ike.handle(local, &mut self.entropy, input) {
            self.obey_ike(now, output);
        }
        self.ike_most = self.ike_most.max(self.ike.entries());
    }

    /// Hands a packet in the clear to policy.
    pub(crate) fn protect(&mut self, now: Instant, octets: Vec<u8>, origin: Origin) {
        let mut out = Vec::new();
        let local = self.local(now);
        if self.stays_inside(&octets) {
            self.esp.outbound_inside(local, &mut self.entropy, octets, &mut out);
        } else {
            self.esp.outbound(local, &mut self.entropy, octets, &mut out);
        }
        self.obey_esp(now, out, origin);
    }

    /// Whether a packet leaves by an interface on the protected side.
    fn stays_inside(&self, octets: &[u8]) -> bool {
        let hop = IpView::parse(octets).ok().and_then(|view| self.stack.routes.look_up(view.dst));
        hop.is_some_and(|hop| self.is_inside(hop.iface))
    }

    /// Opens an ESP packet that came in `outer`.
    pub(crate) fn open(&mut self, now: Instant, outer: &IpView<'_>, esp: &[u8]) {
        let mut out = Vec::new();
        self.esp.inbound(now, outer, esp, &mut out);
        let strange = out.iter().find_map(strange_spi);
        self.obey_esp(now, out, Origin::Opened);
        if let Some(spi) = strange {
            let (local, remote) = ends(outer);
            self.tell_ike(now, ikelab_ike::Input::UnknownSpi { local, remote, spi });
        }
    }

    /// Cuts a packet that would be too long once it is sealed, or tells its sender.
    fn too_big_to_seal(&mut self, now: Instant, mtu: u16, octets: &[u8], origin: Origin) {
        let Ok(packet) = IpView::parse(octets) else { return };
        match self.pieces(&packet, mtu) {
            Some(pieces) => {
                pieces.into_iter().for_each(|piece| self.protect(now, piece, origin));
            }
            None => self.report(now, &packet, &IcmpMessage::too_big(mtu.into(), octets)),
        }
    }

    fn obey_ike(&mut self, now: Instant, output: ikelab_ike::Output) {
        use ikelab_ike::Output;
        match output {
            Output::Transmit { local, remote, octets } => {
                let payload = match local.port() {
                    PORT_NAT_T => with_marker(&octets),
                    _ => octets,
                };
                self.send_udp(now, local, remote, payload);
            }
            Output::Install(child) => {
                let settings = self.settings.get(&child.child).copied().unwrap_or_default();
                let config = sa_config(*child, settings);
                self.follow_selectors(&config);
                let child = config.policy.clone();
                let (spi_in, mtu) = (config.spi_in, self.mtu_towards(config.remote.ip()));
                if self.esp.install(config) {
                    self.esp.set_link_mtu(spi_in, mtu);
                    self.begin_dummies(now, &child);
                } else {
                    let reason = Withheld::Unprotected;
                    let (spi, ends) = (None, None);
                    self.log.write(Fact::Esp(EspEvent::Withheld {
                        reason,
                        packet: child,
                        spi,
                        ends,
                    }));
                }
            }
            Output::Activate { spi_in } => self.esp.activate(spi_in),
            Output::Retire { spi_in } => self.esp.retire(spi_in),
            Output::Moved { spi_in, remote } => {
                self.esp.set_remote(spi_in, remote);
                self.esp.set_link_mtu(spi_in, self.mtu_towards(remote.ip()));
            }
            Output::Relocated { spi_in, local } => self.esp.set_local(spi_in, local),
            Output::Keepalive { local, remote } => {
                self.send_udp(now, local, remote, KEEPALIVE.to_vec());
            }
            Output::Remove { spi_in } => {
                self.esp.remove(spi_in);
                self.forget_selectors(spi_in);
            }
            Output::Assign { address } => self.stack.assign(address),
            Output::Unassign { address } => self.stack.unassign(address),
            Output::AcquireFailed { child } => self.esp.acquire_failed(&child),
            Output::Event(event) => self.log.write(Fact::Ike(self.in_true_time(event))),
        }
    }

    /// A Child SA with a peer that has its address from us has no policy of its own: its selectors
    /// become one as long as it is there.
    fn follow_selectors(&mut self, sa: &SaConfig) {
        let roaming = self.settings.get(&sa.policy).is_some_and(|settings| settings.roaming);
        if roaming {
            self.esp.add_policy_first(Policy {
                name: sa.policy.clone(),
                local: sa.local_ts.clone(),
                remote: sa.remote_ts.clone(),
                action: Action::Protect,
                at_boundary: false,
            });
            self.roaming.insert(sa.spi_in, sa.policy.clone());
        }
    }

    fn forget_selectors(&mut self, spi_in: EspSpi) {
        let Some(policy) = self.roaming.remove(&spi_in) else { return };
        if self.roaming.values().all(|other| *other != policy) {
            self.esp.remove_policy(&policy);
        }
    }

    fn send_udp(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr, payload: Vec<u8>) {
        if payload.len() > Udp::PAYLOAD_MAX {
            let detail = format!("{} octets, at most {} fit", payload.len(), Udp::PAYLOAD_MAX);
            return self.log.dropped("too long for UDP", detail, &[]);
        }
        let udp = Udp { src_port: local.port(), dst_port: remote.port(), payload };
        let udp = udp.emit(local.ip(), remote.ip());
        let packet = IpPacket::new(local.ip(), remote.ip(), IpProtocol::UDP, udp);
        let octets = self.seal_header(packet);
        self.send(now, octets, Origin::Here);
    }

    /// Does what ESP wants done about a packet that is from there.
    pub(crate) fn obey_esp(
        &mut self,
        now: Instant,
        outputs: Vec<ikelab_esp::Output>,
        origin: Origin,
    ) {
        use ikelab_esp::Output;
        for output in outputs {
            match output {
                Output::Transmit(octets) => self.send(now, octets, Origin::Here),
                Output::TransmitInPieces { mtu, packet } => {
                    self.send_within(now, packet, mtu, Origin::Here);
                }
                Output::Pass(octets) => self.send(now, octets, origin),
                Output::Deliver(octets) => self.tray.push_back(Arrival::Inner(octets)),
                Output::Acquire { child, local, remote } => {
                    let acquire = Acquire { child, local, remote };
                    self.tell_ike(now, ikelab_ike::Input::Acquire(acquire));
                }
                Output::Used { spi_in } => {
                    self.tell_ike(now, ikelab_ike::Input::Used { spi_in });
                }
                Output::Spoke { spi_in } => {
                    self.tell_ike(now, ikelab_ike::Input::Spoke { spi_in });
                }
                Output::Elsewhere { spi_in, remote } => {
                    self.tell_ike(now, ikelab_ike::Input::Elsewhere { spi_in, remote });
                }
                Output::Expire { spi_in, hard } => {
                    self.tell_ike(now, ikelab_ike::Input::Expire { spi_in, hard });
                }
                Output::TooBig { mtu, packet } => self.too_big_to_seal(now, mtu, &packet, origin),
                Output::Event(event) => {
                    let opened = match &event {
                        EspEvent::Opened { spi, .. } => Some(*spi),
                        _ => None,
                    };
                    self.log.write(Fact::Esp(event));
                    if let Some(spi_in) = opened {
                        self.tell_ike(now, ikelab_ike::Input::Alive { spi_in });
                    }
                }
            }
        }
    }
}

/// The SPI of a packet that was dropped because no SA has it.
fn strange_spi(output: &ikelab_esp::Output) -> Option<EspSpi> {
    match output {
        ikelab_esp::Output::Event(EspEvent::Dropped { spi, reason, .. })
            if *reason == Dropped::UnknownSpi =>
        {
            *spi
        }
        _ => None,
    }
}

/// Ours and the sender's address and port of an ESP packet; without UDP, the port of IKE.
fn ends(outer: &IpView<'_>) -> (SocketAddr, SocketAddr) {
    let in_udp = outer.ports().filter(|_| outer.protocol == IpProtocol::UDP);
    let (src, dst) = in_udp.unwrap_or((PORT_IKE, PORT_IKE));
    (SocketAddr::new(outer.dst, dst), SocketAddr::new(outer.src, src))
}

/// What ESP has to know of a Child SA: the keys by direction, not by who began.
fn sa_config(child: ChildSa, settings: SaSettings) -> SaConfig {
    let keys = child.keys;
    let keys = if child.initiator {
        SaKeys {
            encr_out: keys.encr_i,
            integ_out: keys.integ_i,
            encr_in: keys.encr_r,
            integ_in: keys.integ_r,
        }
    } else {
        SaKeys {
            encr_out: keys.encr_r,
            integ_out: keys.integ_r,
            encr_in: keys.encr_i,
            integ_in: keys.integ_i,
        }
    };
    SaConfig {
        policy: child.child,
        spi_in: child.spi_in,
        spi_out: child.spi_out,
        local: child.local,
        remote: child.remote,
        encapsulated: child.encapsulated,
        mode: child.mode,
        protection: child.protection,
        keys,
        local_ts: child.local_ts,
        remote_ts: child.remote_ts,
        esn: child.esn,
        replay_window: settings.replay_window,
        non_first_fragments: child.non_first_fragments,
        send_at_once: child.send_at_once,
        replaces: child.replaces,
        outer: if child.peer_takes_tfc {
            settings.outer
        } else {
            OuterPolicy { tfc_len: 0, ..settings.outer }
        },
        refuses_tfc: settings.refuses_tfc,
        lifetime: settings.lifetime,
    }
}
