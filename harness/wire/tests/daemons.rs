//! Messages of real daemons, read by us as tshark reads them.
//!
//! `daemons.json` holds messages that strongSwan 5.9.8, libreswan 4.10 and OpenIKED 7.2 exchanged
//! in our laboratory, by the name of the capture and the frame in it, with what tshark 4.0.17 read
//! in them: whole messages as they were sent, and what some encrypted payloads held (`inside`).

use hex::encode;
use ikelab_wire::ike::{Header, Message};
use ikelab_wire::payload::{
    Body, Payload, Proposal, TrafficSelector, Transform, emit_chain, parse_chain,
};
use ikelab_wire::registry::PayloadType;
use serde_json::{Map, Value, json};

const DAEMONS: &str = include_str!("daemons.json");

#[test]
fn every_payload_is_read_as_tshark_reads_it() {
    for sample in samples() {
        let expected = sample["payloads"].as_array().expect("payloads");
        let payloads = payloads(&sample);
        assert_eq!(payloads.len(), expected.len(), "{}", provenance(&sample));
        for (payload, expected) in payloads.iter().zip(expected) {
            assert_eq!(&reading(payload), expected, "{}", provenance(&sample));
        }
    }
}

#[test]
fn every_header_is_read_as_tshark_reads_it() {
    for sample in samples().iter().filter(|sample| !is_inside(sample)) {
        let raw = Header::parse(&octets(sample)).expect("a header");
        let reading = json!({
            "initiator_spi": raw.header.initiator_spi.to_string(),
            "responder_spi": raw.header.responder_spi.to_string(),
            "exchange": raw.header.exchange.0,
            "flags": raw.header.flags.0,
            "message_id": raw.header.message_id,
        });
        for (field, value) in reading.as_object().expect("an object") {
            assert_eq!(value, &sample[field], "{field} of {}", provenance(sample));
        }
    }
}

#[test]
fn what_a_daemon_sent_is_emitted_again_octet_for_octet() {
    for sample in samples() {
        let emitted = if is_inside(&sample) {
            emit_chain(&payloads(&sample)).1
        } else {
            Message::parse(&octets(&sample)).expect("a message").emit()
        };
        assert_eq!(encode(emitted), sample["octets"], "{}", provenance(&sample));
    }
}

#[test]
fn a_daemon_s_message_in_the_notation_of_the_rfc() {
    let sample = samples().into_iter().find(|sample| sample["capture"] == "cookie");
    let message = Message::parse(&octets(&sample.expect("a cookie"))).expect("a message");
    assert_eq!(message.to_string(), "IKE_SA_INIT resp mid=0 | N(COOKIE)");
}

fn samples() -> Vec<Value> {
    serde_json::from_str(DAEMONS).expect("the samples are JSON")
}

fn provenance(sample: &Value) -> String {
    format!("{} frame {}", sample["capture"], sample["frame"])
}

fn is_inside(sample: &Value) -> bool {
    sample["inside"] == true
}

fn octets(sample: &Value) -> Vec<u8> {
    hex::decode(sample["octets"].as_str().expect("octets")).expect("hex digits")
}

fn payloads(sample: &Value) -> Vec<Payload> {
    if is_inside(sample) {
        let first = serde_json::from_value::<PayloadType>(sample["first"].clone());
        parse_chain(first.expect("a payload type"), &octets(sample)).expect("a chain")
    } else {
        Message::parse(&octets(sample)).expect("a message").payloads
    }
}

/// What we read, in the form of the samples.
fn reading(payload: &Payload) -> Value {
    let mut reading = Map::new();
    let (_, octets) = emit_chain(std::slice::from_ref(payload));
    reading.insert("type".into(), payload.body.payload_type().0.into());
    reading.insert("critical".into(), payload.critical.into());
    reading.insert("length".into(), octets.len().into());
    let Value::Object(fields) = fields(&payload.body) else {
        panic!("the fields of {payload} are an object");
    };
    reading.extend(fields);
    Value::Object(reading)
}

fn fields(body: &Body) -> Value {
    match body {
        Body::Sa(sa) => {
            json!({"proposals": sa.proposals.iter().map(proposal).collect::<Vec<_>>()})
        }
        Body::Ke(ke) => json!({"group": ke.group, "data": encode(&ke.data)}),
        Body::IdI(id) | Body::IdR(id) => json!({"id_type": id.id_type, "id": id.to_string()}),
        Body::Cert(cert) => json!({"encoding": cert.encoding, "data": encode(&cert.data)}),
        Body::CertReq(request) => {
            json!({"encoding": request.encoding, "authorities": encode(&request.authorities)})
        }
        Body::Auth(auth) => json!({"method": auth.method, "data": encode(&auth.data)}),
        Body::Nonce(nonce) => json!({"nonce": encode(&nonce.0)}),
        Body::Notify(notify) => json!({
            "protocol": notify.protocol,
            "spi": encode(&notify.spi),
            "notify": notify.notify_type,
            "data": encode(&notify.data),
        }),
        Body::Delete(delete) => json!({
            "protocol": delete.protocol,
            "spi_size": delete.spi_size,
            "spis": delete.spis.iter().map(encode).collect::<Vec<_>>(),
        }),
        Body::VendorId(vendor) => json!({"vendor": encode(&vendor.0)}),
        Body::TsI(ts) | Body::TsR(ts) => {
            json!({"selectors": ts.selectors.iter().map(selector).collect::<Vec<_>>()})
        }
        Body::Sk(sealed) => json!({"first": sealed.first}),
        Body::Skf(sealed) => {
            json!({"first": sealed.first, "number": sealed.number, "total": sealed.total})
        }
        Body::Config(config) => {
            let pairs = config.attributes.iter().map(|one| json!([one.kind, encode(&one.value)]));
            json!({"config": config.config_type, "attributes": pairs.collect::<Vec<_>>()})
        }
        Body::Eap(eap) => match eap.data.first() {
            Some(kind) => {
                json!({"code": eap.code, "identifier": eap.identifier, "eap_type": kind})
            }
            None => json!({"code": eap.code, "identifier": eap.identifier}),
        },
        Body::Unknown(unknown) => json!({"octets": encode(&unknown.octets)}),
    }
}

fn proposal(proposal: &Proposal) -> Value {
    json!({
        "number": proposal.number,
        "protocol": proposal.protocol,
        "spi": encode(&proposal.spi),
        "transforms": proposal.transforms.iter().map(transform).collect::<Vec<_>>(),
    })
}

fn transform(transform: &Transform) -> Value {
    match transform.key_length() {
        Some(bits) => json!([transform.kind, transform.id, bits]),
        None => json!([transform.kind, transform.id]),
    }
}

fn selector(selector: &TrafficSelector) -> Value {
    match selector {
        TrafficSelector::Range(range) => {
            json!([range.protocol, range.start_port, range.end_port, range.start, range.end])
        }
        TrafficSelector::Unknown { ts_type, .. } => panic!("{ts_type} is in no sample"),
    }
}
