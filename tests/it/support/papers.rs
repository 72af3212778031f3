//! Papers that tests make: PDFs by hand and with letters, scans, zips of office programs. Nothing
//! of them is downloaded, and nothing is a file of the repository.

use std::io::Write as _;

use conglang::papers::reading::PaperReader;
use conglang::store::attachments::Attachments;
use conglang::store::paper_pages::PaperPages;
use flate2::Compression;
use flate2::write::{DeflateEncoder, ZlibEncoder};
use krilla::Document;
use krilla::geom::Point;
use krilla::page::PageSettings;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use ttf_parser::Face;

/// A paper of an A4 page, points.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;

/// A font of letters with all marks.
pub static NOTO: &[u8] = include_bytes!("../../../src/web/kit/print/font/NotoSans-Regular.ttf");

/// A PDF by hand: its objects from number 1 on, the first is its catalogue.
#[derive(Default)]
pub struct HandMadePdf {
    objects: Vec<Vec<u8>>,
    /// Further lines of the trailer.
    pub trailer: String,
}

impl HandMadePdf {
    /// A catalogue, a page tree, a page with this content and these lines in its dictionary.
    pub fn page(content: &str, more: &str) -> Self {
        let mut pdf = Self::default();
        pdf.put("<< /Type /Catalog /Pages 2 0 R >>");
        pdf.put("<< /Type /Pages /Kids [3 0 R] /Count 1 >>");
        let media = if more.contains("/MediaBox") {
            ""
        } else {
            "/MediaBox [0 0 595 842]"
        };
        pdf.put(&format!(
            "<< /Type /Page /Parent 2 0 R {media} /Contents 4 0 R \
             /Resources << /Font << /F 5 0 R >> /XObject << /X 6 0 R >> >> {more} >>"
        ));
        pdf.stream("", content.as_bytes());
        pdf.put("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
        pdf
    }

    /// The same, with letters in Latin.
    pub fn saying(words: &str, more: &str) -> Self {
        Self::page(&say(words), more)
    }

    pub fn put(&mut self, object: &str) {
        self.objects.push(object.as_bytes().to_vec());
    }

    pub fn stream(&mut self, dictionary: &str, content: &[u8]) {
        self.objects.push(Self::stream_of(dictionary, content));
    }

    fn stream_of(dictionary: &str, content: &[u8]) -> Vec<u8> {
        let mut object =
            format!("<< /Length {} {dictionary} >>\nstream\n", content.len()).into_bytes();
        object.extend_from_slice(content);
        object.extend_from_slice(b"\nendstream");
        object
    }

    /// Replaces a stream.
    pub fn replace_stream(&mut self, number: usize, dictionary: &str, content: &[u8]) {
        self.objects[number - 1] = Self::stream_of(dictionary, content);
    }

    /// Replaces what an object says.
    pub fn replace(&mut self, number: usize, object: &str) {
        self.objects[number - 1] = object.as_bytes().to_vec();
    }

    /// The file.
    pub fn finish(self) -> Vec<u8> {
        let mut out = b"%PDF-1.7\n".to_vec();
        let mut places = Vec::new();
        for (at, object) in self.objects.iter().enumerate() {
            places.push(out.len());
            out.extend_from_slice(format!("{} 0 obj\n", at + 1).as_bytes());
            out.extend_from_slice(object);
            out.extend_from_slice(b"\nendobj\n");
        }
        let start = out.len();
        let size = places.len() + 1;
        out.extend_from_slice(format!("xref\n0 {size}\n0000000000 65535 f \n").as_bytes());
        for place in places {
            out.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
        }
        let more = self.trailer;
        out.extend_from_slice(
            format!("trailer\n<< /Size {size} /Root 1 0 R {more} >>\nstartxref\n{start}\n%%EOF\n")
                .as_bytes(),
        );
        out
    }
}

/// Operators that write a line in Latin letters.
pub fn say(words: &str) -> String {
    format!("BT /F 14 Tf 60 700 Td ({words}) Tj ET")
}

/// A PDF with these lines on each page, in a font that is embedded.
pub fn letters<T: AsRef<[&'static str]>>(pages: &[T]) -> Vec<u8> {
    let face = Face::parse(NOTO, 0).expect("a font");
    let font = Font::new(NOTO.into(), 0).expect("a font");
    let mut document = Document::new();
    for lines in pages {
        let settings = PageSettings::from_wh(WIDTH, HEIGHT).expect("a size");
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for (line, n) in lines.as_ref().iter().zip(0_u8..) {
            let em = f32::from(face.units_per_em());
            let glyphs: Vec<_> = line
                .char_indices()
                .map(|(at, c)| {
                    let id = face.glyph_index(c).unwrap_or_default();
                    let advance = f32::from(face.glyph_hor_advance(id).unwrap_or_default()) / em;
                    let id = GlyphId::new(id.0.into());
                    KrillaGlyph::new(id, advance, 0.0, 0.0, 0.0, at..at + c.len_utf8(), None)
                })
                .collect();
            let start = Point::from_xy(60.0, 90.0 + 22.0 * f32::from(n));
            surface.draw_glyphs(start, &glyphs, font.clone(), line, 14.0, false);
        }
        surface.finish();
        page.finish();
    }
    document.finish().expect("a PDF")
}

/// Packed as PDFs pack.
pub fn zlib(content: &[u8]) -> Vec<u8> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
    out.write_all(content).expect("packed");
    out.finish().expect("packed")
}

