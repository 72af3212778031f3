//! What 1,000 uploads of a picture leave in the gateway's memory.
//!
//! Invariants: every upload is a form with a file, as the chief's phone sends it, and every picture
//! is another one. The first hundred are warm-up: buffers, threads, the allocator's own. What the
//! second half adds must be next to nothing, or it would go on for ever.

use image::{ImageFormat, Rgb, RgbImage};

use super::house::House;
use super::{Bar, Figure};

const BOUNDARY: &str = "----phone";
/// Width and height of a picture, as a chat sends it on.
const SIZE: (u32, u32) = (1_600, 1_200);
/// Uploads before the first figure.
const WARM: usize = 100;
/// The most that the second half may add, MB.
const MOST_MB: f64 = 8.0;

/// The scene that all pictures have in common.
fn scene() -> RgbImage {
    RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
        let tone = |n: u32| u8::try_from(n % 251).expect("a tone");
        Rgb([tone(x * 7 + y), tone(x / 3 + y * 5), tone(x ^ y)])
    })
}

fn photo(scene: &RgbImage, n: usize) -> Vec<u8> {
    let mut picture = scene.clone();
    for (at, byte) in n.to_le_bytes().into_iter().enumerate() {
        let at = u32::try_from(at).expect("small") * 16;
        for x in at..at + 16 {
            for y in 0..16 {
                picture.put_pixel(x, y, Rgb([byte, byte.wrapping_mul(31), 255 - byte]));
            }
        }
    }
    let mut out = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut out, ImageFormat::Jpeg)
        .expect("encoded");
    out.into_inner()
}

fn upload(house: &House, token: &str, once: &str, picture: &[u8]) {
    let mut body = Vec::new();
    for (name, value) in [
        ("form", token),
        ("once", once),
        ("title", "Ảnh"),
        ("body", "Một bức ảnh."),
        ("kind", "notice"),
        ("days", "7"),
    ] {
        let part = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        body.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"upload\"; filename=\"IMG.jpg\"\r\n\
         content-type: image/jpeg\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(picture);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let answer = house.post("/notices/preview", &kind, &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        answer.text().contains("/notices/file/"),
        "{}",
        answer.text()
    );
}

/// The figures.
pub fn figures(house: &House, is_quick: bool) -> Vec<Figure> {
    let form = house.page("/notices/new");
    let (token, once) = (form.field("form"), form.field("once"));
    let (scene, all) = (scene(), if is_quick { 100 } else { 1_000 });
    let warm = WARM.min(all / 4);
    let mut marks = Vec::new();
    for n in 0..=all {
        if n == warm || n == usize::midpoint(warm, all) || n == all {
            marks.push(house.resident_mb());
        }
        if n < all {
            upload(house, &token, &once, &photo(&scene, n));
        }
    }
    let name = |what: &str| format!("memory after {all} uploads of a picture: {what}");
    vec![
        Figure::one(name("in use"), marks[2], "MB", Bar::None),
        Figure::one(
            name("grown since the first"),
            marks[2] - marks[0],
            "MB",
            Bar::None,
        ),
        Figure::one(
            name("of it the second half"),
            marks[2] - marks[1],
            "MB",
            Bar::AtMost(MOST_MB),
        ),
    ]
}
