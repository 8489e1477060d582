//! Every switch with which a well-known daemon is made to misbehave for its own tests, and how it is
//! said here (`switches.csv`: the switch, the kind of saying, an example, or why it makes no sense).
//! Each example is read; each lie is told in a run.

use std::sync::Arc;

use ikelab_scenario::{Tables, parse};
use ikelab_sim::{Driver, run};
use ikelab_trace::{Fact, IkeEvent};

const SWITCHES: &str = include_str!("switches.csv");

/// How many switches the list has.
const COUNT: usize = 86;

/// Messages of the usual run that a lie may wait for in vain.
const NOT_SAID: [&str; 2] = ["{CERT}", "{N(ADDITIONAL_KEY_EXCHANGE)}"];

#[derive(Debug)]
struct Row {
    switch: String,
    says: String,
    example: String,
}

/// A line of the table: three fields, of which the first and the last may stand in quotes.
fn row(line: &str) -> Row {
    let (switch, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once("\",").expect("a closing quote"),
        None => line.split_once(',').expect("a switch"),
    };
    let (says, example) = rest.split_once(',').expect("a kind");
    let example = example.trim_matches('"');
    Row { switch: switch.to_owned(), says: says.to_owned(), example: example.to_owned() }
}

fn rows() -> Vec<Row> {
    SWITCHES.lines().skip(1).map(row).collect()
}

/// The rule of a lie, and the host whose it is.
fn peers(row: &Row) -> String {
    let (when, edits) = row.example.split_once(";").expect("when and edit");
    let when = when.strip_prefix("when=").expect("a pattern");
    let to_us = row.switch.starts_with("ignore_");
    let host = if to_us { when.get(6..8) } else { when.get(..2) }.expect("a host");
    let does = match edits.strip_prefix("edit=") {
        Some(edits) => {
            let edits: Vec<String> = edits.split('+').map(|edit| format!("'{edit}'")).collect();
            format!("edit: [{}]", edits.join(", "))
        }
        None => "silence: true".to_owned(),
    };
    format!("peers: {{{host}: {{impl: builtin, behave: [{{when: '{when}', {does}}}]}}}}\n")
}

/// What a row adds to the usual scenario: before the steps, and as a step.
fn said(row: &Row) -> (String, String) {
    let value = || row.example.split_once('=').map_or("", |(_, value)| value);
    let none = String::new;
    match row.says.as_str() {
        "edit" | "silence" => (peers(row), none()),
        "pin" => (format!("pin: [{{what: {}, value: '1122334455667788'}}]\n", value()), none()),
        "fault" => {
            let kind = row.example.split('=').next().unwrap_or_default();
            let by = if kind == "delay" { ", by: 30ms" } else { "" };
            (format!("faults: [{{{kind}: '{}'{by}}}]\n", value()), none())
        }
        "inject" if row.example == "ff" => {
            (none(), "  - inject: {from: R1, raw: ff, ends: R1 -> R2, port: 4500}\n".to_owned())
        }
        "inject" => (none(), format!("  - inject: {{from: R1, message: '{}'}}\n", row.example)),
        "step" => (none(), format!("  - {}\n", row.example)),
        _ => (none(), none()),
    }
}

fn scenario(row: &Row) -> String {
    let (sections, step) = said(row);
    let ike =
        if row.example.starts_with("retransmit") { ", ike: {retransmit: {tries: 1}}" } else { "" };
    let start = if row.example.starts_with("start") { "manual" } else { "at-start" };
    let childless =
        if row.switch.starts_with("childless") { ", ike: {childless: allow}" } else { ike };
    format!(
        "ikelab: 1
name: a-switch
title: A switch
duration: 20s
net:
  hosts:
    R1: {{ifaces: {{wan: 10.0.0.1/24, lan: 192.168.1.1/24}}}}
    R2: {{ifaces: {{wan: 10.0.0.2/24, lan: 192.168.2.1/24}}}}
  links:
    wan: {{between: [R1.wan, R2.wan], delay: 5ms}}
{sections}tunnels:
  site:
    auth: {{psk: abc}}
    ends: {{R1: {{via: wan}}, R2: {{via: wan}}}}
    children:
      - {{name: net, between: [192.168.1.0/24, 192.168.2.0/24], start: {start}}}
steps:
  - at: 2s
    rekey: {{host: R1, child: net}}
  - at: 4s
    rekey: {{host: R1, ike: site}}
  - at: 6s
    down: site
{step}expect:
  never: ['R1 -> R2 IKE_SESSION_RESUME req']
"
    )
    .replace(
        "auth: {psk: abc}",
        &format!("auth: {{psk: abc}}{}", childless.replace(", ", "\n    ")),
    )
}

#[test]
fn the_table_has_every_switch_once() {
    let mut switches: Vec<String> = rows().into_iter().map(|row| row.switch).collect();
    switches.sort();
    switches.dedup();
    assert_eq!(switches.len(), COUNT);
}

#[test]
fn every_example_is_read_and_every_lie_is_told() {
    let tables = Arc::new(Tables::builtin());
    let mut told = 0;
    for row in rows() {
        let text = scenario(&row);
        let read = parse("switch.yaml", &text, &tables);
        let scenario = read.unwrap_or_else(|wrong| {
            let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            panic!("{}\n{}\n{text}", row.switch, wrong.join("\n"))
        });
        let cell = &scenario.cells[0];
        let result = run(&scenario.plan(cell, 1), Driver::Direct).expect("a run to its end");
        let lies: Vec<(&str, &str)> = result
            .trace
            .records
            .iter()
            .filter_map(|record| match &record.fact {
                Fact::Ike(IkeEvent::Lied { rule, failed }) => {
                    Some((rule.as_str(), failed.as_str()))
                }
                _ => None,
            })
            .collect();
        let waits = NOT_SAID.iter().any(|pattern| row.example.contains(pattern))
            || row.switch == "ignore_v2_notification";
        if matches!(row.says.as_str(), "edit" | "silence") && !waits {
            assert!(!lies.is_empty(), "{}: the message of {} never came", row.switch, row.example);
            told += 1;
        }
        assert!(lies.iter().all(|(_, failed)| failed.is_empty()), "{}: {lies:?}", row.switch);
    }
    assert!(told >= 35, "{told} lies");
}
