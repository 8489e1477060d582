//! ESP packets of real daemons (`vectors/captures`), with their keys: what they sealed, we open.

use ikelab_ambient::Instant;
use ikelab_crypto::{Encr, Integ, Protection, Secret};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::ip::{IpPacket, IpView};
use ikelab_wire::registry::{EncrId, IntegId, IpProtocol};
use serde_json::Value;

use super::{SaConfig, SaKeys, address, config_a, delivered, net, reason};
use crate::{Esp, Output};

const SESSIONS: [&str; 9] = [
    "aes128-sha256-modp2048",
    "aes128ccm16-prfsha256-ecp256",
    "aes192-sha384-ecp521",
    "aes256gcm16-prfsha384-ecp384",
    "chacha20poly1305-prfsha256-x25519",
    "child-rekey-nopfs",
    "child-rekey-pfs",
    "esp-null-sha256",
    "psk-default",
];

fn load(name: &str) -> Value {
    let path = format!("{}/../../vectors/captures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

fn octets(value: &Value, key: &str) -> Vec<u8> {
    hex::decode(value[key].as_str().expect("a string")).expect("hex")
}

fn number(value: &Value, key: &str) -> u16 {
    value[key].as_u64().and_then(|number| number.try_into().ok()).expect("a number")
}

/// The Child SA as the end has it that received a sample.
fn receiver(child: &Value, from_initiator: bool) -> SaConfig {
    let key_bits = number(child, "key_bits");
    let encr =
        Encr::from_transform(EncrId(number(child, "encr")), (key_bits != 0).then_some(key_bits));
    let protection = Protection {
        encr: encr.expect("a cipher"),
        integ: Integ::from_id(IntegId(number(child, "integ"))),
    };
    let spi = |key| EspSpi::from_octets(&octets(child, key)).expect("an SPI");
    let secret = |key| Secret::from(octets(child, key));
    let initiator = SaConfig {
        spi_in: spi("spi_i"),
        spi_out: spi("spi_r"),
        keys: SaKeys {
            encr_out: secret("encr_i"),
            integ_out: secret("integ_i"),
            encr_in: secret("encr_r"),
            integ_in: secret("integ_r"),
        },
        local_ts: vec![net("10.1.0.0/16")],
        remote_ts: vec![net("10.2.0.0/16")],
        ..config_a(1, protection)
    };
    if from_initiator { super::mirrored(&initiator) } else { initiator }
}

fn feed(esp: &mut Esp, packet: &[u8]) -> Vec<Output> {
    let (src, dst) = (address("10.9.0.1"), address("10.9.0.2"));
    let outer = IpPacket::new(src, dst, IpProtocol::ESP, packet.to_vec()).emit();
    let view = IpView::parse(&outer).unwrap();
    let mut out = Vec::new();
    esp.inbound(Instant::ZERO, &view, view.payload(), &mut out);
    out
}

#[test]
fn what_real_daemons_sealed_is_opened_and_a_second_copy_is_refused() {
    let mut opened = 0;
    for name in SESSIONS {
        let session = load(name);
        // Each direction has a receiver of its own.
        let mut ends = [Esp::default(), Esp::default()];
        for child in session["child_sas"].as_array().unwrap() {
            ends[0].install(receiver(child, true));
            ends[1].install(receiver(child, false));
        }
        for sample in session["esp"].as_array().unwrap() {
            let end = &mut ends[usize::from(!sample["from_initiator"].as_bool().unwrap())];
            let packet = octets(sample, "packet");
            let trailer = usize::from(number(sample, "pad_len")) + 2;
            let plaintext = octets(sample, "plaintext");
            let inner = plaintext[..plaintext.len() - trailer].to_vec();
            assert_eq!(delivered(&feed(end, &packet)), Some(inner), "{name} {}", sample["frame"]);
            assert_eq!(reason(&feed(end, &packet)), Some("replayed"), "{name}");
            opened += 1;
        }
    }
    assert!(opened >= 3 * SESSIONS.len(), "{opened} samples");
}
