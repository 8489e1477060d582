//! What tshark read in captures of real daemons, frame by frame, and what we read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ikelab_dissect::{Decoded, DecodedMessage, Icv, KeyTable, decode};

/// Parts of an SA payload, which tshark lists like payloads.
const PARTS: [u32; 2] = [2, 3];
const SEALED: [u32; 2] = [46, 53];

#[test]
fn captures_of_real_daemons_are_read_as_tshark_reads_them() {
    let folders = folders();
    assert_eq!(folders.len(), 52, "{folders:?}");
    let differences: Vec<String> = folders.iter().flat_map(|folder| differences(folder)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn whatever_a_key_table_can_say_is_opened() {
    for folder in folders() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let decoded = read(&folder);
        let protected = decoded.messages.iter().filter(|message| message.protected);
        let unopened = protected.filter(|message| message.icv != Icv::Good).count();
        let expected = match name.as_str() {
            // its table asks for authentication that is not checked
            "aes128-aesxcbc-modp2048" => 4,
            // tshark 4.0 has no name for it, and the table only a comment
            "chacha20poly1305-prfsha256-x25519" => 4,
            "libreswan-chacha20-x25519" => 6,
            // IKE_INTERMEDIATE is sealed with the keys before RFC 9370 updates them
            "ss6-mlkem768-x25519" => 1,
            _ => 0,
        };
        assert_eq!(unopened, expected, "{name}");
        let problems = if name == "ls-imp-major-version-bump" { 6 } else { 0 };
        assert_eq!(decoded.problems.len(), problems, "{name}: {:?}", decoded.problems);
    }
}

#[test]
fn what_is_not_checked_is_opened_all_the_same() {
    let decoded = read(&root().join("aes128-aesxcbc-modp2048"));
    let auth = decoded.messages.iter().find(|message| message.exchange == 35).unwrap();
    assert_eq!((auth.icv, auth.protected), (Icv::Unknown, true));
    assert_eq!(auth.payloads.first().map(|payload| payload.name.as_ref()), Some("IDi"));
    let words: Vec<_> = decoded.esp.iter().map(|esp| esp.inner.clone().unwrap()).collect();
    assert_eq!(words[0], "ICMP echo-request 10.1.0.1 > 10.2.0.1");
}

#[test]
fn every_capture_cut_anywhere_gives_what_stands_before_the_cut() {
    let folder = root().join("sim-nat-rewrite");
    let file = std::fs::read(folder.join("capture.pcap")).unwrap();
    let keys = keys(&folder);
    let whole = decode(&file, &keys);
    for length in (0..file.len()).step_by(7) {
        let cut = decode(&file[..length], &keys);
        assert!(cut.messages.len() <= whole.messages.len());
        for (ours, theirs) in cut.messages.iter().zip(&whole.messages) {
            assert_eq!((ours.frame, ours.payloads.len()), (theirs.frame, theirs.payloads.len()));
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/captures/pcap")
}

fn folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn keys(folder: &Path) -> KeyTable {
    let mut keys = KeyTable::default();
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let mut problems = keys.read_ike("ike", &text("ikev2_decryption_table"));
    problems.extend(keys.read_esp("esp", &text("esp_sa")));
    assert_eq!(problems, [], "{}", folder.display());
    keys
}

fn read(folder: &Path) -> Decoded {
    decode(&std::fs::read(folder.join("capture.pcap")).unwrap(), &keys(folder))
}

/// A line of tshark's, by field.
type Row = BTreeMap<String, String>;

fn rows(folder: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(folder.join("tshark.tsv")).unwrap();
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned));
    let head: Vec<String> = lines.next().unwrap().collect();
    lines.map(|line| head.iter().cloned().zip(line).collect()).collect()
}

fn numbers(row: &Row, field: &str) -> Vec<u32> {
    let parse = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).unwrap(),
        None => text.parse().unwrap(),
    };
    row[field].split(',').filter(|text| !text.is_empty()).map(parse).collect()
}

