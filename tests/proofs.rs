//! Every theorem of `proofs/index.toml` exists, the code that relies on it
//! exists and names the file back, and every theorem that code or pages name
//! is in the index.
#![allow(clippy::unwrap_used)] // a failing line is all a test has to say

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
struct Index {
    theorem: Vec<Theorem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Theorem {
    name: String,
    file: String,
    statement: String,
    rust: Vec<String>,
    doc: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn index() -> Vec<Theorem> {
    let index: Index = toml::from_str(&read("proofs/index.toml")).unwrap();
    assert!(!index.theorem.is_empty());
    index.theorem
}

/// The source file of a Rust path, and the item in it if the path goes on.
fn resolve(path: &str) -> (PathBuf, Option<String>) {
    let parts: Vec<&str> = path.split("::").collect();
    for depth in (1..=parts.len()).rev() {
        let stem = Path::new("src").join(parts[..depth].join("/"));
        for file in [stem.with_extension("rs"), stem.join("mod.rs")] {
            if root().join(&file).exists() {
                return (file, parts.get(depth).map(ToString::to_string));
            }
        }
    }
    panic!("{path}: no such module");
}

#[test]
fn theorems_exist_and_are_linked_both_ways() {
    for t in index() {
        let proof = read(Path::new("proofs").join(&t.file));
        let stated = ["Theorem", "Lemma", "Corollary", "Proposition"]
            .iter()
            .any(|k| {
                proof.contains(&format!("{k} {} ", t.name))
                    || proof.contains(&format!("{k} {}\n", t.name))
                    || proof.contains(&format!("{k} {}:", t.name))
            });
        assert!(stated, "{} is not stated in {}", t.name, t.file);
        assert!(!t.statement.is_empty());
        let page = read(&t.doc);
        assert!(
            page.contains(&format!("proofs/{}", t.file)),
            "{} does not name proofs/{}",
            t.doc,
            t.file
        );
        for path in &t.rust {
            let (file, item) = resolve(path);
            let source = read(&file);
            if let Some(item) = item {
                assert!(
                    source.contains(&format!("fn {item}")),
                    "{}: no fn {item}",
                    file.display()
                );
            }
            let named = t.file == "Finite.v" || source.contains("proofs/");
            assert!(
                named,
                "{} relies on {} and does not say so",
                file.display(),
                t.file
            );
        }
    }
}

/// Words in backquotes on a line that names `proofs/X.v` (or the line before,
/// where a sentence wraps) are theorems of the index.
#[test]
fn named_theorems_are_in_the_index() {
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for t in index() {
        known.entry(t.file).or_default().push(t.name);
    }
    let mut checked = 0;
    let mut look = |path: &Path| {
        let text = read(path);
        for part in text.split("proofs/").skip(1) {
            let file = part
                .split(|c: char| !(c.is_alphanumeric() || c == '.'))
                .next()
                .unwrap();
            if file.ends_with(".v") {
                assert!(
                    known.contains_key(file),
                    "{}: proofs/{file} has no theorem",
                    path.display()
                );
                checked += 1;
            }
        }
    };
    look(Path::new("docs/numerics.md"));
    for t in index() {
        for path in t.rust {
            look(&resolve(&path).0);
        }
    }
    assert!(checked > 10, "only {checked} references were found");
    // The table of the numerics page: theorem | file.
    for line in read("docs/numerics.md")
        .lines()
        .filter(|l| l.starts_with("| `") && l.contains("`proofs/"))
    {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let file = cells[2].trim_matches('`').trim_start_matches("proofs/");
        for name in cells[1].split(',').map(|n| n.trim().trim_matches('`')) {
            assert!(
                known[file].iter().any(|k| k == name),
                "{name} is not a theorem of {file}"
            );
        }
    }
}
