//! The program `ikelab`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ikelab_cli::main()
}
