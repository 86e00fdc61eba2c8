//! What a command prints: text for people, or one JSON object per result with `--json`. Logs and progress go to standard
//! error.

use std::{
    fmt::Display,
    io::{IsTerminal as _, Write as _, stdout},
};

use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Whether a program reads it.
    pub(crate) json: bool,
}

impl Output {
    /// One result.
    pub(crate) fn result(self, text: impl Display, value: &impl Serialize) {
        if self.json {
            print(serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")));
        } else {
            print(text);
        }
    }

    /// A line for people only.
    pub(crate) fn line(self, text: impl Display) {
        if !self.json {
            print(text);
        }
    }

    /// A bar for work of so many steps; seen by people on a terminal only.
    pub(crate) fn progress(self, steps: usize, what: &'static str) -> ProgressBar {
        if self.json {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("  {bar:40} {human_pos}/{human_len} {msg}, {elapsed}");
        let bar = ProgressBar::new(steps as u64).with_message(what);
        style.map_or(bar.clone(), |style| bar.with_style(style))
    }

    /// Begins at the top of an empty screen, if people look at one.
    pub(crate) fn clear(self) {
        if !self.json && stdout().is_terminal() {
            write!(stdout(), "\x1b[H\x1b[2J").ok();
        }
    }
}

/// A line. Whoever reads may have seen enough (`| head`): that is no reason to leave the work undone.
fn print(text: impl Display) {
    writeln!(stdout().lock(), "{text}").ok();
}

/// A table without lines, columns two blanks apart.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec()).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}
