//! One scenario as a test.

use std::env;
use std::path::{Path, PathBuf};

use ikelab_cli::trial;

/// Runs a scenario in all of its cells and with all of its seeds.
///
/// # Errors
/// What `ikelab run` prints about a run that did not pass.
pub(crate) fn run(file: &Path) -> Result<(), String> {
    let out = folder(file);
    let (file_word, out_word) = (file.to_string_lossy(), out.to_string_lossy());
    let mut words = vec![&*file_word, "--driver", "direct", "--out", &out_word];
    let (seed, cell) = (env::var("IKELAB_SEED").ok(), env::var("IKELAB_CELL").ok());
    words.extend(seed.iter().flat_map(|seed| ["--seed", seed.as_str()]));
    words.extend(cell.iter().flat_map(|cell| ["--cell", cell.as_str()]));
    words.extend(env::var_os("IKELAB_ACCEPT").filter(|how| how == "1").map(|_| "--accept"));
    let told = trial::run(&words);
    if told.code == 0 { Ok(()) } else { Err(told.text) }
}

/// Where the evidence goes: with what cargo builds, under the path of the scenario.
fn folder(file: &Path) -> PathBuf {
    // A test runs from `target/debug/deps`.
    let own = env::current_exe().unwrap_or_default();
    let target = own.ancestors().nth(3).map_or_else(env::temp_dir, Path::to_path_buf);
    let parts = file.with_extension("");
    let name: Vec<_> = parts.components().rev().take(3).collect();
    name.into_iter().rev().fold(target.join("ikelab"), |folder, part| folder.join(part))
}
