//! Recorded sessions of real daemons: from the secrets they shared, this crate derives the keys
//! they logged, opens what they sent, and computes the AUTH they sent.

use ikelab_crypto::{
    Encr, EspCipher, Group, IkeKeys, Integ, OpenError, Prf, Protection, Sealer, Secret, Trailer,
    child_keys, psk_auth, skeyseed, skeyseed_rekey,
};
use ikelab_wire::ike::{Header, IkeSpi};
use ikelab_wire::registry::{EncrId, IntegId, KeId, PayloadType, PrfId};
use serde::Deserialize;

use crate::support::{Hex, load};

const SESSIONS: [&str; 15] = [
    "aes128-aesxcbc-modp2048",
    "aes128-sha256-modp2048",
    "aes128ccm16-prfsha256-ecp256",
    "aes192-sha384-ecp521",
    "aes256gcm16-prfsha384-ecp384",
    "chacha20poly1305-prfsha256-x25519",
    "child-rekey-nopfs",
    "child-rekey-pfs",
    "esp-null-sha256",
    "ike-rekey",
    "libreswan-frag",
    "libreswan-init-psk",
    "openiked-gcm-ike-x25519",
    "openiked-init-psk",
    "psk-default",
];

#[test]
fn the_key_schedule_derives_the_keys_that_daemons_logged() {
    for session in sessions() {
        for sa in &session.ike_sas {
            let name = &session.name;
            let seed = match sa.replaces.map(|old| &session.ike_sas[old]) {
                None => skeyseed(sa.prf(), &sa.shared_secret, &sa.ni, &sa.nr),
                Some(old) => {
                    skeyseed_rekey(old.prf(), &old.sk_d, &sa.shared_secret, &sa.ni, &sa.nr)
                }
            };
            assert_eq!(seed.as_ref(), &*sa.skeyseed, "{name}: SKEYSEED");
            assert_eq!(sa.derived(&session), sa.logged(), "{name}: SK_*");
        }
    }
}

#[test]
fn child_keys_are_those_that_daemons_gave_to_their_kernels() {
    for session in sessions() {
        for child in &session.child_sas {
            let ike = &session.ike_sas[child.ike];
            let shared = (!child.shared_secret.is_empty()).then_some(&*child.shared_secret);
            let keys =
                child_keys(ike.prf(), &ike.sk_d, child.protection(), shared, &child.ni, &child.nr);
            let name = &session.name;
            assert_eq!(keys.encr_i.as_ref(), &*child.encr_i, "{name}: encryption, initiator");
            assert_eq!(keys.integ_i.as_ref(), &*child.integ_i, "{name}: integrity, initiator");
            assert_eq!(keys.encr_r.as_ref(), &*child.encr_r, "{name}: encryption, responder");
            assert_eq!(keys.integ_r.as_ref(), &*child.integ_r, "{name}: integrity, responder");
        }
    }
}

#[test]
fn recorded_messages_open_and_without_padding_seal_again_to_the_same_octets() {
    for session in sessions() {
        for message in &session.messages {
            let (sealer, at) = (session.sealer(message), (&session.name, message.frame));
            let opened = sealer.open(&message.octets).expect("recorded message opens");
            assert_eq!(opened.plaintext, *message.inner, "{at:?}");
            assert_eq!(opened.first, PayloadType(message.first), "{at:?}");
            assert_eq!(opened.pad_len, message.pad_len, "{at:?}");
            assert_eq!(opened.fragment, message.fragment, "{at:?}");
            if opened.pad_len == 0 && opened.fragment.is_none() {
                let header = Header::parse(&message.octets).expect("a header").header;
                let iv = &message.octets[32..32 + sealer.iv_len()];
                let sealed = sealer.seal_octets(&header, opened.first, &message.inner, iv);
                assert_eq!(sealed, *message.octets, "{at:?}");
            }
        }
    }
}

#[test]
fn a_recorded_message_with_one_bit_changed_anywhere_does_not_open() {
    for session in sessions() {
        let message = &session.messages[0];
        let sealer = session.sealer(message);
        for at in 0..message.octets.len() {
            let mut octets = message.octets.to_vec();
            octets[at] ^= 0x10;
            let error = sealer.open(&octets).expect_err("a forged message");
            assert!(
                matches!(error, OpenError::BadIcv | OpenError::NotSealed),
                "{}: octet {at}: {error}",
                session.name
            );
        }
    }
}

