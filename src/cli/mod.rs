//! The command-line program.

pub mod multistep;
mod multistep_svg;
