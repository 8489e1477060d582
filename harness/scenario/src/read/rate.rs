//! `rate: 10Mbit` and `queue: 50 packets`: how fast packets leave, and how many may wait.

use crate::plan::{Rate, Room};
use crate::quantity;
use crate::reader::{Cx, Fields};

/// What may wait where the file does not say it.
const ROOM: Room = Room::Packets(100);
/// More packets than a person means to write.
const PACKETS_MAX: u32 = 1_000_000;

/// What a mapping says under `rate` and `queue`; without a `queue`, what waits elsewhere.
pub(super) fn read(cx: &Cx<'_>, fields: &Fields<'_, '_>, elsewhere: Option<Room>) -> Option<Rate> {
    let room = fields.text("queue").and_then(|text| {
        let room = room(&text.value);
        if room.is_none() {
            let label = "expected 50 packets or 64kB";
            cx.error(text.span, format!("`queue` is `{}`", text.value), label);
        }
        room
    });
    let Some(text) = fields.text("rate") else {
        if let Some(span) = fields.key("queue") {
            cx.error(span, "a queue at a link that takes everything at once", "say its `rate`");
        }
        return None;
    };
    let Some(bits_per_second @ 1..) = quantity::rate(&text.value) else {
        let message = format!("`rate` is `{}`", text.value);
        cx.error(text.span, message, format!("expected {}", quantity::RATE));
        return None;
    };
    Some(Rate { bits_per_second, room: room.or(elsewhere).unwrap_or(ROOM) })
}

/// `50 packets`, `64kB`.
fn room(text: &str) -> Option<Room> {
    let words = text.strip_suffix("packets").or_else(|| text.strip_suffix("packet"));
    match words {
        Some(number) => {
            let packets = number.trim().parse().ok();
            packets.filter(|packets| *packets <= PACKETS_MAX).map(Room::Packets)
        }
        None => quantity::octets(text).map(Room::Octets),
    }
}
