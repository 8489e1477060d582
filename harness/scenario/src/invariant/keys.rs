//! The keys of every SA are those of RFC 7296 §2.14, §2.17 and §2.18. An end's own word for them
//! stands beside what follows from the nonces, SPIs, algorithms and public values that were on the
//! wire, and from the secrets of its key exchanges: two ends that share a mistake agree, and are
//! found out all the same.

use std::collections::BTreeMap;

use ikelab_dissect::keys::schedule::{self, KeyExchanged, Keymat, Origin};
use ikelab_trace::{
    ChildInstalled, ChildKeysLogged, Fact, IkeEvent, IkeKeysLogged, Role, SaId, SharedSecretLogged,
};
use ikelab_wire::registry::{ExchangeType, PrfId};

use super::wire::{Of, Pair, Wire};
use crate::property::Violation;
use crate::run::Run;

pub(super) fn derived(run: &Run<'_>) -> Option<Violation> {
    let wire = Wire::of(run);
    let mut known = Known { secrets: BTreeMap::new(), sas: BTreeMap::new() };
    run.trace.records.iter().filter(|record| !run.lies(record.host.0)).find_map(|record| {
        let (host, at) = (record.host.0, record.at);
        let wrong = match &record.fact {
            Fact::Ike(IkeEvent::SharedSecret(secret)) => known.secret(host, secret),
            Fact::Ike(IkeEvent::Keys(keys)) => {
                known.ike(host, keys, wire.pairs(Of::Ike(keys.sa), host, at))
            }
            Fact::Ike(IkeEvent::ChildInstalled(child)) => {
                let (spi_i, spi_r) = match child.role {
                    Role::Initiator => (child.spi_in, child.spi_out),
                    Role::Responder => (child.spi_out, child.spi_in),
                };
                known.child(host, child, wire.pairs(Of::Child(spi_i, spi_r), host, at))
            }
            _ => None,
        };
        Some(Violation::new(at, format!("{}'s {}", run.name(host), wrong?)))
    })
}

/// The method of a key exchange, one end's own public value, and the peer's.
type PublicValues<'r> = (u16, &'r [u8], &'r [u8]);

/// What is known of secrets and keys so far.
struct Known<'r> {
    /// Whose public values they are, and the secret.
    secrets: BTreeMap<PublicValues<'r>, (u16, &'r [u8])>,
    /// The IKE SAs of each host whose keys are right.
    sas: BTreeMap<(u16, SaId), IkeSa<'r>>,
}

/// What others are derived from.
#[derive(Clone, Copy)]
struct IkeSa<'r> {
    prf: PrfId,
    sk_d: &'r [u8],
    ni: &'r [u8],
    nr: &'r [u8],
}

impl<'r> Known<'r> {
    /// Both ends of a key exchange have the same secret.
    fn secret(&mut self, host: u16, logged: &'r SharedSecretLogged) -> Option<String> {
        let SharedSecretLogged { group, ours, theirs, secret } = logged;
        let (ours, theirs): (&[u8], &[u8]) = (ours, theirs);
        self.secrets.insert((group.0, ours, theirs), (host, secret));
        let (other, same) = self.secrets.get(&(group.0, theirs, ours))?;
        let differ = *other != host && **same != **secret;
        differ.then(|| format!("secret of a key exchange ({group}) is not that of its peer"))
    }

