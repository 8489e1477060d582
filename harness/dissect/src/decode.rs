//! A capture file and keys in, `decode --json` out.

use std::borrow::Cow;
use std::net::SocketAddr;

use ikelab_wire::payload::{Body, Payload};
use ikelab_wire::registry::PayloadType;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::dissector::{Dissected, Dissector, Packet};
use crate::esp::EspPacket;
use crate::ike::{Icv, IkeMessage};
use crate::link::Stripped;
use crate::{Frames, KeyTable, Problem};

/// Problems that are told one by one.
const PROBLEMS_MAX: usize = 10_000;

/// What a capture holds: the shape of `ikelab decode --json`.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Decoded {
    /// The IKE messages, in the order of the capture; one in fragments stands at its last.
    pub messages: Vec<DecodedMessage>,
    /// The ESP packets, in the order of the capture.
    pub esp: Vec<DecodedEsp>,
    /// What could not be read, and where it stands.
    pub problems: Vec<String>,
}

/// An IKE message.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DecodedMessage {
    /// Number of its frame, from 1; of the last one, for a message in fragments.
    pub frame: u32,
    /// Seconds since the epoch.
    #[schemars(with = "f64")]
    pub time: Box<RawValue>,
    /// Address and port of the sender.
    pub src: String,
    /// Address and port of the receiver.
    pub dst: String,
    /// The initiator's SPI, 16 hex digits.
    pub initiator_spi: String,
    /// The responder's SPI, 16 hex digits.
    pub responder_spi: String,
    /// IANA number of the exchange type.
    pub exchange: u8,
    /// Its name, or its number where IANA has no name for it.
    pub exchange_name: String,
    /// Whether the original initiator of the IKE SA sent it.
    pub initiator: bool,
    /// Whether it answers a request.
    pub response: bool,
    /// Its message id.
    pub message_id: u32,
    /// The length that its header tells; that of the last fragment, for a message in fragments.
    pub length: u32,
    /// How many fragments it came in; null for a message that came whole.
    pub fragments: Option<u16>,
    /// Whether it has an SK payload, or came in SKF payloads.
    pub protected: bool,
    /// What is known of its integrity check value; unknown for a message that has none.
    pub icv: Icv,
    /// Its payloads: the decrypted ones where they could be opened.
    pub payloads: Vec<DecodedPayload>,
    /// What stands in the clear beside an SK payload that was opened.
    pub outside: Vec<DecodedPayload>,
}

/// A payload.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DecodedPayload {
    /// IANA number of the payload type.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Its notation in RFC 7296, or its number where IANA has none.
    pub name: Cow<'static, str>,
    /// Its critical bit.
    pub critical: bool,
    /// IANA number of the notify message type; null for other payloads.
    pub notify: Option<u16>,
}

/// An ESP packet.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DecodedEsp {
    /// Number of its frame, from 1.
    pub frame: u32,
    /// Seconds since the epoch.
    #[schemars(with = "f64")]
    pub time: Box<RawValue>,
    /// Address of the sender, and its port inside UDP.
    pub src: String,
    /// Address of the receiver, and its port inside UDP.
    pub dst: String,
    /// Its SPI, 8 hex digits.
    pub spi: String,
    /// Its sequence number; all of it where it is extended and could be opened.
    pub sequence: u64,
    /// What is known of its integrity check value.
    pub icv: Icv,
    /// What it carries, in a few words; null where it could not be opened.
    pub inner: Option<String>,
}

/// Reads a whole capture file, calling `each` with everything that is found, in order.
pub(crate) fn dissect(file: &[u8], keys: &KeyTable, mut each: impl FnMut(Dissected)) {
    let mut dissector = Dissector::new(keys);
    for frame in Frames::read(file) {
        let frame = match frame {
            Ok(frame) => frame,
            Err(problem) => {
                each(Dissected::Problem(problem));
                continue;
            }
        };
        let problem = |what: String| Dissected::Problem(Problem::frame(frame.number, what));
        match frame.link.strip(frame.octets) {
            Stripped::Ip(octets) => {
                let packet = Packet { frame: frame.number, time_ns: frame.time_ns, octets };
                dissector.feed(packet).into_iter().for_each(&mut each);
            }
            Stripped::Other => {}
            Stripped::Short => each(problem(format!("{} octets are no frame", frame.octets.len()))),
            Stripped::UnknownLink => each(problem(format!("{} is not read", frame.link))),
        }
    }
    dissector.finish().into_iter().map(Dissected::Problem).for_each(each);
}

