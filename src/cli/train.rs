//! `train CONFIG.toml --out MODEL`

use std::path::PathBuf;

use super::common::executor;
use super::{Error, Global, progress};
use crate::data;
use crate::train::{Config, train};

/// Arguments of `train`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run: data, model, schedule, seed
    config: PathBuf,
    /// Where the model goes; an interrupted run leaves OUT.state beside it and continues from there
    #[arg(long, value_name = "MODEL.onnx")]
    out: PathBuf,
}

pub fn run(args: &Args, global: &Global) -> Result<(), Error> {
    let io = |source| Error::Io {
        path: args.config.clone(),
        source,
    };
    // A configuration is a page of text; anything larger is another file.
    const LIMIT: u64 = 1 << 20;
    if std::fs::metadata(&args.config).map_err(io)?.len() > LIMIT {
        return Err(Error::Option {
            option: "CONFIG",
            problem: format!("{} is larger than {LIMIT} bytes", args.config.display()),
        });
    }
    let text = std::fs::read_to_string(&args.config).map_err(io)?;
    let config = Config::parse(&args.config.display().to_string(), &text)?;
    let dataset = data::load(&config.data.source)?;
    let executor = executor(global)?;
    let mut name = args.out.clone().into_os_string();
    name.push(".state");
    let state = PathBuf::from(name);
    let bar = progress::bar("training", config.train.epochs);
    let trained = train(&config, &*executor, &dataset, Some(&state), &mut |p| {
        bar.set_position(p.epoch.epoch as u64);
        bar.set_message(format!("loss {:.4}, eps {:.4}", p.epoch.loss, p.epoch.eps));
    })?;
    bar.finish_and_clear();
    trained.network.save(&args.out)?;
    match std::fs::remove_file(&state) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::Io {
                path: state,
                source: e,
            });
        }
        _ => {}
    }
    let last = trained.history.last().map_or(f64::NAN, |e| e.loss);
    if global.json {
        for epoch in &trained.history {
            super::common::print(&serde_json::to_string(epoch).expect("plain data"))?;
        }
    } else {
        super::common::print(&format!(
            "{}: {} epochs, final loss {last:.4}, seed {}",
            args.out.display(),
            trained.history.len(),
            config.seed
        ))?;
    }
    Ok(())
}
