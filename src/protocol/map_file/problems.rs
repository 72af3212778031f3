//! The mistakes of a file, collected with their places.

use serde_json::value::RawValue;

use super::MAX_PROBLEMS;
use super::json::place_of;
use super::mistake::{MapMistake, MapProblem};

/// The mistakes of one text.
pub(super) struct ProblemList<'t> {
    text: &'t str,
    list: Vec<MapProblem>,
}

impl<'t> ProblemList<'t> {
    pub const fn new(text: &'t str) -> Self {
        Self {
            text,
            list: Vec::new(),
        }
    }

    /// A mistake in a part of the text. Each costs a look for its line, so there are not more than
    /// the file may have.
    pub fn wrong(&mut self, part: &RawValue, mistake: MapMistake) {
        if !self.is_full() {
            let (line, column) = place_of(self.text, part);
            self.list.push(MapProblem {
                line,
                column,
                mistake,
            });
        }
    }

    /// A mistake of the whole file.
    pub fn wrong_at_start(&mut self, mistake: MapMistake) {
        self.list.push(MapProblem::at_start(mistake));
    }

    pub const fn is_full(&self) -> bool {
        self.list.len() >= MAX_PROBLEMS
    }

    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them, in the order of the text.
    pub fn sorted(mut self) -> Vec<MapProblem> {
        self.list.sort_by_key(|p| (p.line, p.column));
        self.list.truncate(MAX_PROBLEMS);
        self.list
    }
}
