//! `ikelab new`: a scenario to begin with, that passes as it is.

use std::fs;
use std::path::{Path, PathBuf};

use crate::exit::Exit;
use crate::library::top;
use crate::terminal::Terminal;

/// Writes a scenario to begin with: it passes at once, and is yours to change.
#[derive(Debug, clap::Args)]
pub(crate) struct New {
    /// Its name: small letters and digits, joined by `-`; with a topic before it if you like:
    /// rekey/my-case.
    #[arg(required_unless_present = "list")]
    pub(crate) name: Option<String>,
    /// What to begin with; `--list` tells them.
    #[arg(long, value_name = "TEMPLATE", default_value = "site-to-site")]
    pub(crate) from: String,
    /// Tell the templates.
    #[arg(long)]
    pub(crate) list: bool,
}

/// A template: its name, what it shows, its text.
type Template = (&'static str, &'static str);

macro_rules! templates {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("templates/", $name, ".yaml")))),*]
    };
}

const TEMPLATES: &[Template] =
    &templates!["site-to-site" "road-warrior" "invalid-ke" "rekey" "collision" "loss"];

/// Writes the file, or tells the templates.
pub(crate) fn new(args: &New, terminal: &mut Terminal) -> Exit {
    if args.list {
        for (name, text) in TEMPLATES {
            terminal.line(format_args!("{name:14} {}", title(text)));
        }
        return Exit::Passed;
    }
    match write(args) {
        Ok(path) => {
            let shown = path.display();
            terminal.line(format_args!("{shown}"));
            terminal.line(format_args!("next: ikelab run {shown}"));
            Exit::Passed
        }
        Err(why) => {
            terminal.complain(format_args!("error: {why}"));
            Exit::Input
        }
    }
}

fn write(args: &New) -> Result<PathBuf, String> {
    let names = || TEMPLATES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let (_, text) = TEMPLATES
        .iter()
        .find(|(name, _)| *name == args.from)
        .ok_or_else(|| format!("there is no template {}; there are: {}", args.from, names()))?;
    let wanted = args.name.as_deref().unwrap_or_default();
    let wanted = wanted.strip_suffix(".yaml").unwrap_or(wanted);
    let (topic, name) = wanted.rsplit_once('/').unwrap_or(("", wanted));
    let word =
        |part: &str| !part.is_empty() && part.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9'));
    if !name.split('-').all(word) {
        return Err(format!("{name} is no name: small letters and digits, joined by `-`"));
    }
    let path = place(topic, name);
    if path.exists() {
        return Err(format!("{} is there already", path.display()));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let text = format!("{}{}", modeline(folder), text.replace("NAME", name));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&path, text))
        .map_err(|why| format!("{}: {why}", path.display()))?;
    Ok(path)
}

/// Where the file goes: below scenarios/ where there is such a folder, else here.
fn place(topic: &str, name: &str) -> PathBuf {
    let file = format!("{name}.yaml");
    let scenarios = top().join("scenarios");
    let topic = Path::new(topic);
    if topic.is_absolute() || topic.starts_with(".") || topic.starts_with("scenarios") {
        return topic.join(file);
    }
    if scenarios.is_dir() { scenarios.join(topic).join(file) } else { topic.join(file) }
}

/// The line that gives editors the schema, where one lies in a folder above.
fn modeline(folder: &Path) -> String {
    const SCHEMA: &str = "scenario.schema.json";
    let up = folder.ancestors().take(6).position(|above| above.join(SCHEMA).is_file());
    let path = up.map(|up| format!("{}{SCHEMA}", "../".repeat(up)));
    path.map(|path| format!("# yaml-language-server: $schema={path}\n")).unwrap_or_default()
}

fn title(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("title: ")).unwrap_or_default()
}
