//! Arbitrary payloads of every kind that is not sealed.

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};

use super::octets;
use crate::payload::{
    Attribute, AttributeValue, Authentication, Body, Certificate, CertificateRequest,
    Configuration, ConfigurationAttribute, Delete, Eap, Identification, KeyExchange, Nonce, Notify,
    Payload, Proposal, SecurityAssociation, SelectorRange, TrafficSelector, TrafficSelectors,
    Transform, Unknown, VendorId,
};
use crate::registry::{
    AuthMethod, CertEncoding, ConfigAttribute, ConfigType, IdType, IpProtocol, KeId, NotifyType,
    PayloadType, Protocol, TransformType, TsType,
};

/// A few payloads in any order.
pub fn payloads() -> impl Strategy<Value = Vec<Payload>> {
    vec(payload(), 0..6)
}

/// A payload of any kind but SK and SKF, critical or not.
pub fn payload() -> impl Strategy<Value = Payload> {
    (any::<bool>(), body()).prop_map(|(critical, body)| Payload { critical, body })
}

/// A body of any kind but SK and SKF.
pub fn body() -> BoxedStrategy<Body> {
    prop_oneof![
        sa().prop_map(Body::Sa),
        (any::<u16>(), octets(80)).prop_map(|(group, data)| {
            let group = KeId(group);
            Body::Ke(KeyExchange { group, data })
        }),
        identification().prop_map(Body::IdI),
        identification().prop_map(Body::IdR),
        (any::<u8>(), octets(40)).prop_map(|(encoding, data)| {
            let encoding = CertEncoding(encoding);
            Body::Cert(Certificate { encoding, data })
        }),
        (any::<u8>(), octets(40)).prop_map(|(encoding, authorities)| {
            Body::CertReq(CertificateRequest { encoding: CertEncoding(encoding), authorities })
        }),
        (any::<u8>(), octets(40)).prop_map(|(method, data)| {
            let method = AuthMethod(method);
            Body::Auth(Authentication { method, data })
        }),
        octets(300).prop_map(|nonce| Body::Nonce(Nonce(nonce))),
        notify().prop_map(Body::Notify),
        delete().prop_map(Body::Delete),
        octets(40).prop_map(|vendor| Body::VendorId(VendorId(vendor))),
        selectors().prop_map(Body::TsI),
        selectors().prop_map(Body::TsR),
        configuration().prop_map(Body::Config),
        (any::<u8>(), any::<u8>(), octets(40))
            .prop_map(|(code, identifier, data)| { Body::Eap(Eap { code, identifier, data }) }),
        unknown().prop_map(Body::Unknown),
    ]
    .boxed()
}

fn sa() -> impl Strategy<Value = SecurityAssociation> {
    vec(proposal(), 1..4).prop_map(|proposals| SecurityAssociation { proposals })
}

fn proposal() -> impl Strategy<Value = Proposal> {
    let owner = prop_oneof![
        (Just(Protocol::IKE), prop_oneof![Just(0), Just(8)]),
        (Just(Protocol::ESP), Just(4)),
        (Just(Protocol::AH), Just(4)),
        (Just(Protocol(200)), 0..20usize),
    ]
    .prop_flat_map(|(protocol, size)| (Just(protocol), vec(any::<u8>(), size)));
    (any::<u8>(), owner, vec(transform(), 0..6)).prop_map(
        |(number, (protocol, spi), transforms)| Proposal { number, protocol, spi, transforms },
    )
}

fn transform() -> impl Strategy<Value = Transform> {
    let value = prop_oneof![
        any::<u16>().prop_map(AttributeValue::Short),
        octets(8).prop_map(AttributeValue::Long)
    ];
    let kind = prop_oneof![Just(Attribute::KEY_LENGTH), 0..0x8000u16];
    let attribute = (kind, value).prop_map(|(kind, value)| Attribute { kind, value });
    (any::<u8>(), any::<u16>(), vec(attribute, 0..3)).prop_map(|(kind, id, attributes)| Transform {
        kind: TransformType(kind),
        id,
        attributes,
    })
}

