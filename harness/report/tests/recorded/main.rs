//! Reports on runs that never were: captures of real daemons, told as traces.

mod run;

use std::process::Command;

use ikelab_ambient::Instant;
use ikelab_dissect::{KeyTable, decode};
use ikelab_report::{
    CaptureTitle, Class, Reading, capture, ike_sas, ipsec_sas, key_files, ladder, stats, transcript,
};
use ikelab_trace::{Fact, Fate, HostId, IkeEvent, Octets};
use ikelab_wire::registry::EncrId;

use run::{lose, run, twice};

const R1: HostId = HostId(0);

fn title() -> CaptureTitle {
    let (scenario, cell) = ("recorded".to_owned(), "-".to_owned());
    CaptureTitle { scenario, cell, seed: 1, version: "0.1.0".to_owned() }
}

/// Whatever tshark prints for a run's capture and keys; `None` where there is no tshark.
fn tshark(name: &str, arguments: &[&str]) -> Option<String> {
    let trace = run(name);
    let folder = std::env::temp_dir().join(format!("ikelab-report-{name}-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("keys")).unwrap();
    let files = key_files(&trace);
    let write = |file: &str, octets: &[u8]| std::fs::write(folder.join(file), octets).unwrap();
    write("capture.pcapng", &capture(&Reading::new(&trace), &title()).unwrap());
    write("keys/ikev2_decryption_table", files.ikev2_decryption_table.as_bytes());
    write("keys/esp_sa", files.esp_sa.as_bytes());
    write("wireshark.sh", files.wireshark_sh.as_bytes());
    let mut script = Command::new("sh");
    script.arg(folder.join("wireshark.sh")).args(arguments).env("WIRESHARK", "tshark");
    let missing = Command::new("tshark").arg("--version").output().is_err();
    let output = (!missing).then(|| script.output().unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
    let Some(output) = output else {
        eprintln!("skipped: tshark is not installed");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!errors.contains("Error loading table"), "{errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_capture_of_a_run_opens_decrypted_in_wireshark() {
    for name in ["ike-rekey", "aes192-sha384-ecp521", "openiked-gcm-ike-x25519"] {
        let Some(text) = tshark(name, &["-V"]) else { return };
        let trace = run(name);
        let reading = Reading::new(&trace);
        let sealed = text.matches("Payload: Encrypted and Authenticated (46)").count();
        assert!(sealed > 0, "{name}");
        let correct =
            |line: &&str| line.contains("Integrity Checksum Data") && line.contains("[correct]");
        assert_eq!(text.lines().filter(correct).count(), sealed, "{name}: every IKE ICV is good");
        let esp = text.matches("Encapsulating Security Payload").count();
        assert_eq!(text.matches("[Good: True]").count(), esp, "{name}: every ESP ICV is good");
        assert_eq!(text.matches("Packet comments").count(), reading.packets.len(), "{name}");
        assert!(!text.contains("Malformed"), "{name}");
    }
}

#[test]
fn a_capture_names_its_links_and_what_the_network_ate() {
    let mut trace = run("psk");
    lose(&mut trace, 0);
    twice(&mut trace, 2);
    let octets = capture(&Reading::new(&trace), &title()).unwrap();
    let text = String::from_utf8_lossy(&octets);
    for words in ["wan (lost)", "[fault] lost: loss", "[fault] copy 2 of 2", "seed 0x1"] {
        assert!(text.contains(words), "{words}");
    }
    let mut keys = KeyTable::default();
    let files = key_files(&trace);
    assert_eq!(keys.read_ike("ike", &files.ikev2_decryption_table), []);
    assert_eq!(keys.read_esp("esp", &files.esp_sa), []);
    let decoded = decode(&octets, &keys);
    let packets = decoded.messages.len() + decoded.esp.len();
    assert_eq!(packets, trace.records.iter().filter(|r| run::is_sent(r)).count() + 1);
    assert!(decoded.esp.iter().all(|esp| esp.inner.is_some()));
    assert_eq!(decoded.problems, Vec::<String>::new());
}

#[test]
fn the_key_tables_of_a_run_are_those_that_were_logged() {
    let files = key_files(&run("ike-rekey"));
    let folder = run::folder("ike-rekey");
    for (ours, file) in
        [(files.ikev2_decryption_table, "ikev2_decryption_table"), (files.esp_sa, "esp_sa")]
    {
        let logged = std::fs::read_to_string(folder.join(file)).unwrap();
        let lines = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(&ours), lines(&logged), "{file}");
    }
}

#[test]
fn what_wireshark_has_no_name_for_is_a_comment_that_decode_reads() {
    let mut trace = run("psk");
    for record in &mut trace.records {
        if let Fact::Ike(IkeEvent::Keys(keys)) = &mut record.fact {
            let key = Octets::from(vec![1; 36]);
            (keys.suite.encr, keys.suite.encr_bits) = (EncrId::CHACHA20_POLY1305, None);
            (keys.suite.integ, keys.sk_ai, keys.sk_ar) =
                (None, Octets::default(), Octets::default());
            (keys.sk_ei, keys.sk_er) = (key.clone(), key);
        }
    }
    let files = key_files(&trace);
    assert!(files.ikev2_decryption_table.lines().all(|line| line.starts_with('#')));
    assert!(files.wireshark_sh.contains("chacha20poly1305"), "{}", files.wireshark_sh);
    let mut keys = KeyTable::default();
    assert_eq!(keys.read_ike("ike", &files.ikev2_decryption_table), []);
    assert_eq!(keys.ike().len(), 1);
}

#[test]
fn a_ladder_tells_each_message_once_and_counts_esp() {
    let mut trace = run("ike-rekey");
    lose(&mut trace, 2);
    twice(&mut trace, 3);
    insta::assert_snapshot!(ladder(&Reading::new(&trace)));
}

#[test]
fn the_views_of_a_host_tell_its_sas_and_exchanges() {
    let trace = run("ike-rekey");
    let reading = Reading::new(&trace);
    let at = Instant::from_secs(1);
    let views = [
        ike_sas(&reading, R1, at, false),
        ike_sas(&reading, R1, at, true),
        ipsec_sas(&trace, R1, at),
        stats(&reading, R1, Instant::FAR),
        ipsec_sas(&trace, R1, Instant::FAR),
    ];
    insta::assert_snapshot!(views.join("\n"));
}

#[test]
fn a_transcript_tells_both_ends_of_each_packet_at_their_times() {
    let mut trace = run("psk");
    lose(&mut trace, 1);
    let reading = Reading::new(&trace);
    let all = Instant::ZERO..=Instant::FAR;
    insta::assert_snapshot!(transcript(&reading, None, &[], &all));
    let states = transcript(&reading, Some(R1), &[Class::State, Class::Sad], &all);
    assert!(!states.contains(" tx ") && states.contains(" sad "), "{states}");
}

#[test]
fn what_routers_pass_on_is_one_line_from_end_to_end() {
    let trace = run::through_a_router("psk");
    let text = ladder(&Reading::new(&trace));
    assert!(text.contains("R1 -> R2") && !text.contains("router"), "{text}");
    let straight = ladder(&Reading::new(&run("psk")));
    assert_eq!(text, straight, "the router is not seen");
}

#[test]
fn the_fate_of_each_packet_is_that_of_its_last_link() {
    let mut trace = run::through_a_router("psk");
    let places = run::sent_places(&trace);
    let last_hop = places[1];
    run::set_fates(&mut trace, last_hop, vec![Fate::Lost { reason: "partition".into() }]);
    let text = ladder(&Reading::new(&trace));
    assert!(text.lines().next().unwrap().ends_with("[lost on far: partition]"), "{text}");
}
