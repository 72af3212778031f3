//! A sentence as sound: our Vietnamese normaliser in front of `espeak-ng` (a helper program).
//!
//! The program reads acronyms as English, times as numbers, and nearly clips; so abbreviations,
//! times and dates are written out first, and the peak is brought to −1.5 dBFS. People's text goes
//! to its stdin.

use std::time::Duration;

use crate::config::SpeechConfig;
use crate::ports::speech::SpeechAudio;
use crate::supervisor::helper;

/// How long synthesizing a sentence may take.
const SYNTHESIS_TIMEOUT: Duration = Duration::from_secs(15);
/// Largest sound, bytes: ten minutes at 22 kHz.
const MAX_WAV_BYTES: usize = 30 << 20;
/// Peak after normalising: −1.5 dBFS.
const PEAK_AMPLITUDE: f64 = 0.841;

/// Abbreviations and how they are read.
const ABBREVIATIONS: [(&str, &str); 20] = [
    ("UBND", "Ủy ban nhân dân"),
    ("HĐND", "Hội đồng nhân dân"),
    ("MTTQ", "Mặt trận Tổ quốc"),
    ("TTHC", "thủ tục hành chính"),
    ("HCC", "hành chính công"),
    ("BHYT", "bảo hiểm y tế"),
    ("BHXH", "bảo hiểm xã hội"),
    ("CCCD", "căn cước công dân"),
    ("HTX", "hợp tác xã"),
    ("THCS", "trung học cơ sở"),
    ("THPT", "trung học phổ thông"),
    ("QĐ", "quyết định"),
    ("NTM", "nông thôn mới"),
    ("PCCC", "phòng cháy chữa cháy"),
    ("KH", "kế hoạch"),
    ("TP", "thành phố"),
    ("ANTT", "an ninh trật tự"),
    ("VNeID", "vê nờ e ai đi"),
    ("wifi", "oai phai"),
    ("OTP", "ô tê pê"),
];

/// Writes a sentence as it is to be read.
#[must_use]
pub fn normalise(text: &str) -> String {
    text.split_whitespace()
        .map(expand_word)
        .collect::<Vec<_>>()
        .join(" ")
}

fn expand_word(word: &str) -> String {
    let core = word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '%');
    let (before, after) = word.split_once(core).unwrap_or((word, ""));
    if core.is_empty() {
        return word.to_owned();
    }
    let read = ABBREVIATIONS
        .iter()
        .find(|(w, _)| *w == core)
        .map(|(_, r)| (*r).to_owned())
        .or_else(|| expand_time(core))
        .or_else(|| expand_date(core))
        .or_else(|| strip_separators(core))
        .unwrap_or_else(|| core.to_owned());
    format!("{before}{read}{after}")
}

/// “19:30”, “7h30”, “19h” → “19 giờ 30”.
fn expand_time(text: &str) -> Option<String> {
    let (hour, minute) = text.split_once([':', 'h', 'g'])?;
    let hour: u8 = hour.parse().ok().filter(|h| *h < 24)?;
    if minute.is_empty() {
        return Some(format!("{hour} giờ"));
    }
    let minute: u8 = minute.parse().ok().filter(|m| *m < 60)?;
    Some(if minute == 0 {
        format!("{hour} giờ")
    } else {
        format!("{hour} giờ {minute}")
    })
}

/// “25/11”, “25/11/2026” → “ngày 25 tháng 11 năm 2026”.
fn expand_date(text: &str) -> Option<String> {
    let parts: Vec<u16> = text
        .split('/')
        .map(|p| p.parse().ok())
        .collect::<Option<_>>()?;
    match parts.as_slice() {
        [d @ 1..=31, m @ 1..=12] => Some(format!("ngày {d} tháng {m}")),
        [d @ 1..=31, m @ 1..=12, y @ 1900..=2200] => Some(format!("ngày {d} tháng {m} năm {y}")),
        _ => None,
    }
}

/// “48.600.000” → “48600000”: the program reads the points as stops.
fn strip_separators(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('.').collect();
    let grouped = parts.len() > 1
        && (1..=3).contains(&parts[0].len())
        && parts[1..].iter().all(|p| p.len() == 3)
        && parts.iter().all(|p| p.bytes().all(|b| b.is_ascii_digit()));
    grouped.then(|| parts.concat())
}

/// Synthesizes a sentence.
///
/// # Errors
/// A sentence for the technician.
pub async fn synthesize(speech: &SpeechConfig, text: &str) -> Result<SpeechAudio, String> {
    let read = normalise(text);
    let args = [
        "-v",
        speech.voice.as_str(),
        "-s",
        "145",
        "-g",
        "4",
        "--stdin",
        "--stdout",
    ];
    let raw = helper::run(
        &speech.program,
        &args,
        &[],
        read.as_bytes(),
        SYNTHESIS_TIMEOUT,
        MAX_WAV_BYTES,
    )
    .await
    .map_err(|e| e.to_string())?;
    let (rate, samples) =
        parse_wav(&raw).ok_or_else(|| format!("{} gave no sound", speech.program))?;
    if samples.is_empty() {
        return Err(format!("{} gave an empty sound", speech.program));
    }
    let wav = write_wav(rate, &normalise_peak(&samples));
    let hash = crate::keys::secret::sha256(&wav);
    Ok(SpeechAudio {
        ms: samples.len() as u64 * 1000 / u64::from(rate.max(1)),
        wav,
        hash,
    })
}