fn identification() -> impl Strategy<Value = Identification> {
    let address = any::<[u8; 4]>().prop_map(IpAddr::from);
    let address6 = any::<[u8; 16]>().prop_map(IpAddr::from);
    let other = any::<u8>().prop_filter("addresses have their own size", |id_type| {
        ![IdType::ID_IPV4_ADDR, IdType::ID_IPV6_ADDR].contains(&IdType(*id_type))
    });
    prop_oneof![
        address.prop_map(|address| Identification::from_text(&address.to_string())),
        address6.prop_map(|address| Identification::from_text(&address.to_string())),
        "[a-z.@]{0,20}".prop_map(|text| Identification::from_text(&text)),
        (other, octets(20)).prop_map(|(id_type, data)| Identification::new(IdType(id_type), &data)),
    ]
}

fn notify() -> impl Strategy<Value = Notify> {
    let about = prop_oneof![
        Just((Protocol::NONE, 0)),
        Just((Protocol::IKE, 0)),
        Just((Protocol::ESP, 4)),
        (4..=255u8, 0..20usize).prop_map(|(protocol, size)| (Protocol(protocol), size)),
    ]
    .prop_flat_map(|(protocol, size)| (Just(protocol), vec(any::<u8>(), size)));
    (about, any::<u16>(), octets(40)).prop_map(|((protocol, spi), notify_type, data)| Notify {
        protocol,
        spi,
        notify_type: NotifyType(notify_type),
        data,
    })
}

fn delete() -> impl Strategy<Value = Delete> {
    let esp = vec(any::<[u8; 4]>(), 0..5);
    let other = (1..20usize).prop_flat_map(|size| (Just(size), vec(vec(any::<u8>(), size), 0..4)));
    prop_oneof![
        Just(Delete::ike()),
        esp.prop_map(|spis| Delete {
            protocol: Protocol::ESP,
            spi_size: 4,
            spis: spis.into_iter().map(Vec::from).collect(),
        }),
        other.prop_map(|(size, spis)| Delete {
            protocol: Protocol(200),
            spi_size: u8::try_from(size).expect("below 20"),
            spis,
        }),
    ]
}

fn selectors() -> impl Strategy<Value = TrafficSelectors> {
    vec(selector(), 1..4).prop_map(|selectors| TrafficSelectors { selectors })
}

fn selector() -> impl Strategy<Value = TrafficSelector> {
    let v4 = any::<[[u8; 4]; 2]>().prop_map(|ends| ends.map(IpAddr::from));
    let v6 = any::<[[u8; 16]; 2]>().prop_map(|ends| ends.map(IpAddr::from));
    let ends = prop_oneof![v4, v6];
    let range = (any::<u8>(), any::<[u16; 2]>(), ends).prop_map(|(protocol, ports, ends)| {
        TrafficSelector::Range(SelectorRange {
            protocol: IpProtocol(protocol),
            start_port: ports[0],
            end_port: ports[1],
            start: ends[0],
            end: ends[1],
        })
    });
    let other = (9..=255u8, any::<u8>(), octets(20)).prop_map(|(ts_type, protocol, octets)| {
        TrafficSelector::Unknown {
            ts_type: TsType(ts_type),
            protocol: IpProtocol(protocol),
            octets,
        }
    });
    prop_oneof![3 => range, 1 => other]
}

fn configuration() -> impl Strategy<Value = Configuration> {
    let attribute = (0..0x8000u16, octets(20))
        .prop_map(|(kind, value)| ConfigurationAttribute { kind: ConfigAttribute(kind), value });
    (any::<u8>(), vec(attribute, 0..4)).prop_map(|(config_type, attributes)| Configuration {
        config_type: ConfigType(config_type),
        attributes,
    })
}

/// Types 1 to 32 belong to IKEv1, those after PS to nobody yet.
fn unknown() -> impl Strategy<Value = Unknown> {
    let kind = prop_oneof![1..=32u8, 49..=52u8, 54..=255u8];
    (kind, octets(40))
        .prop_map(|(kind, octets)| Unknown { payload_type: PayloadType(kind), octets })
}
