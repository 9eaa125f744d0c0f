//! `check CERTIFICATE… [--network FILE]`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::json;

use super::common::print;
use super::{Error, Global, progress};
use crate::certificate::Certificate;
use crate::check::{check, network_file};
use crate::graph::Graph;
use crate::network::{Network, file};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Certificates, or folders of them (every .json inside)
    #[arg(required = true, value_name = "CERTIFICATE")]
    certificates: Vec<PathBuf>,
    /// The model file; by default where the certificate says, relative to itself
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
}

/// A model file, read once: its bytes and its graph.
type Model = Arc<(Vec<u8>, Graph)>;
/// A certificate with the model that it is about, if any.
type Ready = (Certificate, Option<Model>);

/// Exit code 0 only if every certificate holds.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode, Error> {
    let files = expand(&args.certificates)?;
    let bar = progress::bar("checking certificates", files.len());
    let mut models: Vec<(PathBuf, Model)> = Vec::new();
    let mut work: Vec<(PathBuf, Result<Ready, String>)> = Vec::new();
    for path in files {
        let ready = prepare(&path, args.network.as_deref(), &mut models);
        work.push((path, ready));
    }
    let verdicts: Vec<(PathBuf, Result<String, String>)> = work
        .into_par_iter()
        .map(|(path, ready)| {
            let verdict = ready.and_then(|(certificate, model)| {
                if let Some(model) = &model {
                    network_file(&certificate, &model.0).map_err(|e| e.to_string())?;
                }
                check(&certificate, model.as_ref().map(|m| &m.1))
                    .map(|c| c.to_string())
                    .map_err(|e| e.to_string())
            });
            bar.inc(1);
            (path, verdict)
        })
        .collect();
    bar.finish_and_clear();
    let total = verdicts.len();
    let accepted = verdicts.iter().filter(|v| v.1.is_ok()).count();
    for (path, verdict) in &verdicts {
        let (ok, text) = match verdict {
            Ok(text) => (true, text),
            Err(text) => (false, text),
        };
        if global.json {
            print(&json!({"certificate": path, "accepted": ok, "message": text}).to_string())?;
        } else if !ok || total <= 20 {
            print(&format!(
                "{}: {}: {text}",
                path.display(),
                if ok { "accepted" } else { "REJECTED" }
            ))?;
        }
    }
    if !global.json {
        print(&format!("{accepted} of {total} certificates accepted"))?;
    }
    Ok(if accepted == total {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Replaces folders by the .json files in them, sorted.
fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let io = |source| Error::Io {
            path: path.clone(),
            source,
        };
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(io)? {
            let file = entry.map_err(io)?.path();
            if file.extension().is_some_and(|e| e == "json") {
                inside.push(file);
            }
        }
        if inside.is_empty() {
            return Err(Error::Option {
                option: "CERTIFICATE",
                problem: format!("{}: no .json file inside", path.display()),
            });
        }
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

fn prepare(
    path: &Path,
    network: Option<&Path>,
    models: &mut Vec<(PathBuf, Model)>,
) -> Result<Ready, String> {
    let certificate = Certificate::read(path).map_err(|e| e.to_string())?;
    let claimed = match &certificate {
        Certificate::Robustness(document) => &document.claim.network,
        Certificate::Query(document) => &document.claim.network,
        _ => return Ok((certificate, None)),
    };
    let model = match network {
        Some(path) => path.to_path_buf(),
        None => path.parent().unwrap_or(Path::new("")).join(&claimed.file),
    };
    if let Some((_, found)) = models.iter().find(|m| m.0 == model) {
        let found = found.clone();
        return Ok((certificate, Some(found)));
    }
    let raw = file::read_bytes(&model).map_err(|e| e.to_string())?;
    let network = Network::from_bytes(&model, raw.clone()).map_err(|e| e.to_string())?;
    let graph = network
        .lower()
        .map_err(|e| format!("{}: {e}", model.display()))?;
    let loaded: Model = Arc::new((raw, graph));
    models.push((model, loaded.clone()));
    Ok((certificate, Some(loaded)))
}
