//! Cookies: a responder's proof, without a memory, that an initiator receives what it is sent
//! (RFC 7296 §2.6).

use core::time::Duration;
use std::net::SocketAddr;

use ikelab_ambient::{Entropy, Instant, Purpose, Value};
use ikelab_crypto::Prf;
use ikelab_wire::ike::IkeSpi;

/// How long a secret makes new cookies; those it made are taken for as long again.
const SECRET_LIFETIME: Duration = Duration::from_secs(120);
const SECRET_LEN: usize = 32;

/// The two secrets that cookies are made and checked with.
#[derive(Debug, Default)]
pub(crate) struct Jar {
    current: Option<Secret>,
    previous: Option<Secret>,
    /// How many secrets there were: the first octet of a cookie says which one made it.
    count: u8,
}

#[derive(Debug)]
struct Secret {
    version: u8,
    octets: [u8; SECRET_LEN],
    until: Instant,
}

impl Jar {
    /// The cookie for an initiator: version | prf(secret, Ni | address | port | SPIi).
    pub(crate) fn bake(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        nonce: &[u8],
        from: SocketAddr,
        spi: IkeSpi,
    ) -> Vec<u8> {
        self.rotate(now, entropy);
        let secret = self.current.as_ref().expect("rotation leaves a current secret");
        secret.bake(nonce, from, spi)
    }

    /// Whether a cookie is the one this initiator was given, not too long ago.
    pub(crate) fn is_good(
        &self,
        now: Instant,
        cookie: &[u8],
        nonce: &[u8],
        from: SocketAddr,
        spi: IkeSpi,
    ) -> bool {
        let secrets = self.current.iter().chain(&self.previous);
        secrets
            .filter(|secret| now < secret.until + SECRET_LIFETIME)
            .any(|secret| secret.bake(nonce, from, spi) == cookie)
    }

    fn rotate(&mut self, now: Instant, entropy: &mut dyn Entropy) {
        if self.current.as_ref().is_some_and(|secret| now < secret.until) {
            return;
        }
        let mut octets = [0; SECRET_LEN];
        entropy.fill(Purpose::aside(Value::CookieSecret), &mut octets);
        self.count = self.count.wrapping_add(1);
        let fresh = Secret { version: self.count, octets, until: now + SECRET_LIFETIME };
        self.previous = self.current.replace(fresh);
    }
}

impl Secret {
    fn bake(&self, nonce: &[u8], from: SocketAddr, spi: IkeSpi) -> Vec<u8> {
        let (address, port) = (from.ip().to_string(), from.port().to_be_bytes());
        let parts: [&[u8]; 4] = [nonce, address.as_bytes(), &port, &spi.0.to_be_bytes()];
        let mut cookie = vec![self.version];
        cookie.extend(Prf::HmacSha256.digest(&self.octets, &parts));
        cookie
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ikelab_ambient::Seeded;

    const SPI: IkeSpi = IkeSpi(5);
    const NONCE: &[u8] = &[1; 32];

    fn from(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    #[test]
    fn a_cookie_is_good_for_the_initiator_it_was_given_to_and_nobody_else() {
        let mut jar = Jar::default();
        let now = Instant::ZERO;
        let cookie = jar.bake(now, &mut Seeded::new(1, "R2"), NONCE, from(500), SPI);
        assert!(jar.is_good(now, &cookie, NONCE, from(500), SPI));
        assert!(!jar.is_good(now, &cookie, &[2; 32], from(500), SPI));
        assert!(!jar.is_good(now, &cookie, NONCE, from(501), SPI));
        assert!(!jar.is_good(now, &cookie, NONCE, from(500), IkeSpi(6)));
        assert!(!jar.is_good(now, &cookie[..32], NONCE, from(500), SPI));
    }

    #[test]
    fn a_cookie_outlives_one_change_of_the_secret_and_not_two() {
        let (mut jar, mut entropy) = (Jar::default(), Seeded::new(1, "R2"));
        let cookie = jar.bake(Instant::ZERO, &mut entropy, NONCE, from(500), SPI);
        jar.bake(Instant::from_secs(121), &mut entropy, NONCE, from(9), SPI);
        assert!(jar.is_good(Instant::from_secs(121), &cookie, NONCE, from(500), SPI));
        jar.bake(Instant::from_secs(242), &mut entropy, NONCE, from(9), SPI);
        assert!(!jar.is_good(Instant::from_secs(242), &cookie, NONCE, from(500), SPI));
    }

    #[test]
    fn a_cookie_has_no_more_than_64_octets() {
        let cookie =
            Jar::default().bake(Instant::ZERO, &mut Seeded::new(1, "R2"), NONCE, from(1), SPI);
        assert!(cookie.len() <= 64, "RFC 7296 §2.6");
    }
}
