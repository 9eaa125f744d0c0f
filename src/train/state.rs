//! The state of an interrupted run: a safetensors file beside the model.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::Error;
use super::optimiser::Stateful;
use super::trainer::Epoch;

/// The largest state file read, in bytes.
const LIMIT: u64 = 1 << 32;

/// What is stored beside the tensors.
pub(super) struct State {
    /// finished epochs
    pub(super) history: Vec<Epoch>,
    /// one list per [`Stateful`], in order
    pub(super) values: Vec<Vec<f32>>,
}

fn state_error(path: &Path, what: &str, found: impl ToString, expected: impl ToString) -> Error {
    Error::State {
        path: path.display().to_string(),
        what: what.into(),
        found: found.to_string(),
        expected: expected.to_string(),
    }
}

fn file_error(path: &Path) -> impl Fn(std::io::Error) -> Error + '_ {
    |source| Error::File {
        path: path.display().to_string(),
        source,
    }
}

/// Writes the state; a reader sees the old file or the new one, never a part.
pub(super) fn save(
    path: &Path,
    run: &str,
    layout: &[Stateful],
    state: &State,
) -> Result<(), Error> {
    let bytes: Vec<Vec<u8>> = state
        .values
        .iter()
        .map(|v| v.iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    let mut views = Vec::new();
    for (s, b) in layout.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, vec![s.len], b)
            .map_err(|e| state_error(path, &s.name, e, "a tensor"))?;
        views.push((s.name.clone(), view));
    }
    let history = serde_json::to_string(&state.history)
        .map_err(|e| state_error(path, "history", e, "JSON"))?;
    let metadata = HashMap::from([
        ("run".to_string(), run.to_string()),
        ("history".to_string(), history),
    ]);
    let data = safetensors::serialize(views, Some(metadata))
        .map_err(|e| state_error(path, "state", e, "safetensors"))?;
    crate::atomic::write(path, &data).map_err(file_error(path))
}

/// Reads the state of `run`, or `None` if there is no file.
pub(super) fn load(path: &Path, run: &str, layout: &[Stateful]) -> Result<Option<State>, Error> {
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(file_error(path)(e)),
        Ok(m) if m.len() > LIMIT => {
            return Err(state_error(
                path,
                "size",
                m.len(),
                format!("at most {LIMIT}"),
            ));
        }
        Ok(_) => {}
    }
    let data = std::fs::read(path).map_err(file_error(path))?;
    let bad = |e: safetensors::SafeTensorError| state_error(path, "file", e, "safetensors");
    let (_, header) = SafeTensors::read_metadata(&data).map_err(bad)?;
    let tensors = SafeTensors::deserialize(&data).map_err(bad)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let text = |key: &str| metadata.get(key).map_or("", String::as_str);
    if text("run") != run {
        return Err(state_error(path, "run", text("run"), run));
    }
    let history: Vec<Epoch> = serde_json::from_str(text("history"))
        .map_err(|e| state_error(path, "history", e, "a list of epochs"))?;
    let mut values = Vec::with_capacity(layout.len());
    for s in layout {
        let t = tensors.tensor(&s.name).map_err(bad)?;
        if t.dtype() != Dtype::F32 || t.shape() != [s.len] {
            let found = format!("{:?} {:?}", t.dtype(), t.shape());
            return Err(state_error(
                path,
                &s.name,
                found,
                format!("F32 [{}]", s.len),
            ));
        }
        let v: Vec<f32> = t
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        if let Some(x) = v.iter().find(|x| !x.is_finite()) {
            return Err(state_error(path, &s.name, x, "finite values"));
        }
        values.push(v);
    }
    Ok(Some(State { history, values }))
}
