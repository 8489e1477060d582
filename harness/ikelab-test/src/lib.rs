//! A folder of scenarios as tests of any crate.
//!
//! ```toml
//! [dev-dependencies]
//! ikelab-test = { path = "../ikelab/harness/ikelab-test" }
//!
//! [[test]]
//! name = "scenarios"
//! harness = false
//! ```
//! and in `tests/scenarios.rs`, which is all of it:
//! ```ignore
//! ikelab_test::scenarios!("scenarios");
//! ```
//! Each file below the folder is a test under its path, and a file that is added is a test at once:
//! they are looked for when the tests run. `cargo test rekey` runs those with `rekey` in their path.
//! The text of a failure is that of `ikelab run`.
//!
//! | variable | what it does |
//! |---|---|
//! | `IKELAB_SEED=0x51f0` | runs with this seed instead of those of the file |
//! | `IKELAB_CELL=want=ecp256` | runs the cells with this value only |
//! | `IKELAB_ACCEPT=1` | keeps the views of `snapshot:` as they are now, as `ikelab run --accept` does |

mod trial;

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Makes each scenario of a folder a test. The folder lies in that of the crate.
#[macro_export]
macro_rules! scenarios {
    ($folder:literal) => {
        fn main() -> ::std::process::ExitCode {
            $crate::main(env!("CARGO_MANIFEST_DIR"), $folder)
        }
    };
}

/// Runs the scenarios of a folder as tests; [`scenarios!`] calls this.
#[must_use]
pub fn main(krate: &str, folder: &str) -> ExitCode {
    let arguments = Arguments::from_args();
    let place = Path::new(krate).join(folder);
    let files = ikelab_cli::trial::scenarios(&place);
    let mut trials: Vec<_> = files
        .into_iter()
        .map(|file| {
            let name = file.strip_prefix(&place).unwrap_or(&file).with_extension("");
            let name = name.to_string_lossy().replace('\\', "/");
            Trial::test(name, move || trial::run(&file).map_err(Into::into))
        })
        .collect();
    if trials.is_empty() {
        // No test is no success.
        let why = format!("{} has no scenario", place.display());
        trials.push(Trial::test("there are scenarios", move || Err(why.into())));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
