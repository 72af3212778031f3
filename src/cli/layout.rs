//! Lines of at most 80 columns. A longer line is broken at spaces and goes on below its last
//! column, so that a table stays a table. A word that is longer than a line stays whole: somebody
//! will copy it.

/// Columns of a terminal unless `COLUMNS` says otherwise.
const WIDTH: usize = 80;
/// A column that begins further right leaves too little room below it.
const MAX_HANG: usize = 52;

/// The columns of a line: `COLUMNS` if it is set and sensible, else 80.
pub(super) fn width() -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|c| c.parse().ok())
        .filter(|c| *c >= 40)
        .unwrap_or(WIDTH)
}

/// The text with every line broken at `width` columns.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let lines: Vec<String> = text.lines().map(|line| wrap_line(line, width)).collect();
    lines.join("\n")
}

/// Where the line goes on: below its last column, or a little to the right of its beginning.
fn hang_of(letters: &[char]) -> usize {
    let begin = letters.iter().take_while(|c| **c == ' ').count();
    let mut hang = begin + 2;
    for n in begin + 2..letters.len().min(MAX_HANG) {
        if letters[n] != ' ' && letters[n - 1] == ' ' && letters[n - 2] == ' ' {
            hang = n;
        }
    }
    hang
}

fn wrap_line(line: &str, width: usize) -> String {
    let mut rest: Vec<char> = line.trim_end().chars().collect();
    let hang = hang_of(&rest);
    let mut out = String::new();
    while rest.len() > width {
        let begin = rest.iter().take_while(|c| **c == ' ').count();
        let at = (begin + 1..=width)
            .rev()
            .find(|n| rest[*n] == ' ')
            .or_else(|| (width..rest.len()).find(|n| rest[*n] == ' '));
        let Some(at) = at else { break };
        let head: String = rest[..at].iter().collect();
        out.push_str(head.trim_end());
        out.push('\n');
        let tail = rest[at..].iter().skip_while(|c| **c == ' ');
        rest = std::iter::repeat_n(' ', hang)
            .chain(tail.copied())
            .collect();
    }
    out.extend(rest);
    out
}

/// The text in lines of the terminal's width; all but the first begin with `indent` spaces, and the
/// first has as many before it.
pub(super) fn hang(text: &str, indent: usize) -> String {
    let (width, mut out, mut column) = (width(), String::new(), indent);
    for (n, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if n > 0 && column + 1 + length > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if n > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// Rows of names and texts, the texts below each other, each row indented.
pub(super) fn rows(rows: &[(String, String)], most: usize) -> String {
    let longest = rows.iter().map(|(name, _)| name.chars().count()).max();
    let column = longest.unwrap_or(0).min(most);
    rows.iter()
        .map(|(name, text)| format!("  {name:<column$}  {text}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_goes_on_below_its_last_column_and_nothing_is_lost() {
        let line = format!("  den-01      {}", "Đèn Cổng làng ".repeat(20));
        let text = wrap(&line, 80);
        assert!(text.lines().count() > 3 && text.lines().all(|l| l.chars().count() <= 80));
        assert!(
            text.lines()
                .skip(1)
                .all(|l| l.starts_with("              Đ")
                    || l.starts_with("              C")
                    || l.starts_with("              l")),
            "{text}"
        );
        let words = |t: &str| t.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&line), words(&text));
        assert_eq!(wrap("ngắn\n\nhai", 80), "ngắn\n\nhai");
        let path = format!("Đã ghi {} xong", "x".repeat(90));
        assert_eq!(
            wrap(&path, 80).lines().nth(1),
            Some(&*format!("  {}", "x".repeat(90)))
        );
    }

    #[test]
    fn rows_stand_below_each_other() {
        let all = [
            ("a".to_owned(), "một".to_owned()),
            ("bốn".to_owned(), "hai".to_owned()),
        ];
        assert_eq!(rows(&all, 20), "  a    một\n  bốn  hai\n");
    }
}
