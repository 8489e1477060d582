//! Running `ikelab`, and telling what came of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What one run of the binary came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// The last line of standard output.
    pub(crate) fn closing_line(&self) -> &str {
        self.out.lines().last().unwrap_or_default()
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |octets| String::from_utf8(octets).expect("ikelab prints UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// The binary, to be run at the top of the project.
pub(crate) fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ikelab"));
    command.args(words).current_dir(top()).env("NO_COLOR", "1");
    command
}

/// Runs the binary at the top of the project.
pub(crate) fn ikelab(words: &[&str]) -> Done {
    command(words).output().expect("the binary runs").into()
}

/// The top of the project.
pub(crate) fn top() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate is two folders down").to_path_buf()
}

/// An empty folder of a test's own.
pub(crate) fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("an old folder can be removed");
    }
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

/// A path as a word of the command line.
pub(crate) fn word(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}
