//! `ikelab run` without a terminal, for test runners: what it printed, and what it came to.

use std::path::{Path, PathBuf};

use clap::Parser;

use crate::args::{Args, Command};
use crate::exit::Exit;
use crate::library::{is_scenario, walk};
use crate::run;
use crate::terminal::Terminal;

/// What a run came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// The exit code that the command line would give.
    pub code: u8,
    /// Everything that it would print.
    pub text: String,
}

/// Runs `ikelab run` with these words, as they would stand behind it.
#[must_use]
pub fn run(words: &[&str]) -> Told {
    let all = ["ikelab", "run"].into_iter().chain(words.iter().copied());
    match Args::try_parse_from(all).map(|args| args.command) {
        Ok(Command::Run(args)) => {
            let (mut terminal, text) = Terminal::captured();
            let exit = run::run(&args, &mut terminal).and(terminal.close());
            Told { code: exit.code(), text: text.take() }
        }
        Ok(_) => Told { code: Exit::Input.code(), text: "expected words for `run`".to_owned() },
        Err(why) => Told { code: Exit::Input.code(), text: why.to_string() },
    }
}

/// The scenarios of a folder and below, in the order of their paths.
#[must_use]
pub fn scenarios(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    walk(folder, &mut paths);
    paths.retain(|path| std::fs::read_to_string(path).is_ok_and(|text| is_scenario(&text)));
    paths
}
