//! References once computed are kept: every property runs in a process of its own, and
//! the same problems come again for every solver and property.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Set in a child: the folder that all processes of a run share.
pub(crate) const FOLDER: &str = "DAHLQUIST_TESTKIT_REFERENCES";

#[derive(Serialize, Deserialize)]
struct Entry {
    /// the whole question, since the file's name is only its hash
    key: String,
    value: String,
}

/// The value of `compute` for this key: from memory, from the shared folder, or computed.
pub(crate) fn remembered<T: Serialize + DeserializeOwned>(
    key: &str,
    compute: impl FnOnce() -> T,
) -> T {
    static KNOWN: Mutex<Option<HashMap<String, String>>> = Mutex::new(None);
    let known = KNOWN
        .lock()
        .ok()
        .and_then(|k| k.as_ref()?.get(key).cloned());
    let file = std::env::var_os(FOLDER).map(|f| PathBuf::from(f).join(name(key)));
    let text = known.or_else(|| read(file.as_deref()?, key));
    if let Some(value) = text.as_ref().and_then(|t| serde_json::from_str(t).ok()) {
        return value;
    }
    let value = compute();
    if let Ok(text) = serde_json::to_string(&value) {
        if let Some(file) = file {
            // Another process may write the same: each its own file, then renamed.
            let _ = write(&file, key, &text);
        }
        if let Ok(mut known) = KNOWN.lock() {
            known.get_or_insert_default().insert(key.into(), text);
        }
    }
    value
}

fn name(key: &str) -> String {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    format!("{:016x}.json", hasher.finish())
}

fn read(file: &Path, key: &str) -> Option<String> {
    let entry: Entry = serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    (entry.key == key).then_some(entry.value)
}

fn write(file: &Path, key: &str, value: &str) -> std::io::Result<()> {
    let (key, value) = (key.into(), value.into());
    let text = serde_json::to_string(&Entry { key, value })?;
    let own = file.with_extension(std::process::id().to_string());
    std::fs::write(&own, text)?;
    std::fs::rename(&own, file)
}

/// The folder for the children of this program, below `reports`; made once, and emptied
/// of what another build of the same program left.
pub(crate) fn folder(reports: &Path) -> Option<&'static Path> {
    static OWN: OnceLock<Option<PathBuf>> = OnceLock::new();
    let make = || {
        let exe = std::env::current_exe().ok()?;
        let age = exe.metadata().ok()?.modified().ok()?;
        let stamp = age.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos();
        let all = reports.join("references").join(exe.file_stem()?);
        let own = all.join(stamp.to_string());
        if !own.is_dir() {
            let _ = std::fs::remove_dir_all(&all);
            std::fs::create_dir_all(&own).ok()?;
        }
        Some(own)
    };
    OWN.get_or_init(make).as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computed_once() {
        assert_eq!(
            remembered("store test", || vec![0.1, f64::MIN_POSITIVE]),
            [0.1, f64::MIN_POSITIVE]
        );
        assert_eq!(
            remembered::<Vec<f64>>("store test", || panic!("computed again")),
            [0.1, f64::MIN_POSITIVE]
        );
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(name("k"));
        write(&file, "k", "[1.5]").unwrap();
        assert_eq!(read(&file, "k").as_deref(), Some("[1.5]"));
        assert_eq!(read(&file, "other"), None);
    }
}
