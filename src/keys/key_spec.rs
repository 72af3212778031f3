//! The keys of a data folder: the file of each, its form, and how its absence is judged.

/// The content of a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFormat {
    /// 32 random bytes.
    Bytes,
    /// A line of text.
    Text,
    /// A private key, PEM.
    Pem,
}

/// A key and its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpec {
    /// Its name.
    pub name: &'static str,
    /// Its file in the folder of keys.
    pub file: &'static str,
    /// The form of its content.
    pub form: KeyFormat,
    /// Set for a key that is made only when something needs it, so its absence in a folder without
    /// a record says nothing: the file whose presence proves that the key existed.
    pub evidence_file: Option<&'static str>,
}

const fn key(
    name: &'static str,
    file: &'static str,
    form: KeyFormat,
    proof: Option<&'static str>,
) -> KeySpec {
    KeySpec {
        name,
        file,
        form,
        evidence_file: proof,
    }
}

/// Key of the keyed hashes of what people typed.
pub const PEOPLE: KeySpec = key("people", "people.key", KeyFormat::Bytes, None);
/// Pepper of the PIN hashes.
pub const PEPPER: KeySpec = key("pepper", "pepper.key", KeyFormat::Bytes, None);
/// Key of the CSRF tokens and of remembered phones.
pub const FORMS: KeySpec = key("forms", "forms.key", KeyFormat::Bytes, None);
/// The signing key of orders to speaker clusters.
pub const VOICE: KeySpec = key("voice", "voice.key", KeyFormat::Bytes, None);
/// The secret that programs present to the API.
pub const API_TOKEN: KeySpec = key("token", "api.token", KeyFormat::Text, None);
/// Key of the ids of guests' devices. The file of what they used shows that it was made.
pub const GUESTS: KeySpec = key(
    "guests",
    "guests.key",
    KeyFormat::Bytes,
    Some("../guests/use.json"),
);
/// Key of the gateway's authority: signs the broker's certificate and those of devices.
pub const HOUSE_CA: KeySpec = key(
    "house-ca",
    "house-ca/ca.key",
    KeyFormat::Pem,
    Some("house-ca/ca.pem"),
);
/// Key of the commune's authority: signs villages' certificates.
pub const COMMUNE_CA: KeySpec = key("ca", "ca/ca.key", KeyFormat::Pem, None);
/// Key of the commune's console: CSRF tokens, and the pepper of the officer's PIN.
pub const CONSOLE: KeySpec = key("console", "console.key", KeyFormat::Bytes, None);
/// The officer's PIN, hashed.
pub const CONSOLE_PIN: KeySpec = key("console-pin", "console.pin", KeyFormat::Text, None);

/// All keys of a village.
pub const VILLAGE_KEYS: [KeySpec; 7] = [PEOPLE, PEPPER, FORMS, VOICE, API_TOKEN, GUESTS, HOUSE_CA];
/// All keys of a commune.
pub const COMMUNE_KEYS: [KeySpec; 3] = [COMMUNE_CA, CONSOLE, CONSOLE_PIN];
