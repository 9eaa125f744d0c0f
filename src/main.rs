//! The program: parse, run, map an error to the exit code.

use std::process::ExitCode;

use clap::Parser;
use dahlquist::cli::{self, Cli};

/// Bound passes allocate large arrays all the time; the system's allocator returns
/// each to the kernel and has it zeroed again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli::run(&cli) {
        Ok(code) => code,
        Err(cli::Error::Closed) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(1)
        }
    }
}
