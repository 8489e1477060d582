//! Amounts of data and rates: numbers with units, `1500B`, `4608000kB`, `10Mbit`.

/// What to write for an amount of data.
pub(crate) const OCTETS: &str = "a number and B, kB, MB or GB: 1500B, 4608000kB";
/// What to write for a rate.
pub(crate) const RATE: &str = "a number and bit, kbit, Mbit or Gbit, each second: 64kbit, 10Mbit";

const OCTETS_UNITS: [(&str, u64); 4] =
    [("B", 1), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)];
const RATE_UNITS: [(&str, u64); 4] =
    [("bit", 1), ("kbit", 1_000), ("Mbit", 1_000_000), ("Gbit", 1_000_000_000)];

/// An amount of data in octets.
pub(crate) fn octets(text: &str) -> Option<u64> {
    read(text, &OCTETS_UNITS)
}

/// A rate in bits each second.
pub(crate) fn rate(text: &str) -> Option<u64> {
    read(text, &RATE_UNITS)
}

/// A rate in the largest unit of which it has one at least: `9.81 Mbit/s`.
pub(crate) fn rate_words(bits: u64) -> String {
    match RATE_UNITS.iter().rev().find(|(_, unit)| bits >= *unit) {
        Some((name, unit)) if *unit > 1 => {
            format!("{}.{:02} {name}/s", bits / unit, bits % unit / (unit / 100))
        }
        Some(_) | None => format!("{bits} bit/s"),
    }
}

fn read(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needs_a_unit_that_there_is() {
        let read = ["1500B", "4608000kB", "3 MB", "12", "MB", "1mB", "99999999999GB"].map(octets);
        assert_eq!(
            read,
            [Some(1_500), Some(4_608_000_000), Some(3_000_000), None, None, None, None]
        );
        assert_eq!(
            [rate("64kbit"), rate("1Gbit"), rate("1MB")],
            [Some(64_000), Some(1_000_000_000), None]
        );
    }

    #[test]
    fn rates_are_told_in_their_largest_unit() {
        let words = [999, 64_000, 9_816_000].map(rate_words);
        assert_eq!(words, ["999 bit/s", "64.00 kbit/s", "9.81 Mbit/s"]);
    }
}
