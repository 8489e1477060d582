//! One PSK handshake, both ends, as a straight line of the cryptography that it needs and nothing
//! else: no message is parsed, nothing is looked up, decided or written down.
//!
//! The suite is that of the benchmark: group 31, PRF-HMAC-SHA-256, AES-256-GCM for the IKE SA and the
//! Child SA. Messages are as long as those of the engine.

use ikelab_ambient::{Entropy, Purpose, Seeded, Value};
use ikelab_crypto::{
    ChildKeys, Encr, EspCipher, Group, IkeKeys, Prf, Protection, Sealer, child_keys, psk_auth,
};
use ikelab_wire::ike::{Flags, Header, IkeSpi, Version};
use ikelab_wire::registry::{ExchangeType, PayloadType};

const PRF: Prf = Prf::HmacSha256;
const PROTECTION: Protection = Protection { encr: Encr::AesGcm16 { key_bits: 256 }, integ: None };
const PSK: &[u8] = b"cisco123";
/// Octets of an IKE_SA_INIT message of the benchmark's suite.
const INIT_LEN: usize = 208;
/// Octets of the payloads inside an IKE_AUTH message: ID, AUTH, SA, TSi, TSr and notifies.
const AUTH_LEN: usize = 176;
/// Octets of an ID payload behind its generic header.
const ID_LEN: usize = 8;

/// What one end knows.
struct End {
    prf: Prf,
    keys: IkeKeys,
    initiator: Sealer,
    responder: Sealer,
    init: [Vec<u8>; 2],
    nonces: [Vec<u8>; 2],
}

/// Does one handshake; true when both ends came to the same keys and proved it.
#[must_use]
pub fn handshake(seed: u64) -> bool {
    let (mut here, mut there) = (Seeded::new(seed, "R1"), Seeded::new(seed, "R2"));
    let spis = [spi(&mut here), spi(&mut there)];
    let nonces = [nonce(&mut here, false), nonce(&mut there, true)];
    let ours = Group::Curve25519.generate(&mut here, purpose(Value::KeyExchange, false));
    let theirs = Group::Curve25519.generate(&mut there, purpose(Value::KeyExchange, true));
    let init = [message(ours.public()), message(theirs.public())];

    let (Ok(shared_there), Ok(shared_here)) =
        (theirs.agree(ours.public()), ours.agree(theirs.public()))
    else {
        return false;
    };
    let r1 = End::new(shared_here.as_ref(), &init, &nonces, spis);
    let r2 = End::new(shared_there.as_ref(), &init, &nonces, spis);

    let header = |flags| Header {
        initiator_spi: spis[0],
        responder_spi: spis[1],
        version: Version { major: 2, minor: 0 },
        exchange: ExchangeType::IKE_AUTH,
        flags,
        message_id: 1,
    };
    let request = r1.authenticate(false, &header(Flags::INITIATOR));
    let believed = r2.believes(false, &request);
    let children_there = r2.child();
    let response = r2.authenticate(true, &header(Flags::RESPONSE));
    let believed_too = r1.believes(true, &response);
    let children_here = r1.child();
    believed && believed_too && install(&children_here, &children_there)
}

impl End {
    fn new(shared: &[u8], init: &[Vec<u8>; 2], nonces: &[Vec<u8>; 2], spis: [IkeSpi; 2]) -> Self {
        let [ni, nr] = nonces;
        let keys = IkeKeys::derive(PRF, PROTECTION, shared, ni, nr, spis[0], spis[1]);
        Self {
            prf: PRF,
            initiator: Sealer::new(PROTECTION, &keys.sk_ei, &keys.sk_ai),
            responder: Sealer::new(PROTECTION, &keys.sk_er, &keys.sk_ar),
            keys,
            init: init.clone(),
            nonces: nonces.clone(),
        }
    }

    /// AUTH of one side: its IKE_SA_INIT message, the other's nonce, its own identity.
    fn auth(&self, response: bool) -> Vec<u8> {
        let [request, answer] = &self.init;
        let [ni, nr] = &self.nonces;
        let (message, nonce, sk_p) =
            if response { (answer, ni, &self.keys.sk_pr) } else { (request, nr, &self.keys.sk_pi) };
        let identity = self.prf.digest(sk_p, &[&[u8::from(response); ID_LEN]]);
        psk_auth(self.prf, PSK, &[message, nonce, &identity])
    }

    fn authenticate(&self, response: bool, header: &Header) -> Vec<u8> {
        let mut inner = self.auth(response);
        inner.resize(AUTH_LEN, 0);
        let sealer = if response { &self.responder } else { &self.initiator };
        sealer.seal_octets(header, PayloadType::AUTH, &inner, &[0; 8])
    }

    fn believes(&self, response: bool, message: &[u8]) -> bool {
        let sealer = if response { &self.responder } else { &self.initiator };
        let Ok(opened) = sealer.open(message) else { return false };
        opened.plaintext.starts_with(&self.auth(response))
    }

    fn child(&self) -> ChildKeys {
        let [ni, nr] = &self.nonces;
        child_keys(self.prf, &self.keys.sk_d, PROTECTION, None, ni, nr)
    }
}

/// Expands the keys of the Child SA at both ends, both ways.
fn install(here: &ChildKeys, there: &ChildKeys) -> bool {
    let cipher = |encr: &[u8], integ: &[u8]| EspCipher::new(PROTECTION, encr, integ);
    let ciphers = [here, there]
        .map(|keys| (cipher(&keys.encr_i, &keys.integ_i), cipher(&keys.encr_r, &keys.integ_r)));
    std::hint::black_box(&ciphers);
    here == there
}

/// Seals and opens packets of these lengths, and does nothing else; true when all were authentic.
#[must_use]
pub fn packets(lengths: &[usize]) -> bool {
    let cipher = EspCipher::new(PROTECTION, &[7; 36], &[]);
    let longest = lengths.iter().copied().max().unwrap_or_default();
    let mut clear = vec![0x5a; longest + 32];
    let (mut sealed, mut opened) = (vec![0; cipher.payload_offset()], Vec::new());
    lengths.iter().all(|length| {
        let text = clear.get_mut(..length.next_multiple_of(4)).unwrap_or_default();
        cipher.seal_from(text, &mut sealed, 0, None);
        cipher.open_into(&sealed, &mut opened, 0, None).is_ok()
    })
}

fn spi(entropy: &mut Seeded) -> IkeSpi {
    let mut octets = [0; 8];
    entropy.fill(purpose(Value::Spi, false), &mut octets);
    IkeSpi(u64::from_be_bytes(octets))
}

fn nonce(entropy: &mut Seeded, response: bool) -> Vec<u8> {
    let mut nonce = vec![0; 32];
    entropy.fill(purpose(Value::Nonce, response), &mut nonce);
    nonce
}

fn message(public: &[u8]) -> Vec<u8> {
    let mut message = public.to_vec();
    message.resize(INIT_LEN, 0);
    message
}

fn purpose(value: Value, response: bool) -> Purpose {
    Purpose::of(value, ExchangeType::IKE_SA_INIT.0, response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_alone_are_authentic() {
        assert!(packets(&[40, 1400, 0, 64]));
    }

    #[test]
    fn both_ends_come_to_the_same_keys() {
        assert!((0..8).all(handshake));
    }
}
