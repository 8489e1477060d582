//! Sealing and opening take no memory from the allocator once the buffers have their length, whatever
//! the suite and the mode.

use std::net::{IpAddr, SocketAddr};

use allocation_counter::{AllocationInfo, measure};
use ikelab_ambient::{Instant, Seeded};
use ikelab_crypto::{Encr, Integ, Protection, Secret};
use ikelab_esp::{Action, Esp, EspMode, Lifetime, OuterPolicy, Output, Policy, SaConfig, SaKeys};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::ip::{IpPacket, IpView, Udp};
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::IpProtocol;

const SUITES: [Protection; 6] = [
    Protection { encr: Encr::AesGcm16 { key_bits: 256 }, integ: None },
    Protection { encr: Encr::ChaCha20Poly1305, integ: None },
    Protection { encr: Encr::AesCcm16 { key_bits: 128 }, integ: None },
    Protection { encr: Encr::AesCbc { key_bits: 128 }, integ: Some(Integ::HmacSha256_128) },
    Protection { encr: Encr::AesCtr { key_bits: 256 }, integ: Some(Integ::HmacSha512_256) },
    Protection { encr: Encr::Null, integ: Some(Integ::HmacSha1_96) },
];

/// Two ends of an SA, and the buffer of the packet between them.
struct Ends {
    near: Esp,
    far: Esp,
    entropy: Seeded,
    clear: Vec<u8>,
    buffer: Vec<u8>,
    out: Vec<Output>,
}

impl Ends {
    fn new(protection: Protection, mode: EspMode) -> Self {
        let near = config(protection, mode);
        let far = SaConfig {
            spi_in: near.spi_out,
            spi_out: near.spi_in,
            local: near.remote,
            remote: near.local,
            local_ts: near.remote_ts.clone(),
            remote_ts: near.local_ts.clone(),
            ..near.clone()
        };
        let policy = Policy {
            name: near.policy.clone(),
            local: near.local_ts.clone(),
            remote: near.remote_ts.clone(),
            action: Action::Protect,
            at_boundary: false,
        };
        let (mut one, mut other) = (Esp::new(vec![policy]), Esp::default());
        assert!(one.install(near) && other.install(far), "both protect");
        let (src, dst) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let udp = Udp { src_port: 4000, dst_port: 5000, payload: vec![0x5a; 1300] };
        let clear = IpPacket::new(src, dst, IpProtocol::UDP, udp.emit(src, dst)).emit();
        Self {
            near: one,
            far: other,
            entropy: Seeded::new(1, "allocations"),
            clear,
            buffer: Vec::new(),
            out: Vec::new(),
        }
    }

    /// A packet goes there; its buffer comes back.
    fn pass(&mut self) {
        let mut packet = std::mem::take(&mut self.buffer);
        packet.clear();
        packet.extend_from_slice(&self.clear);
        self.near.outbound(Instant::ZERO, &mut self.entropy, packet, &mut self.out);
        let sealed = self.out.drain(..).find_map(|output| match output {
            Output::Transmit(packet) => Some(packet),
            _ => None,
        });
        let sealed = sealed.expect("a sealed packet");
        let outer = IpView::parse(&sealed).expect("a packet");
        self.far.inbound(Instant::ZERO, &outer, outer.payload(), &mut self.out);
        for output in self.out.drain(..) {
            if let Output::Deliver(packet) = output {
                assert_eq!(packet.len(), self.clear.len(), "all of it came");
                self.far.recycle(packet);
            }
        }
        self.buffer = sealed;
    }
}

fn config(protection: Protection, mode: EspMode) -> SaConfig {
    let key = |len: usize| Secret::from(vec![7; len]);
    let selector = |last| vec![SelectorRange::from_prefix([10, 0, 0, last].into(), 32)];
    SaConfig {
        policy: "site.net".into(),
        spi_in: EspSpi(0x1000_0000),
        spi_out: EspSpi(0x2000_0000),
        local: SocketAddr::from(([10, 0, 0, 1], 4500)),
        remote: SocketAddr::from(([10, 0, 0, 2], 4500)),
        encapsulated: false,
        mode,
        protection,
        keys: SaKeys {
            encr_out: key(protection.encr_key_len()),
            integ_out: key(protection.integ_key_len()),
            encr_in: key(protection.encr_key_len()),
            integ_in: key(protection.integ_key_len()),
        },
        local_ts: selector(1),
        remote_ts: selector(2),
        esn: true,
        replay_window: 64,
        non_first_fragments: true,
        refuses_tfc: false,
        send_at_once: true,
        replaces: None,
        outer: OuterPolicy::default(),
        lifetime: Lifetime::default(),
    }
}

fn allocations(packets: u32, ends: &mut Ends) -> AllocationInfo {
    measure(|| (0..packets).for_each(|_| ends.pass()))
}

#[test]
fn a_thousand_packets_take_no_memory() {
    for protection in SUITES {
        for mode in [EspMode::Tunnel, EspMode::Transport] {
            let mut ends = Ends::new(protection, mode);
            let first = allocations(20, &mut ends);
            assert!(first.count_total > 0, "the counter counts: buffers are made at first");
            let then = allocations(1000, &mut ends);
            assert_eq!(then.count_total, 0, "{protection:?} {mode:?}: {then:?}");
        }
    }
}
