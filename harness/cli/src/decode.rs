//! `ikelab decode`: an independent reader of any capture.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use ikelab_dissect::{Frames, KeyTable, decode as dissect, ladder};

use crate::args::Decode;
use crate::exit::Exit;
use crate::terminal::Terminal;

/// Prints what a capture holds.
pub(crate) fn decode(args: &Decode, terminal: &mut Terminal) -> Exit {
    let mut keys = KeyTable::default();
    if let Some(folder) = &args.keys
        && let Err(why) = read_keys(folder, &mut keys, terminal)
    {
        terminal.complain(format_args!("error: {why}"));
        return Exit::Input;
    }
    let capture = match fs::read(&args.capture) {
        Ok(capture) => capture,
        Err(why) => {
            terminal.complain(format_args!("error: {}: {why}", args.capture.display()));
            return Exit::Input;
        }
    };
    if let Some(Err(problem)) = Frames::read(&capture).next()
        && problem.frame.is_none()
    {
        terminal.complain(format_args!("error: {}: {problem}", args.capture.display()));
        return Exit::Input;
    }
    if args.json {
        match serde_json::to_string(&dissect(&capture, &keys)) {
            Ok(json) => terminal.line(json),
            Err(why) => {
                terminal.complain(format_args!("error: {why}"));
                return Exit::Internal;
            }
        }
    } else {
        terminal.print(ladder(&capture, &keys));
    }
    Exit::Passed
}

/// Reads the tables that are there. A line that is not understood
/// is told, and the others count.
fn read_keys(folder: &Path, keys: &mut KeyTable, terminal: &mut Terminal) -> Result<(), String> {
    let mut found = false;
    for name in ["ikev2_decryption_table", "esp_sa"] {
        let path = folder.join(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) if why.kind() == ErrorKind::NotFound => continue,
            Err(why) => return Err(format!("{}: {why}", path.display())),
        };
        found = true;
        let shown = path.display().to_string();
        let problems = match name {
            "esp_sa" => keys.read_esp(&shown, &text),
            _ => keys.read_ike(&shown, &text),
        };
        for problem in problems {
            terminal.complain(format_args!("warning: {problem}"));
        }
    }
    if !folder.is_dir() {
        return Err(format!("{}: there is no such folder", folder.display()));
    }
    if !found {
        let shown = folder.display();
        terminal.complain(format_args!(
            "warning: {shown}: neither ikev2_decryption_table nor esp_sa is there"
        ));
    }
    Ok(())
}
