//! Key exchange: RFC 5903, RFC 7748, RFC 8031, and MODP values of other arithmetic.

use ikelab_ambient::{Purpose, Seeded, Value};
use ikelab_crypto::{BadPublicValue, Group, PrivateKey, Secret};
use ikelab_wire::payload::{Body, KeyExchange, emit_chain};
use ikelab_wire::registry::KeId;
use serde::Deserialize;

use crate::support::{Cases, Hex, load};

const PURPOSE: Purpose = Purpose::aside(Value::KeyExchange);

#[test]
fn modp_values_are_padded_to_the_length_of_the_prime() {
    let file: Modp = load("modp.json");
    for case in &file.cases {
        let (i, r) = (key(case.group, &case.private_i), key(case.group, &case.private_r));
        let at = (case.group, &case.kind);
        assert_eq!(i.public(), &*case.public_i, "{at:?}");
        assert_eq!(r.public(), &*case.public_r, "{at:?}");
        assert_eq!(i.public().len(), i.group().public_len(), "{at:?}");
        assert_eq!(i.agree(&case.public_r).expect("a good value").as_ref(), &*case.shared);
        assert_eq!(r.agree(&case.public_i).expect("a good value").as_ref(), &*case.shared);
    }
    let zero = |octets: &Hex| octets[0] == 0;
    assert!(file.cases.iter().any(|case| zero(&case.public_i)));
    assert!(file.cases.iter().any(|case| zero(&case.shared)));
}

#[test]
fn modp_values_that_rfc_6989_refuses_are_refused() {
    let file: Modp = load("modp.json");
    for refused in &file.refused {
        let key = group(refused.group).generate(&mut Seeded::new(1, "refused"), PURPOSE);
        assert_eq!(key.agree(&refused.public), Err(BadPublicValue::OutOfRange));
    }
    assert_eq!(file.refused.len(), 25);
}

/// RFC 7748 section 6.1: each gives the all-zero secret, also with the bit set that is ignored.
#[test]
fn a_value_is_refused_without_a_key_exactly_where_it_is_refused_with_one() {
    let mut entropy = Seeded::new(1, "check");
    let p = |last: u8| [vec![last], vec![0xff; 30], vec![0x7f]].concat();
    let order_8 = [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ];
    let mut small = vec![vec![0; 32], [vec![1], vec![0; 31]].concat()];
    small.extend(order_8.map(|text| hex::decode(text).expect("hex")));
    small.extend([p(0xec), p(0xed), p(0xee)]);
    let with_bit = |value: &Vec<u8>| [&value[..31], &[value[31] | 0x80]].concat();
    let again: Vec<_> = small.iter().map(with_bit).collect();
    for value in small.iter().chain(&again) {
        assert_eq!(Group::Curve25519.check(value), Err(BadPublicValue::SmallOrder), "{value:02x?}");
    }
    for group in Group::ALL {
        let own = group.generate(&mut entropy, PURPOSE);
        let length = group.public_len();
        let mut values = vec![own.public().to_vec(), vec![0; length], vec![0xff; length]];
        values.extend([vec![9; length], vec![9; length - 1], Vec::new()]);
        values.extend(small.iter().chain(&again).cloned());
        let mut odd = own.public().to_vec();
        odd[length - 1] ^= 1;
        values.push(odd);
        for value in values {
            let agreed = own.agree(&value).map(drop);
            assert_eq!(group.check(&value), agreed, "{group:?} {value:02x?}");
        }
    }
}

#[test]
fn an_exponent_longer_than_those_drawn_has_a_public_value_too() {
    let long = key(14, &[0x5a; 200]);
    let short = key(14, &[7; 32]);
    assert_eq!(long.agree(short.public()), short.agree(long.public()));
    assert!(PrivateKey::from_octets(Group::Modp2048, Secret::new(vec![0; 32])).is_none());
    assert!(PrivateKey::from_octets(Group::Modp2048, Secret::new(vec![1; 257])).is_none());
}

#[test]
fn ecp_key_exchange_payloads_are_those_of_rfc_5903() {
    let file: Cases<Rfc5903> = load("rfc5903.json");
    for case in &file.cases {
        let (i, r) = (key(case.group, &case.private_i), key(case.group, &case.private_r));
        assert_eq!(payload(&i), *case.ke_i, "KEi of group {}", case.group);
        assert_eq!(payload(&r), *case.ke_r, "KEr of group {}", case.group);
        assert_eq!(i.agree(r.public()).expect("a good value").as_ref(), &*case.shared);
        assert_eq!(r.agree(i.public()).expect("a good value").as_ref(), &*case.shared);
    }
    assert_eq!(file.cases.len(), 3);
}

#[test]
fn points_off_the_curve_are_refused() {
    for group in [Group::Ecp256, Group::Ecp384, Group::Ecp521] {
        let key = group.generate(&mut Seeded::new(1, "off the curve"), PURPOSE);
        let mut off = key.public().to_vec();
        *off.last_mut().expect("octets") ^= 1;
        assert_eq!(key.agree(&off), Err(BadPublicValue::NotOnCurve), "{group:?}");
        let origin = vec![0; group.public_len()];
        assert_eq!(key.agree(&origin), Err(BadPublicValue::NotOnCurve), "{group:?}");
        let beyond_field = vec![0xff; group.public_len()];
        assert_eq!(key.agree(&beyond_field), Err(BadPublicValue::NotOnCurve), "{group:?}");
    }
}

#[test]
fn scalars_outside_the_order_of_the_curve_are_no_private_keys() {
    for group in [Group::Ecp256, Group::Ecp384, Group::Ecp521] {
        for octet in [0, 0xff] {
            let octets = Secret::new(vec![octet; group.private_len()]);
            assert!(PrivateKey::from_octets(group, octets).is_none(), "{group:?}: {octet}");
        }
    }
}

