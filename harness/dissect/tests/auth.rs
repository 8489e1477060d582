//! The AUTH that daemons sent each other, computed as the judge of a run computes it.

use std::path::Path;

use ikelab_dissect::keys::auth::Signed;
use ikelab_wire::payload::{Body, Identification, parse_chain};
use ikelab_wire::registry::{PayloadType, PrfId};
use serde_json::Value;

/// RFC 7296 §3.8.
const SHARED_KEY: u64 = 2;

#[test]
fn the_auth_of_a_shared_key_is_the_one_daemons_sent() {
    let mut count = 0;
    for session in sessions() {
        let proofs = list(&session, "auth").iter();
        // Another secret than the shared key (RFC 7296 §2.16), or one beside it (RFC 8784).
        let by_psk = proofs.filter(|proof| {
            proof["method"] == SHARED_KEY && proof["msk"].is_null() && session["ppk"].is_null()
        });
        let name = session["name"].as_str().unwrap();
        for proof in by_psk {
            let sa = &session["ike_sas"][place(&proof["ike"])];
            let whom = proof["by"].as_str().unwrap();
            match (name, whom) {
                // IKE_INTERMEDIATE is signed too, RFC 9242 §3.3.2.
                ("ss6-mlkem768-x25519", _) => continue,
                // The identity went out in several fragments.
                ("libreswan-frag", "initiator") => continue,
                _ => {}
            }
            let by_initiator = whom == "initiator";
            let (nonce, sk_p) = if by_initiator { ("nr", "sk_pi") } else { ("ni", "sk_pr") };
            let (nonce, sk_p) = (octets(&sa[nonce]), octets(&sa[sk_p]));
            let signed = octets(&proof["signed_octets"]);
            // The message says itself how long it is.
            let length = u32::from_be_bytes(signed[24..28].try_into().unwrap());
            let message = &signed[..usize::try_from(length).unwrap()];
            let prf = PrfId(u16::try_from(place(&sa["prf"])).unwrap());
            let (psk, expected) = (octets(&session["psk"]), octets(&proof["auth"]));
            let is_it = identities(&session, sa, by_initiator).iter().any(|id| {
                let signed = Signed { prf, message, nonce: &nonce, sk_p: &sk_p, id };
                signed.auth(&psk).as_ref() == Some(&expected)
            });
            assert!(is_it, "{name}: {whom}, frame {}", proof["frame"]);
            count += 1;
        }
    }
    assert_eq!(count, 79);
}

/// Who a side of an IKE SA said that it is.
fn identities(session: &Value, sa: &Value, by_initiator: bool) -> Vec<Identification> {
    let messages = list(session, "messages").iter().filter(|message| {
        let carrier = &session["ike_sas"][place(&message["ike"])];
        carrier["spi_i"] == sa["spi_i"] && message["from_initiator"] == by_initiator
    });
    let payloads = messages.flat_map(|message| {
        let first = PayloadType(u8::try_from(place(&message["first"])).unwrap());
        parse_chain(first, &octets(&message["inner"])).unwrap_or_default()
    });
    let ids = payloads.filter_map(|payload| match payload.body {
        Body::IdI(id) if by_initiator => Some(id),
        Body::IdR(id) if !by_initiator => Some(id),
        _ => None,
    });
    ids.collect()
}

fn sessions() -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/captures");
    let files = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn place(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn octets(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}
