//! Results of a run: rows, findings, and the summary as JSON, HTML and text.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A property that does not hold, with the smallest case found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// the shrunk case
    pub case: String,
    /// what had to be, with its enclosure
    pub expected: String,
    /// what was
    pub found: String,
    /// a program that shows it without the kit
    pub snippet: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "case:     {}\nexpected: {}\nfound:    {}\nreproduce:\n{}",
            self.case, self.expected, self.found, self.snippet
        )
    }
}

/// What became of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// it held in every case tried
    Passed,
    /// it did not
    Failed,
    /// it was not claimed, or could not be asked
    Skipped,
}

/// One line of a summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// the property
    pub property: String,
    /// what it says
    pub about: String,
    /// what became of it
    pub status: Status,
    /// why it was skipped
    pub reason: Option<String>,
    /// how many problems were given to the solver
    pub cases: u32,
    /// time taken
    pub seconds: f64,
    /// the failure
    pub finding: Option<Finding>,
}

/// All rows of one solver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// the solver
    pub solver: String,
    /// its version
    pub version: String,
    /// one row per property
    pub rows: Vec<Row>,
}

impl Summary {
    /// The properties with this status.
    pub fn names(&self, status: Status) -> Vec<&str> {
        let rows = self.rows.iter().filter(|r| r.status == status);
        rows.map(|r| r.property.as_str()).collect()
    }

    /// Writes `name.json` and `name.html` into the folder.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn write(&self, folder: &Path, name: &str) -> std::io::Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        let json = serde_json::to_string_pretty(self)?;
        std::fs::write(folder.join(format!("{name}.json")), json)?;
        let page = folder.join(format!("{name}.html"));
        std::fs::write(&page, self.to_html())?;
        Ok(page)
    }

    /// The summary as a page that needs nothing else.
    pub fn to_html(&self) -> String {
        let style = "body{font:15px/1.45 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}\
            table{border-collapse:collapse}td,th{padding:.3em .7em;text-align:left;border-bottom:1px solid #ccc;vertical-align:top}\
            pre{background:#f4f4f4;padding:.7em;overflow:auto}.failed{font-weight:bold}.skipped{color:#666}";
        maud::html! {
            (maud::DOCTYPE)
            html lang="en" {
                head { meta charset="utf-8"; title { (self.solver) ": solver test kit" } style { (maud::PreEscaped(style)) } }
                body {
                    h1 { (self.solver) " " (self.version) }
                    p {
                        (self.names(Status::Passed).len()) " passed, "
                        (self.names(Status::Failed).len()) " failed, "
                        (self.names(Status::Skipped).len()) " skipped"
                    }
                    table {
                        tr { th { "property" } th { "says" } th { "result" } th { "cases" } th { "seconds" } }
                        @for r in &self.rows {
                            tr class=(word(r.status)) {
                                td { @if r.finding.is_some() { a href=(format!("#{}", r.property)) { (r.property) } } @else { (r.property) } }
                                td { (r.about) }
                                td { (word(r.status)) @if let Some(reason) = &r.reason { ": " (reason) } }
                                td { (r.cases) }
                                td { (format!("{:.2}", r.seconds)) }
                            }
                        }
                    }
                    @for r in &self.rows {
                        @if let Some(finding) = &r.finding {
                            h2 id=(r.property) { (r.property) }
                            dl {
                                dt { "case" } dd { (finding.case) }
                                dt { "expected" } dd { (finding.expected) }
                                dt { "found" } dd { (finding.found) }
                            }
                            pre { (finding.snippet) }
                        }
                    }
                }
            }
        }
        .into_string()
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Failed => "failed",
        Status::Skipped => "skipped",
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} {}", self.solver, self.version)?;
        for r in &self.rows {
            let reason = r
                .reason
                .as_ref()
                .map(|r| format!(": {r}"))
                .unwrap_or_default();
            writeln!(
                f,
                "  {:7}  {:32} {:5} cases {:7.2} s{reason}",
                word(r.status),
                r.property,
                r.cases,
                r.seconds
            )?;
        }
        Ok(())
    }
}
