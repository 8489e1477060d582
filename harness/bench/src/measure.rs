//! Measures, and how they are taken.

use std::time::Duration;

use serde::Serialize;

/// What was measured, and what it is compared with.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Measure {
    /// What was measured.
    pub name: String,
    /// How much it was.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it is compared with.
    pub baseline: String,
    /// How much that was, in the same unit.
    pub baseline_value: f64,
    /// `value / baseline_value`.
    pub ratio: f64,
}

/// The shape of `bench.json`.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Measures {
    /// The measures, each from this one run in one process.
    pub measures: Vec<Measure>,
}

impl Measure {
    /// A time beside the time that it is compared with, both in microseconds, or in seconds when
    /// the first has one.
    #[must_use]
    pub fn time(name: &str, value: Duration, baseline: &str, baseline_value: Duration) -> Self {
        let (unit, scale) = if value < Duration::from_secs(1) { ("us", 1e6) } else { ("s", 1.0) };
        Self {
            name: name.into(),
            value: value.as_secs_f64() * scale,
            unit,
            baseline: baseline.into(),
            baseline_value: baseline_value.as_secs_f64() * scale,
            ratio: value.as_secs_f64() / baseline_value.as_secs_f64(),
        }
    }
}

/// The middle of some times; zero of none.
#[must_use]
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_no_outlier() {
        let times = [9, 1, 1000, 2, 3].map(Duration::from_micros);
        assert_eq!(median(times.to_vec()), Duration::from_micros(3));
        assert_eq!(median(Vec::new()), Duration::ZERO);
    }

    #[test]
    fn a_ratio_is_of_value_to_baseline() {
        let measure = Measure::time("a", Duration::from_micros(3), "b", Duration::from_micros(2));
        assert!((measure.ratio - 1.5).abs() < 1e-9);
        assert!((measure.value - 3.0).abs() < 1e-9);
    }
}
