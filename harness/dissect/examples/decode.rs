//! Reads captures without the command line tool: `decode [--ladder] FOLDER…`, each with
//! `capture.pcap` and Wireshark's key tables; writes one line of JSON a folder, or ladders.

use ikelab_dissect::{KeyTable, decode, ladder};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut folders: Vec<String> = std::env::args().skip(1).collect();
    let pictures = folders.first().is_some_and(|first| first == "--ladder");
    if pictures {
        folders.remove(0);
    }
    for folder in folders {
        let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}"));
        let mut keys = KeyTable::default();
        let mut problems =
            keys.read_ike("ikev2_decryption_table", &read("ikev2_decryption_table")?);
        problems.extend(keys.read_esp("esp_sa", &read("esp_sa")?));
        for problem in problems {
            eprintln!("{folder}: {problem}");
        }
        let capture = std::fs::read(format!("{folder}/capture.pcap"))?;
        if pictures {
            print!("{}", ladder(&capture, &keys));
        } else {
            println!("{}", serde_json::to_string(&decode(&capture, &keys))?);
        }
    }
    Ok(())
}
