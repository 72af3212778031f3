//! A user of this machine, given by its number or by its name.

use std::path::Path;

/// Where names have their numbers (passwd(5)).
const USERS: &str = "/etc/passwd";

/// The number of a user; what is no number is looked up.
///
/// # Errors
/// When nobody has this name; the text is for developers, the sentence is made from its kind.
pub(super) fn number(typed: &str) -> Result<u32, String> {
    if let Ok(number) = typed.parse() {
        return Ok(number);
    }
    let users = std::fs::read_to_string(Path::new(USERS)).map_err(|cause| cause.to_string())?;
    number_in(&users, typed).ok_or_else(|| format!("{USERS} has no such user"))
}

fn number_in(users: &str, name: &str) -> Option<u32> {
    let is_of = |line: &&str| line.split(':').next() == Some(name);
    users.lines().find(is_of)?.split(':').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number_or_by_the_whole_name() {
        let users = "root:x:0:0::/root:/bin/sh\nconglang:x:998:997::/var/lib/conglang:/x\nbad\n";
        assert_eq!(number_in(users, "conglang"), Some(998));
        for nobody in ["cong", "", "x", "bad"] {
            assert_eq!(number_in(users, nobody), None, "{nobody}");
        }
        assert_eq!(number("998"), Ok(998));
        assert_eq!(number("root"), Ok(0));
        assert!(number("no such user").is_err());
    }
}
