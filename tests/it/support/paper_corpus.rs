//! The corpus: papers as office programs, scanners, broken disks and people with bad intentions
//! make them, each with what is to become of it.

use conglang::protocol::paper::PaperProblem;
use conglang::store::attachments::FileProblem;

use super::papers::{HandMadePdf, letters, say, scan, scanned, zlib};

/// What is to become of a paper.
pub enum Outcome {
    /// It is not kept.
    Refused(FileProblem),
    /// It is kept; nothing of it can be read, for this reason.
    Unread(PaperProblem),
    /// It is read: so many pages, and these words are in its text.
    Read(u32, &'static [&'static str]),
    /// The same, by the program that reads letters.
    Recognised(u32, &'static [&'static str]),
    /// It has pages and no text.
    Silent(u32),
    /// Whatever is read of it, it ends within the bounds.
    Bounded,
}

use Outcome::{Bounded, Read, Recognised, Refused, Silent, Unread};

/// A paper of the corpus.
pub struct Sample {
    pub name: &'static str,
    pub content: Vec<u8>,
    pub outcome: Outcome,
}

pub fn sample(name: &'static str, content: Vec<u8>, outcome: Outcome) -> Sample {
    Sample {
        name,
        content,
        outcome,
    }
}

const MEETING: &[&str] = &["Kính mời bà con họp thôn", "lúc 19 giờ 30 tại nhà văn hóa"];
const MARKS: &[&str] = &["Đường Nguyễn Tuệ ngập, bể vỡ; ẵm bế trẻ, lỗ hổng ở kè; ỹ ữ ậ ằ ợ ộ"];
/// Each is a page.
const HUNDREDS: [&[&str]; 1] = [&["Biểu tổng hợp thu chi của thôn"]];

/// Papers as people make them.
pub fn usual() -> Vec<Sample> {
    let joined = &["Kính mời bà con họp thôn lúc 19 giờ 30 tại nhà văn hóa"];
    let rotated = |by: &str| HandMadePdf::saying("A page that was turned", by).finish();
    vec![
        sample("a page of letters", letters(&[MEETING]), Read(1, joined)),
        sample("two pages", letters(&[MEETING, MARKS]), Read(2, MARKS)),
        sample("stacked marks", letters(&[MARKS]), Read(1, MARKS)),
        sample(
            "500 pages",
            letters(&[HUNDREDS[0]; 500]),
            Read(500, HUNDREDS[0]),
        ),
        sample(
            "501 pages",
            letters(&[HUNDREDS[0]; 501]),
            Read(501, HUNDREDS[0]),
        ),
        sample(
            "turned by 90",
            rotated("/Rotate 90"),
            Read(1, &["A page that was turned"]),
        ),
        sample(
            "turned by 180",
            rotated("/Rotate 180"),
            Read(1, &["A page that was turned"]),
        ),
        sample(
            "turned by 270",
            rotated("/Rotate 270"),
            Read(1, &["A page that was turned"]),
        ),
        sample(
            "turned by 45",
            rotated("/Rotate 45"),
            Read(1, &["A page that was turned"]),
        ),
        sample("kerning", kerned(), Read(1, &["Hop thon thu bay nay"])),
        sample(
            "a form object",
            within_object(),
            Read(1, &["Words within a form object"]),
        ),
        sample(
            "letters by a table alone",
            by_table(true),
            Read(1, &["Họp thôn tối thứ bảy"]),
        ),
        sample("letters without a table", by_table(false), Silent(1)),
        sample(
            "a scan",
            scan(MEETING, ""),
            Recognised(1, &["họp thôn", "19 giờ 30"]),
        ),
        sample("a scan as JPEG", jpeg_scan(), Recognised(1, &["họp thôn"])),
        sample(
            "a scan with a layer of letters",
            scan(
                MEETING,
                "BT 3 Tr /F 14 Tf 60 700 Td (Hop thon luc 19 gio 30) Tj ET",
            ),
            Read(1, &["Hop thon luc 19 gio 30"]),
        ),
        sample(
            "an empty page",
            HandMadePdf::page("", "").finish(),
            Silent(1),
        ),
        sample(
            "two columns",
            HandMadePdf::page(
                "BT /F 11 Tf 60 700 Td (Left column begins) Tj 0 -14 Td (and goes on.) Tj \
                 240 14 Td (Right column begins) Tj 0 -14 Td (and ends.) Tj ET",
                "",
            )
            .finish(),
            Read(
                1,
                &[
                    "Left column begins and goes on.",
                    "Right column begins and ends.",
                ],
            ),
        ),
        sample(
            "a form with fields and a script",
            with_script(),
            Read(1, &["Please fill in your name"]),
        ),
    ]
}

