//! The columns of the file with procedures, and the headings by which they are known.

use crate::domain::text::fold::{fold, words};

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// The code at the national portal.
    Code,
    /// The name.
    Name,
    /// The names that people use for it.
    AlsoCalled,
    /// The papers to bring.
    Papers,
    /// Where to.
    Place,
    /// When somebody is there.
    Hours,
    /// How long it takes.
    Time,
    /// The fee.
    Fee,
    /// The official page.
    Link,
    /// The first day in effect.
    From,
    /// The last day in effect.
    Until,
}

/// All columns, in the order in which they are written.
pub(super) const COLUMNS: [Column; 11] = [
    Column::Code,
    Column::Name,
    Column::Papers,
    Column::Place,
    Column::Hours,
    Column::Time,
    Column::Fee,
    Column::Link,
    Column::From,
    Column::Until,
    Column::AlsoCalled,
];

impl Column {
    /// The heading under which it is written.
    pub(super) const fn heading(self) -> &'static str {
        match self {
            Self::Code => "Mã",
            Self::Name => "Tên thủ tục",
            Self::Papers => "Giấy tờ",
            Self::Place => "Nơi nhận",
            Self::Hours => "Giờ nhận",
            Self::Time => "Thời hạn",
            Self::Fee => "Lệ phí",
            Self::Link => "Liên kết",
            Self::From => "Hiệu lực từ",
            Self::Until => "Hiệu lực đến",
            Self::AlsoCalled => "Còn gọi là",
        }
    }

    /// The headings under which offices write it, folded.
    const fn known(self) -> &'static [&'static str] {
        match self {
            Self::Code => &["ma", "ma thu tuc", "ma tthc", "ma so", "code"],
            Self::Name => &["ten thu tuc", "ten", "thu tuc", "ten tthc", "name"],
            Self::Papers => &[
                "giay to",
                "giay to can mang",
                "thanh phan ho so",
                "ho so",
                "papers",
            ],
            Self::Place => &[
                "noi nhan",
                "noi tiep nhan",
                "noi nop",
                "co quan thuc hien",
                "place",
            ],
            Self::Hours => &["gio nhan", "gio tiep nhan", "gio lam viec", "gio", "hours"],
            Self::Time => &["thoi han", "thoi han giai quyet", "thoi gian", "time"],
            Self::Fee => &["le phi", "phi", "phi le phi", "fee"],
            Self::Link => &["lien ket", "duong dan", "link", "url"],
            Self::From => &["hieu luc tu", "tu ngay", "ngay hieu luc", "from"],
            Self::Until => &["hieu luc den", "den ngay", "het hieu luc", "until"],
            Self::AlsoCalled => &["con goi la", "ten khac", "ten cu", "also called"],
        }
    }

    /// The column with this heading.
    pub(super) fn named(heading: &str) -> Option<Self> {
        let folded = fold(heading);
        let plain = words(&folded).collect::<Vec<_>>().join(" ");
        COLUMNS
            .into_iter()
            .find(|column| column.known().contains(&plain.as_str()))
    }
}

/// Where each column of a file stands, and what its heading says.
#[derive(Debug, Default)]
pub(super) struct Headings(Vec<(Column, usize, String)>);

impl Headings {
    /// Adds a column; false = it is there already.
    pub(super) fn add(&mut self, column: Column, place: usize, heading: &str) -> bool {
        let is_new = self.place_of(column).is_none();
        if is_new {
            self.0.push((column, place, heading.to_owned()));
        }
        is_new
    }

    /// Where a column stands, and its heading.
    pub(super) fn place_of(&self, column: Column) -> Option<(usize, &str)> {
        let found = self.0.iter().find(|(c, ..)| *c == column);
        found.map(|(_, place, heading)| (*place, heading.as_str()))
    }

    /// Whether a place has a heading.
    pub(super) fn has(&self, place: usize) -> bool {
        self.0.iter().any(|(_, p, _)| *p == place)
    }

    /// The cell of a column in a row; empty = it has none.
    pub(super) fn cell<'a>(&self, cells: &[&'a str], column: Column) -> &'a str {
        let place = self.place_of(column).map(|(place, _)| place);
        place
            .and_then(|place| cells.get(place))
            .copied()
            .unwrap_or_default()
    }
}