#[test]
fn x25519_gives_the_values_of_rfc_8031() {
    let file: Cases<Rfc8031> = load("rfc8031.json");
    for case in &file.cases {
        for (i, r) in [(&case.random_i, &case.random_r), (&case.clamped_i, &case.clamped_r)] {
            let (i, r) = (key(case.group, i), key(case.group, r));
            assert_eq!(i.public(), &*case.public_i);
            assert_eq!(r.public(), &*case.public_r);
            assert_eq!(i.agree(r.public()).expect("a good value").as_ref(), &*case.shared);
            assert_eq!(r.agree(i.public()).expect("a good value").as_ref(), &*case.shared);
        }
    }
}

#[test]
fn x25519_iterated_gives_the_values_of_rfc_7748() {
    let file: Rfc7748 = load("rfc7748.json");
    for vector in &file.vectors {
        let shared = key(31, &vector.scalar).agree(&vector.u).expect("a good value");
        assert_eq!(shared.as_ref(), &*vector.result);
    }
    let mut u = vec![0; 32];
    u[0] = 9;
    let mut k = u.clone();
    for count in 1..=1000 {
        let result = key(31, &k).agree(&u).expect("a good value").to_vec();
        u = std::mem::replace(&mut k, result);
        for iterated in file.iterated.iter().filter(|iterated| iterated.count == count) {
            assert_eq!(k, *iterated.result, "after {count} iterations");
        }
    }
}

#[test]
fn x25519_of_alice_and_bob_is_that_of_rfc_7748() {
    let file: Rfc7748 = load("rfc7748.json");
    let (alice, bob) = (key(31, &file.alice_private), key(31, &file.bob_private));
    assert_eq!(alice.public(), &*file.alice_public);
    assert_eq!(bob.public(), &*file.bob_public);
    assert_eq!(alice.agree(bob.public()).expect("a good value").as_ref(), &*file.shared);
}

#[test]
fn x25519_refuses_the_all_zero_secret() {
    // Points of small order, RFC 7748 §6.1: 0, 1, and p - 1
    let key = Group::Curve25519.generate(&mut Seeded::new(1, "small order"), PURPOSE);
    let mut one = vec![0; 32];
    one[0] = 1;
    let mut minus_one = vec![0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    for small in [vec![0; 32], one, minus_one] {
        assert_eq!(key.agree(&small), Err(BadPublicValue::SmallOrder), "{small:02x?}");
    }
}

#[test]
fn two_ends_agree_in_every_group() {
    for group in Group::ALL {
        let (mut left, mut right) = (Seeded::new(7, "left"), Seeded::new(7, "right"));
        let (i, r) = (group.generate(&mut left, PURPOSE), group.generate(&mut right, PURPOSE));
        assert_ne!(i.public(), r.public(), "{group:?}");
        assert_eq!(i.public().len(), group.public_len(), "{group:?}");
        let shared = i.agree(r.public()).expect("a good value");
        assert_eq!(r.agree(i.public()), Ok(shared), "{group:?}");
        assert_eq!(Group::from_id(group.id()), Some(group));
    }
}

#[test]
fn the_same_seed_draws_the_same_key_and_nothing_else_matters() {
    for group in Group::ALL {
        let draw = || group.generate(&mut Seeded::new(7, "left"), PURPOSE).public().to_vec();
        assert_eq!(draw(), draw(), "{group:?}");
    }
}

#[test]
fn a_public_value_of_another_length_is_refused_in_every_group() {
    for group in Group::ALL {
        let key = group.generate(&mut Seeded::new(7, "left"), PURPOSE);
        let expected = group.public_len();
        for got in [0, 1, expected - 1, expected + 1] {
            let error = BadPublicValue::WrongLength { got, expected };
            assert_eq!(key.agree(&vec![2; got]), Err(error), "{group:?}");
        }
    }
}

fn group(number: u16) -> Group {
    Group::from_id(KeId(number)).expect("a group")
}

fn key(number: u16, octets: &[u8]) -> PrivateKey {
    PrivateKey::from_octets(group(number), Secret::from(octets)).expect("a private key")
}

fn payload(key: &PrivateKey) -> Vec<u8> {
    let ke = KeyExchange { group: key.group().id(), data: key.public().to_vec() };
    emit_chain(&[Body::Ke(ke).into()]).1
}

#[derive(Deserialize)]
struct Modp {
    cases: Vec<ModpCase>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct ModpCase {
    group: u16,
    kind: String,
    private_i: Hex,
    public_i: Hex,
    private_r: Hex,
    public_r: Hex,
    shared: Hex,
}

#[derive(Deserialize)]
struct Refused {
    group: u16,
    public: Hex,
}

#[derive(Deserialize)]
struct Rfc5903 {
    group: u16,
    private_i: Hex,
    private_r: Hex,
    ke_i: Hex,
    ke_r: Hex,
    shared: Hex,
}

#[derive(Deserialize)]
struct Rfc8031 {
    group: u16,
    random_i: Hex,
    random_r: Hex,
    clamped_i: Hex,
    clamped_r: Hex,
    public_i: Hex,
    public_r: Hex,
    shared: Hex,
}

#[derive(Deserialize)]
struct Rfc7748 {
    vectors: Vec<ScalarMultiplication>,
    iterated: Vec<Iterated>,
    alice_private: Hex,
    alice_public: Hex,
    bob_private: Hex,
    bob_public: Hex,
    shared: Hex,
}

#[derive(Deserialize)]
struct ScalarMultiplication {
    scalar: Hex,
    u: Hex,
    result: Hex,
}

#[derive(Deserialize)]
struct Iterated {
    count: u32,
    result: Hex,
}
