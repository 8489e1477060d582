//! `ikelab`: files and the terminal, nothing else.
//!
//! A command reads files, calls the floors below, and prints. What it comes to is an [`Exit`]; the
//! worst of several is the exit code.

pub mod accepted;
mod args;
mod author;
mod day;
mod ddmin;
mod decode;
mod diff;
mod evidence;
mod exit;
mod job;
mod library;
mod list;
mod merge;
mod pool;
mod progress;
mod recorded;
mod replay;
mod run;
mod shard;
mod show;
mod shrink;
mod snapshot;
mod soak;
mod teller;
mod terminal;
pub mod trial;
mod verdict;

use std::panic;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::exit::Exit;
use crate::terminal::Terminal;

/// The program: reads the words of its command line, does what they ask, and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(told) => {
            let asked = !told.use_stderr();
            // Nobody is left to tell when even this cannot be printed.
            let _ = told.print();
            return if asked { Exit::Passed } else { Exit::Input }.into();
        }
    };
    // What panics has told why already; the exit code tells that it was no verdict.
    panic::catch_unwind(|| command(&args)).unwrap_or(Exit::Internal).into()
}

fn command(args: &Args) -> Exit {
    let mut terminal = Terminal::new();
    let exit = match &args.command {
        Command::Run(args) => run::run(args, &mut terminal),
        Command::List(args) => list::list(args, &mut terminal),
        Command::Check(args) => list::check(args, &mut terminal),
        Command::Show(what) => show::show(what, &mut terminal),
        Command::Decode(args) => decode::decode(args, &mut terminal),
        Command::New(args) => author::new::new(args, &mut terminal),
        Command::Fmt(args) => author::fmt::fmt(args, &mut terminal),
        Command::Explain(args) => author::explain::explain(args, &mut terminal),
        Command::Cover(args) => author::cover::cover(args, &mut terminal),
        Command::Schema => author::schema::schema(&mut terminal),
        Command::Doctor => author::doctor::doctor(&mut terminal),
        Command::Replay(args) => replay::replay(args, &mut terminal),
        Command::Diff(args) => diff::diff(args, &mut terminal),
        Command::Shrink(args) => shrink::shrink(args, &mut terminal),
        Command::Soak(args) => soak::soak(args, &mut terminal),
        Command::Merge(args) => merge::merge(args, &mut terminal),
    };
    exit.and(terminal.close())
}
