//! Progress on standard error: a bar on a terminal, elsewhere a line per task.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `total` units with a title.
pub fn bar(title: &str, total: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        eprintln!("{title} ({total})");
    }
    let bar = ProgressBar::new(total as u64);
    let style = ProgressStyle::with_template("{msg:28} {wide_bar} {pos}/{len} {eta:>4}")
        .expect("a constant template");
    bar.set_style(style);
    bar.set_message(title.to_string());
    bar
}

/// One line that is rewritten, on a terminal only.
pub fn line(title: &str) -> ProgressBar {
    let line = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{prefix}: {msg} ({elapsed})");
    line.set_style(style.expect("a constant template"));
    line.set_prefix(title.to_string());
    line
}
