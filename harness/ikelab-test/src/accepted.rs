//! Views that were accepted: `NAME.accepted/CELL.txt` beside the scenario.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Compares the views of each cell with the accepted ones, or accepts them.
///
/// # Errors
/// The first line that differs, and how to accept it.
pub(crate) fn check(file: &Path, results: &Value, accept: bool) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?;
    if !text.lines().any(|line| line.trim_start().starts_with("snapshot:")) {
        return Ok(());
    }
    let folder = file.with_extension("accepted");
    for run in results["cells"].as_array().into_iter().flatten() {
        let Some(dir) = run["dir"].as_str() else { continue };
        let views = Path::new(dir).join("snapshot.txt");
        let now =
            fs::read_to_string(&views).map_err(|why| format!("{}: {why}", views.display()))?;
        let cell = run["cell"].as_str().unwrap_or("-");
        let name = if cell == "-" { "run".to_owned() } else { cell.replace(['/', '\\'], "_") };
        let kept = folder.join(format!("{name}.txt"));
        if accept { keep(&kept, &now)? } else { compare(&kept, &now, &views)? }
    }
    Ok(())
}

fn keep(kept: &PathBuf, now: &str) -> Result<(), String> {
    let folder = kept.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(kept, now))
        .map_err(|why| format!("{}: {why}", kept.display()))
}

fn compare(kept: &PathBuf, now: &str, views: &Path) -> Result<(), String> {
    let shown = kept.display();
    let Ok(before) = fs::read_to_string(kept) else {
        return Err(format!(
            "{shown} is not there: look at {}, then run with IKELAB_ACCEPT=1",
            views.display()
        ));
    };
    if before == now {
        return Ok(());
    }
    let line = before.lines().zip(now.lines()).position(|(old, new)| old != new);
    let line = line.unwrap_or(before.lines().count().min(now.lines().count()));
    let at = |text: &str| text.lines().nth(line).unwrap_or("(nothing)").to_owned();
    let place = line + 1;
    Err(format!(
        "{shown}:{place}: a view has changed\n  - {}\n  + {}\naccept it with IKELAB_ACCEPT=1",
        at(&before),
        at(now)
    ))
}
