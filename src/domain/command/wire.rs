//! Commands on the wire: one flat object, `{"do": "SwitchLight", "light": "den-01.light", "on":
//! true}`.
//!
//! Invariant: the names of commands are distinct over all nouns and never change, because programs
//! send them. The names are those of the variants ([`names`]); nobody lists them a second time.

use serde::de::{self, DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::ser::{self, Serialize, Serializer};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::{Map, Value};

use super::Command;
use crate::domain::{
    account, camera, configuration, device, directory, guest, history, light, network, notice,
    place, procedure, sensor, speaker, storm, token, user, village,
};

/// A deserializer that reads nothing: it only records the names of the variants of an enum.
struct VariantNames(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut VariantNames {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("not an enum"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0 = variants;
        Err(de::Error::custom("only its names are asked for"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The names of the commands of a noun, as they are on the wire.
fn names_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names = VariantNames(&[]);
    // The error is the end of the recording.
    let _ = T::deserialize(&mut names);
    names.0
}

/// Reads the commands of one noun.
struct NounReader {
    names: &'static [&'static str],
    read: fn(Value) -> serde_json::Result<Command>,
}

fn reader<T: DeserializeOwned + Into<Command>>() -> NounReader {
    NounReader {
        names: names_of::<T>(),
        read: |value| serde_json::from_value::<T>(value).map(Into::into),
    }
}

fn readers() -> [NounReader; 18] {
    [
        reader::<history::Command>(),
        reader::<village::Command>(),
        reader::<place::Command>(),
        reader::<device::Command>(),
        reader::<account::Command>(),
        reader::<configuration::Command>(),
        reader::<light::Command>(),
        reader::<sensor::Command>(),
        reader::<speaker::Command>(),
        reader::<camera::Command>(),
        reader::<notice::Command>(),
        reader::<user::Command>(),
        reader::<token::Command>(),
        reader::<guest::Command>(),
        reader::<network::Command>(),
        reader::<directory::Command>(),
        reader::<procedure::Command>(),
        reader::<storm::Command>(),
    ]
}

/// The names of all commands, as they are on the wire.
#[must_use]
pub fn names() -> Vec<&'static str> {
    readers()
        .iter()
        .flat_map(|reader| reader.names)
        .copied()
        .collect()
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tagged = match self {
            Self::History(c) => serde_json::to_value(c),
            Self::Village(c) => serde_json::to_value(c),
            Self::Place(c) => serde_json::to_value(c),
            Self::Device(c) => serde_json::to_value(c),
            Self::Account(c) => serde_json::to_value(c),
            Self::Configuration(c) => serde_json::to_value(c),
            Self::Light(c) => serde_json::to_value(c),
            Self::Sensor(c) => serde_json::to_value(c),
            Self::Speaker(c) => serde_json::to_value(c),
            Self::Camera(c) => serde_json::to_value(c),
            Self::Notice(c) => serde_json::to_value(c),
            Self::User(c) => serde_json::to_value(c),
            Self::Token(c) => serde_json::to_value(c),
            Self::Guest(c) => serde_json::to_value(c),
            Self::Network(c) => serde_json::to_value(c),
            Self::Directory(c) => serde_json::to_value(c),
            Self::Procedure(c) => serde_json::to_value(c),
            Self::Storm(c) => serde_json::to_value(c),
        }
        .map_err(ser::Error::custom)?;
        let mut flat = Map::new();
        if let Value::Object(tagged) = tagged {
            for (name, fields) in tagged {
                flat.insert("do".to_owned(), Value::String(name));
                if let Value::Object(fields) = fields {
                    flat.extend(fields);
                }
            }
        }
        flat.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        let Some(Value::String(name)) = fields.remove("do") else {
            return Err(D::Error::missing_field("do"));
        };
        let readers = readers();
        let Some(reader) = readers.iter().find(|r| r.names.contains(&name.as_str())) else {
            let known = names().join("`, `");
            return Err(D::Error::custom(format!(
                "unknown variant `{name}`, expected one of `{known}`"
            )));
        };
        let tagged = Value::Object(Map::from_iter([(name, Value::Object(fields))]));
        (reader.read)(tagged).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::permissions::tests::wire_samples;

    #[test]
    fn a_command_is_one_flat_object_under_its_name_of_ever() {
        let samples = wire_samples();
        for sample in &samples {
            let command: Command = serde_json::from_value(sample.clone()).expect("a command");
            let sent = serde_json::to_value(&command).expect("JSON");
            assert_eq!(sent["do"], sample["do"]);
            let fields: BTreeSet<&String> = sent.as_object().expect("an object").keys().collect();
            let known = sample.as_object().expect("an object").keys().collect();
            assert_eq!(fields, known, "{sent}");
            let again: Command = serde_json::from_value(sent).expect("reads back");
            assert_eq!(again, command);
        }
        let distinct: BTreeSet<&str> = names().into_iter().collect();
        assert_eq!(distinct.len(), samples.len(), "a name belongs to one noun");
    }

    #[test]
    fn a_command_that_nobody_knows_is_named_with_those_that_there_are() {
        for (text, named) in [
            (r#"{"do":"Fly"}"#, "`Fly`, expected one of `NoteClock`, `"),
            (r#"{"light":"x"}"#, "`do`"),
            (r#"{"do":"SwitchLight","light":"x"}"#, "`on`"),
        ] {
            let error = serde_json::from_str::<Command>(text).expect_err("no command");
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
