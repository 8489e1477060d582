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

const SESSIONS: [&str; 52] = [
    "aes128-aesxcbc-modp2048",
    "aes128-sha256-modp2048",
    "aes128ccm16-prfsha256-ecp256",
    "aes192-sha384-ecp521",
    "aes256gcm16-prfsha384-ecp384",
    "cert-ecdsa",
    "cert-ed25519",
    "cert-rsa",
    "cert-rsa-legacy-authmethod1",
    "chacha20poly1305-prfsha256-x25519",
    "child-rekey-nopfs",
    "child-rekey-pfs",
    "childless-rfc6023",
    "collision-ike-rekey-vs-child-rekey",
    "config-payload-virtual-ip",
    "cookie",
    "delete-child-then-new-child-then-delete-ike",
    "dpd-liveness",
    "eap-mschapv2",
    "esp-null-sha256",
    "fragmentation-cert-rsa",
    "ike-rekey",
    "invalid-ke-retry",
    "ipv6-outer",
    "kn-shim",
    "kn-shim-esn",
    "libreswan-chacha20-x25519",
    "libreswan-frag",
    "libreswan-init-psk",
    "libreswan-invalid-ke",
    "libreswan-ppk",
    "ls-imp-corrupt-encrypted",
    "ls-imp-ke-payload-omit",
    "ls-imp-major-version-bump",
    "ls-imp-replay-duplicates",
    "ls-imp-send-bogus-payload-flag",
    "ls-imp-unkpl-crit-add-unkpl-to-sk-ike-auth",
    "mobike",
    "multiple-auth-rfc4739",
    "neg-auth-failed",
    "neg-no-proposal-chosen",
    "openiked-gcm-ike-x25519",
    "openiked-init-psk",
    "ppk-rfc8784",
    "psk-default",
    "sim-loss30-seed7",
    "sim-nat-rewrite",
    "simultaneous-child-rekey",
    "simultaneous-ike-rekey",
    "simultaneous-initiation",
    "ss6-mlkem768-x25519",
    "ts-narrowing",
];

#[test]
fn the_key_schedule_derives_the_keys_that_daemons_logged() {
    let mut count = 0;
    for session in sessions() {
        for sa in &session.ike_sas {
            let name = &session.name;
            let seed = sa.seed(&session);
            assert_eq!(seed.as_ref(), &*sa.skeyseed, "{name}: SKEYSEED");
            assert_eq!(sa.derived(&seed), sa.logged(), "{name}: SK_*");
            count += 1;
        }
    }
    assert_eq!(count, 66, "IKE SAs in the recordings");
}

#[test]
fn a_ppk_changes_the_three_keys_that_it_is_to_change() {
    let mut count = 0;
    for session in sessions().filter(|session| session.ppk.is_some()) {
        let expected = session.sk_d_after_ppk.as_ref().expect("logged");
        assert_eq!(session.sk_d(0), **expected, "{}: SK_d, RFC 8784 section 3", session.name);
        assert_ne!(session.sk_d(0), *session.ike_sas[0].sk_d, "{}", session.name);
        count += 1;
    }
    assert_eq!(count, 2);
}

#[test]
fn child_keys_are_those_that_daemons_gave_to_their_kernels() {
    let mut count = 0;
    for session in sessions() {
        for child in &session.child_sas {
            let prf = session.ike_sas[child.ike].prf();
            let shared = (!child.shared_secret.is_empty()).then_some(&*child.shared_secret);
            // RFC 9370 section 2.2.4: further secrets stand behind the nonces.
            let nr = behind(&child.nr, &child.additional_secrets);
            let sk_d = session.sk_d(child.ike);
            let keys = child_keys(prf, &sk_d, child.protection(), shared, &child.ni, &nr);
            let name = &session.name;
            assert_eq!(keys.encr_i.as_ref(), &*child.encr_i, "{name}: encryption, initiator");
            assert_eq!(keys.integ_i.as_ref(), &*child.integ_i, "{name}: integrity, initiator");
            assert_eq!(keys.encr_r.as_ref(), &*child.encr_r, "{name}: encryption, responder");
            assert_eq!(keys.integ_r.as_ref(), &*child.integ_r, "{name}: integrity, responder");
            count += 1;
        }
    }
    assert_eq!(count, 65, "Child SAs in the recordings");
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
        let Some(message) = session.messages.first() else { continue };
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
    assert!(opened > 250, "only {opened} packets in the recordings");
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
    let (mut by_psk, mut by_msk) = (0, 0);
    for session in sessions() {
        for auth in session.auth.iter().filter(|auth| auth.method == SHARED_KEY) {
            let prf = session.ike_sas[auth.ike].prf();
            // RFC 7296 section 2.16: the MSK of EAP takes the place of the shared secret.
            let secret = auth.msk.as_ref().unwrap_or(&session.psk);
            let made = psk_auth(prf, secret, &[&auth.signed_octets]);
            assert_eq!(made, *auth.auth, "{}: {}", session.name, auth.by);
            *if auth.msk.is_some() { &mut by_msk } else { &mut by_psk } += 1;
        }
    }
    assert_eq!((by_psk, by_msk), (86, 2));
}

