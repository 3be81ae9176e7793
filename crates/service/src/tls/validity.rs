//! From when until when a certificate is valid, read from its DER.
//!
//! Source of the format: RFC 5280, sections 4.1 and 4.1.2.5. Nothing else of a certificate is
//! looked at here, and nothing is concluded from what is not understood.

/// A moment that a certificate names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    /// Seconds since 1970; 0 for anything earlier.
    pub(super) unix_s: u64,
    /// The day, as in 2026-12-31.
    pub(super) day: String,
}

/// The first and the last moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: Moment,
    pub(super) until: Moment,
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The validity of a certificate; `None` for bytes that are none.
pub(super) fn validity(certificate: &[u8]) -> Option<Validity> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (mut rest, _) = expect(certificate, SEQUENCE)?;
    if let Some((_, after)) = expect(rest, VERSION) {
        rest = after;
    }
    // The serial number, the algorithm of the signature, and who signed.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, rest) = expect(rest, tag)?;
    }
    let (validity, _) = expect(rest, SEQUENCE)?;
    let (from, rest) = moment(validity)?;
    let (until, _) = moment(rest)?;
    Some(Validity { from, until })
}

/// The content of the element that stands first, if it is of this kind, and what follows it.
fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let length = if first & 0x80 == 0 {
        usize::from(*first)
    } else {
        // A length of several bytes, the highest first; four are more than any file here has.
        let count = usize::from(first & 0x7f);
        let (digits, after) = rest.split_at_checked(count).filter(|_| count <= 4)?;
        rest = after;
        digits
            .iter()
            .fold(0, |length, digit| length << 8 | usize::from(*digit))
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

fn moment(bytes: &[u8]) -> Option<(Moment, &[u8])> {
    let (tag, content, rest) = element(bytes)?;
    let digits = std::str::from_utf8(content.strip_suffix(b"Z")?).ok()?;
    let (year, digits) = match tag {
        UTC_TIME => {
            let (year, digits) = number(digits, 2)?;
            // Two digits stand for the years 1950 to 2049.
            (year + if year < 50 { 2000 } else { 1900 }, digits)
        }
        GENERALIZED_TIME => number(digits, 4)?,
        _ => return None,
    };
    let (month, digits) = number(digits, 2)?;
    let (day, digits) = number(digits, 2)?;
    let (hour, digits) = number(digits, 2)?;
    let (minute, digits) = number(digits, 2)?;
    let (second, digits) = number(digits, 2)?;
    if !digits.is_empty() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let moment = Moment {
        unix_s: u64::try_from(seconds).unwrap_or(0),
        day: format!("{year:04}-{month:02}-{day:02}"),
    };
    Some((moment, rest))
}

fn number(digits: &str, count: usize) -> Option<(i64, &str)> {
    let (head, rest) = digits.split_at_checked(count)?;
    let is_plain = head.bytes().all(|byte| byte.is_ascii_digit());
    Some((is_plain.then(|| head.parse().ok())??, rest))
}

/// Days from 1970-01-01, in the Gregorian calendar. A year is counted from March on, so that the
/// leap day is its last.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months_since_march = (month + 9) % 12;
    let day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    // From 1 March of the year 0 to 1 January 1970.
    days - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_ways_of_writing_a_time_are_read() {
        let found = validity(&certificate((2024, 2, 29), (2051, 12, 31))).unwrap();
        assert_eq!(found.from.day, "2024-02-29");
        assert_eq!(found.from.unix_s, 1_709_164_800);
        assert_eq!(found.until.day, "2051-12-31");
        assert_eq!(found.until.unix_s, 2_587_593_600);
    }

    #[test]
    fn days_agree_with_the_calendar() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(1969, 12, 31), -1);
        assert_eq!(days_since_1970(2000, 2, 29), 11_016);
        assert_eq!(days_since_1970(2100, 3, 1), 47_541);
    }

    #[test]
    fn no_bytes_do_harm() {
        let whole = certificate((2024, 1, 1), (2034, 1, 1));
        for length in 0..whole.len().min(200) {
            assert_eq!(validity(&whole[..length]), None);
        }
        let mut bytes = whole.clone();
        for at in 0..whole.len().min(300) {
            for change in [0x00, 0x7f, 0x80, 0x84, 0xff] {
                bytes[at] = change;
                let _ = validity(&bytes);
            }
            bytes[at] = whole[at];
        }
    }
}
