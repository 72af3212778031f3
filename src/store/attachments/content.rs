//! The kind of a file of a notice, by its content and never by its name.
//!
//! Deliberately absent: reading it. A process of its own finds out what is within a paper.

use memchr::memmem;

use super::FileProblem;
use crate::domain::notice::AttachmentKind;

/// A PDF that says that it is encrypted; many of these open without a password.
pub(super) fn is_locked_pdf(content: &[u8]) -> bool {
    content.starts_with(b"%PDF-") && memmem::find(content, b"/Encrypt").is_some()
}

/// The kind of a file, by its content.
pub(super) fn kind_of(content: &[u8]) -> Result<AttachmentKind, FileProblem> {
    let begins = |with: &[u8]| content.starts_with(with);
    let holds = |part: &[u8]| memmem::find(content, part).is_some();
    if begins(b"\x89PNG\r\n\x1a\n")
        || begins(b"\xff\xd8\xff")
        || (begins(b"RIFF") && content.get(8..12) == Some(b"WEBP"))
    {
        return Ok(AttachmentKind::Picture);
    }
    if content.get(4..8) == Some(b"ftyp") {
        let brands: [&[u8]; 6] = [b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1"];
        let brand = content.get(8..12).unwrap_or_default();
        return Err(if brands.contains(&brand) {
            FileProblem::Heic
        } else {
            FileProblem::OtherKind
        });
    }
    if begins(b"%PDF-") {
        let end = content.len().saturating_sub(2048);
        let is_whole = memmem::find(&content[end..], b"%%EOF").is_some();
        let has_pages = holds(b"startxref");
        return if is_whole && has_pages {
            Ok(AttachmentKind::Pdf)
        } else {
            Err(FileProblem::FalsePdf)
        };
    }
    if begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        // A new paper with a password is a locked box of the old form.
        let locked = "EncryptedPackage".bytes().flat_map(|b| [b, 0]);
        return Err(if holds(&locked.collect::<Vec<u8>>()) {
            FileProblem::Locked
        } else {
            FileProblem::OldOffice
        });
    }
    if begins(b"PK\x03\x04") && holds(b"[Content_Types].xml") {
        if holds(b"word/document.xml") {
            return Ok(AttachmentKind::Docx);
        }
        if holds(b"xl/workbook.xml") {
            return Ok(AttachmentKind::Xlsx);
        }
    }
    Err(FileProblem::OtherKind)
}
