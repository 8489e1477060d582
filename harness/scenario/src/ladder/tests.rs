//! The search against an independent reading of ladders: a set of states, walked message by message.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ikelab_ambient::Instant;
use proptest::prelude::*;

use super::{Outcome, explain};
use crate::pattern::{Ladder, Line, Mark, MessageLine, Pattern, What};
use crate::run::{Content, Message};
use crate::source::Span;

/// A message from host `letter / 2` to the other: a keepalive or an ICMP packet. Four letters in all.
fn message(letter: u16) -> Message {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 500);
    Message {
        record: 0,
        at: Instant::ZERO,
        from: letter / 2,
        to: Some(1 - letter / 2),
        src: address,
        dst: address,
        arrivals: vec![Instant::ZERO],
        dscp_ecn: 0,
        repeated: false,
        life: 0,
        carried: None,
        child: None,
        content: if letter.is_multiple_of(2) { Content::Keepalive } else { Content::Icmp },
    }
}

fn line(letter: u16, mark: Mark, repeat: (u32, u32)) -> Line {
    let span = Span::default();
    let pattern = Pattern {
        from: letter / 2,
        to: 1 - letter / 2,
        lost: false,
        what: if letter.is_multiple_of(2) { What::Keepalive } else { What::Icmp },
        response: None,
        props: Vec::new(),
        payloads: None,
        carried: Vec::new(),
        span,
        hosts_span: span,
        what_span: span,
    };
    Line::Message(Box::new(MessageLine { mark, time: None, pattern, repeat, span }))
}

/// One line in a form that the oracle reads.
#[derive(Clone, Debug)]
enum Said {
    Gap,
    Letter(u16, bool, (u32, u32)),
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        1 => Just(Said::Gap),
        4 => (0..4_u16, any::<bool>(), 1..3_u32, 0..3_u32)
            .prop_map(|(letter, optional, low, more)| Said::Letter(letter, optional, (low, low + more))),
    ]
}

/// Whether a word is in the language: positions are (line, copies so far).
fn accepts(lines: &[Said], word: &[u16]) -> bool {
    let mut states = close(lines, BTreeSet::from([(0, 0)]));
    for letter in word {
        let mut next = BTreeSet::new();
        for (at, count) in &states {
            match lines.get(*at) {
                Some(Said::Gap) => {
                    next.insert((*at, 0));
                }
                Some(Said::Letter(wanted, _, (_, high))) if wanted == letter && count < high => {
                    next.insert((*at, count + 1));
                }
                Some(Said::Letter(..)) | None => {}
            }
        }
        states = close(lines, next);
    }
    states.iter().any(|(at, _)| *at == lines.len())
}

/// Adds what is reached without a message.
fn close(lines: &[Said], mut states: BTreeSet<(usize, u32)>) -> BTreeSet<(usize, u32)> {
    let mut open: Vec<_> = states.iter().copied().collect();
    while let Some((at, count)) = open.pop() {
        let done = match lines.get(at) {
            Some(Said::Gap) => true,
            Some(Said::Letter(_, optional, (low, _))) => count >= if *optional { 0 } else { *low },
            None => false,
        };
        if done && states.insert((at + 1, 0)) {
            open.push((at + 1, 0));
        }
    }
    states
}

fn ladder(lines: &[Said]) -> Ladder {
    let lines = lines.iter().map(|said| match said {
        Said::Gap => Line::Gap,
        Said::Letter(letter, optional, repeat) => {
            line(*letter, if *optional { Mark::Optional } else { Mark::Plain }, *repeat)
        }
    });
    Ladder { lines: lines.collect(), span: Span::default() }
}

fn run(ladder: &Ladder, word: &[u16]) -> Outcome {
    let messages: Vec<_> = word.iter().map(|letter| message(*letter)).collect();
    let messages: Vec<_> = messages.iter().collect();
    explain(ladder, &messages, &|host| format!("H{host}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_search_finds_a_way_exactly_where_there_is_one(
        lines in proptest::collection::vec(said(), 0..7),
        word in proptest::collection::vec(0..4_u16, 0..9),
    ) {
        let found = matches!(run(&ladder(&lines), &word), Outcome::Explained(_));
        prop_assert_eq!(found, accepts(&lines, &word));
    }

    #[test]
    fn lines_in_any_order_take_every_order(order in Just(vec![0_u16, 1, 2, 3]).prop_shuffle()) {
        let group = [(0, Mark::Plain), (1, Mark::AnyOrder), (2, Mark::AnyOrder), (3, Mark::AnyOrder)];
        let lines = group.map(|(letter, mark)| line(letter, mark, (1, 1))).to_vec();
        let ladder = Ladder { lines, span: Span::default() };
        prop_assert!(matches!(run(&ladder, &order), Outcome::Explained(_)));
        prop_assert!(matches!(run(&ladder, &order[1..]), Outcome::Stuck(_)));
    }
}

#[test]
fn a_ladder_made_to_explode_is_given_up() {
    // Forty optional lines for one letter, and a word that ends in another.
    let lines = vec![Said::Letter(0, true, (1, 3)); 40];
    let mut word = vec![0; 60];
    word.push(1);
    assert!(matches!(run(&ladder(&lines), &word), Outcome::TooMuch));
}

#[test]
fn a_gap_does_not_go_deeper_with_every_message() {
    let lines = [Said::Letter(0, false, (1, 1)), Said::Gap, Said::Letter(1, false, (1, 1))];
    let mut word = vec![0; 50_000];
    word.push(1);
    assert!(matches!(run(&ladder(&lines), &word), Outcome::Explained(_)));
}

#[test]
fn the_farthest_attempt_is_the_one_that_is_told() {
    let lines = [
        Said::Letter(0, false, (1, 1)),
        Said::Letter(1, true, (1, 1)),
        Said::Letter(2, false, (1, 1)),
    ];
    let Outcome::Stuck(stuck) = run(&ladder(&lines), &[0, 3]) else { panic!("no way through") };
    assert_eq!((stuck.path, stuck.message), (vec![(0, 0)], Some(1)));
    let tried: Vec<_> = stuck.tried.iter().map(|(line, _)| *line).collect();
    assert_eq!(tried, [1, 2], "both lines that could have come are told");
}
