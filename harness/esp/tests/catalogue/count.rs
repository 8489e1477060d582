//! No case of these areas is without a test or a reason.

use std::collections::BTreeSet;

const AREAS: [&str; 4] = ["esp-format", "esp-replay", "esp-esn", "esp-encap"];

/// What is not, or not wholly, tested here.
const REASONS: [(&str, &str); 2] = [
    ("ESP-TCP-01", "priority 3: there is no TCP encapsulation yet"),
    ("ESP-FMT-13", "the half about AES-GMAC: there is no ENCR_NULL_AUTH_AES_GMAC yet"),
];

/// Case ids with their priority.
fn cases() -> Vec<(String, u8)> {
    let path = format!("{}/../../scenarios/requirements/catalogue.csv", env!("CARGO_MANIFEST_DIR"));
    let mut reader = csv::Reader::from_path(&path).expect("the catalogue");
    let headers = reader.headers().expect("a header line").clone();
    let column = |name| headers.iter().position(|header| header == name).expect("a column");
    let (id, area, prio) = (column("id"), column("area"), column("prio"));
    let records = reader.records().map(|record| record.expect("a record"));
    let ours = records.filter(|record| AREAS.contains(&&record[area]));
    ours.map(|record| (record[id].to_owned(), record[prio].parse().expect("a priority"))).collect()
}

/// Case ids that tests of this folder are named by.
fn tested() -> BTreeSet<String> {
    let sources = [
        include_str!("encap.rs"),
        include_str!("esn.rs"),
        include_str!("format.rs"),
        include_str!("headers.rs"),
        include_str!("replay.rs"),
    ];
    let lines = sources.iter().flat_map(|source| source.lines());
    let tests = lines.filter_map(|line| line.strip_prefix("fn esp_"));
    let ids = tests.map(|name| {
        let mut words = name.split('_');
        let (part, number) = (words.next().expect("a part"), words.next().expect("a number"));
        format!("ESP-{}-{number}", part.to_uppercase())
    });
    ids.collect()
}

#[test]
fn every_case_of_priority_1_and_2_has_a_test_and_the_others_a_test_or_a_reason() {
    let (cases, tested) = (cases(), tested());
    assert!(cases.len() >= 34, "{} cases", cases.len());
    for (id, prio) in &cases {
        let excused = *prio > 2 && REASONS.iter().any(|(case, _)| case == id);
        assert!(tested.contains(id) || excused, "{id} (priority {prio}) has no test");
    }
}

#[test]
fn every_test_and_every_reason_is_about_a_case() {
    let known: BTreeSet<String> = cases().into_iter().map(|(id, _)| id).collect();
    assert_eq!(tested().difference(&known).collect::<Vec<_>>(), [""; 0]);
    assert!(REASONS.iter().all(|(id, _)| known.contains(*id)));
}
