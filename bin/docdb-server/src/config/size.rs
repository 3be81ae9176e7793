//! Sizes as people write them.

pub(crate) const KIB: u64 = 1024;
pub(crate) const MIB: u64 = 1024 * KIB;
pub(crate) const GIB: u64 = 1024 * MIB;
pub(crate) const TIB: u64 = 1024 * GIB;

const UNITS: [(&str, u64); 5] = [
    ("TiB", TIB),
    ("GiB", GIB),
    ("MiB", MIB),
    ("KiB", KIB),
    ("B", 1),
];

/// The bytes that a text such as `64MiB` or `64 MiB` means. Case matters in no unit.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (_, bytes) = UNITS
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.parse::<u64>().ok()?.checked_mul(bytes)
}

/// The shortest exact text for so many bytes.
pub(crate) fn show(bytes: u64) -> String {
    let (unit, size) = UNITS
        .into_iter()
        .find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size))
        .unwrap_or(("B", 1));
    format!("{}{unit}", bytes / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them_and_print_as_they_read() {
        for (text, bytes) in [
            ("0B", 0),
            ("100B", 100),
            ("64KiB", 64 * KIB),
            ("64MiB", 64 * MIB),
            ("2GiB", 2 * GIB),
            ("1TiB", TIB),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
            assert_eq!(show(bytes), text);
        }
        assert_eq!(parse("64 mib"), Some(64 * MIB));
        for wrong in [
            "",
            "64",
            "MiB",
            "-1MiB",
            "1.5MiB",
            "64MB",
            "64 MiB ",
            "99999999999TiB",
        ] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
