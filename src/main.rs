//! The program: parse, run, map an error to the exit code.

use std::process::ExitCode;

use clap::Parser;
use dahlquist::cli::{self, Cli};

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
