//! Whatever a file says, reading it ends, and without a panic.

use std::sync::{Arc, OnceLock};

use ikelab_scenario::{Tables, parse};
use proptest::prelude::*;

const BASE: &str = include_str!("base.yaml");

/// Reads a text; a diagnostic that can't be shown is a fault too.
fn read(text: &str) {
    static TABLES: OnceLock<Arc<Tables>> = OnceLock::new();
    match parse("any.yaml", text, TABLES.get_or_init(|| Arc::new(Tables::builtin()))) {
        Ok(scenario) => {
            for cell in &scenario.cells {
                let plan = scenario.plan(cell, *scenario.seeds.start());
                assert!(plan.agenda.is_sorted_by_key(|action| action.at));
            }
        }
        Err(found) => {
            assert!(!found.is_empty(), "refused without a reason");
            for one in found {
                let lines = text.lines().count().max(1) + 1;
                assert!((1..=lines).contains(&one.label.line));
                assert!(one.to_string().lines().count() >= 5);
            }
        }
    }
}

/// Pieces that mean something where they stand.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        proptest::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ":",
            "- ",
            "|",
            "${want}",
            "${",
            "$A",
            "x1..9",
            "->",
            "-x",
            "...",
            "&",
            "?",
            "\n",
            "  ",
            "\t",
            "\"",
            "'",
            "#",
            "é",
            "(",
            ")",
            "==",
            "not ",
            "1..2",
            "999999999999999999999",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn a_scenario_with_a_piece_of_another_thing_is_read_or_refused(
        at in 0..BASE.len(), cut in 0..12_usize, piece in piece()
    ) {
        let end = (at + cut).min(BASE.len());
        if let (Some(before), Some(after)) = (BASE.get(..at), BASE.get(end..)) {
            read(&format!("{before}{piece}{after}"));
        }
    }

    #[test]
    fn a_ladder_of_odd_pieces_is_read_or_refused(pieces in proptest::collection::vec(piece(), 0..12)) {
        let line = format!("R1 -> R2 IKE_SA_INIT req {}", pieces.concat().replace('\n', " "));
        read(&BASE.replace("R2 -> R1 IKE_SA_INIT resp {SA, KE, Nr}", &line));
    }

    #[test]
    fn an_expression_of_odd_pieces_is_read_or_refused(pieces in proptest::collection::vec(piece(), 0..12)) {
        let quoted = pieces.concat().replace(['\'', '\n'], " ");
        read(&BASE.replace("\"R1.ike($A).gone\"", &format!("'{quoted} R1.ike <= 1'")));
    }
}