#[test]
fn recorded_esp_packets_open_and_seal_again_to_the_same_octets() {
    let mut opened = 0;
    for session in sessions() {
        for sample in &session.esp {
            let (cipher, at) = (session.esp_cipher(sample), (&session.name, sample.frame));
            let mut packet = sample.packet.to_vec();
            let text = cipher.open(&mut packet, None).expect("recorded packet opens");
            let trailer = Trailer::read(&packet[text.clone()]).expect("a trailer");
            assert_eq!(packet[text.clone()], *sample.plaintext, "{at:?}");
            assert_eq!((trailer.pad_len, trailer.next_header), sample.trailer(), "{at:?}");
            assert!(trailer.monotonic, "{at:?}");

            let mut again = packet[..text.start + trailer.payload_len].to_vec();
            cipher.pad(&mut again, 0, trailer.next_header);
            cipher.seal(&mut again, 0, None);
            assert_eq!(again, *sample.packet, "{at:?}");
            opened += 1;
        }
    }
    assert!(opened > 40, "only {opened} packets in the recordings");
}

#[test]
fn a_recorded_esp_packet_with_one_bit_changed_anywhere_does_not_open() {
    for session in sessions() {
        let Some(sample) = session.esp.first() else { continue };
        let cipher = session.esp_cipher(sample);
        for at in 0..sample.packet.len() {
            let mut packet = sample.packet.to_vec();
            packet[at] ^= 1;
            assert_eq!(cipher.open(&mut packet, None), Err(OpenError::BadIcv), "octet {at}");
        }
    }
}

#[test]
fn the_auth_of_a_shared_key_is_the_one_daemons_sent() {
    for session in sessions() {
        assert_eq!(session.auth.len(), 2, "{}: one of each side", session.name);
        for auth in &session.auth {
            let prf = session.ike_sas[auth.ike].prf();
            let made = psk_auth(prf, &session.psk, &[&auth.signed_octets]);
            assert_eq!(made, *auth.auth, "{}: {}", session.name, auth.by);

            // RFC 7296 §2.15: the octets end with prf(SK_p, identification without its header)
            let keys = &session.ike_sas[auth.ike];
            let nonce = if auth.by == "initiator" { &keys.nr } else { &keys.ni };
            let message_len = auth.signed_octets.len() - prf.output_len() - nonce.len();
            assert_eq!(&auth.signed_octets[message_len..][..nonce.len()], &**nonce);
        }
    }
}

#[test]
fn recordings_cover_every_algorithm_they_are_meant_to_cover() {
    let sessions: Vec<Session> = sessions().collect();
    let sas = || sessions.iter().flat_map(|session| &session.ike_sas);
    for encr in [EncrId::AES_CBC, EncrId::AES_GCM_16, EncrId::AES_CCM_16, EncrId::CHACHA20_POLY1305]
    {
        assert!(sas().any(|sa| sa.encr == encr.0), "{encr}");
    }
    for ke in [KeId::MODP_2048, KeId::ECP_256, KeId::ECP_384, KeId::ECP_521, KeId::CURVE25519] {
        assert!(sas().any(|sa| sa.ke == ke.0), "{ke}");
        assert!(Group::from_id(ke).is_some(), "{ke}");
    }
    for prf in [PrfId::HMAC_SHA2_256, PrfId::HMAC_SHA2_384, PrfId::AES128_XCBC] {
        assert!(sas().any(|sa| sa.prf == prf.0), "{prf}");
    }
    assert!(sas().filter(|sa| sa.replaces.is_some()).count() >= 4, "rekeyed SAs");
}

fn sessions() -> impl Iterator<Item = Session> {
    SESSIONS.into_iter().map(|name| load(&format!("captures/{name}.json")))
}

#[derive(Deserialize)]
struct Session {
    name: String,
    psk: Hex,
    ike_sas: Vec<IkeSa>,
    child_sas: Vec<ChildSa>,
    messages: Vec<SealedMessage>,
    auth: Vec<Auth>,
    esp: Vec<EspSample>,
}

