//! ESP packets: the whole of `esp`, from a clear packet to a sealed one and back, beside the bare
//! calls of the cipher crates and beside ring.

mod bare;
mod path;
mod ring;

use std::hint::black_box;
use std::time::{Duration, Instant};

use ikelab_bench::measure::{Measure, median};
use ikelab_crypto::{Encr, Integ, Protection};

/// How many packets are timed together: so few that they stay in the first cache, so many that the
/// clock does not count.
const BATCH: usize = 8;
/// How often a batch is timed.
const ROUNDS: usize = 600;
/// Octets of a clear packet.
const SIZES: [usize; 3] = [64, 576, 1400];
/// Many SAs.
const MANY: u32 = 10_000;

const SUITES: [(&str, Protection); 3] = [
    ("AES-256-GCM", Protection { encr: Encr::AesGcm16 { key_bits: 256 }, integ: None }),
    (
        "AES-128-CBC HMAC-SHA-256",
        Protection { encr: Encr::AesCbc { key_bits: 128 }, integ: Some(Integ::HmacSha256_128) },
    ),
    ("ChaCha20-Poly1305", Protection { encr: Encr::ChaCha20Poly1305, integ: None }),
];

/// Something that is done to a batch of packets.
trait Subject {
    /// Makes the batch ready; this takes no time.
    fn prepare(&mut self);
    /// Does it to each of the [`BATCH`] packets.
    fn run(&mut self);
}

/// Which way packets go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Seal,
    Open,
}

/// Takes the measures of packets whose names have these words.
pub(crate) fn measures(only: &str) -> Vec<Measure> {
    let mut measures = Vec::new();
    for (suite, protection) in SUITES {
        for (way, verb) in [(Way::Seal, "seal"), (Way::Open, "open")] {
            for size in SIZES {
                let name = format!("esp {verb} {suite} {size}");
                if !name.contains(only) {
                    continue;
                }
                let mut path = path::Path::new(protection, size, (1, 1), way);
                let text_len = path.text_len();
                let bare = bare::subject(protection, text_len, way);
                let mut others: Vec<(String, Box<dyn Subject>)> =
                    vec![(format!("{suite} crate call"), bare)];
                if let Some(ring) = ring::Ring::new(protection, text_len, way) {
                    others.push((format!("{suite} ring"), Box::new(ring)));
                }
                measures.extend(compare(&name, &mut path, others));
            }
        }
    }
    let (_, gcm) = SUITES[0];
    for (way, verb) in [(Way::Seal, "seal"), (Way::Open, "open")] {
        for (flows, which) in [(1, "one in use"), (MANY, "all in use")] {
            let name = format!("esp {verb} 64 with {MANY} SAs, {which}");
            if !name.contains(only) {
                continue;
            }
            let mut many = path::Path::new(gcm, 64, (MANY, flows), way);
            let one = Box::new(path::Path::new(gcm, 64, (1, 1), way));
            measures.extend(compare(&name, &mut many, vec![("with 1 SA".into(), one)]));
        }
    }
    measures
}

/// Times a subject and those it is compared with in turn.
fn compare(
    name: &str,
    subject: &mut dyn Subject,
    mut others: Vec<(String, Box<dyn Subject>)>,
) -> Vec<Measure> {
    let mut times = vec![Vec::new(); others.len() + 1];
    for _ in 0..ROUNDS {
        times[0].push(time(subject));
        for (place, (_, other)) in others.iter_mut().enumerate() {
            times[place + 1].push(time(&mut **other));
        }
    }
    let each = |times: Vec<Duration>| median(times) / BATCH as u32;
    let mut times = times.into_iter().map(each);
    let value = times.next().unwrap_or_default();
    let baselines = others.into_iter().zip(times);
    baselines.map(|((baseline, _), time)| Measure::time(name, value, &baseline, time)).collect()
}

fn time(subject: &mut dyn Subject) -> Duration {
    subject.prepare();
    let began = Instant::now();
    black_box(&mut *subject).run();
    began.elapsed()
}
