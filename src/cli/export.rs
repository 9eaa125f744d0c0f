//! `export MODEL --unrolled OUT.onnx`

use std::path::PathBuf;

use super::Error;
use super::common::Model;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model (ONNX, with or without ODE blocks)
    model: PathBuf,
    /// Where the plain ONNX goes
    #[arg(long, value_name = "OUT.onnx")]
    unrolled: PathBuf,
}

pub fn run(args: &Args) -> Result<(), Error> {
    let model = Model::load(&args.model)?;
    Ok(model.network.save_unrolled(&args.unrolled)?)
}
