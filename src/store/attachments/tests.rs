//! Files of notices: what is kept of each, and what leaves nothing.

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use memchr::memmem;

use super::*;

struct Shelf {
    folder: tempfile::TempDir,
    store: Attachments,
}

impl Shelf {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let store = Attachments::open(folder.path()).expect("opens");
        Self { folder, store }
    }

    fn send(&self, content: &[u8]) -> Result<Attachment, FileProblem> {
        let mut file = self.store.begin()?;
        for piece in content.chunks(10_000) {
            file.write(piece)?;
        }
        file.keep()
    }

    /// The names of all files, also of those that are coming in.
    fn names(&self) -> Vec<String> {
        let list = |folder: &Path| -> Vec<String> {
            let entries = fs::read_dir(folder).expect("folder");
            entries
                .map(|e| e.expect("entry").file_name().into_string().expect("name"))
                .filter(|name| name != INCOMING)
                .collect()
        };
        let mut all = list(self.folder.path());
        all.extend(list(&self.folder.path().join(INCOMING)));
        all.sort();
        all
    }
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = io::Cursor::new(Vec::new());
    picture.write_to(&mut out, format).expect("encoded");
    out.into_inner()
}

fn tone(n: u32) -> u8 {
    u8::try_from(n % 251).expect("a tone")
}

fn photo(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([tone(x), tone(y), tone(x + y)])).into()
}

/// A PNG whose header says another size, with the right checksum.
fn lying_png(width: u32, height: u32) -> Vec<u8> {
    let mut png = encoded(&photo(8, 8), ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = 0xffff_ffff_u32;
    for byte in &png[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
        }
    }
    png[29..33].copy_from_slice(&(!crc).to_be_bytes());
    png
}

#[test]
fn a_picture_is_written_anew_in_two_sizes_and_without_what_came_with_it() {
    let shelf = Shelf::new();
    let mut photo = encoded(&photo(3_000, 2_000), ImageFormat::Jpeg);
    // A place in EXIF behind the head, and bytes behind the end.
    let exif = b"\xff\xe1\x00\x1cExif\0\0II*\0GPS 19.8N 105.7E";
    photo.splice(2..2, exif.iter().copied());
    photo.extend_from_slice(b"<script>alert(1)</script>");
    let kept = shelf.send(&photo).expect("kept");
    assert_eq!(kept.size, Some((1_600, 1_067)));
    assert_eq!(shelf.store.find(&kept.sha256), Some(kept.clone()));
    let whole = fs::read(shelf.store.path(&kept)).expect("there");
    let small = fs::read(shelf.store.small_path(&kept)).expect("there");
    assert_eq!(whole.len() as u64, kept.bytes);
    assert_eq!(
        picture::size_of(&shelf.store.small_path(&kept)),
        Some((480, 320))
    );
    for bytes in [&whole, &small] {
        let holds = |part: &[u8]| memmem::find(bytes, part).is_some();
        assert!(!holds(b"GPS") && !holds(b"script") && !holds(b"Exif"));
    }
    assert_eq!(
        shelf.send(&photo).expect("kept"),
        kept,
        "the same file once"
    );
    assert_eq!(shelf.names().len(), 2, "{:?}", shelf.names());
}

#[test]
fn a_picture_to_see_through_stands_on_white_and_one_held_sideways_stands_upright() {
    let shelf = Shelf::new();
    let clear = RgbaImage::from_pixel(40, 20, Rgba([0, 0, 0, 0]));
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let kept = shelf
            .send(&encoded(&clear.clone().into(), format))
            .expect("kept");
        assert_eq!(kept.size, Some((40, 20)), "a small one is not made larger");
        let seen = image::open(shelf.store.path(&kept))
            .expect("a picture")
            .into_rgb8();
        assert!(seen.pixels().all(|p| p.0.iter().all(|c| *c > 250)));
    }
    let mut sideways = encoded(&photo(64, 32), ImageFormat::Jpeg);
    let turned =
        b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    sideways.splice(2..2, turned.iter().copied());
    assert_eq!(shelf.send(&sideways).expect("kept").size, Some((32, 64)));
}

/// A chunk of a PNG.
fn png_chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).expect("a length");
    out.extend_from_slice(&length.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&kind);
    crc.update(data);
    out.extend_from_slice(&kind);
    out.extend_from_slice(data);
    out.extend_from_slice(&crc.sum().to_be_bytes());
}

/// A true PNG of one colour that is held sideways, made row by row: `color` and `bytes` are the
/// type of its colours and the bytes of a pixel.
fn sideways_png(width: u32, height: u32, (bits, color, bytes): (u8, u8, usize)) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
    head.extend_from_slice(&[bits, color, 0, 0, 0]);
    png_chunk(&mut out, *b"IHDR", &head);
    let turned = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    png_chunk(&mut out, *b"eXIf", turned);
    let mut rows = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let row = vec![0; 1 + width as usize * bytes];
    for _ in 0..height {
        rows.write_all(&row).expect("written");
    }
    png_chunk(&mut out, *b"IDAT", &rows.finish().expect("packed"));
    png_chunk(&mut out, *b"IEND", &[]);
    out
}

