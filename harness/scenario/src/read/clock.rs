//! How fast a clock runs, and how far it jumps.

use crate::duration;
use crate::plan::Jump;
use crate::reader::{Cx, Fields};

/// The speed of a clock that runs right, in billionths.
pub(super) const TRUE: u64 = 1_000_000_000;

/// `1.01`: a speed in billionths of true speed.
pub(super) fn speed(cx: &Cx<'_>, fields: &Fields<'_, '_>, key: &str) -> Option<u64> {
    let text = fields.text(key)?;
    let speed = text.value.parse().ok().filter(|speed: &f64| (0.001..=1000.0).contains(speed));
    if speed.is_none() {
        let label = "expected a number from 0.001 to 1000: 1.01 is one part in a hundred fast";
        cx.error(text.span, format!("`{key}` is `{}`", text.value), label);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from a million to a million million"
    )]
    speed.map(|speed| (speed * 1e9).round() as u64)
}

/// `1h`, `-1h`.
pub(super) fn jump(cx: &Cx<'_>, fields: &Fields<'_, '_>) -> Option<Jump> {
    let text = fields.text("jump")?;
    let (back, by) = match text.value.strip_prefix('-') {
        Some(by) => (true, by),
        None => (false, text.value.as_str()),
    };
    match duration::parse(by) {
        Ok(by) if back => Some(Jump::Back(by)),
        Ok(by) => Some(Jump::Ahead(by)),
        Err(_) => {
            let label = "expected a duration, with or without a minus: 1h, -1h";
            cx.error(text.span, format!("`jump` is `{}`", text.value), label);
            None
        }
    }
}
