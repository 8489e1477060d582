//! Anti-replay, RFC 4303 §3.4.3.

use std::collections::BTreeSet;

use ikelab_ambient::{Entropy, Purpose, Seeded, Value};
use ikelab_esp::{Dropped, Esp, Output, SaConfig, Withheld};

use super::support::{
    CBC, GCM, arrives, ends, fate, mirrored, numbered, numbered_ping, ping, receive, refused, sa,
    seal, sealed, send,
};

fn windowed(replay_window: u32) -> SaConfig {
    SaConfig { replay_window, ..sa(GCM) }
}

/// Feeds sequence numbers to a fresh end, and says which arrived.
fn accepted(config: &SaConfig, numbers: &[u64]) -> Vec<bool> {
    let (_, mut far) = ends(config);
    let arrive = |number: &u64| arrives(&mut far, &numbered_ping(config, *number)).is_ok();
    numbers.iter().map(arrive).collect()
}

#[test]
fn esp_rpl_01_the_second_copy_is_dropped_at_once_and_later() {
    for protection in [GCM, CBC] {
        let (mut near, mut far) = ends(&sa(protection));
        let packets: Vec<_> = (0..40).map(|_| seal(&mut near, &ping(8))).collect();
        for packet in &packets {
            assert_eq!(arrives(&mut far, packet), Ok(ping(8)));
            refused(&mut far, packet, "replayed");
        }
        for packet in &packets {
            refused(&mut far, packet, "replayed");
        }
        assert_eq!(far.counters().dropped(Dropped::Replayed), 80);
        assert_eq!(far.counters().opened, 40);
    }
}

#[test]
fn esp_rpl_02_the_edges_of_the_window() {
    for size in [32, 64, 128, 1024, 4096] {
        let w = u64::from(size);
        let top = 10_000;
        let numbers = [top, top - w + 1, top - w, top - w + 1, top + 1, top + 2 * w, top + w + 1];
        let expected = [true, true, false, false, true, true, true];
        assert_eq!(accepted(&windowed(size), &numbers), expected, "window of {size}");
        // The same once more, now that the window has moved: its left edge is top + w + 1.
        let moved = [top, top + 2 * w, top + w, top + w + 1];
        assert_eq!(accepted(&windowed(size), &moved), [true, true, false, true], "{size}");
    }
}

#[test]
fn esp_rpl_03_a_forged_packet_does_not_move_the_window() {
    for protection in [GCM, CBC] {
        let config = sa(protection);
        let (mut near, mut far) = ends(&config);
        let genuine: Vec<_> = (0..3).map(|_| seal(&mut near, &ping(8))).collect();
        let mut forged = numbered_ping(&config, u64::from(u32::MAX));
        *forged.last_mut().unwrap() ^= 1;
        let moved = numbered_ping(&config, 1);
        refused(&mut far, &forged, "bad ICV");
        // Neither does a genuine packet whose number was changed on the way.
        let mut changed = moved;
        changed[20 + 4..20 + 8].copy_from_slice(&u32::MAX.to_be_bytes());
        refused(&mut far, &changed, "bad ICV");
        for packet in &genuine {
            assert_eq!(arrives(&mut far, packet), Ok(ping(8)));
        }
    }
}

/// All orders of the first `count` numbers, by Heap's algorithm.
fn permutations(count: usize) -> Vec<Vec<u64>> {
    fn heap(k: usize, items: &mut Vec<u64>, out: &mut Vec<Vec<u64>>) {
        if k <= 1 {
            return out.push(items.clone());
        }
        for i in 0..k {
            heap(k - 1, items, out);
            items.swap(if k.is_multiple_of(2) { i } else { 0 }, k - 1);
        }
    }
    let mut out = Vec::new();
    heap(count, &mut (1..=count as u64).collect(), &mut out);
    out
}

#[test]
fn esp_rpl_04_every_order_of_six_packets_delivers_each_once() {
    let config = windowed(32);
    let packets: Vec<_> = (0..=6).map(|number| numbered_ping(&config, number)).collect();
    let orders = permutations(6);
    assert_eq!(orders.iter().collect::<BTreeSet<_>>().len(), 720);
    for order in orders {
        let (_, mut far) = ends(&config);
        for number in &order {
            assert!(arrives(&mut far, &packets[*number as usize]).is_ok(), "{order:?}");
        }
        for number in &order {
            refused(&mut far, &packets[*number as usize], "replayed");
        }
    }
}

