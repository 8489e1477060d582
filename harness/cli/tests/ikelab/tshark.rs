//! Wireshark's dissector reads what we sent: an independent implementation, where it is installed.
//! `ci/stages/tshark.sh` asks more of it, for every scenario.

use std::path::Path;
use std::process::Command;

use crate::binary::{folder, word};
use crate::run::{cells, run};

fn tshark(dir: &Path, words: &[&str]) -> Option<String> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-o", "esp.enable_encryption_decode:TRUE"]);
    command.args(["-o", "esp.enable_authentication_check:TRUE"]);
    command.args(["-r", word(&dir.join("capture.pcapng"))]).args(words);
    let output = command.env("WIRESHARK_CONFIG_DIR", dir.join("keys")).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn tshark_opens_every_message_and_packet_of_a_tunnel() {
    let (_, results) = run(&folder("tshark"), &["site-to-site-ping-trigger"]);
    let cells = cells(&results);
    let dir = cells.values().next().and_then(|cell| cell["dir"].as_str()).expect("one cell ran");
    let dir = Path::new(dir);
    let Some(tree) = tshark(dir, &["-V"]) else {
        println!("skipped: no tshark on this machine");
        return;
    };
    // IKE_AUTH and INFORMATIONAL, both ways; four pings and their answers.
    assert_eq!(tree.matches("<HMAC_SHA2_512_256 [RFC4868]>[correct]").count(), 4, "{tree}");
    assert_eq!(tree.matches("[Good: True]").count(), 8, "{tree}");
    let expert = tshark(dir, &["-q", "-z", "expert"]).unwrap_or_default();
    assert!(!expert.contains("Malformed") && !expert.contains("Checksum"), "{expert}");
}
