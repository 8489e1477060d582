//! Results on the terminal, for machines, and for those who collect tests.

use ikelab_report::{CellResult, Outcome, Results, Summary, closing_line, junit, terminal};

fn cell(scenario: &str, cell: &str, outcome: Outcome, reason: &str) -> CellResult {
    let failed = outcome == Outcome::Fail;
    CellResult {
        ikelab: "0.1.0".to_owned(),
        file_sha256: "00".repeat(32),
        order: None,
        orders: None,
        off: None,
        heal_s: None,
        scenario: scenario.to_owned(),
        file: format!("scenarios/{scenario}.yaml"),
        cell: cell.to_owned(),
        seed: 0x51f0,
        driver: "direct".to_owned(),
        outcome,
        reason: reason.to_owned(),
        text: if failed { format!("error[E-LADDER]: {reason}\n") } else { String::new() },
        requirements: vec!["R7296-1.2-05".to_owned()],
        flows: Vec::new(),
        digest: "00".repeat(32),
        virtual_s: 120.0,
        wall_s: 0.004,
        dir: Some(format!("reports/latest/{scenario}/{cell}/51f0")),
    }
}

fn results() -> Results {
    let cells = vec![
        cell("site-to-site", "-", Outcome::Pass, ""),
        cell("invalid-ke-retry", "want=ecp256", Outcome::Pass, ""),
        cell("invalid-ke-retry", "want=ecp384", Outcome::Fail, "R1 changed its offer <again>"),
        cell("invalid-ke-retry", "responder=libreswan", Outcome::Unsupported, "pluto not found"),
        cell("invalid-ke-retry", "responder=openiked", Outcome::Unsupported, "iked not found"),
        cell(
            "invalid-ke-retry",
            "responder=libreswan,cookie=always",
            Outcome::Unsupported,
            "pluto not found",
        ),
        cell("ike-rekey", "-", Outcome::Note, "SHOULD not met: R7296-2.8.1-01"),
    ];
    Results::new("0.1.0", cells)
}

#[test]
fn the_terminal_tells_what_passed_briefly_and_what_failed_in_full() {
    insta::assert_snapshot!(terminal(&results()));
}

#[test]
fn the_closing_line_always_has_passed_failed_and_skipped() {
    use Outcome::{Error, Inconclusive, Pass};
    for (outcomes, line) in [
        (vec![], "0 passed, 0 failed, 0 skipped"),
        (vec![Pass, Pass], "2 passed, 0 failed, 0 skipped"),
        (vec![Inconclusive, Error], "0 passed, 0 failed, 0 skipped, 1 inconclusive, 1 error"),
    ] {
        assert_eq!(closing_line(&Summary::of(outcomes)), line);
    }
    let summary = results().summary;
    assert_eq!(closing_line(&summary), "3 passed (1 with a note), 1 failed, 3 skipped");
}

#[test]
fn results_are_read_back_from_their_json() {
    let read: Results = serde_json::from_str(&results().to_json()).unwrap();
    assert_eq!(read, results());
    assert!(results().to_json().contains("\"failed\": 1"));
}

#[test]
fn junit_has_a_suite_for_each_file_and_tells_why() {
    let text = junit(&results()).unwrap();
    assert_eq!(text.matches("<testsuite ").count(), 3);
    assert_eq!(text.matches("<testcase ").count(), 7);
    assert_eq!(text.matches("<failure ").count(), 1);
    assert_eq!(text.matches("<skipped ").count(), 3);
    for words in [
        "R1 changed its offer &lt;again&gt;",
        "<property name=\"seed\" value=\"0x51f0\"",
        "<property name=\"requirement\" value=\"R7296-1.2-05\"",
        "[[ATTACHMENT|reports/latest/site-to-site/-/51f0/capture.pcapng]]",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}
