//! Reads one TOML text so that every mistake in it is found: each known key is taken out of its
//! table, and a key that is left over is unknown.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::{ConfigError, ConfigMistake};

fn syntax(error: &toml::de::Error) -> ConfigMistake {
    ConfigMistake::Syntax {
        error: error.message().to_owned(),
    }
}

/// One TOML text, with the mistakes found in it so far and the origin of each value.
pub struct TomlSource<'i> {
    source: &'i str,
    file: &'i str,
    problems: RefCell<Vec<ConfigError>>,
    origins: RefCell<BTreeMap<String, String>>,
}

impl<'i> TomlSource<'i> {
    pub fn new(file: &'i str, source: &'i str) -> Self {
        Self {
            source,
            file,
            problems: RefCell::default(),
            origins: RefCell::default(),
        }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let end = span.start.min(self.source.len());
        1 + self.source.as_bytes()[..end]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
    }

    fn problem(&self, span: &Range<usize>, key: String, mistake: ConfigMistake) {
        self.problems.borrow_mut().push(ConfigError {
            file: self.file.to_owned(),
            line: self.line(span),
            key,
            mistake,
        });
    }

    pub fn root(&self) -> Section<'_, 'i> {
        let (table, errors) = DeTable::parse_recoverable(self.source);
        for error in errors {
            self.problem(&error.span().unwrap_or(0..0), String::new(), syntax(&error));
        }
        Section {
            text: self,
            path: String::new(),
            span: table.span(),
            table: table.into_inner(),
        }
    }

    pub fn finish(self) -> (Vec<ConfigError>, BTreeMap<String, String>) {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|p| p.line);
        (problems, self.origins.into_inner())
    }
}

/// One table; its keys are taken out one by one.
pub struct Section<'d, 'i> {
    text: &'d TomlSource<'i>,
    path: String,
    span: Range<usize>,
    table: DeTable<'i>,
}

impl<'d, 'i> Section<'d, 'i> {
    fn key(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Takes a value that may be missing.
    pub fn get<T: Deserialize<'i>>(&mut self, key: &str) -> Option<T> {
        let value = self.table.remove(key)?;
        let span = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => {
                let line = self.text.line(&span);
                self.text
                    .origins
                    .borrow_mut()
                    .insert(self.key(key), format!("{}:{line}", self.text.file));
                Some(value)
            }
            Err(error) => {
                self.text
                    .problem(&error.span().unwrap_or(span), self.key(key), syntax(&error));
                None
            }
        }
    }

    /// Takes a value; reports it when it is missing.
    pub fn require<T: Deserialize<'i>>(&mut self, key: &str) -> Option<T> {
        if !self.table.contains_key(key) {
            self.text
                .problem(&self.span, self.key(key), ConfigMistake::Missing);
        }
        self.get(key)
    }

    /// Takes a text that may be missing, and parses it.
    pub fn get_parsed<T, E: Into<ConfigMistake>>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.get_checked(key, |text: String| parse(&text))
    }

    /// Takes a value that may be missing, and checks it.
    pub fn get_checked<V: Deserialize<'i>, T, E: Into<ConfigMistake>>(
        &mut self,
        key: &str,
        check: impl Fn(V) -> Result<T, E>,
    ) -> Option<T> {
        let spanned: Spanned<V> = self.get(key)?;
        let span = spanned.span();
        match check(spanned.into_inner()) {
            Ok(value) => Some(value),
            Err(mistake) => {
                self.text.problem(&span, self.key(key), mistake.into());
                None
            }
        }
    }

    /// As [`Self::get_parsed`]; reports the value when it is missing.
    pub fn require_parsed<T, E: Into<ConfigMistake>>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            self.text
                .problem(&self.span, self.key(key), ConfigMistake::Missing);
        }
        self.get_parsed(key, parse)
    }

    fn section(&self, key: &str, value: Spanned<DeValue<'i>>) -> Option<Section<'d, 'i>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => Some(Section {
                text: self.text,
                path: self.key(key),
                span,
                table,
            }),
            other => {
                self.text.problem(
                    &span,
                    self.key(key),
                    ConfigMistake::NotTable {
                        found: other.type_str().to_owned(),
                    },
                );
                None
            }
        }
    }

    /// Takes a table that may be missing.
    pub fn table(&mut self, key: &str) -> Option<Section<'d, 'i>> {
        let value = self.table.remove(key)?;
        self.section(key, value)
    }

    /// Takes a list of tables, `[[key]]`.
    pub fn tables(&mut self, key: &str) -> Vec<Section<'d, 'i>> {
        let Some(value) = self.table.remove(key) else {
            return Vec::new();
        };
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(items) => items
                .into_iter()
                .enumerate()
                .filter_map(|(i, v)| self.section(&format!("{key}[{i}]"), v))
                .collect(),
            other => {
                self.text.problem(
                    &span,
                    self.key(key),
                    ConfigMistake::NotTables {
                        key: key.to_owned(),
                        found: other.type_str().to_owned(),
                    },
                );
                Vec::new()
            }
        }
    }

    /// Reports the keys that are left over as unknown.
    pub fn finish(mut self) {
        for (key, _) in std::mem::take(&mut self.table) {
            self.text
                .problem(&key.span(), self.key(key.get_ref()), ConfigMistake::Unknown);
        }
    }
}
