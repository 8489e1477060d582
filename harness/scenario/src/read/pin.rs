//! `pin:` values that are not left to chance.

use ikelab_ambient::{Purpose, Value};
use ikelab_wire::registry::ExchangeType;

use super::world::World;
use crate::plan::Pin;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, may, need};
use crate::text::Text;
use crate::yaml::Node;

pub(crate) static SHAPE: Shape = Shape::new(
    "pin",
    "A random value that the scenario decides.",
    &[&[
        need("what", shape::PIN_POINT, "Which value; an index says from which octet on."),
        may("nth", Form::Integer(1, 1_000_000), "Which of several such values, from 1.")
            .or("the first SPI; every nonce and key exchange"),
        need("value", shape::HEX, "The octets."),
    ]],
);

pub(crate) fn read(cx: &Cx<'_>, world: &World, node: &Node) -> Vec<Pin> {
    let items = cx.list(node, "pin").unwrap_or_default();
    items.iter().filter_map(|item| pin(cx, world, item)).collect()
}

fn pin(cx: &Cx<'_>, world: &World, node: &Node) -> Option<Pin> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let what = cx.text(fields.need("what")?, "what")?;
    let value_text = cx.text(fields.need("value")?, "value")?;
    let value = octets(cx, value_text)?;
    let mut pin = point(cx, world, what)?;
    if let Some(nth) = fields.integer("nth", 1, 1_000_000) {
        pin.nth = u32::try_from(nth - 1).ok();
    }
    if pin.purpose.exchange == ExchangeType::IKE_SA_INIT.0 && pin.purpose.value == Value::Spi {
        check_ike_spi(cx, value_text, &value);
    }
    pin.value = value;
    Some(pin)
}

/// An IKE SPI has eight octets, and is not zero (RFC 7296 §3.1).
fn check_ike_spi(cx: &Cx<'_>, text: &Text, value: &[u8]) {
    if value.len() != 8 {
        let label = "the SPI of an IKE SA has 16 hex digits";
        cx.error(text.span, format!("a value of {} octets", value.len()), label);
    } else if value.iter().all(|octet| *octet == 0) {
        let label = "to send one all the same, let a liar say it: `edit: set spi_i = 0`";
        cx.error(text.span, "no engine chooses the SPI 0", label);
    }
}

/// `[HOST.][req.|resp.]EXCHANGE.(spi|nonce|ke)[[index]]`
fn point(cx: &Cx<'_>, world: &World, what: &Text) -> Option<Pin> {
    let (path, offset) = match what.value.split_once('[') {
        Some((path, index)) => (path, index.strip_suffix(']').and_then(|index| index.parse().ok())),
        None => (what.value.as_str(), Some(0)),
    };
    let mut parts = path.split('.').peekable();
    let mut at = 0;
    let mut host = None;
    let mut response = None;
    let mut exchange = None;
    for part in parts.by_ref() {
        let span = what.at(at..at + part.len());
        at += part.len() + 1;
        match part {
            "req" => response = Some(false),
            "resp" => response = Some(true),
            name => {
                exchange = ExchangeType::from_name(name);
                if exchange.is_some() {
                    break;
                }
                host = Some(world.host(cx, name, span)?);
            }
        }
    }
    let value = match parts.next() {
        Some("spi") => Some(Value::Spi),
        Some("nonce") => Some(Value::Nonce),
        Some("ke") => Some(Value::KeyExchange),
        _ => None,
    };
    let (Some(exchange), Some(value), Some(offset), None) = (exchange, value, offset, parts.next())
    else {
        let label = "expected HOST.EXCHANGE.spi, HOST.req.EXCHANGE.nonce[0], EXCHANGE.ke";
        cx.error(what.span, format!("`{}` is nothing to pin", what.value), label);
        return None;
    };
    // An SPI that came twice would be a fault, so only the first is pinned; nonces may all be.
    let nth = (value == Value::Spi).then_some(0);
    let purpose = Purpose::of(value, exchange.0, response.unwrap_or(false));
    let direction_matters = response.is_some();
    Some(Pin { host, purpose, direction_matters, nth, offset, value: Vec::new() })
}

/// Hex digits, with or without `0x`.
fn octets(cx: &Cx<'_>, text: &Text) -> Option<Vec<u8>> {
    let digits = text.value.trim_start_matches("0x").replace([' ', '_'], "");
    let even = digits.len().is_multiple_of(2) && digits.is_ascii() && digits.len() <= 1024;
    let octets: Option<Vec<u8>> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect();
    if octets.is_none() || !even || digits.is_empty() {
        cx.error(
            text.span,
            format!("`{}` is no value", text.value),
            "expected hex digits in pairs",
        );
        return None;
    }
    octets
}