/// These lines as a scanner sees them: an image of 200 dots to the inch, grey, and its size.
pub fn scanned(lines: &'static [&'static str]) -> (Vec<u8>, u32, u32) {
    let scale = 200.0 / 72.0;
    let pdf = hayro::hayro_syntax::Pdf::new(letters(&[lines])).expect("a PDF");
    let drawn = hayro::render(
        &pdf.pages()[0],
        &hayro::RenderCache::new(),
        &hayro::hayro_interpret::InterpreterSettings::default(),
        &hayro::RenderSettings::default(),
        &hayro::PixmapSettings {
            x_scale: scale,
            y_scale: scale,
            bg_color: hayro::vello_cpu::color::palette::css::WHITE,
        },
    );
    let grey = drawn.data_as_u8_slice().chunks_exact(4).map(|p| p[0]);
    (grey.collect(), drawn.width().into(), drawn.height().into())
}

/// A page that is one image; `layer` = operators that are written over it.
pub fn scan(lines: &'static [&'static str], layer: &str) -> Vec<u8> {
    let (grey, width, height) = scanned(lines);
    let mut pdf = HandMadePdf::page(&format!("q 595 0 0 842 0 0 cm /X Do Q {layer}"), "");
    let about = format!(
        "/Type /XObject /Subtype /Image /Width {width} /Height {height} /BitsPerComponent 8 \
         /ColorSpace /DeviceGray /Filter /FlateDecode"
    );
    pdf.stream(&about, &zlib(&grey));
    pdf.finish()
}

/// A file within a zip, and what the zip tells of it.
pub struct Zipped<'a> {
    pub name: &'a str,
    pub content: &'a [u8],
    /// The size that the zip claims, when it lies.
    pub claimed: Option<u32>,
    pub flags: u16,
}

impl<'a> Zipped<'a> {
    pub const fn new(name: &'a str, content: &'a [u8]) -> Self {
        Self {
            name,
            content,
            claimed: None,
            flags: 0,
        }
    }
}

/// A zip.
pub fn zip(files: &[Zipped<'_>]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    let number = |n: usize| u32::try_from(n).expect("small").to_le_bytes();
    for file in files {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
        packed.write_all(file.content).expect("packed");
        let packed = packed.finish().expect("packed");
        let mut crc = flate2::Crc::new();
        crc.update(file.content);
        let size = file
            .claimed
            .map_or(number(file.content.len()), u32::to_le_bytes);
        let place = number(out.len());
        let mut about = Vec::new();
        about.extend_from_slice(&20_u16.to_le_bytes());
        about.extend_from_slice(&file.flags.to_le_bytes());
        about.extend_from_slice(&8_u16.to_le_bytes());
        about.extend_from_slice(&[0; 4]);
        about.extend_from_slice(&crc.sum().to_le_bytes());
        about.extend_from_slice(&number(packed.len()));
        about.extend_from_slice(&size);
        about.extend_from_slice(&number(file.name.len())[..2]);
        about.extend_from_slice(&[0; 2]);
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&about);
        out.extend_from_slice(file.name.as_bytes());
        out.extend_from_slice(&packed);
        list.extend_from_slice(b"PK\x01\x02\x14\0");
        list.extend_from_slice(&about);
        list.extend_from_slice(&[0; 10]);
        list.extend_from_slice(&place);
        list.extend_from_slice(file.name.as_bytes());
    }
    let count = &number(files.len())[..2];
    let (start, length) = (number(out.len()), number(list.len()));
    out.extend_from_slice(&list);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    for part in [count, count, &length, &start, &[0, 0]] {
        out.extend_from_slice(part);
    }
    out
}

const TYPES: Zipped<'static> = Zipped::new("[Content_Types].xml", b"<Types/>");

/// A `.docx` with this body.
pub fn docx(body: &str) -> Vec<u8> {
    let xml = document_xml(body);
    zip(&[TYPES, Zipped::new("word/document.xml", xml.as_bytes())])
}

pub fn document_xml(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><w:document xmlns:w=\"http://w\"><w:body>{body}</w:body>\
         </w:document>"
    )
}

/// An `.xlsx` with one sheet of these rows, and these shared texts.
pub fn xlsx(rows: &str, shared: &str) -> Vec<u8> {
    styled_xlsx(rows, shared, "", "")
}

/// The same with a property of the book, and the content of its styles.
pub fn styled_xlsx(rows: &str, shared: &str, book: &str, styles: &str) -> Vec<u8> {
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    let shared = format!("<sst>{shared}</sst>");
    let book = format!(
        "<workbook><workbookPr {book}/><sheets><sheet name=\"Thu chi\"/></sheets></workbook>"
    );
    let styles = format!("<styleSheet>{styles}</styleSheet>");
    zip(&[
        TYPES,
        Zipped::new("xl/workbook.xml", book.as_bytes()),
        Zipped::new("xl/styles.xml", styles.as_bytes()),
        Zipped::new("xl/sharedStrings.xml", shared.as_bytes()),
        Zipped::new("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

/// What reads papers in the gateway, in folders of its own; its process is the real one.
pub fn reader(folder: &std::path::Path) -> PaperReader {
    PaperReader {
        program: env!("CARGO_BIN_EXE_conglang").to_owned(),
        attachments: Attachments::open(&folder.join("attachments")).expect("opens"),
        pages: PaperPages::open(&folder.join("papers")).expect("opens"),
    }
}
