//! The whole packets of RFC 3602 §4, cases 5 to 8. They are encrypted only, so the SA has no
//! integrity algorithm, which no negotiation would give.

use hex_literal::hex;
use ikelab_ambient::{Entropy, Instant, Purpose};
use ikelab_crypto::{Encr, Protection, Secret};
use ikelab_wire::ike::EspSpi;

use super::{SaConfig, SaKeys, config_a, delivered, gateways, net, receive, sealed};
use crate::EspMode;

struct Case {
    mode: EspMode,
    key: [u8; 16],
    spi: u32,
    sequence: u64,
    /// Of the outer header: the RFC's sender counted its packets.
    identification: u16,
    iv: [u8; 16],
    clear: Vec<u8>,
    sealed: Vec<u8>,
}

/// Gives one IV, and is asked for nothing else.
struct Pinned([u8; 16]);

impl Entropy for Pinned {
    fn fill(&mut self, _: Purpose, octets: &mut [u8]) {
        octets.copy_from_slice(&self.0);
    }
}

const NO_ICV: Protection = Protection { encr: Encr::AesCbc { key_bits: 128 }, integ: None };

fn config(case: &Case) -> SaConfig {
    let key = Secret::from(case.key.as_slice());
    SaConfig {
        spi_in: EspSpi(1),
        spi_out: EspSpi(case.spi),
        mode: case.mode,
        local: "192.168.123.3:0".parse().unwrap(),
        remote: match case.mode {
            EspMode::Transport => "192.168.123.100:0".parse().unwrap(),
            EspMode::Tunnel => "192.168.123.200:0".parse().unwrap(),
        },
        keys: SaKeys { encr_out: key.clone(), encr_in: key, ..SaKeys::default() },
        local_ts: vec![net("192.168.123.3/32")],
        remote_ts: vec![net("192.168.123.0/24")],
        ..config_a(1, NO_ICV)
    }
}

fn check(case: &Case) {
    let (mut near, mut far) = gateways(config(case));
    near.sad.get_mut(EspSpi(1)).unwrap().sent = case.sequence - 1;
    near.identification = case.identification;
    let mut out = Vec::new();
    near.outbound(Instant::ZERO, &mut Pinned(case.iv), case.clear.clone(), &mut out);
    let packet = sealed(&out).unwrap();
    assert_eq!(hex::encode(&packet), hex::encode(&case.sealed));
    let opened = delivered(&receive(&mut far, &packet)).unwrap();
    assert_eq!(hex::encode(opened), hex::encode(&case.clear));
}

#[test]
fn case_5_a_ping_in_transport_mode() {
    check(&Case {
        mode: EspMode::Transport,
        key: hex!("90d382b4 10eeba7a d938c46c ec1a82bf"),
        spi: 0x4321,
        sequence: 1,
        identification: 0,
        iv: hex!("e96e8c08 ab465763 fd098d45 dd3ff893"),
        clear: hex!(
            "45000054 08f20000 4001f9fe c0a87b03 c0a87b64"
            "08000ebd a70a0000 8e9c083d b95b0700 08090a0b 0c0d0e0f 10111213 14151617"
            "18191a1b 1c1d1e1f 20212223 24252627 28292a2b 2c2d2e2f 30313233 34353637"
        )
        .to_vec(),
        sealed: hex!(
            "4500007c 08f20000 4032f9a5 c0a87b03 c0a87b64"
            "00004321 00000001"
            "e96e8c08 ab465763 fd098d45 dd3ff893"
            "f663c25d 325c18c6 a9453e19 4e120849 a4870b66 cc6b9965 330013b4 898dc856"
            "a4699e52 3a55db08 0b59ec3a 8e4b7e52 775b07d1 db34ed9c 538ab50c 551b874a"
            "a269add0 47ad2d59 13ac19b7 cfbad4a6"
        )
        .to_vec(),
    });
}

#[test]
fn case_6_a_short_ping_in_transport_mode() {
    check(&Case {
        mode: EspMode::Transport,
        key: hex!("90d382b4 10eeba7a d938c46c ec1a82bf"),
        spi: 0x4321,
        sequence: 8,
        identification: 0,
        iv: hex!("69d08df7 d203329d b093fc49 24e5bd80"),
        clear: hex!(
            "45000030 08fe0000 4001fa16 c0a87b03 c0a87b64"
            "0800b5e8 a80a0500 a69c083d 0b660e00 77777777 77777777 77777777"
        )
        .to_vec(),
        sealed: hex!(
            "4500004c 08fe0000 4032f9c9 c0a87b03 c0a87b64"
            "00004321 00000008"
            "69d08df7 d203329d b093fc49 24e5bd80"
            "f5199588 1ec4e0c4 488987ce 742e8109 689bb379 d2d750c0 d915dca3 46a89f75"
        )
        .to_vec(),
    });
}

#[test]
fn case_7_a_ping_in_tunnel_mode() {
    check(&Case {
        mode: EspMode::Tunnel,
        key: hex!("01234567 89abcdef 01234567 89abcdef"),
        spi: 0x8765,
        sequence: 2,
        identification: 0x0905,
        iv: hex!("f4e76524 4f6407ad f13dc138 0f673f37"),
        clear: hex!(
            "45000054 09040000 4001f988 c0a87b03 c0a87bc8"
            "08009f76 a90a0100 b49c083d 02a20400 08090a0b 0c0d0e0f 10111213 14151617"
            "18191a1b 1c1d1e1f 20212223 24252627 28292a2b 2c2d2e2f 30313233 34353637"
        )
        .to_vec(),
        sealed: hex!(
            "4500008c 09050000 4032f91e c0a87b03 c0a87bc8"
            "00008765 00000002"
            "f4e76524 4f6407ad f13dc138 0f673f37"
            "773b5241 a4c44922 5e4f3ce5 ed611b0c 237ca96c f74a9301 3c1b0ea1 a0cf70f8"
            "e4ecaec7 8ac53aad 7a0f022b 859243c6 47752e94 a859352b 8a4d4d2d ecd136e5"
            "c177f132 ad3fbfb2 201ac990 4c74ee0a 109e0ca1 e4dfe9d5 a100b842 f1c22f0d"
        )
        .to_vec(),
    });
}

#[test]
fn case_8_another_ping_in_tunnel_mode() {
    check(&Case {
        mode: EspMode::Tunnel,
        key: hex!("01234567 89abcdef 01234567 89abcdef"),
        spi: 0x8765,
        sequence: 5,
        identification: 0x090d,
        iv: hex!("85d47224 b5f3dd5d 2101d4ea 8dffab22"),
        clear: hex!(
            "45000044 090c0000 4001f990 c0a87b03 c0a87bc8"
            "0800d63c aa0a0200 c69c083d a3de0300 ffffffff ffffffff ffffffff ffffffff"
            "ffffffff ffffffff ffffffff ffffffff"
        )
        .to_vec(),
        sealed: hex!(
            "4500007c 090d0000 4032f926 c0a87b03 c0a87bc8"
            "00008765 00000005"
            "85d47224 b5f3dd5d 2101d4ea 8dffab22"
            "15b92683 819596a8 047232cc 00f7048f e45318e1 1f8a0f62 ede3c3fc 61203bb5"
            "0f980a08 c9843fd3 a1b06d5c 07ff9639 b7eb7dfb 3512e5de 435e7207 ed971ef3"
            "d2726d9b 5ef6affc 6d17a0de cbb13892"
        )
        .to_vec(),
    });
}
