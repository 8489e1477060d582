//! Two gateways and the flows between them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ikelab_ambient::{Instant, Seeded};
use ikelab_crypto::{EspCipher, Protection, Secret};
use ikelab_esp::{Action, Esp, EspMode, Lifetime, OuterPolicy, Output, Policy, SaConfig, SaKeys};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::ip::{IpPacket, IpView, Udp};
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::IpProtocol;

use super::{BATCH, Subject, Way};

/// Octets that a packet grows by at most.
const ROOM: usize = 128;

/// The whole way of a packet through one end.
pub(super) struct Path {
    near: Esp,
    far: Esp,
    way: Way,
    protection: Protection,
    /// A clear packet of each flow.
    clear: Vec<Vec<u8>>,
    next: usize,
    batch: Vec<Vec<u8>>,
    out: Vec<Output>,
    entropy: Seeded,
}

impl Path {
    /// So many SAs, each with a policy and a network of its own, and so many flows, each on another.
    pub(super) fn new(
        protection: Protection,
        size: usize,
        (sas, flows): (u32, u32),
        way: Way,
    ) -> Self {
        let mut path = Self {
            near: Esp::default(),
            far: Esp::default(),
            way,
            protection,
            clear: (0..flows).map(|flow| clear((sas / 2 + flow) % sas, size)).collect(),
            next: 0,
            batch: (0..BATCH).map(|_| Vec::with_capacity(size + ROOM)).collect(),
            out: Vec::with_capacity(BATCH * 4),
            entropy: Seeded::new(1, "bench"),
        };
        for number in 0..sas {
            let near = config(number, protection);
            let far = mirrored(&near);
            for (esp, config) in [(&mut path.near, near), (&mut path.far, far)] {
                esp.add_policy(policy(&config));
                assert!(esp.install(config), "it protects");
            }
        }
        // Whatever is done once for a flow or an SA is done before anything is timed.
        for _ in 0..path.clear.len() / BATCH + 1 {
            path.prepare();
            path.run();
        }
        path
    }

    /// Octets that are encrypted.
    pub(super) fn text_len(&self) -> usize {
        let key = vec![0; self.protection.encr_key_len()];
        let integ = vec![0; self.protection.integ_key_len()];
        let cipher = EspCipher::new(self.protection, &key, &integ);
        let packet = cipher.packet_len(self.clear[0].len());
        packet - cipher.payload_offset() - self.protection.icv_len()
    }

    fn seal_batch(&mut self) {
        for packet in &mut self.batch {
            let packet = std::mem::take(packet);
            self.near.outbound(Instant::ZERO, &mut self.entropy, packet, &mut self.out);
        }
    }

    /// Takes the buffers of what came out back.
    fn collect(&mut self, mut take: impl FnMut(&mut Esp, &mut Vec<u8>, Vec<u8>)) -> usize {
        let mut buffers = self.batch.iter_mut();
        let mut count = 0;
        for output in self.out.drain(..) {
            if let Output::Transmit(packet) | Output::Deliver(packet) = output {
                take(&mut self.far, buffers.next().expect("a batch"), packet);
                count += 1;
            }
        }
        count
    }

    fn fill_batch(&mut self) {
        for packet in &mut self.batch {
            packet.clear();
            packet.extend_from_slice(&self.clear[self.next]);
            self.next = (self.next + 1) % self.clear.len();
        }
    }
}

impl Subject for Path {
    fn prepare(&mut self) {
        match self.way {
            Way::Seal => {
                self.collect(|_, place, packet| *place = packet);
                self.fill_batch();
            }
            Way::Open => {
                self.collect(|far, _, packet| far.recycle(packet));
                self.fill_batch();
                self.seal_batch();
                let sealed = self.collect(|_, place, packet| *place = packet);
                assert_eq!(sealed, BATCH, "all are sealed");
            }
        }
    }

    fn run(&mut self) {
        match self.way {
            Way::Seal => self.seal_batch(),
            Way::Open => {
                for packet in &self.batch {
                    let outer = IpView::parse(packet).expect("an outer packet");
                    self.far.inbound(Instant::ZERO, &outer, outer.payload(), &mut self.out);
                }
            }
        }
        let through = |output: &&Output| matches!(output, Output::Transmit(_) | Output::Deliver(_));
        debug_assert_eq!(self.out.iter().filter(through).count(), BATCH);
    }
}

/// The network of a flow: a /30 of its own.
fn network(base: u32, number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(base + 4 * number)
}

const NEAR: u32 = u32::from_be_bytes([10, 0, 0, 0]);
const FAR: u32 = u32::from_be_bytes([172, 16, 0, 0]);

fn clear(number: u32, size: usize) -> Vec<u8> {
    let host = |base| IpAddr::from(network(base + 1, number));
    let udp = Udp { src_port: 4000, dst_port: 5000, payload: vec![0x5a; size - 28] };
    let datagram = udp.emit(host(NEAR), host(FAR));
    IpPacket::new(host(NEAR), host(FAR), IpProtocol::UDP, datagram).emit()
}

fn config(number: u32, protection: Protection) -> SaConfig {
    let key = |len: usize| Secret::from(vec![number as u8; len]);
    let selector = |base| vec![SelectorRange::from_prefix(network(base, number).into(), 30)];
    SaConfig {
        policy: format!("site.{number}"),
        spi_in: EspSpi(0x1000_0000 + number),
        spi_out: EspSpi(0x2000_0000 + number),
        local: SocketAddr::from(([192, 0, 2, 1], 4500)),
        remote: SocketAddr::from(([192, 0, 2, 2], 4500)),
        encapsulated: false,
        mode: EspMode::Tunnel,
        protection,
        keys: SaKeys {
            encr_out: key(protection.encr_key_len()),
            integ_out: key(protection.integ_key_len()),
            encr_in: key(protection.encr_key_len()),
            integ_in: key(protection.integ_key_len()),
        },
        local_ts: selector(NEAR),
        remote_ts: selector(FAR),
        esn: false,
        replay_window: 64,
        non_first_fragments: true,
        refuses_tfc: false,
        send_at_once: true,
        replaces: None,
        outer: OuterPolicy::default(),
        lifetime: Lifetime::default(),
    }
}

fn mirrored(near: &SaConfig) -> SaConfig {
    SaConfig {
        spi_in: near.spi_out,
        spi_out: near.spi_in,
        local: near.remote,
        remote: near.local,
        local_ts: near.remote_ts.clone(),
        remote_ts: near.local_ts.clone(),
        ..near.clone()
    }
}

fn policy(config: &SaConfig) -> Policy {
    Policy {
        name: config.policy.clone(),
        local: config.local_ts.clone(),
        remote: config.remote_ts.clone(),
        action: Action::Protect,
        at_boundary: false,
    }
}