fn differences(folder: &Path) -> Vec<String> {
    let decoded = read(folder);
    let mut found = Vec::new();
    for row in rows(folder) {
        let frame = numbers(&row, "frame.number")[0];
        // An ICMP error quotes a message that was counted where it stands itself.
        if numbers(&row, "ip.proto").first() == Some(&1) && !row["isakmp.ispi"].is_empty() {
            continue;
        }
        let (theirs, ours) = if row["esp.spi"].is_empty() {
            let ours = decoded.messages.iter().find(|message| message.frame == frame);
            if ours.is_none() && is_piece(&row) {
                continue;
            }
            (their_message(&row), ours.map_or(String::new(), |ours| our_message(ours, &row)))
        } else {
            (their_esp(&row), our_esp(&decoded, frame, &row["esp.icv_good"]))
        };
        if theirs != ours {
            found.push(format!("{} frame {frame}\n  {theirs}\n  {ours}", folder.display()));
        }
    }
    found
}

/// A fragment after which others follow.
fn is_piece(row: &Row) -> bool {
    numbers(row, "isakmp.typepayload") == [53] && row["isakmp.fragment"].is_empty()
}

fn their_message(row: &Row) -> String {
    let mut types = numbers(row, "isakmp.typepayload");
    types.retain(|kind| !PARTS.contains(kind));
    let sealed = types.first().is_some_and(|kind| SEALED.contains(kind));
    let bad = !row["isakmp.ikev2.integrity_checksum"].is_empty();
    let opened = sealed && !row["isakmp.enc.decrypted"].is_empty() && !bad;
    if opened {
        types.remove(0);
    } else if sealed {
        types.truncate(1);
    }
    let notifies =
        if sealed && !opened { Vec::new() } else { numbers(row, "isakmp.notify.msgtype") };
    format!(
        "exchange {:?} mid {} flags {}{} spi {} {} length {} sealed {sealed} types {types:?} {notifies:?}",
        numbers(row, "isakmp.exchangetype"),
        numbers(row, "isakmp.messageid")[0],
        row["isakmp.flag_i"],
        row["isakmp.flag_r"],
        row["isakmp.ispi"],
        row["isakmp.rspi"],
        row["isakmp.length"],
    )
}

fn our_message(message: &DecodedMessage, row: &Row) -> String {
    let types: Vec<u8> = message.payloads.iter().map(|payload| payload.kind).collect();
    let mut notifies: Vec<u16> =
        message.payloads.iter().filter_map(|payload| payload.notify).collect();
    let mut exchange = vec![message.exchange];
    let mut flags = format!("{}{}", u8::from(message.initiator), u8::from(message.response));
    // Of another major version tshark lists the payloads, and tells little else.
    if row["isakmp.exchangetype"].is_empty() {
        notifies.clear();
        exchange.clear();
        flags.clear();
    }
    format!(
        "exchange {exchange:?} mid {} flags {flags} spi {} {} length {} sealed {} types {types:?} {notifies:?}",
        message.message_id,
        message.initiator_spi,
        message.responder_spi,
        message.length,
        message.protected,
    )
}

fn their_esp(row: &Row) -> String {
    let icv = match (row["esp.icv_good"].as_str(), row["esp.icv_bad"].as_str()) {
        ("1", _) => "Good",
        (_, "1") => "Bad",
        _ => "Unknown",
    };
    let spi = row["esp.spi"].trim_start_matches("0x");
    format!("esp {spi} {} {icv}", row["esp.sequence"])
}

fn our_esp(decoded: &Decoded, frame: u32, their_good: &str) -> String {
    let Some(ours) = decoded.esp.iter().find(|esp| esp.frame == frame) else {
        return String::new();
    };
    // Behind a NAT tshark finds no keys, since it goes by the addresses.
    let icv = if their_good.is_empty() { Icv::Unknown } else { ours.icv };
    format!("esp {} {} {icv:?}", ours.spi, ours.sequence)
}
