//! The CSRF token as it stands in a page: another text in each response.
//!
//! Pages are compressed, and the length of a compressed page tells how much of it repeats. Somebody
//! who sees lengths and has words of theirs on the page could guess a token that is always the
//! same, digit by digit (BREACH, Prado, Harris and Gluck, 2013). A mask of random bits makes
//! guesses of one response worthless for the next.

use crate::keys::secret;

/// The token under a new mask; what is not hexadecimal, and everything when the machine has no
/// randomness to give, stays as it is.
#[must_use]
pub fn mask(token: &str) -> String {
    let (Some(token_bytes), Ok(mask)) = (bytes(token), secret::random::<16>()) else {
        return token.to_owned();
    };
    format!(
        "{}{}",
        secret::hex(&mask),
        secret::hex(&xor(&mask, &token_bytes))
    )
}

/// The token of a form, under its mask or as it is.
#[must_use]
pub fn unmask(form: &str) -> String {
    let parts = form.split_at_checked(32).filter(|_| form.len() == 64);
    let both = parts.and_then(|(mask, rest)| Some((bytes(mask)?, bytes(rest)?)));
    both.map_or_else(
        || form.to_owned(),
        |(mask, rest)| secret::hex(&xor(&mask, &rest)),
    )
}

fn xor(a: &[u8; 16], b: &[u8; 16]) -> [u8; 16] {
    std::array::from_fn(|n| a[n] ^ b[n])
}

/// The 16 bytes of 32 hexadecimal digits.
fn bytes(text: &str) -> Option<[u8; 16]> {
    let number = text.bytes().all(|b| b.is_ascii_hexdigit()) && text.len() == 32;
    number
        .then(|| u128::from_str_radix(text, 16).ok())?
        .map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_another_text_each_time_and_the_same_token() {
        let token = "00c4abcdef0123456789abcdef012345";
        let (a, b) = (mask(token), mask(token));
        assert!(a != b && a.len() == 64 && !a.contains(token));
        assert_eq!(
            (unmask(&a), unmask(&b)),
            (token.to_owned(), token.to_owned())
        );
        assert_eq!(unmask(token), token, "a live update carries it as it is");
        for odd in ["", "zz", &"é".repeat(32), &"+".repeat(64)] {
            assert_eq!((mask(odd), unmask(odd)), (odd.to_owned(), odd.to_owned()));
        }
    }
}
