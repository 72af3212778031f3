//! The part of the corpus that is locked, and that is written in fonts of before Unicode.

use conglang::protocol::paper::PaperProblem;
use conglang::store::attachments::FileProblem;
use ttf_parser::Face;

use super::paper_corpus::Outcome::{Read, Recognised, Refused, Unread};
use super::paper_corpus::{Sample, sample};
use super::papers::{HandMadePdf, NOTO};

/// The dictionary of a lock that opens without a password: RC4 of 40 bits, its user's word empty.
const OPEN_LOCK: &str = "/Encrypt << /Filter /Standard /V 1 /R 2 \
     /O <1111111111111111111111111111111111111111111111111111111111111111> \
     /U <151c12695c3d7c1df27619a599ae284fe56605cefc5a01a7e624331fb1337e51> \
     /P -44 >> /ID [<00> <00>]";
/// “BT /F 14 Tf 60 700 Td (Opens for everybody) Tj ET” as the fourth object behind this lock.
const BEHIND_THE_LOCK: &str = "4bed1ae2fb6afbd69623e36217d374481a3cfa2dd88f8958d8f4c16e920c\
    d2321b1e6b2119084a1c3a35e3ddc6d17dc92d";

fn bytes_of(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(pair, 16).expect("hexadecimal")
        })
        .collect()
}

/// A PDF that is protected against changes: it is encrypted, and opens for everybody.
pub fn protected() -> Vec<u8> {
    let mut pdf = HandMadePdf::page("", "");
    pdf.replace_stream(4, "", &bytes_of(BEHIND_THE_LOCK));
    OPEN_LOCK.clone_into(&mut pdf.trailer);
    pdf.finish()
}

/// A PDF that a password opens, and nothing else.
pub fn with_password() -> Vec<u8> {
    let mut pdf = HandMadePdf::page("", "");
    pdf.replace_stream(4, "", &bytes_of(BEHIND_THE_LOCK));
    let wrong = OPEN_LOCK.replace("/U <15", "/U <00");
    assert_ne!(wrong, OPEN_LOCK);
    pdf.trailer = wrong;
    pdf.finish()
}

/// These characters of Latin-1 as a string of a PDF.
fn western(text: &str) -> String {
    let byte = |c: char| {
        let code = u8::try_from(c).expect("Latin-1");
        if c.is_ascii_alphanumeric() || c == ' ' {
            c.to_string()
        } else {
            format!("\\{code:03o}")
        }
    };
    text.chars().map(byte).collect()
}

/// A line in a font of this name, with one code for each letter; it is within the file or is not.
fn simple(name: &str, text: &str, is_embedded: bool) -> Vec<u8> {
    let line = format!("BT /F 14 Tf 60 700 Td ({}) Tj ET", western(text));
    let mut pdf = HandMadePdf::page(&line, "");
    // Without widths of its own it has those of the font that stands in for it.
    let file = if is_embedded {
        let widths = "500 ".repeat(224);
        format!("/FontDescriptor 7 0 R /FirstChar 32 /LastChar 255 /Widths [{widths}]")
    } else {
        String::new()
    };
    pdf.replace(
        5,
        &format!(
            "<< /Type /Font /Subtype /TrueType /BaseFont /ABCDEF+{name} \
             /Encoding /WinAnsiEncoding {file} >>"
        ),
    );
    pdf.put("null");
    if is_embedded {
        pdf.put(&format!(
            "<< /Type /FontDescriptor /FontName /ABCDEF+{name} /Flags 32 /FontFile2 8 0 R >>"
        ));
        pdf.stream("", NOTO);
    }
    pdf.finish()
}

