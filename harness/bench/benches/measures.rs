//! Takes the measures and writes them to the file that is named on the command line.

#![expect(clippy::disallowed_types, reason = "a benchmark reads a clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ikelab_bench::measure::{Measure, Measures, median};
use ikelab_bench::straight;

/// How often a handshake is timed.
const ROUNDS: u64 = 300;

fn main() {
    let path = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let times: Vec<_> = (0..ROUNDS).map(|seed| time(|| straight::handshake(seed))).collect();
    let straight = median(times);
    let measures = Measures {
        measures: vec![Measure::time("handshake straight line", straight, "itself", straight)],
    };
    let text = serde_json::to_string_pretty(&measures).expect("measures are plain data");
    println!("{text}");
    if let Some(path) = path {
        std::fs::write(path, text + "\n").expect("the file can be written");
    }
}

fn time<T>(what: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    black_box(what());
    began.elapsed()
}