/// Letters that are moved one by one.
fn kerned() -> Vec<u8> {
    let mut pdf = HandMadePdf::page(
        "BT /F 14 Tf 60 700 Td [(H) 20 (op th) -15 (on) -400 (thu bay nay)] TJ ET",
        "",
    );
    pdf.trailer = "/Info << /Title (x) >>".into();
    pdf.finish()
}

/// Letters in an object that the page shows.
fn within_object() -> Vec<u8> {
    let mut pdf = HandMadePdf::page("/X Do", "");
    let about = "/Type /XObject /Subtype /Form /BBox [0 0 595 842] \
                 /Resources << /Font << /F 5 0 R >> >>";
    pdf.stream(about, say("Words within a form object").as_bytes());
    pdf.finish()
}

/// A font of which only the table to Unicode tells what its letters are.
fn by_table(has_table: bool) -> Vec<u8> {
    let words = "Họp thôn tối thứ bảy";
    let codes: String = (1..=words.chars().count())
        .map(|n| format!("{n:04X}"))
        .collect();
    let mut pdf = HandMadePdf::page(&format!("BT /F 14 Tf 60 700 Td <{codes}> Tj ET"), "");
    let table = if has_table { "/ToUnicode 8 0 R" } else { "" };
    pdf.replace(
        5,
        &format!(
            "<< /Type /Font /Subtype /Type0 /BaseFont /Away /Encoding /Identity-H \
             /DescendantFonts [7 0 R] {table} >>"
        ),
    );
    pdf.put("null");
    pdf.put(
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Away /DW 600 \
         /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>",
    );
    let rows: String = (1..)
        .zip(words.chars())
        .map(|(n, c)| format!("<{n:04X}> <{:04X}>\n", u32::from(c)))
        .collect();
    let map = format!(
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n\
         1 begincodespacerange <0000> <FFFF> endcodespacerange\n\
         {} beginbfchar\n{rows}endbfchar\nendcmap end end",
        words.chars().count()
    );
    pdf.stream("", map.as_bytes());
    pdf.finish()
}

fn jpeg_scan() -> Vec<u8> {
    let (grey, width, height) = scanned(MEETING);
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 80)
        .encode(&grey, width, height, image::ExtendedColorType::L8)
        .expect("a JPEG");
    let mut pdf = HandMadePdf::page("q 595 0 0 842 0 0 cm /X Do Q", "");
    let about = format!(
        "/Type /XObject /Subtype /Image /Width {width} /Height {height} /BitsPerComponent 8 \
         /ColorSpace /DeviceGray /Filter /DCTDecode"
    );
    pdf.stream(&about, &jpeg);
    pdf.finish()
}

fn with_script() -> Vec<u8> {
    let mut pdf = HandMadePdf::saying("Please fill in your name", "/Annots [7 0 R]");
    pdf.replace(
        1,
        "<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert(1)) >> \
         /AcroForm << /Fields [7 0 R] >> /Names << /EmbeddedFiles \
         << /Names [(a.exe) 8 0 R] >> >> >>",
    );
    pdf.put("null");
    pdf.put(
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Mau) /Rect [60 600 200 620] \
         /A << /S /Launch /F (calc.exe) >> >>",
    );
    pdf.put("<< /Type /Filespec /F (a.exe) >>");
    pdf.finish()
}

