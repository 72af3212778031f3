//! Codes (QR) on pages and on paper, read by a program that is not ours: zbar.

use std::path::Path;
use std::process::Command;

/// The texts of all codes in a picture, as zbar reads them.
pub fn read_codes(picture: &Path) -> Vec<String> {
    // Without “binary” zbar guesses an encoding other than UTF-8 for short Vietnamese texts.
    let out = Command::new("zbarimg")
        .args([
            "--quiet",
            "--raw",
            "--nodbus",
            "-Sdisable",
            "-Sqrcode.enable",
        ])
        .arg("-Sqrcode.binary")
        .arg(picture)
        .output()
        .expect("zbarimg runs");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut codes: Vec<String> = text.lines().map(str::to_owned).collect();
    codes.sort();
    codes
}

/// Black and white at so many dots an inch, one picture a page (PBM, P4).
pub fn raster(pdf: &Path, dpi: u32) -> Vec<std::path::PathBuf> {
    let stem = pdf.with_extension("");
    let done = Command::new("pdftoppm")
        .args(["-r", &dpi.to_string(), "-mono"])
        .arg(pdf)
        .arg(&stem)
        .status()
        .expect("pdftoppm runs");
    assert!(done.success());
    let name = stem
        .file_name()
        .expect("name")
        .to_string_lossy()
        .into_owned();
    let folder = pdf.parent().expect("folder");
    let mut pages: Vec<_> = std::fs::read_dir(folder)
        .expect("folder")
        .map(|e| e.expect("entry").path())
        .filter(|p| {
            let file = p.file_name().expect("name").to_string_lossy().into_owned();
            file.starts_with(&format!("{name}-")) && p.extension().is_some_and(|e| e == "pbm")
        })
        .collect();
    pages.sort();
    pages
}

/// The picture with one dot in twenty turned over, always the same ones, as whatever reads a poor
/// copy
/// cleans it first: of three dots by three the colour of most of them stays.
pub fn poor_copy(picture: &Path) -> std::path::PathBuf {
    let bytes = std::fs::read(picture).expect("read");
    let lines: Vec<&[u8]> = bytes.splitn(3, |b| *b == b'\n').collect();
    let size = String::from_utf8_lossy(lines[1]).into_owned();
    let sides: Vec<usize> = size
        .split(' ')
        .map(|n| n.parse().expect("a side"))
        .collect();
    let (wide, high, dots) = (sides[0], sides[1], lines[2]);
    let row = wide.div_ceil(8);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut grey = vec![0_u16; (wide / 3 + 1) * (high / 3 + 1)];
    for y in 0..high {
        for x in 0..wide {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let is_dark = dots[y * row + x / 8] >> (7 - x % 8) & 1 == 1;
            let is_light = is_dark == (state.is_multiple_of(20));
            grey[y / 3 * (wide / 3 + 1) + x / 3] += if is_light { 28 } else { 0 };
        }
    }
    let (wide, high) = (wide / 3, high / 3);
    let mut out = format!("P5\n{wide} {high}\n255\n").into_bytes();
    for y in 0..high {
        let from = y * (sides[0] / 3 + 1);
        out.extend(
            grey[from..from + wide]
                .iter()
                .map(|g| if *g > 127 { 255 } else { 0 }),
        );
    }
    let noisy = picture.with_extension("noisy.pgm");
    std::fs::write(&noisy, out).expect("written");
    noisy
}

/// The drawing as a picture of eight dots a module (PBM, P1). Its last path has a line of
/// dashes for each row.
pub fn drawn(svg: &str) -> String {
    let side: usize = svg
        .split("viewBox=\"0 0 ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .and_then(|n| n.parse().ok())
        .expect("a side");
    let mut dark = vec![vec![false; side]; side];
    let path = svg.rsplit(" d=\"").next().expect("a path");
    let path = path.split('"').next().expect("its data");
    let number = |text: &str| text.parse::<usize>().expect("a number");
    for row in path.split('M').filter(|r| !r.is_empty()) {
        let (from, dashes) = row.split_once('h').expect("a dash");
        let (x, y) = from.split_once(' ').expect("a place");
        let y = number(y.strip_suffix(".5").expect("the middle of a row"));
        let mut x = number(x);
        for (nth, dash) in dashes.split('m').enumerate() {
            let wide = if nth == 0 {
                number(dash)
            } else {
                let (gap, wide) = dash.split_once(" 0h").expect("a gap and a dash");
                x += number(gap);
                number(wide)
            };
            dark[y][x..x + wide].fill(true);
            x += wide;
        }
    }
    let mut out = format!("P1\n{} {}\n", side * 8, side * 8);
    for row in &dark {
        let line: String = row
            .iter()
            .map(|d| {
                if *d {
                    "1 1 1 1 1 1 1 1 "
                } else {
                    "0 0 0 0 0 0 0 0 "
                }
            })
            .collect();
        for _ in 0..8 {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}
