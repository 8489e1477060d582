//! Takes the measures and writes them to the file that is named on the command line. With
//! `--only WORDS` it takes those of packets whose names have these words.

#![expect(clippy::disallowed_types, reason = "a benchmark reads a clock")]

mod packets;

use std::hint::black_box;
use std::time::{Duration, Instant};

use ikelab_ambient::{Purpose, Seeded, Value};
use ikelab_bench::measure::{Measure, Measures, median};
use ikelab_bench::{scene, straight};
use ikelab_crypto::Group;
use ikelab_sim::{Driver, run};

/// How often each kind of handshake is timed, in turn with the others.
const ROUNDS: u64 = 400;
/// How often the day is run.
const DAYS: usize = 3;
/// How often the transfer is run.
const TRANSFERS: usize = 5;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let only = words.iter().position(|word| word == "--only");
    let path = words.get(..only.unwrap_or(words.len())).and_then(<[String]>::first);
    let measures = match only.and_then(|place| words.get(place + 1)) {
        Some(only) if only == "bulk" => bulk(),
        Some(only) => packets::measures(only),
        None => {
            let mut measures = handshakes();
            measures.extend(days());
            measures.extend(bulk());
            measures.extend(packets::measures(""));
            measures
        }
    };
    let measures = Measures { measures };
    let text = serde_json::to_string_pretty(&measures).expect("measures are plain data");
    for measure in &measures.measures {
        let Measure { name, value, unit, baseline, baseline_value, ratio } = measure;
        println!(
            "{name:<44} {value:>8.2} {unit:<2} = {ratio:.2} x {baseline} ({baseline_value:.2} {unit})"
        );
    }
    if let Some(path) = path {
        std::fs::write(path, text + "\n").expect("the file can be written");
    }
}

/// One handshake through the whole simulator, beside its cryptography in a straight line.
fn handshakes() -> Vec<Measure> {
    let mut times: [Vec<Duration>; 3] = Default::default();
    for seed in 0..ROUNDS {
        let plan = scene::handshake(seed);
        let [straight, direct, turmoil] = &mut times;
        straight.push(time(|| assert!(straight::handshake(seed))));
        direct.push(time(|| run(&plan, Driver::Direct)));
        turmoil.push(time(|| run(&plan, Driver::Turmoil)));
    }
    let [straight, direct, turmoil] = times.map(median);
    let baseline = "the same cryptography in a straight line";
    vec![
        Measure::time("PSK handshake, both ends, direct", direct, baseline, straight),
        Measure::time("PSK handshake, both ends, turmoil", turmoil, baseline, straight),
    ]
}

/// A day of rekeying every 108 seconds, beside its key exchanges alone.
fn days() -> Vec<Measure> {
    let plan = scene::a_day_of_rekeying();
    let trace = run(&plan, Driver::Direct).expect("the day passes").trace;
    // Each IKE SA is counted at both ends, and each end generates and agrees once.
    let exchanges = scene::established(&trace) / 2;
    drop(trace);
    let timed = |what: &dyn Fn()| median((0..DAYS).map(|_| time(what)).collect());
    let alone = timed(&|| (0..exchanges).for_each(|_| key_exchange()));
    let direct = timed(&|| drop(black_box(run(&plan, Driver::Direct))));
    let turmoil = timed(&|| drop(black_box(run(&plan, Driver::Turmoil))));
    let baseline = "its key exchanges alone";
    vec![
        Measure::time("lifetime 120 s for 24 virtual hours, direct", direct, baseline, alone),
        Measure::time("lifetime 120 s for 24 virtual hours, turmoil", turmoil, baseline, alone),
    ]
}

/// A bulk transfer over TCP through two gateways on both drivers, beside the direct driver without
/// IPsec and beside its cipher calls alone.
fn bulk() -> Vec<Measure> {
    let (sealed, plain) = (scene::bulk(true), scene::bulk(false));
    let of = |plan| run(plan, Driver::Direct).expect("the transfer passes").trace;
    let (frames, lengths) = (scene::frames(&of(&sealed)), scene::sealed(&of(&sealed)));
    let plain_frames = scene::frames(&of(&plain));
    let timed = |what: &dyn Fn()| median((0..TRANSFERS).map(|_| time(what)).collect());
    let without = timed(&|| drop(black_box(run(&plain, Driver::Direct))));
    let cipher = timed(&|| assert!(straight::packets(&lengths)));
    let rate = |frames: usize, time: Duration| frames as f64 / time.as_secs_f64();
    let mut measures = Vec::new();
    for (driver, name) in [(Driver::Direct, "direct"), (Driver::Turmoil, "turmoil")] {
        let with = timed(&|| drop(black_box(run(&sealed, driver))));
        let name = format!("4 MB over TCP through two gateways, {name}");
        let (value, baseline_value) = (rate(frames, with), rate(plain_frames, without));
        measures.push(Measure {
            name: name.clone(),
            value,
            unit: "frames/s",
            baseline: "without IPsec, direct".into(),
            baseline_value,
            ratio: value / baseline_value,
        });
        measures.push(Measure::time(&name, with, "its cipher calls alone", cipher));
    }
    measures
}

/// Both ends of one key exchange of the scenario's group.
fn key_exchange() {
    let mut entropy = Seeded::new(1, "key exchange");
    let mut key = || Group::Modp1536.generate(&mut entropy, Purpose::aside(Value::KeyExchange));
    let (ours, theirs) = (key(), key());
    black_box((ours.agree(theirs.public()).is_ok(), theirs.agree(ours.public()).is_ok()));
}

fn time<T>(what: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    let made = black_box(what());
    let elapsed = began.elapsed();
    // What was made is dropped when the time is taken.
    drop(made);
    elapsed
}