#[derive(Deserialize)]
struct IkeSa {
    spi_i: String,
    spi_r: String,
    encr: u16,
    key_bits: u16,
    integ: u16,
    prf: u16,
    ke: u16,
    ni: Hex,
    nr: Hex,
    shared_secret: Hex,
    skeyseed: Hex,
    sk_d: Hex,
    sk_ai: Hex,
    sk_ar: Hex,
    sk_ei: Hex,
    sk_er: Hex,
    sk_pi: Hex,
    sk_pr: Hex,
    replaces: Option<usize>,
}

#[derive(Deserialize)]
struct ChildSa {
    ike: usize,
    encr: u16,
    key_bits: u16,
    integ: u16,
    ni: Hex,
    nr: Hex,
    shared_secret: Hex,
    encr_i: Hex,
    integ_i: Hex,
    encr_r: Hex,
    integ_r: Hex,
}

#[derive(Deserialize)]
struct SealedMessage {
    frame: u32,
    ike: usize,
    from_initiator: bool,
    octets: Hex,
    first: u8,
    inner: Hex,
    pad_len: u8,
    fragment: Option<(u16, u16)>,
}

#[derive(Deserialize)]
struct Auth {
    ike: usize,
    by: String,
    signed_octets: Hex,
    auth: Hex,
}

#[derive(Deserialize)]
struct EspSample {
    frame: u32,
    child: usize,
    from_initiator: bool,
    packet: Hex,
    plaintext: Hex,
    pad_len: u8,
    next_header: u8,
}

fn protection(encr: u16, key_bits: u16, integ: u16) -> Protection {
    let key_bits = (key_bits != 0).then_some(key_bits);
    Protection {
        encr: Encr::from_transform(EncrId(encr), key_bits).expect("a cipher"),
        integ: Integ::from_id(IntegId(integ)),
    }
}

impl Session {
    fn sealer(&self, message: &SealedMessage) -> Sealer {
        let sa = &self.ike_sas[message.ike];
        if message.from_initiator {
            Sealer::new(sa.protection(), &sa.sk_ei, &sa.sk_ai)
        } else {
            Sealer::new(sa.protection(), &sa.sk_er, &sa.sk_ar)
        }
    }

    fn esp_cipher(&self, sample: &EspSample) -> EspCipher {
        let sa = &self.child_sas[sample.child];
        if sample.from_initiator {
            EspCipher::new(sa.protection(), &sa.encr_i, &sa.integ_i)
        } else {
            EspCipher::new(sa.protection(), &sa.encr_r, &sa.integ_r)
        }
    }
}

impl IkeSa {
    fn prf(&self) -> Prf {
        Prf::from_id(PrfId(self.prf)).expect("a PRF")
    }

    fn protection(&self) -> Protection {
        protection(self.encr, self.key_bits, self.integ)
    }

    fn derived(&self, session: &Session) -> IkeKeys {
        let (spi_i, spi_r) = (spi(&self.spi_i), spi(&self.spi_r));
        let (shared, ni, nr) = (&self.shared_secret, &self.ni, &self.nr);
        match self.replaces.map(|old| &session.ike_sas[old]) {
            None => IkeKeys::derive(self.prf(), self.protection(), shared, ni, nr, spi_i, spi_r),
            Some(old) => IkeKeys::rekey(
                old.prf(),
                &old.sk_d,
                self.prf(),
                self.protection(),
                shared,
                ni,
                nr,
                spi_i,
                spi_r,
            ),
        }
    }

    fn logged(&self) -> IkeKeys {
        let secret = |hex: &Hex| Secret::from(&**hex);
        IkeKeys {
            sk_d: secret(&self.sk_d),
            sk_ai: secret(&self.sk_ai),
            sk_ar: secret(&self.sk_ar),
            sk_ei: secret(&self.sk_ei),
            sk_er: secret(&self.sk_er),
            sk_pi: secret(&self.sk_pi),
            sk_pr: secret(&self.sk_pr),
        }
    }
}

impl ChildSa {
    fn protection(&self) -> Protection {
        protection(self.encr, self.key_bits, self.integ)
    }
}

impl EspSample {
    fn trailer(&self) -> (u8, u8) {
        (self.pad_len, self.next_header)
    }
}

fn spi(text: &str) -> IkeSpi {
    text.parse().expect("an SPI")
}
