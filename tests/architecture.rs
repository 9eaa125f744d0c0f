//! The dependency rules of the trusted and of the sound part, read from the
//! sources: what a folder may import from the crate.
#![allow(clippy::unwrap_used)] // a failing line is all a test has to say

use std::path::{Path, PathBuf};

/// (folder, what it may import besides itself).
const RULES: [(&str, &[&str]); 6] = [
    ("rounding", &[]),
    ("exact", &[]),
    ("ops", &["rounding", "exact"]),
    ("graph", &["rounding", "exact", "ops"]),
    ("check", &["exact", "graph", "ops", "certificate::schema"]),
    ("bounds", &["rounding", "exact", "graph", "ops", "verify"]),
];

/// What the checker may not use of the operators: fast paths, estimates and
/// the binary64 rules of the bounds.
const NOT_IN_CHECK: [&str; 12] = [
    "eval_f64",
    ".value(",
    ".slope(",
    ".slopes(",
    ".enclose(",
    ".residual(",
    ".propose(",
    ".apply(",
    ".adjoint(",
    ".kernel(",
    ".params(",
    "core_math",
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The text without line comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""));
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths after each `crate::`, groups expanded, two segments deep.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in code.split("crate::").skip(1) {
        match part.strip_prefix('{') {
            Some(group) => {
                let (mut depth, mut item) = (0, String::new());
                for c in group.chars() {
                    match c {
                        '}' if depth == 0 => break,
                        ',' if depth == 0 => found.push(std::mem::take(&mut item)),
                        _ => {
                            depth += i32::from(c == '{') - i32::from(c == '}');
                            item.push(c);
                        }
                    }
                }
                found.push(item);
            }
            None => found.push(part.chars().take(80).collect()),
        }
    }
    let path = |s: &String| {
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let path: String = s.trim().chars().take_while(|&c| word(c)).collect();
        let segments = path.split("::").filter(|s| !s.is_empty()).take(2);
        segments.collect::<Vec<_>>().join("::")
    };
    found.iter().map(path).filter(|p| !p.is_empty()).collect()
}

#[test]
fn imports_are_read() {
    let text = "use crate::exact::Rational;\nuse crate::{graph::{self, Op}, ops};\nlet x = crate::check::f(); // crate::cli";
    assert_eq!(imports("use crate::a;"), ["a"]);
    let without = text.split("//").next().unwrap();
    assert_eq!(
        imports(without),
        ["exact::Rational", "graph", "ops", "check::f"]
    );
}

#[test]
fn folders_import_what_they_may() {
    for (folder, allowed) in RULES {
        let files = files(&source().join(folder));
        assert!(!files.is_empty(), "{folder}");
        for file in files {
            let code = code(&file);
            for import in imports(&code) {
                let within = |rule: &str| {
                    let (import, rule) = (format!("{import}::"), format!("{rule}::"));
                    import.starts_with(&rule)
                };
                assert!(
                    within(folder) || allowed.iter().any(|rule| within(rule)),
                    "{} imports crate::{import}",
                    file.display()
                );
            }
            // The other ways out of a folder.
            assert!(!code.contains("super::super::"), "{}", file.display());
            assert!(!code.contains("dahlquist::"), "{}", file.display());
        }
    }
}

/// The schema is read by the checker, so it depends on nothing but `exact`.
#[test]
fn schema_depends_on_exact_alone() {
    for file in ["schema.rs", "schema/multistep.rs", "number.rs"] {
        let code = code(&source().join("certificate").join(file));
        for import in imports(&code) {
            assert!(
                import.starts_with("exact"),
                "{file} imports crate::{import}"
            );
        }
        let allowed = [
            "pub use super::number::{Hex, Ratio};",
            "use super::{EquationOrder, Ratio};", // of the schema
            "use super::*;",                      // in tests
        ];
        for line in code.lines().filter(|l| l.contains("super::")) {
            assert!(allowed.contains(&line.trim()), "{file}: {line}");
        }
    }
}

#[test]
fn the_checker_uses_definitions_only() {
    for file in files(&source().join("check")) {
        let code = code(&file);
        for word in NOT_IN_CHECK {
            assert!(!code.contains(word), "{} uses {word}", file.display());
        }
    }
}

/// The printed list of what is trusted names every file of the checker.
#[test]
fn trusted_base_is_printed() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/certificate.md");
    let text = std::fs::read_to_string(docs).unwrap();
    let mut trusted = files(&source().join("check"));
    // eval.rs makes estimates; the checker may not name it.
    trusted.extend(
        files(&source().join("graph"))
            .into_iter()
            .filter(|f| !f.ends_with("eval.rs")),
    );
    for name in ["schema.rs", "schema/multistep.rs", "number.rs", "codec.rs"] {
        trusted.push(source().join("certificate").join(name));
    }
    for file in trusted {
        let name = file.strip_prefix(source()).unwrap().display().to_string();
        assert!(
            text.contains(&format!("`src/{name}`")),
            "docs/certificate.md lacks src/{name}"
        );
    }
}