#[test]
fn what_is_signed_ends_with_the_peers_nonce_and_the_identity_under_sk_p() {
    for session in sessions() {
        for auth in &session.auth {
            let sa = &session.ike_sas[auth.ike];
            let by_initiator = auth.by == "initiator";
            let nonce = if by_initiator { &sa.nr } else { &sa.ni };
            let key = session.sk_p(auth, by_initiator);
            // RFC 7296 section 2.15; of an SA with IKE_INTERMEDIATE more follows, RFC 9242.
            let tails = session.identities(auth.ike, by_initiator).into_iter().map(|id| {
                let mac = sa.prf().digest(&key, &[&id]);
                [nonce.as_ref(), &mac].concat()
            });
            let found = tails
                .into_iter()
                .any(|tail| auth.signed_octets.windows(tail.len()).any(|octets| octets == tail));
            assert!(found, "{}: {}, frame {}", session.name, auth.by, auth.frame);
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

/// The authentication method of a shared key, RFC 7296 section 3.8.
const SHARED_KEY: u8 = 2;
const IDI: PayloadType = PayloadType::IDI;
const IDR: PayloadType = PayloadType::IDR;

/// Further shared secrets behind the nonces, RFC 9370 sections 2.2.4 and 2.2.5.
fn behind(nonce: &[u8], secrets: &[Hex]) -> Vec<u8> {
    let mut octets = nonce.to_vec();
    secrets.iter().for_each(|secret| octets.extend_from_slice(secret));
    octets
}

#[derive(Deserialize)]
struct Session {
    name: String,
    psk: Hex,
    ppk: Option<Hex>,
    sk_d_after_ppk: Option<Hex>,
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
    /// The IKE SA that it replaces.
    replaces: Option<usize>,
    /// The keys of the same IKE SA before an additional key exchange, RFC 9370.
    follows: Option<usize>,
    #[serde(default)]
    additional_secrets: Vec<Hex>,
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
    #[serde(default)]
    additional_secrets: Vec<Hex>,
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
    method: u8,
    frame: u32,
    /// The MSK of EAP-MSCHAPv2, computed from the password and the recorded NT-Response.
    msk: Option<Hex>,
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
    /// SK_d as Child SAs and rekeyed IKE SAs use it.
    fn sk_d(&self, ike: usize) -> Vec<u8> {
        let sa = &self.ike_sas[ike];
        self.with_ppk(sa, &sa.sk_d)
    }

    fn sk_p(&self, auth: &Auth, by_initiator: bool) -> Vec<u8> {
        let sa = &self.ike_sas[auth.ike];
        self.with_ppk(sa, if by_initiator { &sa.sk_pi } else { &sa.sk_pr })
    }

    /// RFC 8784 section 3: prf+(PPK, SK) in the place of SK, in the IKE SA that used the PPK.
    fn with_ppk(&self, sa: &IkeSa, key: &[u8]) -> Vec<u8> {
        match self.ppk.as_ref().filter(|_| sa.replaces.is_none()) {
            Some(ppk) => sa.prf().plus(ppk, &[key], key.len()).expect("short").as_ref().to_vec(),
            None => key.to_vec(),
        }
    }

    /// The bodies of the identity payloads that a side of an IKE SA sent.
    fn identities(&self, ike: usize, by_initiator: bool) -> Vec<Vec<u8>> {
        let spi = &self.ike_sas[ike].spi_i;
        let kind = if by_initiator { IDI } else { IDR };
        let of_sa = |message: &&SealedMessage| self.ike_sas[message.ike].spi_i == *spi;
        let all = self.messages.iter().filter(of_sa);
        // The first fragment has what stands first: the identity.
        all.filter_map(|message| find(PayloadType(message.first), &message.inner, kind)).collect()
    }

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

    /// SKEYSEED: RFC 7296 sections 2.14 and 2.18; RFC 9370 section 2.2.2 for what follows an
    /// IKE_INTERMEDIATE, where the formula is the same.
    fn seed(&self, session: &Session) -> Secret {
        let (shared, ni) = (&self.shared_secret, &self.ni);
        let nr = behind(&self.nr, &self.additional_secrets);
        match self.replaces.or(self.follows) {
            None => skeyseed(self.prf(), shared, ni, &nr),
            Some(old) => {
                let prf = session.ike_sas[old].prf();
                skeyseed_rekey(prf, &session.sk_d(old), shared, ni, &nr)
            }
        }
    }

    fn derived(&self, seed: &Secret) -> IkeKeys {
        let (spi_i, spi_r) = (spi(&self.spi_i), spi(&self.spi_r));
        let (prf, protection) = (self.prf(), self.protection());
        IkeKeys::expand(prf, protection, seed.as_ref(), &self.ni, &self.nr, spi_i, spi_r)
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

/// The body of a payload in a chain.
fn find(first: PayloadType, octets: &[u8], kind: PayloadType) -> Option<Vec<u8>> {
    let (mut next, mut rest) = (first, octets);
    while let [after, _, high, low, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if next == kind {
            return rest.get(4..length).map(<[u8]>::to_vec);
        }
        (next, rest) = (PayloadType(after), rest.get(length.max(4)..)?);
    }
    None
}
