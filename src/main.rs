//! The program.

use clap::{Parser, Subcommand};
use dahlquist::cli::multistep;

#[derive(Parser)]
struct Cli {
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(subcommand)]
    Multistep(Multistep),
}

#[derive(Subcommand)]
enum Multistep {
    Analyze(multistep::AnalyzeArgs),
    Region(multistep::RegionArgs),
}

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let mut out = std::io::stdout().lock();
    let Command::Multistep(command) = cli.command;
    let result = match command {
        Multistep::Analyze(args) => multistep::analyze(&args, cli.json, &mut out),
        Multistep::Region(args) => multistep::region(&args, cli.json, &mut out),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::from(1)
        }
    }
}
