//! Bounds on quantities that have a unit: `">= 1Mbit"`, `"<= 30ms"`, `"== 1MB"`.

use std::fmt;

use super::limit::SIGNS;
use crate::duration;
use crate::quantity;
use crate::reader::Cx;
use crate::source::Span;
use crate::text::Text;

/// What a bound is a bound on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    /// Octets of data.
    Octets,
    /// Bits each second.
    Rate,
    /// Nanoseconds.
    Time,
}

/// A bound on a quantity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Bound {
    sign: &'static str,
    number: u64,
    text: String,
    pub(super) span: Span,
}

impl Bound {
    /// Reads one; without a sign it is a quantity that is to be met exactly.
    pub(super) fn read(cx: &Cx<'_>, text: &Text, unit: Unit) -> Option<Self> {
        let value = text.value.trim();
        let sign = SIGNS.iter().find(|sign| value.starts_with(**sign));
        let quantity = value.get(sign.map_or(0, |sign| sign.len())..)?.trim();
        let number = match unit {
            Unit::Octets => quantity::octets(quantity),
            Unit::Rate => quantity::rate(quantity),
            Unit::Time => {
                duration::parse(quantity).ok().and_then(|span| u64::try_from(span.as_nanos()).ok())
            }
        };
        if number.is_none() {
            let expected = match unit {
                Unit::Octets => quantity::OCTETS,
                Unit::Rate => quantity::RATE,
                Unit::Time => duration::HELP,
            };
            let message = format!("`{value}` is no bound on a quantity");
            cx.error(text.span, message, format!("<=, >=, ==, < or >, then {expected}"));
        }
        let sign = sign.unwrap_or(&"==");
        Some(Self { sign, number: number?, text: value.to_owned(), span: text.span })
    }

    pub(super) fn allows(&self, number: u64) -> bool {
        match self.sign {
            "<=" => number <= self.number,
            ">=" => number >= self.number,
            "!=" => number != self.number,
            "<" => number < self.number,
            ">" => number > self.number,
            _ => number == self.number,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
