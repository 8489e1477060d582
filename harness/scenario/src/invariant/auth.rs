//! The AUTH of every end is that of RFC 7296 §2.15 for its own pre-shared key. What it covers is
//! taken from the wire, and the key from the scenario: two ends that share a mistake take each
//! other's AUTH, and are found out all the same.

use std::collections::{BTreeMap, BTreeSet};

use ikelab_ambient::Instant;
use ikelab_dissect::keys::auth::Signed;
use ikelab_trace::{Fact, IkeEvent, IkeKeysLogged, SaId};
use ikelab_wire::payload::{Authentication, Body, Identification};
use ikelab_wire::registry::{AuthMethod, ExchangeType};

use super::wire::{Of, Pair, Wire};
use crate::property::Violation;
use crate::run::{IkeContent, Run};

pub(super) fn proves(run: &Run<'_>) -> Option<Violation> {
    let mut ends = Ends { run, wire: Wire::of(run), keys: keys(run), claimed: BTreeMap::new() };
    let mut seen = BTreeSet::new();
    run.conversation.ike().find_map(|(message, ike)| {
        let proof = Proof::read(ike).filter(|_| ike.readable)?;
        if !proof.by_responder {
            ends.claimed.entry(proof.sa).or_default().insert(words(proof.id));
        }
        // What is repeated may be cut anew, and its sender may have another key by then.
        let fresh = seen.insert((message.from, proof.sa, proof.by_responder, &proof.auth.data));
        if !fresh || run.lies(message.from) || ends.fits(message.from, message.at, &proof)? {
            return None;
        }
        let (who, sa) = (run.name(message.from), proof.sa);
        let what = format!("{who}'s AUTH in IKE SA {sa} is not that of its pre-shared key");
        Some(Violation::new(message.at, what))
    })
}

/// A message of IKE_AUTH that has AUTH in it.
struct Proof<'r> {
    sa: SaId,
    by_responder: bool,
    /// Who its sender says that it is.
    id: &'r Identification,
    /// Whom an initiator asks for.
    asked_for: Option<&'r Identification>,
    auth: &'r Authentication,
}

impl<'r> Proof<'r> {
    fn read(ike: &'r IkeContent) -> Option<Self> {
        if ike.header.exchange != ExchangeType::IKE_AUTH {
            return None;
        }
        let (mut idi, mut idr, mut auth) = (None, None, None);
        for payload in &ike.payloads {
            match &payload.body {
                Body::IdI(id) => idi = Some(id),
                Body::IdR(id) => idr = Some(id),
                Body::Auth(found) => auth = Some(found),
                _ => {}
            }
        }
        let sa = SaId { initiator: ike.header.initiator_spi, responder: ike.header.responder_spi };
        let by_responder = ike.is_response();
        let (id, asked_for) = if by_responder { (idr?, None) } else { (idi?, idr) };
        Some(Self { sa, by_responder, id, asked_for, auth: auth? })
    }
}

/// The keys of each host's IKE SAs, and when it had them.
type Keys<'r> = BTreeMap<(u16, SaId), (Instant, &'r IkeKeysLogged)>;

fn keys<'r>(run: &'r Run<'_>) -> Keys<'r> {
    let logged = run.trace.records.iter().filter_map(|record| match &record.fact {
        Fact::Ike(IkeEvent::Keys(keys)) => Some(((record.host.0, keys.sa), (record.at, keys))),
        _ => None,
    });
    logged.collect()
}

/// An identity in an order.
fn words(id: &Identification) -> (u8, &[u8]) {
    (id.id_type.0, &id.data)
}

/// What is known of the ends.
struct Ends<'r, 'a> {
    run: &'r Run<'a>,
    wire: Wire<'r>,
    keys: Keys<'r>,
    /// Who the initiators of IKE SAs said that they are.
    claimed: BTreeMap<SaId, BTreeSet<(u8, &'r [u8])>>,
}

impl Ends<'_, '_> {
    /// Whether a host's AUTH is that of a key that it has; none where nobody can say.
    fn fits(&self, host: u16, at: Instant, proof: &Proof<'_>) -> Option<bool> {
        let (known_at, keys) = self.keys.get(&(host, proof.sa))?;
        let mut pairs = self.wire.pairs(Of::Ike(proof.sa), host, *known_at);
        pairs.retain(|pair| pair.is_answered_by(host) == proof.by_responder);
        if !proof.by_responder {
            // §2.6: an initiator goes on with its last request, which has the cookie in it.
            pairs.retain(|pair| pair.is_asked_by(host));
            let last = pairs.iter().map(Pair::asked).max();
            pairs.retain(|pair| Some(pair.asked()) == last);
        }
        let all = pairs.iter().filter_map(|pair| {
            let (request, answer) = pair.octets();
            let (ni, nr) = pair.nonces()?;
            let (message, nonce, sk_p) = match proof.by_responder {
                false => (request, nr, &keys.sk_pi),
                true => (answer, ni, &keys.sk_pr),
            };
            Some(Signed { prf: pair.suite().prf?, message, nonce, sk_p, id: proof.id })
        });
        let mut all = all.peekable();
        all.peek()?;
        let shared_keys = self.shared_keys(host, at, proof);
        let is_right = |signed: Signed<'_>| {
            let mut auths = shared_keys.iter().filter_map(|key| signed.auth(key));
            auths.any(|auth| auth == proof.auth.data)
        };
        let by_key = proof.auth.method == AuthMethod::SHARED_KEY_MIC;
        Some(by_key && all.any(is_right))
    }

    /// The keys that a host has at a time for who it says that it is, and for its peer.
    fn shared_keys(&self, host: u16, at: Instant, proof: &Proof<'_>) -> BTreeSet<&[u8]> {
        let is_for = |peer: &Identification| match proof.by_responder {
            false => proof.asked_for.is_none_or(|asked_for| asked_for == peer),
            true => self.claimed.get(&proof.sa).is_some_and(|ids| ids.contains(&words(peer))),
        };
        let ends = self.run.ends(host).into_iter().filter(|(from, until, end)| {
            (*from..=*until).contains(&at) && end.id == *proof.id && is_for(&end.expect_id)
        });
        ends.filter_map(|(_, _, end)| end.psk.as_deref()).collect()
    }
}