    /// What is wrong with the keys of an IKE SA, where an exchange on the wire made it.
    fn ike(&mut self, host: u16, keys: &'r IkeKeysLogged, pairs: Vec<Pair<'r>>) -> Option<String> {
        let mut wrong = None;
        for pair in pairs {
            let suite = pair.suite();
            let (Some(prf), Some((ni, nr))) = (suite.prf, pair.nonces()) else { continue };
            let origin = match pair.exchange() {
                ExchangeType::IKE_SA_INIT => None,
                _ => match self.sas.get(&(host, pair.carrier())) {
                    Some(old) => Some(Origin { prf: old.prf, sk_d: old.sk_d }),
                    None => continue,
                },
            };
            let exchanged = KeyExchanged { ni, nr, secret: self.agreed(host, &pair) };
            let expected = schedule::ike_keys(keys.sa, &suite, exchanged, origin);
            match expected.as_ref().map(|expected| differing(expected, keys)) {
                Some(names) if names.is_empty() => {
                    self.sas.insert((host, keys.sa), IkeSa { prf, sk_d: &keys.sk_d, ni, nr });
                    return None;
                }
                names => wrong = wrong.or(Some(names.unwrap_or_default())),
            }
        }
        let sa = keys.sa;
        Some(match wrong?.as_slice() {
            [] => format!("IKE SA {sa} has keys, and no secret of its public values"),
            names => format!("{} of IKE SA {sa} not as derived from the wire", names.join(", ")),
        })
    }

    /// What is wrong with the keys of a Child SA, where an exchange on the wire made it.
    fn child(&self, host: u16, child: &ChildInstalled, pairs: Vec<Pair<'r>>) -> Option<String> {
        let mut wrong = None;
        for pair in pairs {
            let Some(ike) = self.sas.get(&(host, pair.carrier())) else { continue };
            let suite = pair.suite();
            let exchanged = match pair.exchange() {
                ExchangeType::IKE_AUTH => KeyExchanged { ni: ike.ni, nr: ike.nr, secret: None },
                _ => {
                    let Some((ni, nr)) = pair.nonces() else { continue };
                    let secret = self.agreed(host, &pair);
                    if suite.ke.is_some() && secret.is_none() {
                        wrong = wrong.or(Some("no secret of its public values"));
                        continue;
                    }
                    KeyExchanged { ni, nr, secret: secret.filter(|_| suite.ke.is_some()) }
                }
            };
            let origin = Origin { prf: ike.prf, sk_d: ike.sk_d };
            let Some(keymat) = schedule::keymat(origin, &suite, exchanged) else { continue };
            if as_used(keymat, child.role) == child.keys {
                return None;
            }
            wrong = wrong.or(Some("other keys than KEYMAT as derived from the wire"));
        }
        let (name, spi) = (&child.child, child.spi_in);
        Some(format!("Child SA {name} {spi} has {}", wrong?))
    }

    /// The secret that a host computed of the public values on the wire.
    fn agreed(&self, host: u16, pair: &Pair<'r>) -> Option<&'r [u8]> {
        let (group, i, r) = pair.public_values()?;
        let (ours, theirs) = if pair.is_answered_by(host) { (r, i) } else { (i, r) };
        let (_, secret) = self.secrets.get(&(group, ours, theirs)).filter(|(of, _)| *of == host)?;
        Some(secret)
    }
}

/// The names of the keys that are not the same.
fn differing(one: &IkeKeysLogged, other: &IkeKeysLogged) -> Vec<&'static str> {
    [
        ("SK_d", &one.sk_d, &other.sk_d),
        ("SK_ai", &one.sk_ai, &other.sk_ai),
        ("SK_ar", &one.sk_ar, &other.sk_ar),
        ("SK_ei", &one.sk_ei, &other.sk_ei),
        ("SK_er", &one.sk_er, &other.sk_er),
        ("SK_pi", &one.sk_pi, &other.sk_pi),
        ("SK_pr", &one.sk_pr, &other.sk_pr),
    ]
    .into_iter()
    .filter(|(_, one, other)| one != other)
    .map(|(name, ..)| name)
    .collect()
}

/// The keys as one end uses them: the initiator sends with those "from the initiator".
fn as_used(keymat: Keymat, role: Role) -> ChildKeysLogged {
    let Keymat { encr_i, integ_i, encr_r, integ_r } = keymat;
    let (encr_out, integ_out, encr_in, integ_in) = match role {
        Role::Initiator => (encr_i, integ_i, encr_r, integ_r),
        Role::Responder => (encr_r, integ_r, encr_i, integ_i),
    };
    ChildKeysLogged { encr_out, integ_out, encr_in, integ_in }
}
