//! Durations: numbers with units, `500ms`, `120s`, `1h30m`.

use std::time::Duration;

/// What to write.
pub(crate) const HELP: &str = "write a number and a unit: 500ms, 120s, 1h30m";

/// The longest: virtual time is cheap, but not endless.
const MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

const UNITS: &[(&str, u64)] = &[
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads a duration.
///
/// # Errors
/// In a few words, what is wrong with one that is none.
pub fn parse(text: &str) -> Result<Duration, &'static str> {
    let mut rest = text;
    let mut total: u128 = 0;
    if rest.is_empty() {
        return Err("a duration is missing");
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        if number.is_empty() || number.len() > 20 {
            return Err("this is not a duration");
        }
        if unit.is_empty() {
            let blank = after.starts_with(' ');
            let why = if blank { "a blank before the unit" } else { "a duration needs a unit" };
            return Err(why);
        }
        let Some((_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err("there is no such unit");
        };
        total += nanos_of(number, *nanos).ok_or("this is not a duration")?;
        rest = next;
    }
    let nanos = u64::try_from(total).map_err(|_| "this is too long")?;
    Some(Duration::from_nanos(nanos)).filter(|span| *span <= MAX).ok_or("this is too long")
}

/// A decimal number of units, exactly; a fraction of a nanosecond is dropped.
fn nanos_of(number: &str, unit: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole = u128::from(whole.parse::<u64>().ok()?) * u128::from(unit);
    let parts: u128 = u128::from(fraction.parse::<u64>().ok()?) * u128::from(unit);
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    Some(whole + parts / scale)
}

/// A duration as people write it: `1h30m`, `120s`, `500ms`.
pub fn words(span: Duration) -> String {
    let mut nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    if nanos == 0 {
        return "0s".to_owned();
    }
    // Seconds are plain up to some minutes: 120s reads better than 2m in a log.
    if nanos < 600_000_000_000 && nanos % 1_000_000_000 == 0 {
        return format!("{}s", nanos / 1_000_000_000);
    }
    let mut words = String::new();
    for (name, unit) in UNITS.iter().rev() {
        let count = nanos / unit;
        if count > 0 {
            words.push_str(&format!("{count}{name}"));
        }
        nanos %= unit;
    }
    if nanos > 0 { format!("{words}{nanos}ns") } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_add_up() {
        for (text, nanos) in [
            ("500ms", 500_000_000),
            ("1h30m", 5_400_000_000_000),
            ("0.5s", 500_000_000),
            ("0s", 0),
            ("5us", 5_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn a_number_without_a_unit_is_told_so() {
        assert_eq!(parse("120"), Err("a duration needs a unit"));
        for text in ["", "s", "1:30", "5 s", "1y", "999999999999999d", "-1s", "1.2.3s", "é"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_people_do() {
        for text in ["120s", "500ms", "1h30m", "10m", "5us"] {
            assert_eq!(words(parse(text).unwrap()), text);
        }
    }
}
