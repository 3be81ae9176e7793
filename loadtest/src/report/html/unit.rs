/// What a number counts, and so how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Unit {
    /// A duration, in milliseconds.
    Milliseconds,
    /// A number of things.
    Count,
    /// Bytes.
    Bytes,
    /// A moment, in seconds from the beginning of a run.
    Moment,
    /// One number in terms of another.
    Ratio,
}

impl Unit {
    /// A number for people.
    pub(in crate::report) fn text(self, value: f64) -> String {
        match self {
            Self::Milliseconds => match value {
                0.0 => "0".to_owned(),
                value if value < 0.9995 => format!("{} µs", three_digits(value * 1000.0)),
                value if value < 999.5 => format!("{} ms", three_digits(value)),
                value => format!("{} s", three_digits(value / 1000.0)),
            },
            Self::Count => match value.abs() {
                size if size >= 999_500_000.0 => format!("{}G", three_digits(value / 1e9)),
                size if size >= 999_500.0 => format!("{}M", three_digits(value / 1e6)),
                size if size >= 9_999.5 => format!("{}k", three_digits(value / 1e3)),
                _ => three_digits(value),
            },
            Self::Bytes => match value.abs() {
                size if size >= 1023.5 * 1_048_576.0 => {
                    format!("{} GiB", three_digits(value / 1_073_741_824.0))
                }
                size if size >= 1023.5 * 1024.0 => {
                    format!("{} MiB", three_digits(value / 1_048_576.0))
                }
                size if size >= 1023.5 => format!("{} KiB", three_digits(value / 1024.0)),
                _ => format!("{} B", three_digits(value)),
            },
            Self::Moment if value >= 180.0 => {
                let minutes = (value / 60.0).floor();
                format!("{minutes}:{:02}", (value - minutes * 60.0).round())
            }
            Self::Moment => format!("{} s", three_digits(value)),
            Self::Ratio => format!("{value:.2}×"),
        }
    }
}

/// A number to three digits, or to the last one before the point.
fn three_digits(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_their_unit() {
        for (unit, value, text) in [
            (Unit::Milliseconds, 0.0, "0"),
            (Unit::Milliseconds, 0.25, "250 µs"),
            (Unit::Milliseconds, 1.0, "1 ms"),
            (Unit::Milliseconds, 12.345, "12.3 ms"),
            (Unit::Milliseconds, 1500.0, "1.5 s"),
            (Unit::Count, 7.0, "7"),
            (Unit::Count, 9_999.0, "9999"),
            (Unit::Count, 24_500.0, "24.5k"),
            (Unit::Count, 3_000_000.0, "3M"),
            (Unit::Bytes, 1536.0, "1.5 KiB"),
            (Unit::Bytes, 64.0 * 1_048_576.0, "64 MiB"),
            (Unit::Moment, 30.0, "30 s"),
            (Unit::Moment, 195.0, "3:15"),
            (Unit::Ratio, 1.054, "1.05×"),
        ] {
            assert_eq!(unit.text(value), text);
        }
    }
}
