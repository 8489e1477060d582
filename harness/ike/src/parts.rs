//! The payloads of a message, sorted: each where the RFC's tables have it.

use ikelab_wire::payload::{
    Authentication, Body, Configuration, Delete, Identification, KeyExchange, Notify, Payload,
    SecurityAssociation, TrafficSelectors,
};
use ikelab_wire::registry::NotifyType;

use crate::guilt::Refusal;

/// RFC 7296 §3.9: a nonce has 16 to 256 octets.
const NONCE_MIN: usize = 16;
const NONCE_MAX: usize = 256;

/// The payloads of one message. Order does not matter (RFC 7296 §2.5); what is unknown and not
/// critical is passed over.
#[derive(Debug, Default)]
pub(crate) struct Parts<'a> {
    pub(crate) sa: Option<&'a SecurityAssociation>,
    pub(crate) ke: Option<&'a KeyExchange>,
    nonce: Option<&'a [u8]>,
    pub(crate) idi: Option<&'a Identification>,
    pub(crate) idr: Option<&'a Identification>,
    pub(crate) auth: Option<&'a Authentication>,
    pub(crate) tsi: Option<&'a TrafficSelectors>,
    pub(crate) tsr: Option<&'a TrafficSelectors>,
    pub(crate) config: Option<&'a Configuration>,
    pub(crate) notifies: Vec<&'a Notify>,
    pub(crate) deletes: Vec<&'a Delete>,
}

impl<'a> Parts<'a> {
    /// Sorts payloads. Refuses an unknown critical one, and a second one of a kind that comes once.
    pub(crate) fn of(payloads: &'a [Payload]) -> Result<Self, Refusal> {
        let mut parts = Self::default();
        for payload in payloads {
            match &payload.body {
                Body::Sa(sa) => once(&mut parts.sa, sa, "SA")?,
                Body::Ke(ke) => once(&mut parts.ke, ke, "KE")?,
                Body::Nonce(nonce) => once(&mut parts.nonce, nonce.0.as_slice(), "Ni/Nr")?,
                Body::IdI(id) => once(&mut parts.idi, id, "IDi")?,
                Body::IdR(id) => once(&mut parts.idr, id, "IDr")?,
                Body::Auth(auth) => once(&mut parts.auth, auth, "AUTH")?,
                Body::TsI(ts) => once(&mut parts.tsi, ts, "TSi")?,
                Body::TsR(ts) => once(&mut parts.tsr, ts, "TSr")?,
                Body::Config(config) => once(&mut parts.config, config, "CP")?,
                Body::Notify(notify) => parts.notifies.push(notify),
                Body::Delete(delete) => parts.deletes.push(delete),
                Body::Unknown(unknown) if payload.critical => {
                    let number = unknown.payload_type.0;
                    return Err(Refusal::with_data(
                        NotifyType::UNSUPPORTED_CRITICAL_PAYLOAD,
                        &[number],
                        format!("payload {number} is critical and unknown"),
                    ));
                }
                // RFC 7296 §3.14: SK stands in no other, and in no message without keys.
                Body::Sk(_) | Body::Skf(_) => return Err(syntax("an SK payload among others")),
                Body::Cert(_)
                | Body::CertReq(_)
                | Body::VendorId(_)
                | Body::Eap(_)
                | Body::Unknown(_) => {}
            }
        }
        Ok(parts)
    }

    /// The first notify of a type.
    pub(crate) fn notify(&self, notify_type: NotifyType) -> Option<&'a Notify> {
        self.notifies.iter().copied().find(|notify| notify.notify_type == notify_type)
    }

    /// The first error notify.
    pub(crate) fn error(&self) -> Option<&'a Notify> {
        self.notifies.iter().copied().find(|notify| notify.notify_type.is_error())
    }

    /// The first error notify of a type that nobody has told us of: whatever was asked for, none of
    /// it was done (RFC 7296 §3.10.1).
    pub(crate) fn unknown_error(&self) -> Option<&'a Notify> {
        let unknown =
            |notify: &&Notify| notify.notify_type.is_error() && notify.notify_type.name().is_none();
        self.notifies.iter().copied().find(unknown)
    }

    /// The nonce, of a length that RFC 7296 §3.9 allows.
    pub(crate) fn nonce(&self) -> Result<&'a [u8], Refusal> {
        let nonce = need(self.nonce, "Ni/Nr")?;
        if (NONCE_MIN..=NONCE_MAX).contains(&nonce.len()) {
            Ok(nonce)
        } else {
            Err(syntax(format!("a nonce of {} octets, expected 16 to 256", nonce.len())))
        }
    }
}

/// The payload, or INVALID_SYNTAX for its absence.
pub(crate) fn need<'a, T: ?Sized>(part: Option<&'a T>, name: &str) -> Result<&'a T, Refusal> {
    part.ok_or_else(|| syntax(format!("{name} is missing")))
}

/// INVALID_SYNTAX.
pub(crate) fn syntax(reason: impl Into<String>) -> Refusal {
    Refusal::new(NotifyType::INVALID_SYNTAX, reason)
}

fn once<'a, T: ?Sized>(
    place: &mut Option<&'a T>,
    payload: &'a T,
    name: &str,
) -> Result<(), Refusal> {
    match place.replace(payload) {
        None => Ok(()),
        Some(_) => Err(syntax(format!("a second {name} payload"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ikelab_wire::payload::{Nonce, Unknown};
    use ikelab_wire::registry::PayloadType;

    fn nonce(length: usize) -> Payload {
        Body::Nonce(Nonce(vec![7; length])).into()
    }

    fn unknown(critical: bool) -> Payload {
        let payload_type = PayloadType(130);
        Payload { critical, body: Body::Unknown(Unknown { payload_type, octets: vec![1, 2] }) }
    }

    #[test]
    fn an_unknown_payload_is_passed_over_unless_it_is_critical() {
        assert!(Parts::of(&[unknown(false)]).is_ok());
        let refusal = Parts::of(&[unknown(true)]).unwrap_err();
        assert_eq!(refusal.notify.notify_type, NotifyType::UNSUPPORTED_CRITICAL_PAYLOAD);
        assert_eq!(refusal.notify.data, [130]);
    }

    #[test]
    fn nonces_have_16_to_256_octets() {
        for (length, good) in [(15, false), (16, true), (256, true), (257, false)] {
            let payloads = [nonce(length)];
            assert_eq!(Parts::of(&payloads).unwrap().nonce().is_ok(), good, "{length}");
        }
    }

    #[test]
    fn what_comes_once_may_not_come_twice() {
        assert!(Parts::of(&[nonce(16), nonce(16)]).is_err());
    }
}
