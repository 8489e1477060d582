//! `ikelab fmt`: scenarios as they are to be written.

use std::fs;
use std::path::PathBuf;

use ikelab_scenario::format;

use crate::exit::Exit;
use crate::library::{is_scenario, top, walk};
use crate::terminal::Terminal;

/// Writes scenarios in the one way: meaning and comments are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct Fmt {
    /// Files and folders; all of scenarios/ when none is given.
    pub(crate) paths: Vec<PathBuf>,
    /// Write nothing, name the files that would change, and exit with 1 if there is one.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Formats what is meant.
pub(crate) fn fmt(args: &Fmt, terminal: &mut Terminal) -> Exit {
    let all = [top().join("scenarios")];
    let paths = if args.paths.is_empty() { &all[..] } else { &args.paths };
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() { walk(path, &mut files) } else { files.push(path.clone()) }
    }
    let mut exit = if files.is_empty() { Exit::Nothing } else { Exit::Passed };
    let mut changed = 0;
    for file in &files {
        match one(file, args.check) {
            Ok(false) => {}
            Ok(true) => {
                changed += 1;
                terminal.line(file.display());
            }
            Err(why) => {
                exit = exit.and(Exit::Input);
                terminal.complain(why);
            }
        }
    }
    if args.check && changed > 0 {
        exit = exit.and(Exit::Failed);
        terminal.complain(format_args!("{changed} to be formatted: ikelab fmt"));
    }
    exit
}

/// Whether a file changes, or would.
fn one(file: &PathBuf, check: bool) -> Result<bool, String> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|why| format!("error: {shown}: {why}"))?;
    if !is_scenario(&text) {
        return Ok(false);
    }
    let formatted = format(&shown.to_string(), &text)
        .map_err(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    if formatted == text {
        return Ok(false);
    }
    if !check {
        fs::write(file, formatted).map_err(|why| format!("error: {shown}: {why}"))?;
    }
    Ok(true)
}
