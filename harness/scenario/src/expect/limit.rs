//! Numbers and bounds on numbers: `5`, `"<= 1"`.

use std::fmt;

use crate::reader::Cx;
use crate::text::Text;

/// A bound on a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limit {
    sign: &'static str,
    number: u64,
}

/// Longer ones first: `<` begins `<=`.
pub(super) const SIGNS: [&str; 6] = ["<=", ">=", "==", "!=", "<", ">"];

impl Limit {
    pub(super) fn read(cx: &Cx<'_>, text: &Text) -> Option<Self> {
        let value = text.value.trim();
        let sign = SIGNS.iter().find(|sign| value.starts_with(**sign));
        let number = value.get(sign.map_or(0, |sign| sign.len())..)?.trim().parse();
        if number.is_err() {
            cx.error(text.span, format!("`{value}` is no number"), "expected 5 or \"<= 5\"");
        }
        Some(Self { sign: sign.unwrap_or(&"=="), number: number.ok()? })
    }

    pub(super) fn allows(self, number: u64) -> bool {
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

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sign {
            "==" => self.number.fmt(f),
            sign => write!(f, "{sign} {}", self.number),
        }
    }
}
