//! Small files that may be lost without harm: the sign-ins, the known phones.

use std::path::Path;

use serde::de::DeserializeOwned;

/// The content of a file; the default when there is no file. A damaged file counts as none, and a
/// warning is logged: `effect` says what follows from that.
#[must_use]
pub fn read_or_default<T: DeserializeOwned + Default>(path: &Path, effect: &str) -> T {
    let Ok(bytes) = std::fs::read(path) else {
        return T::default();
    };
    serde_json::from_slice(&bytes).unwrap_or_else(|cause| {
        let path = path.display();
        tracing::warn!(%path, %cause, effect, "state file damaged; starting empty");
        T::default()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    #[test]
    fn whatever_became_of_it_is_whole_or_nothing() {
        let temporary = tempfile::tempdir().expect("folder");
        let path = temporary.path().join("kept.json");
        let read = || super::read_or_default::<BTreeMap<String, u64>>(&path, "nothing follows");
        assert!(read().is_empty(), "gone");
        let whole = serde_json::to_vec(&BTreeMap::from([("mau", 7)])).expect("json");
        std::fs::write(&path, &whole).expect("write");
        assert_eq!(read(), BTreeMap::from([("mau".to_owned(), 7)]));
        for bad in [
            Vec::new(),
            whole[..5].to_vec(),
            vec![0; whole.len()],
            [&[whole[0] ^ 1], &whole[1..]].concat(),
            b"{\"of\":\"another\"}".to_vec(),
        ] {
            std::fs::write(&path, bad).expect("write");
            assert!(read().is_empty());
        }
    }
}
