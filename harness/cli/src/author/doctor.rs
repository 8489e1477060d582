//! `ikelab doctor`: whether everything that a run needs is here.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use ikelab_scenario::{Tables, parse};
use ikelab_sim::{Driver, run};

use crate::exit::Exit;
use crate::library::{Library, top};
use crate::terminal::{Colour, Terminal};

/// What was looked at: whether it is well, and what was found. Some things nobody needs.
struct Finding {
    well: bool,
    needed: bool,
    what: String,
}

/// Looks at everything, and tells.
pub(crate) fn doctor(terminal: &mut Terminal) -> Exit {
    let findings = [engine(), scenarios(), writable(), program("tshark", "opens captures")];
    let mut exit = Exit::Passed;
    for finding in findings {
        let (colour, word) = match (finding.well, finding.needed) {
            (true, _) => (Colour::Green, "ok  "),
            (false, true) => (Colour::Red, "NO  "),
            (false, false) => (Colour::Dim, "none"),
        };
        if !finding.well && finding.needed {
            exit = exit.and(Exit::Input);
        }
        terminal.line(format_args!("  {}  {}", terminal.paint(colour, word), finding.what));
    }
    exit
}

/// A handshake and a ping, with both drivers.
fn engine() -> Finding {
    let text = include_str!("templates/site-to-site.yaml").replace("NAME", "doctor");
    let digests = || -> Result<[String; 2], String> {
        let tables = Arc::new(Tables::builtin());
        let scenario = parse("doctor.yaml", &text, &tables).map_err(|_| "its own scenario")?;
        let cell = scenario.cells.first().ok_or("no cell")?;
        let plan = scenario.plan(cell, 1);
        let digest = |driver| {
            run(&plan, driver).map(|run| run.trace.digest()).map_err(|why| why.to_string())
        };
        Ok([digest(Driver::Direct)?, digest(Driver::Turmoil)?])
    };
    let (well, what) = match digests() {
        Ok([one, other]) if one == other => {
            (true, "a handshake: both drivers, the same octets".to_owned())
        }
        Ok(_) => (false, "a handshake: the drivers differ; please report this".to_owned()),
        Err(why) => (false, format!("a handshake: {why}")),
    };
    Finding { well, needed: true, what }
}

fn scenarios() -> Finding {
    let library = Library::find(&[]);
    let (good, bad) = (library.scenarios.len(), library.refused.len());
    let what = match (good, bad) {
        (0, 0) => "no folder scenarios/ here or above: name files or folders".to_owned(),
        (good, 0) => format!("{good} scenarios"),
        (good, bad) => format!("{good} scenarios, and {bad} with mistakes: ikelab check"),
    };
    Finding { well: bad == 0, needed: bad > 0, what }
}

fn writable() -> Finding {
    let folder = top().join("reports/latest");
    let probe = folder.join(".doctor");
    let tried = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&probe, ""))
        .and_then(|()| fs::remove_file(&probe));
    let shown = if folder.is_absolute() { folder } else { Path::new(".").join(folder) };
    let what = match &tried {
        Ok(()) => format!("{} takes the evidence", shown.display()),
        Err(why) => format!("{}: {why}; say --out DIR", shown.display()),
    };
    Finding { well: tried.is_ok(), needed: true, what }
}

fn program(name: &str, use_: &str) -> Finding {
    let mut command = Command::new(name);
    let output = command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    let version = output.ok().filter(|output| output.status.success()).map(|output| {
        String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned()
    });
    let what = match &version {
        Some(version) => version.clone(),
        None => format!("{name} is not here ({use_}); runs need none"),
    };
    Finding { well: version.is_some(), needed: false, what }
}