/// The most memory that this process has had, bytes.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kb = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    kb.expect("a number") * 1024
}

/// RGBA with sixteen bits: two thirds of the pixels that are allowed, and more memory than one
/// picture may take.
#[test]
fn a_picture_is_judged_by_the_memory_that_it_takes() {
    let shelf = Shelf::new();
    let bomb = sideways_png(6_000, 5_600, (16, 6, 8));
    assert!(bomb.len() < 8 * 1024 * 1024, "{} bytes", bomb.len());
    assert_eq!(shelf.send(&bomb), Err(FileProblem::TooManyPixels));
    assert!(shelf.names().is_empty());
    // A picture that is allowed is held once, and turned when it is small.
    let before = most_memory();
    let photo = sideways_png(4_200, 2_800, (8, 6, 4));
    assert_eq!(shelf.send(&photo).expect("kept").size, Some((1_067, 1_600)));
    let taken = most_memory() - before;
    assert!(taken < 70 * 1024 * 1024, "{taken} bytes for 47 MB");
}

/// Its coefficients take twice the memory of its pixels.
#[test]
fn a_progressive_picture_may_have_fewer_pixels() {
    let shelf = Shelf::new();
    let mut jpeg = encoded(&photo(8, 8), ImageFormat::Jpeg);
    let frame = memmem::find(&jpeg, b"\xff\xc0").expect("a frame");
    jpeg[frame + 5..frame + 7].copy_from_slice(&6_500_u16.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&7_000_u16.to_be_bytes());
    jpeg[frame + 1] = 0xc2;
    assert_eq!(shelf.send(&jpeg), Err(FileProblem::TooManyPixels));
    // A frame of that kind within a segment of another is none.
    let plain = encoded(&photo(64, 32), ImageFormat::Jpeg);
    assert!(!picture::is_progressive(&plain));
    let mut noted = plain;
    noted.splice(2..2, *b"\xff\xfe\x00\x04\xff\xc2");
    assert!(!picture::is_progressive(&noted));
    assert!(picture::is_progressive(b"\xff\xd8\xff"));
}

#[test]
fn papers_are_kept_as_they_are_and_known_by_their_content() {
    let shelf = Shelf::new();
    let papers: [(&[u8], AttachmentKind); 3] = [
        (
            b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\nstartxref\n9\n%%EOF\n",
            AttachmentKind::Pdf,
        ),
        (
            b"PK\x03\x04..[Content_Types].xml..word/document.xml",
            AttachmentKind::Docx,
        ),
        (
            b"PK\x03\x04..[Content_Types].xml..xl/workbook.xml",
            AttachmentKind::Xlsx,
        ),
    ];
    for (content, kind) in papers {
        let kept = shelf.send(content).expect("kept");
        assert_eq!((kept.kind, kept.size), (kind, None));
        assert_eq!(kept.sha256, secret::hex(&Sha256::digest(content)));
        assert_eq!(fs::read(shelf.store.path(&kept)).expect("there"), content);
        assert_eq!(shelf.store.find(&kept.sha256), Some(kept));
    }
    assert_eq!(shelf.store.find("../../etc/passwd"), None);
    assert_eq!(shelf.store.find(&"0a".repeat(32)), None);
}

#[test]
fn what_is_not_kept_says_why_and_leaves_nothing() {
    let shelf = Shelf::new();
    let half = encoded(&photo(600, 400), ImageFormat::Jpeg);
    let mut tail = encoded(&photo(600, 400), ImageFormat::Png);
    tail.truncate(tail.len() / 2);
    let cases: [(&str, Vec<u8>, FileProblem); 11] = [
        (
            "a bomb",
            lying_png(60_000, 60_000),
            FileProblem::TooManyPixels,
        ),
        (
            "a long bomb",
            lying_png(2_000_000_000, 1),
            FileProblem::TooManyPixels,
        ),
        (
            "a lie",
            lying_png(7_000, 7_000),
            FileProblem::DamagedPicture,
        ),
        (
            "half a JPEG's head",
            half[..20].to_vec(),
            FileProblem::DamagedPicture,
        ),
        ("half a PNG", tail, FileProblem::DamagedPicture),
        (
            "an iPhone's",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(),
            FileProblem::Heic,
        ),
        (
            "a film",
            b"\0\0\0\x18ftypisom\0\0".to_vec(),
            FileProblem::OtherKind,
        ),
        (
            "no PDF",
            b"%PDF-1.4 <script>".to_vec(),
            FileProblem::FalsePdf,
        ),
        (
            "an old paper",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1..".to_vec(),
            FileProblem::OldOffice,
        ),
        (
            "a drawing that runs",
            b"<svg xmlns='http://www.w3.org/2000/svg'>".to_vec(),
            FileProblem::OtherKind,
        ),
        ("a program", b"MZ\x90\0".to_vec(), FileProblem::OtherKind),
    ];
    for (name, content, why) in cases {
        assert_eq!(shelf.send(&content), Err(why), "{name}");
        assert_eq!(shelf.names(), Vec::<String>::new(), "{name}");
    }
    let mut large = shelf.store.begin().expect("begun");
    let piece = vec![0xff; 1024 * 1024];
    for _ in 0..20 {
        large.write(&piece).expect("within its bound");
    }
    assert_eq!(large.write(b"1"), Err(FileProblem::TooLarge));
    assert_eq!(shelf.names().len(), 1);
    drop(large);
    assert!(shelf.names().is_empty(), "cut in the middle");
    // A process that died in the middle.
    fs::write(shelf.folder.path().join(INCOMING).join("left"), b"x").expect("write");
    Attachments::open(shelf.folder.path()).expect("opens");
    assert!(shelf.names().is_empty());
}