/// Reads a whole capture file.
#[must_use]
pub fn decode(file: &[u8], keys: &KeyTable) -> Decoded {
    let mut decoded = Decoded::default();
    let mut untold = 0_usize;
    dissect(file, keys, |dissected| match dissected {
        Dissected::Ike(message) => decoded.messages.push(DecodedMessage::from(&message)),
        Dissected::Esp(packet) => decoded.esp.push(DecodedEsp::from(&packet)),
        Dissected::Problem(_) if decoded.problems.len() >= PROBLEMS_MAX => untold += 1,
        Dissected::Problem(problem) => decoded.problems.push(problem.to_string()),
        Dissected::Fragment(_) | Dissected::Keepalive(_) | Dissected::Clear(_) => {}
    });
    if untold > 0 {
        decoded.problems.push(format!("and {untold} problems more"));
    }
    decoded
}

impl From<&IkeMessage> for DecodedMessage {
    fn from(message: &IkeMessage) -> Self {
        let header = &message.header;
        Self {
            frame: message.frame,
            time: seconds(message.time_ns),
            src: message.src.to_string(),
            dst: message.dst.to_string(),
            initiator_spi: header.initiator_spi.to_string(),
            responder_spi: header.responder_spi.to_string(),
            exchange: header.exchange.0,
            exchange_name: header.exchange.to_string(),
            initiator: header.flags.initiator(),
            response: header.flags.response(),
            message_id: header.message_id,
            length: message.length,
            fragments: message.fragment.map(|(_, total)| total),
            protected: message.protected,
            icv: message.icv,
            payloads: message.payloads.iter().map(DecodedPayload::from).collect(),
            outside: message.outside.iter().map(DecodedPayload::from).collect(),
        }
    }
}

impl From<&Payload> for DecodedPayload {
    fn from(payload: &Payload) -> Self {
        let kind = payload.body.payload_type();
        Self {
            kind: kind.0,
            name: kind.name().map_or_else(|| kind.to_string().into(), Cow::Borrowed),
            critical: payload.critical,
            notify: notify_type(&payload.body),
        }
    }
}

/// The type of a notify, even of one whose other fields make no sense.
fn notify_type(body: &Body) -> Option<u16> {
    match body {
        Body::Notify(notify) => Some(notify.notify_type.0),
        Body::Unknown(unknown) if unknown.payload_type == PayloadType::NOTIFY => {
            unknown.octets.get(2..4)?.try_into().ok().map(u16::from_be_bytes)
        }
        _ => None,
    }
}

impl From<&EspPacket> for DecodedEsp {
    fn from(packet: &EspPacket) -> Self {
        Self {
            frame: packet.frame,
            time: seconds(packet.time_ns),
            src: end(packet.src),
            dst: end(packet.dst),
            spi: packet.spi.to_string(),
            sequence: packet.sequence,
            icv: packet.icv,
            inner: packet.inner.as_ref().map(|inner| inner.words.clone()),
        }
    }
}

/// An address, and the port where there is one.
fn end(end: SocketAddr) -> String {
    if end.port() == 0 { end.ip().to_string() } else { end.to_string() }
}

/// A number with every digit of the capture, which a float would not keep.
fn seconds(time_ns: u64) -> Box<RawValue> {
    let (secs, nanos) = (time_ns / 1_000_000_000, time_ns % 1_000_000_000);
    let digits = if nanos % 1_000 == 0 {
        format!("{secs}.{:06}", nanos / 1_000)
    } else {
        format!("{secs}.{nanos:09}")
    };
    RawValue::from_string(digits).expect("digits and a point are a number in JSON")
}