/// Sample rate and samples of a 16-bit mono WAV; a streamed header (length unknown) is understood.
#[must_use]
pub fn parse_wav(bytes: &[u8]) -> Option<(u32, Vec<i16>)> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut at = 12;
    let mut rate = 0;
    loop {
        let id = bytes.get(at..at + 4)?;
        let len = u32::from_le_bytes(bytes.get(at + 4..at + 8)?.try_into().ok()?) as usize;
        let body = at + 8;
        if id == b"fmt " {
            let channels = u16::from_le_bytes(bytes.get(body + 2..body + 4)?.try_into().ok()?);
            let bits = u16::from_le_bytes(bytes.get(body + 14..body + 16)?.try_into().ok()?);
            rate = u32::from_le_bytes(bytes.get(body + 4..body + 8)?.try_into().ok()?);
            if channels != 1 || bits != 16 || !(8_000..=192_000).contains(&rate) {
                return None;
            }
        } else if id == b"data" {
            let data = &bytes[body..bytes.len().min(body.saturating_add(len))];
            return (rate > 0).then(|| {
                (
                    rate,
                    data.chunks_exact(2)
                        .map(|c| i16::from_le_bytes([c[0], c[1]]))
                        .collect(),
                )
            });
        }
        at = body.checked_add(len)?.checked_add(len % 2)?;
    }
}

/// A 16-bit mono WAV.
#[must_use]
pub fn write_wav(rate: u32, samples: &[i16]) -> Vec<u8> {
    let len = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(samples.len() * 2 + 44);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&len.saturating_add(36).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&16u32.to_le_bytes());
    out.extend_from_slice(&[1, 0, 1, 0]);
    out.extend_from_slice(&rate.to_le_bytes());
    out.extend_from_slice(&rate.saturating_mul(2).to_le_bytes());
    out.extend_from_slice(&[2, 0, 16, 0]);
    out.extend_from_slice(b"data");
    out.extend_from_slice(&len.to_le_bytes());
    for sample in samples {
        out.extend_from_slice(&sample.to_le_bytes());
    }
    out
}

/// Brings the peak to [`PEAK_AMPLITUDE`].
fn normalise_peak(samples: &[i16]) -> Vec<i16> {
    let peak = samples
        .iter()
        .map(|s| f64::from(s.unsigned_abs()))
        .fold(1.0, f64::max);
    let gain = PEAK_AMPLITUDE * f64::from(i16::MAX) / peak;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the gain keeps every sample within 16 bits"
    )]
    samples
        .iter()
        .map(|s| (f64::from(*s) * gain).round() as i16)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_reads_badly_is_written_out() {
        for (typed, read) in [
            (
                "UBND xã họp lúc 19:30 ngày 25/11.",
                "Ủy ban nhân dân xã họp lúc 19 giờ 30 ngày ngày 25 tháng 11.",
            ),
            ("Thu 48.600.000 đ", "Thu 48600000 đ"),
            ("Mang BHYT, 7h00", "Mang bảo hiểm y tế, 7 giờ"),
            ("12/12/2026", "ngày 12 tháng 12 năm 2026"),
            ("1.5 và 3/40", "1.5 và 3/40"),
        ] {
            assert_eq!(normalise(typed), read);
        }
    }

    #[test]
    fn sound_is_levelled_and_survives_its_file() {
        let samples: Vec<i16> = (0..1000)
            .map(|i| if i % 2 == 0 { i16::MAX } else { i16::MIN + 1 })
            .collect();
        let levelled = normalise_peak(&samples);
        assert!(
            levelled.iter().all(|s| s.unsigned_abs() <= 27_558),
            "−1.5 dBFS"
        );
        assert_eq!(
            parse_wav(&write_wav(22_050, &levelled)),
            Some((22_050, levelled))
        );
        assert_eq!(parse_wav(b"RIFF1234WAVEjunk"), None);
    }

    proptest::proptest! {
        #[test]
        fn garbage_is_no_sound_and_no_panic(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            text in ".{0,80}",
        ) {
            let _ = parse_wav(&bytes);
            let _ = parse_wav(&[b"RIFF\0\0\0\0WAVE".as_slice(), &bytes].concat());
            let _ = normalise(&text);
        }
    }

    #[tokio::test]
    async fn a_missing_program_is_a_sentence() {
        let speech = SpeechConfig {
            program: "no-such-voice".into(),
            voice: "vi".into(),
            url: None,
        };
        assert!(
            synthesize(&speech, "xin chào")
                .await
                .expect_err("none")
                .contains("no-such-voice")
        );
    }
}
