//! Defines an enum of reasons as one table: for each variant the key of its sentence in the locale
//! files, and where somebody can do something, the key of the advice. `KEYS` names every key, so
//! that a test can hold both languages against it.
//!
//! Deliberately absent: sentences. They are made where somebody reads them
//! (`i18n::reason_text`).

use super::io_cause::IoCause;
use crate::time::WallMs;

/// A reason as its sentence needs it: the key in the locale files, and the details by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedReason<'a> {
    /// The key.
    pub key: &'static str,
    /// The details.
    pub details: Vec<(&'static str, ReasonDetail<'a>)>,
}

/// A detail of a reason, as a sentence takes it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReasonDetail<'a> {
    /// A number: it chooses the plural form.
    Number(u64),
    /// A text that is the same in every language: an id, a path, an error of a library.
    Text(&'a str),
    /// An error of the operating system.
    Io(&'a IoCause),
    /// A moment, wall ms.
    Moment(WallMs),
    /// Reasons within the reason.
    Reasons(Vec<KeyedReason<'a>>),
}

impl From<&u64> for ReasonDetail<'_> {
    fn from(number: &u64) -> Self {
        Self::Number(*number)
    }
}

impl<'a> From<&'a String> for ReasonDetail<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a IoCause> for ReasonDetail<'a> {
    fn from(cause: &'a IoCause) -> Self {
        Self::Io(cause)
    }
}

/// The enum, `KEYS`, `ADVICE_KEYS`, `keyed` and `advice_key`; a field may be a list of reasons.
macro_rules! reason_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $(
                $(#[$doc:meta])*
                $variant:ident $({ $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* })?
                    = $key:literal $(, $advice:literal)?;
            )*
        }
    ) => {
        $(#[$meta])*
        pub enum $name {
            $( $(#[$doc])* $variant $({ $( $(#[$field_doc])* $field: $type, )* })?, )*
        }

        impl $name {
            /// Of every variant, the key of its sentence and the names of its details.
            pub const KEYS: &[(&str, &[&str])] =
                &[ $( ($key, &[ $( $( stringify!($field), )* )? ]), )* ];

            /// The keys of what somebody can do.
            pub const ADVICE_KEYS: &[&str] = &[ $( $( $advice, )? )* ];

            /// The key of its sentence, and its details.
            #[must_use]
            pub fn keyed(&self) -> $crate::supervisor::reason_enum::KeyedReason<'_> {
                let (key, details) = match self {
                    $( Self::$variant $({ $( $field, )* })? =>
                        ($key, vec![ $( $( (stringify!($field), $field.into()), )* )? ]), )*
                };
                $crate::supervisor::reason_enum::KeyedReason { key, details }
            }

            /// The key of what somebody can do; none = nothing but to wait.
            #[must_use]
            pub const fn advice_key(&self) -> Option<&'static str> {
                match self {
                    $( Self::$variant { .. } => {
                        let advice: &[&'static str] = &[ $( $advice )? ];
                        advice.first().copied()
                    } )*
                }
            }
        }

        impl<'a> From<&'a Vec<$name>> for $crate::supervisor::reason_enum::ReasonDetail<'a> {
            fn from(reasons: &'a Vec<$name>) -> Self {
                Self::Reasons(reasons.iter().map($name::keyed).collect())
            }
        }
    };
}

pub(crate) use reason_enum;