/// Papers that are damaged, or lie.
pub fn damaged() -> Vec<Sample> {
    let whole = HandMadePdf::saying("Words that survive", "").finish();
    let said: &[&str] = &["Words that survive"];
    let replaced = |a: &str, b: &str| {
        let text = String::from_utf8(whole.clone()).expect("text");
        assert!(text.contains(a), "{a}");
        text.replace(a, b).into_bytes()
    };
    let cut = |at: usize, end: &[u8]| [&whole[..at], end].concat();
    let boxed = |of: &str| HandMadePdf::saying("Words that survive", of).finish();
    let xref = String::from_utf8_lossy(&whole).find("xref").expect("there");
    vec![
        sample(
            "cut in the middle",
            cut(whole.len() / 2, b""),
            Refused(FileProblem::FalsePdf),
        ),
        sample(
            "a page of HTML",
            b"%PDF-<html></html>".to_vec(),
            Refused(FileProblem::FalsePdf),
        ),
        sample(
            "its table is gone",
            cut(xref, b"startxref\n0\n%%EOF\n"),
            Read(1, said),
        ),
        sample(
            "a wrong place of its table",
            replaced("startxref\n", "startxref\n9"),
            Read(1, said),
        ),
        sample(
            "a table before itself",
            replaced("/Root", &format!("/Prev {xref} /Root")),
            Bounded,
        ),
        sample(
            "a wrong size",
            replaced("/Size 6", "/Size 900000000"),
            Bounded,
        ),
        sample(
            "a wrong count",
            replaced("/Count 1", "/Count 900000000"),
            Read(1, said),
        ),
        sample(
            "a content too short",
            replaced("/Length 48", "/Length 3"),
            Bounded,
        ),
        sample(
            "a content without end",
            replaced("/Length 48", "/Length 999999999"),
            Read(1, said),
        ),
        sample(
            "a huge box",
            boxed("/MediaBox [0 0 1000000000 1000000000]"),
            Bounded,
        ),
        sample(
            "a box of nothing",
            boxed("/MediaBox [0 0 0.001 0.001]"),
            Bounded,
        ),
        sample(
            "a strip of a box",
            boxed("/MediaBox [0 0 1 900000]"),
            Bounded,
        ),
        sample(
            "a box backwards",
            boxed("/MediaBox [595 842 0 0]"),
            Read(1, said),
        ),
        sample(
            "a box of names",
            boxed("/MediaBox [/A /B (c) null]"),
            Bounded,
        ),
        sample("no pages", replaced("/Kids [3 0 R]", "/Kids []"), Bounded),
        sample(
            "a page tree in a circle",
            replaced("/Kids [3 0 R]", "/Kids [2 0 R]"),
            Bounded,
        ),
        sample(
            "letters that turn the text",
            letters(&[["họp \u{202e}thôn\u{200b} mai"]]),
            Bounded,
        ),
        sample("noise behind its head", noise(), Bounded),
    ]
}

fn noise() -> Vec<u8> {
    let mut n = 1_u32;
    let mut out = b"%PDF-1.7\n".to_vec();
    out.extend((0..200_000).map(|_| {
        n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        n.to_be_bytes()[0]
    }));
    out.extend_from_slice(b"\nstartxref\n9\n%%EOF\n");
    out
}

