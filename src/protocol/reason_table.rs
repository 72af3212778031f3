//! Defines an enum of reasons as one table: for each variant its message key and its sentence in
//! English. A variant without them does not compile, and `KEYS` names every key, so that a test can
//! hold both locale files against it.
//!
//! Deliberately absent: the sentences that people read. They are in the locale files
//! (`i18n::refusal_text`); the English ones here are for logs, programs and the wire.

/// The enum, `KEYS`, `key`, `sentence`, `details` and `Display`.
macro_rules! reason_table {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $(
                $(#[$doc:meta])*
                $variant:ident $({ $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* })?
                    = $key:literal, $sentence:literal;
            )*
        }
    ) => {
        $(#[$meta])*
        pub enum $name {
            $( $(#[$doc])* $variant $({ $( $(#[$field_doc])* $field: $type, )* })?, )*
        }

        impl $name {
            /// Of every variant, the message key and the names of its details.
            pub const KEYS: &[(&str, &[&str])] =
                &[ $( ($key, &[ $( $( stringify!($field), )* )? ]), )* ];

            /// The key of the sentence in the locale files.
            #[must_use]
            pub const fn key(&self) -> &'static str {
                match self { $( Self::$variant { .. } => $key, )* }
            }

            /// The sentence in English, without details.
            #[must_use]
            pub const fn sentence(&self) -> &'static str {
                match self { $( Self::$variant { .. } => $sentence, )* }
            }

            /// The details by name, as text.
            #[must_use]
            pub fn details(&self) -> Vec<(&'static str, String)> {
                match self {
                    $( Self::$variant $({ $( $field, )* })? =>
                        vec![ $( $( (stringify!($field), $field.to_string()), )* )? ], )*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.sentence())?;
                for (n, (_, detail)) in self.details().into_iter().enumerate() {
                    write!(f, "{} {detail}", if n == 0 { ":" } else { "," })?;
                }
                Ok(())
            }
        }
    };
}

pub(crate) use reason_table;
