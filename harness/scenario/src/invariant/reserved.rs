//! Reserved fields of the header and of the generic payload headers that can be read without
//! keys are zero (RFC 7296 §3.1, §3.2).

use ikelab_wire::ike::Header;

use crate::property::Violation;
use crate::run::Run;

/// RFC 7296 §3.1: initiator and response; version is cleared by version 2, the others are reserved.
const FLAGS: u8 = 0x08 | 0x20;

pub(super) fn zero(run: &Run<'_>) -> Option<Violation> {
    run.conversation.ike().filter(|(message, _)| !run.lies(message.from)).find_map(
        |(message, ike)| {
            let what = odd(&ike.octets)?;
            let who = run.name(message.from);
            Some(Violation::new(message.at, format!("{who}'s {} has {what}", message.words())))
        },
    )
}

fn odd(octets: &[u8]) -> Option<String> {
    let (version, flags) = (*octets.get(17)?, *octets.get(19)?);
    if version != 0x20 {
        return Some(format!("version {:#04x}, expected 0x20", version));
    }
    if flags & !FLAGS != 0 {
        return Some(format!("flags {flags:#04x}: reserved bits are set"));
    }
    let mut at = Header::LENGTH;
    let mut next = *octets.get(16)?;
    while next != 0 {
        let generic = octets.get(at..at + 4)?;
        let [following, reserved, high, low] = *generic else { return None };
        if reserved & 0x7f != 0 {
            return Some(format!("payload {next} with reserved bits {reserved:#04x}"));
        }
        // What an SK or SKF payload announces is inside it.
        if matches!(next, 46 | 53) {
            return None;
        }
        at += usize::from(u16::from_be_bytes([high, low])).max(4);
        next = following;
    }
    None
}