/// A line that is drawn as it should be, in a font whose letters tell others.
fn lying(name: &str, text: &str, told: &str) -> Vec<u8> {
    let face = Face::parse(NOTO, 0).expect("a font");
    let glyph = |c: char| face.glyph_index(c).expect("a glyph").0;
    let codes: String = text.chars().map(|c| format!("{:04X}", glyph(c))).collect();
    let mut pdf = HandMadePdf::page(&format!("BT /F 20 Tf 60 700 Td <{codes}> Tj ET"), "");
    pdf.replace(
        5,
        &format!(
            "<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H \
             /DescendantFonts [7 0 R] /ToUnicode 9 0 R >>"
        ),
    );
    pdf.put("null");
    let em = f32::from(face.units_per_em());
    let width = |c: char| {
        let id = ttf_parser::GlyphId(glyph(c));
        let advance = f32::from(face.glyph_hor_advance(id).unwrap_or_default());
        format!("{} [{:.0}] ", glyph(c), advance / em * 1_000.0)
    };
    let widths: String = text.chars().map(width).collect();
    pdf.put(&format!(
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /CIDToGIDMap /Identity \
         /W [{widths}] /FontDescriptor 8 0 R \
         /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>"
    ));
    pdf.put(&format!(
        "<< /Type /FontDescriptor /FontName /{name} /Flags 4 /FontFile2 10 0 R >>"
    ));
    let rows: Vec<String> = text
        .chars()
        .filter(|c| *c != ' ')
        .zip(told.chars().cycle())
        .map(|(c, lie)| format!("<{:04X}> <{:04X}>\n", glyph(c), u32::from(lie)))
        .collect();
    let space = format!("<{:04X}> <0020>\n", glyph(' '));
    let map = format!(
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n\
         1 begincodespacerange <0000> <FFFF> endcodespacerange\n\
         {} beginbfchar\n{space}{}endbfchar\nendcmap end end",
        rows.len() + 1,
        rows.concat()
    );
    pdf.stream("", map.as_bytes());
    pdf.stream("", NOTO);
    pdf.finish()
}

const TCVN3: &str = "KÝnh mêi bµ con th«n BÕn Thãc häp bµn viÖc n¹o vÐt m\u{ad}¬ng n\u{ad}íc";
const VNI: &str = "Kính môøi baø con thoân Beán Thoùc hoïp baøn vieäc naïo veùt möông nöôùc";
const SAID: &[&str] = &["Kính mời bà con thôn Bến Thóc họp bàn việc nạo vét mương nước"];
const FRENCH: &str = "Le théâtre à côté de la forêt est fermé depuis la fin du mois";

/// Papers that are locked, and papers in fonts of before Unicode.
pub fn odd() -> Vec<Sample> {
    let old_office = |within: &str| {
        let wide: Vec<u8> = within.bytes().flat_map(|b| [b, 0]).collect();
        [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(), &wide].concat()
    };
    vec![
        sample("protected", protected(), Read(1, &["Opens for everybody"])),
        sample(
            "a password",
            with_password(),
            Unread(PaperProblem::Encrypted),
        ),
        sample(
            ".docx with a password",
            old_office("EncryptedPackage"),
            Refused(FileProblem::Locked),
        ),
        sample(
            ".doc",
            old_office("WordDocument"),
            Refused(FileProblem::OldOffice),
        ),
        sample(".VnTime", simple(".VnTime", TCVN3, true), Read(1, SAID)),
        sample(
            ".VnTime, not embedded",
            simple(".VnTime", TCVN3, false),
            Read(1, SAID),
        ),
        sample(
            ".VnTimeH",
            simple(".VnTimeH", "Th«ng b¸o häp th«n", true),
            Read(1, &["THÔNG BÁO HỌP THÔN"]),
        ),
        sample("VNI-Times", simple("VNI-Times", VNI, true), Read(1, SAID)),
        sample(
            "VNI-Times, not embedded",
            simple("VNI-Times", VNI, false),
            Read(1, SAID),
        ),
        sample(
            "TCVN3 in a font without a name",
            simple("F1", TCVN3, true),
            Read(1, SAID),
        ),
        sample("French", simple("Times", FRENCH, true), Read(1, &[FRENCH])),
        sample(
            ".VnTime that tells other letters",
            lying(".VnTime", "Kính mời bà con họp thôn", "ÿþÐÝ¶¾ÞðßÿÐÞ×"),
            Recognised(1, &["họp thôn"]),
        ),
    ]
}
