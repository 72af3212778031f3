//! The part of the corpus that office programs make, and those who pretend to be one.

use conglang::protocol::paper::PaperProblem;
use conglang::store::attachments::FileProblem;

use super::paper_corpus::Outcome::{Read, Refused, Silent, Unread};
use super::paper_corpus::{Sample, sample};
use super::papers::{Zipped, document_xml, docx, styled_xlsx, xlsx, zip};

/// Styles of cells: a number, a built-in day, a day and a time, a time, a month.
const STYLES: &str = "<numFmts><numFmt numFmtId=\"164\" formatCode=\"dd/mm/yyyy\\ h:mm\"/>\
    <numFmt numFmtId=\"165\" formatCode=\"&quot;tháng&quot;\\ mm/yyyy\"/></numFmts>\
    <cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs><cellXfs><xf numFmtId=\"0\"/>\
    <xf numFmtId=\"14\"/><xf numFmtId=\"164\"/><xf numFmtId=\"20\"/><xf numFmtId=\"165\"/></cellXfs>";
/// Cells of these styles; a text keeps its own whatever its style.
const DAYS: &str = "<row><c t=\"s\" s=\"1\"><v>0</v></c><c s=\"1\"><v>46357</v></c></row>\
    <row><c s=\"2\"><v>46361.8125</v></c><c><v>46357</v></c><c s=\"3\"><v>0.3125</v></c>\
    <c s=\"4\"><v>46357</v></c></row>";

/// Papers of office programs.
#[expect(clippy::too_many_lines, reason = "a list")]
pub fn office() -> Vec<Sample> {
    let body = "<w:p><w:r><w:t>Họp thôn</w:t></w:r><w:r><w:tab/><w:t>&amp; bầu tổ &#273;i</w:t>\
                </w:r></w:p><w:p><w:r><w:t>Mang CCCD</w:t></w:r></w:p>";
    let cell = |words: &str| format!("<w:tc><w:p><w:r><w:t>{words}</w:t></w:r></w:p></w:tc>");
    let table = format!(
        "<w:tbl><w:tr>{}{}</w:tr></w:tbl>",
        cell("Quỹ"),
        cell("500.000 đ")
    );
    let tracked = "<w:p><w:r><w:t>Còn lại</w:t></w:r><w:del><w:r><w:t>bỏ đi</w:t></w:r></w:del>\
                   </w:p>";
    let xml = document_xml(body);
    let document = |content: &[u8], claimed: Option<u32>, flags: u16| {
        zip(&[
            Zipped::new("[Content_Types].xml", b"<Types/>"),
            Zipped {
                name: "word/document.xml",
                content,
                claimed,
                flags,
            },
        ])
    };
    let zeros = vec![b' '; 40 << 20];
    let laughs = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]>\
                  <w:document><w:p><w:r><w:t>Họp thôn &b;</w:t></w:r></w:p></w:document>";
    let deep = format!("{}{}", "<w:p>".repeat(900), "</w:p>".repeat(900));
    let whole = docx(body);
    let rows = "<row><c t=\"s\"><v>1</v></c><c><f>1+1</f><v>2</v></c></row>\
                <row><c t=\"inlineStr\"><is><t>Điện</t></is></c><c t=\"s\"><v>99</v></c></row>";
    let shared = "<si><t>x</t></si><si><r><t>Nộp </t></r><r><t>quỹ</t></r></si>";
    let many: Vec<String> = (0..3_000).map(|n| format!("x{n}")).collect();
    let mut many: Vec<_> = many.iter().map(|name| Zipped::new(name, b"")).collect();
    many.push(Zipped::new("[Content_Types].xml", b""));
    many.push(Zipped::new("word/document.xml", xml.as_bytes()));
    vec![
        sample(
            ".docx",
            whole.clone(),
            Read(1, &["Họp thôn & bầu tổ đi\nMang CCCD"]),
        ),
        sample(
            ".docx, a table",
            docx(&table),
            Read(1, &["Quỹ | 500.000 đ"]),
        ),
        sample(
            ".docx, tracked changes",
            docx(tracked),
            Read(1, &["Còn lại"]),
        ),
        sample(
            ".docx, a bomb",
            document(&zeros, None, 0),
            Unread(PaperProblem::TooLarge),
        ),
        sample(
            ".docx, a wrong size",
            document(xml.as_bytes(), Some(3), 0),
            Read(1, &["Họp thôn"]),
        ),
        sample(
            ".docx, locked",
            document(b"x", None, 1),
            Unread(PaperProblem::Encrypted),
        ),
        sample(
            ".docx, entities",
            document(laughs.as_bytes(), None, 0),
            Read(1, &["Họp thôn"]),
        ),
        sample(
            ".docx, too deep",
            docx(&deep),
            Unread(PaperProblem::TooLarge),
        ),
        sample(
            ".docx, 3,000 files",
            zip(&many),
            Unread(PaperProblem::TooLarge),
        ),
        sample(
            ".docx, its list is gone",
            whole[..whole.len() - 30].to_vec(),
            Unread(PaperProblem::Unreadable),
        ),
        sample(
            ".docx, no XML",
            document(&[0xff, 0xfe, b'<', 0], None, 0),
            Unread(PaperProblem::Unreadable),
        ),
        sample(
            ".xlsx",
            xlsx(rows, shared),
            Read(1, &["Thu chi\nNộp quỹ | 2\nĐiện"]),
        ),
        sample(".xlsx, empty", xlsx("", ""), Silent(1)),
        sample(
            ".xlsx, days",
            styled_xlsx(DAYS, "<si><t>Hạn nộp</t></si>", "", STYLES),
            Read(
                1,
                &["Hạn nộp | 01/12/2026\n05/12/2026 19:30 | 46357 | 07:30 | 12/2026"],
            ),
        ),
        sample(
            ".xlsx, days from 1904",
            styled_xlsx(DAYS, "<si><t>Hạn nộp</t></si>", "date1904=\"1\"", STYLES),
            Read(
                1,
                &["Hạn nộp | 02/12/2030\n06/12/2030 19:30 | 46357 | 07:30 | 12/2030"],
            ),
        ),
        sample(
            ".doc",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more".to_vec(),
            Refused(FileProblem::OldOffice),
        ),
        sample(
            "HEIC",
            b"\0\0\0\x18ftypheic".to_vec(),
            Refused(FileProblem::Heic),
        ),
        sample(
            "another zip",
            zip(&[Zipped::new("a", b"b")]),
            Refused(FileProblem::OtherKind),
        ),
    ]
}