#[test]
fn what_no_notice_uses_goes_after_a_day_of_running_and_what_one_uses_stays() {
    const HOUR_MS: u64 = 3_600_000;
    let shelf = Shelf::new();
    let send = |side| shelf.send(&encoded(&photo(side, 30), ImageFormat::Png));
    let (used, unused) = (send(30).expect("kept"), send(31).expect("kept"));
    let names = || BTreeSet::from([used.sha256.clone()]);
    let sweep = |store: &Attachments| store.sweep(names, HOUR_MS).expect("swept");
    // The clock of the machine was set back and ahead: nobody asks how old a file looks.
    let old = File::options().append(true).open(shelf.store.path(&unused));
    let times = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    old.expect("there").set_times(times).expect("set");
    for _ in 0..20 {
        assert_eq!(sweep(&shelf.store), 0);
    }
    // The count goes on after a restart, and a form that names the file begins it anew.
    let again = Attachments::open(shelf.folder.path()).expect("opens");
    assert_eq!(again.hold(&unused.sha256), Some(unused.clone()));
    for _ in 0..24 {
        assert_eq!(sweep(&again), 0);
    }
    // A form names it in the moment in which it would go.
    let racing = || {
        if let Ok(mut named) = again.named.try_lock() {
            named.insert(unused.sha256.clone());
        }
        names()
    };
    assert_eq!(again.sweep(racing, HOUR_MS).expect("swept"), 0);
    for _ in 0..24 {
        assert_eq!(sweep(&again), 0);
    }
    assert_eq!(sweep(&again), 2, "both sizes");
    assert_eq!(
        (again.find(&used.sha256), again.hold(&unused.sha256)),
        (Some(used.clone()), None)
    );
}

#[test]
fn what_was_erased_goes_at_once_but_for_what_another_notice_has() {
    let shelf = Shelf::new();
    let send = |side| shelf.send(&encoded(&photo(side, 30), ImageFormat::Png));
    let (shared, own) = (send(30).expect("kept"), send(31).expect("kept"));
    let erased = BTreeSet::from([shared.sha256.clone(), own.sha256.clone()]);
    let used = BTreeSet::from([shared.sha256.clone()]);
    let remove = || shelf.store.remove_unused(&erased, &used).expect("removed");
    assert_eq!((remove(), remove()), (2, 0));
    assert_eq!(shelf.store.find(&shared.sha256), Some(shared));
}

#[test]
fn no_file_comes_in_when_the_disk_runs_full_or_the_files_have_their_share() {
    const GIB: u64 = 1 << 30;
    let folder = tempfile::tempdir().expect("folder");
    let open = |disk| Attachments::open_on(folder.path(), disk).expect("opens");
    let begun = |store: &Attachments| store.begin().map(drop);
    assert_eq!(begun(&open(|_| Ok((GIB, 32 * GIB)))), Ok(()));
    let full = open(|_| Ok((GIB / 8, 32 * GIB)));
    assert_eq!(begun(&full), Err(FileProblem::NoRoom));
    // A tenth of 8 GiB, less one file.
    let store = open(|_| Ok((4 * GIB, 8 * GIB)));
    let share = 8 * GIB / 10 - MAX_ATTACHMENT_BYTES;
    let big = folder.path().join(format!("{}.pdf", "0a".repeat(32)));
    File::create(&big)
        .expect("made")
        .set_len(share)
        .expect("grown");
    assert_eq!(begun(&store), Ok(()), "it does not know of it yet");
    let store = open(|_| Ok((4 * GIB, 8 * GIB)));
    assert_eq!(begun(&store), Ok(()), "just within");
    File::create(&big)
        .expect("made")
        .set_len(share + 1)
        .expect("grown");
    store.sweep(BTreeSet::new, 0).expect("counted");
    assert_eq!(begun(&store), Err(FileProblem::NoRoom));
}
