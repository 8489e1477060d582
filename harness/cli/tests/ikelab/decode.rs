//! `ikelab decode` reads captures of real daemons.

use serde_json::Value;

use crate::binary::{ikelab, top};

const CAPTURES: &str = "vectors/captures/pcap";

fn decode(name: &str, words: &[&str]) -> Value {
    let folder = format!("{CAPTURES}/{name}");
    let capture = format!("{folder}/capture.pcap");
    let done = ikelab(&[&["decode", &capture, "--json"], words].concat());
    assert_eq!(done.code, Some(0), "{}", done.err);
    serde_json::from_str(&done.out).expect("decode --json prints JSON")
}

fn with_keys(name: &str) -> Value {
    decode(name, &["--keys", &format!("{CAPTURES}/{name}")])
}

#[test]
fn every_protected_message_and_packet_of_a_rekeyed_session_opens() {
    let decoded = with_keys("ike-rekey");
    let messages = decoded["messages"].as_array().expect("a list");
    let protected: Vec<_> = messages.iter().filter(|one| one["protected"] == true).collect();
    assert!(protected.len() > 4);
    assert!(protected.iter().all(|one| one["icv"] == "good"), "{protected:?}");
    let esp = decoded["esp"].as_array().expect("a list");
    assert!(esp.iter().all(|one| one["icv"] == "good" && one["inner"].is_string()), "{esp:?}");
    assert_eq!(decoded["problems"], Value::Array(Vec::new()));
}

#[test]
fn without_keys_nothing_is_guessed() {
    let decoded = decode("ike-rekey", &[]);
    let messages = decoded["messages"].as_array().expect("a list");
    let protected: Vec<_> = messages.iter().filter(|one| one["protected"] == true).collect();
    assert!(protected.iter().all(|one| one["icv"] == "unknown"), "{protected:?}");
    let names = |one: &Value| one["payloads"].to_string();
    assert!(protected.iter().all(|one| names(one).contains("\"type\":46")), "{protected:?}");
}

#[test]
fn a_set_of_fragments_is_told_at_its_last() {
    let decoded = with_keys("fragmentation-cert-rsa");
    let messages = decoded["messages"].as_array().expect("a list");
    // tshark reassembles at frames 5 and 8.
    let auth: Vec<_> = messages.iter().filter(|one| one["exchange"] == 35).collect();
    let frames: Vec<_> = auth.iter().map(|one| &one["frame"]).collect();
    assert_eq!(frames, [&Value::from(5), &Value::from(8)]);
    let types = |one: &Value| -> Vec<u64> {
        let payloads = one["payloads"].as_array().expect("a list");
        payloads.iter().filter_map(|payload| payload["type"].as_u64()).collect()
    };
    assert_eq!(types(auth[1]), [36, 37, 39, 33, 44, 45, 41, 41]);
}

#[test]
fn the_ladder_of_a_foreign_capture_names_its_exchanges() {
    let capture = format!("{CAPTURES}/cookie/capture.pcap");
    let done = ikelab(&["decode", &capture, "--keys", &format!("{CAPTURES}/cookie")]);
    assert_eq!(done.code, Some(0));
    assert!(done.out.contains("N(COOKIE)"), "{}", done.out);
    assert!(done.out.contains("IKE_AUTH resp mid=1"), "{}", done.out);
}

#[test]
fn what_is_no_capture_is_wrong_input() {
    let done = ikelab(&["decode", "README.md"]);
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""));
    assert!(done.err.starts_with("error: README.md: "), "{}", done.err);
    assert_eq!(ikelab(&["decode", "no-such.pcap"]).code, Some(2));
    let capture = top().join(CAPTURES).join("cookie/capture.pcap");
    let capture = capture.to_str().expect("UTF-8");
    assert_eq!(ikelab(&["decode", capture, "--keys", "no-such-folder"]).code, Some(2));
}