/// Papers that are locked, or mean harm.
pub fn hostile() -> Vec<Sample> {
    let locked = |trailer: &str| {
        let mut pdf = HandMadePdf::saying("Secret", "");
        trailer.clone_into(&mut pdf.trailer);
        pdf.finish()
    };
    let key = "00".repeat(32);
    let standard = format!(
        "/Encrypt << /Filter /Standard /V 1 /R 2 /O <{key}> /U <{key}> /P -44 >> \
         /ID [<00> <00>]"
    );
    let strange = "/Encrypt << /Filter /Other /V 9 >> /ID [<00> <00>]";
    let mut page = HandMadePdf::page("/X Do", "");
    page.stream(
        "/Type /XObject /Subtype /Form /BBox [0 0 595 842] \
         /Resources << /XObject << /X 6 0 R >> >>",
        b"/X Do /X Do",
    );
    let itself = page.finish();
    let image = |about: &str, content: &[u8]| {
        let mut pdf = HandMadePdf::page("q 595 0 0 842 0 0 cm /X Do Q", "");
        pdf.stream(&format!("/Type /XObject /Subtype /Image {about}"), content);
        pdf.finish()
    };
    let large = "/Width 60000 /Height 60000 /BitsPerComponent 8 /ColorSpace /DeviceRGB";
    let mut bomb = HandMadePdf::page("", "");
    bomb.stream(
        "/Filter [/FlateDecode /FlateDecode]",
        &zlib(&zero_bomb(2_000)),
    );
    bomb.replace(
        3,
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 6 0 R >>",
    );
    let mut type3 = HandMadePdf::page("BT /F 14 Tf 60 700 Td (aaaa) Tj ET", "");
    type3.replace(
        5,
        "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [1 0 0 1 0 0] \
         /FirstChar 97 /LastChar 97 /Widths [1] /CharProcs << /a 7 0 R >> \
         /Encoding << /Differences [97 /a] >> /Resources << /Font << /F 5 0 R >> >> >>",
    );
    type3.put("null");
    type3.stream("", b"BT /F 1 Tf (aaaaaaaa) Tj ET");
    let deep = "[".repeat(200_000);
    let lines = "BT /F 1 Tf 9 9 Td (0123456789) Tj ET\n".repeat(30_000);
    vec![
        sample(
            "a password",
            locked(&standard),
            Unread(PaperProblem::Encrypted),
        ),
        sample(
            "a strange lock",
            locked(strange),
            Unread(PaperProblem::Encrypted),
        ),
        sample("an object within itself", itself, Bounded),
        sample("an image of 10 GB", image(large, &[0; 64]), Bounded),
        sample(
            "a packed image of 10 GB",
            image(&format!("{large} /Filter /FlateDecode"), &zero_bomb(100)),
            Bounded,
        ),
        sample(
            "a damaged JPEG 2000",
            image("/Filter /JPXDecode", b"\0\0\0\x0cjP  \r\n"),
            Bounded,
        ),
        sample(
            "a damaged JBIG2",
            image(
                "/Width 9000 /Height 9000 /BitsPerComponent 1 /Filter /JBIG2Decode",
                &[0xff; 90],
            ),
            Bounded,
        ),
        sample("a content of 2 GB", bomb.finish(), Bounded),
        sample("a letter that writes itself", type3.finish(), Bounded),
        sample(
            "brackets without end",
            HandMadePdf::page(&deep, "").finish(),
            Bounded,
        ),
        sample(
            "states without end",
            HandMadePdf::page(&"q ".repeat(500_000), "").finish(),
            Bounded,
        ),
        sample(
            "too many letters",
            HandMadePdf::page(&lines, "").finish(),
            Bounded,
        ),
    ]
}

/// A zlib stream of so many MB of zeros, made without packing them.
fn zero_bomb(megabytes: usize) -> Vec<u8> {
    use std::io::Write as _;
    let mut block = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    block.write_all(&vec![0; 1 << 20]).expect("packed");
    // An end of the block at a whole byte: the block may stand there any number of times.
    block.flush().expect("packed");
    let block = block.get_ref().clone();
    let mut out = vec![0x78, 0x9c];
    for _ in 0..megabytes {
        out.extend_from_slice(&block);
    }
    out
}