#[test]
fn esp_rpl_05_zero_is_refused_and_any_other_number_may_be_first() {
    for (first, expected) in [(0, false), (1, true), (2, true), (u64::from(u32::MAX), true)] {
        assert_eq!(accepted(&sa(GCM), &[first]), [expected], "{first}");
    }
    let (mut near, _) = ends(&sa(GCM));
    assert_eq!(seal(&mut near, &ping(8))[24..28], [0, 0, 0, 1], "a sender begins with 1");
}

#[test]
fn esp_rpl_06_a_sender_stops_at_2_to_the_32_and_asks_for_a_new_sa() {
    let (mut near, mut far) = ends(&sa(GCM));
    near.advance(sa(GCM).spi_in, (1 << 32) - 4, 0);
    let mut expired = Vec::new();
    for number in (1_u64 << 32) - 3..1 << 32 {
        let out = send(&mut near, &ping(8));
        expired
            .extend(out.iter().filter(|output| matches!(output, Output::Expire { .. })).cloned());
        let packet = sealed(out).expect("a packet");
        assert_eq!(packet[24..28], (number as u32).to_be_bytes());
        assert_eq!(arrives(&mut far, &packet), Ok(ping(8)));
    }
    let spi_in = sa(GCM).spi_in;
    assert_eq!(expired, [Output::Expire { spi_in, hard: false }], "asked for before the end");
    for round in 0..3 {
        let out = send(&mut near, &ping(8));
        assert_eq!(fate(&out), Err("sequence numbers used up".into()));
        assert_eq!(out.contains(&Output::Expire { spi_in, hard: true }), round == 0);
    }
    assert_eq!(near.counters().withheld(Withheld::SequenceExhausted), 3);
}

#[test]
fn esp_rpl_07_packets_of_an_old_sa_or_of_the_time_before_a_restart_are_dropped() {
    let (old, new) = (numbered(1, GCM), numbered(2, GCM));
    let (mut near, mut far) = ends(&old);
    let before: Vec<_> = (0..5).map(|_| seal(&mut near, &ping(8))).collect();
    far.install(mirrored(&new));
    far.remove(old.spi_out);
    for packet in &before {
        refused(&mut far, packet, "unknown SPI");
        // Somebody writes the new SPI into it.
        let mut renamed = packet.clone();
        renamed[20..24].copy_from_slice(&new.spi_out.to_octets());
        refused(&mut far, &renamed, "bad ICV");
    }
    let mut restarted = Esp::new(Vec::new());
    refused(&mut restarted, &before[0], "unknown SPI");
    assert!(arrives(&mut far, &numbered_ping(&new, 1)).is_ok());
}

/// The rule of RFC 4303 §3.4.3 with nothing clever: every number ever seen is remembered.
#[derive(Default)]
struct Model {
    seen: BTreeSet<u64>,
    top: u64,
}

impl Model {
    fn accepts(&mut self, window: u64, number: u64) -> bool {
        let fresh = number > 0 && number + window > self.top && self.seen.insert(number);
        if fresh {
            self.top = self.top.max(number);
        }
        fresh
    }
}

#[test]
fn esp_rpl_08_jumps_around_words_and_windows_agree_with_a_plain_model() {
    let mut entropy = Seeded::new(8, "streams");
    for window in [32, 64, 65, 128, 1000, 4096_u64] {
        let config = windowed(window as u32);
        let (_, mut far) = ends(&config);
        let mut model = Model::default();
        let jumps = [1, 63, 64, 65, window - 1, window, window + 1, 7 * window, 128, 0];
        for step in 0..400 {
            let mut octets = [0; 2];
            entropy.fill(Purpose::aside(Value::Fate), &mut octets);
            let jump = jumps[usize::from(octets[0]) % jumps.len()];
            let number = match octets[1] % 3 {
                0 => model.top + jump,
                1 => model.top.saturating_sub(jump),
                _ => model.top.saturating_sub(u64::from(octets[1])),
            };
            let arrived = arrives(&mut far, &numbered_ping(&config, number)).is_ok();
            assert_eq!(arrived, model.accepts(window, number), "{window}, step {step}: {number}");
        }
    }
}

#[test]
fn esp_rpl_09_without_anti_replay_duplicates_are_accepted() {
    let config = windowed(0);
    let (mut near, mut far) = ends(&config);
    let packet = seal(&mut near, &ping(8));
    for _ in 0..3 {
        assert_eq!(arrives(&mut far, &packet), Ok(ping(8)));
    }
    assert!(accepted(&config, &[1000, 1, 1, 999]).iter().all(|accepted| *accepted));
    let mut forged = packet;
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(fate(&receive(&mut far, &forged)), Err("bad ICV".into()), "but no forgeries");
}
