use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::number::Number;
use super::scalar::Scalar;
use super::settings::{Settings, Word};
use super::{size, span};

/// Longest path of a Unix socket that the system takes, in bytes.
const SOCKET_PATH_BYTES: usize = 107;
/// What an address is, for people.
const ADDRESS: &str = "an IP address and a port, as in 127.0.0.1:7717";
/// What the owner of a socket needs to use it.
const OWNER_BITS: u32 = 0o600;

/// The kind of a value, what it may be, and where it goes.
#[derive(Debug)]
pub(crate) enum Field {
    Path(fn(&mut Settings) -> &mut PathBuf),
    /// Absent: somewhere else, which a rule of the settings says.
    OptionalPath(
        fn(&mut Settings) -> &mut Option<PathBuf>,
        fn(&Settings) -> PathBuf,
    ),
    /// Absent: no such file.
    File(fn(&mut Settings) -> &mut Option<PathBuf>),
    /// Absent: no socket.
    SocketPath(fn(&mut Settings) -> &mut Option<PathBuf>),
    Address(fn(&mut Settings) -> &mut SocketAddr),
    /// Absent: nowhere.
    OptionalAddress(fn(&mut Settings) -> &mut Option<SocketAddr>),
    /// A number of bytes. A number without a unit counts MiB.
    Size(fn(&mut Settings) -> &mut dyn Number, RangeInclusive<u64>),
    Count(fn(&mut Settings) -> &mut dyn Number, RangeInclusive<u64>),
    Time {
        place: fn(&mut Settings) -> &mut Duration,
        range: RangeInclusive<Duration>,
        /// What a number without a unit counts.
        bare: Bare,
        /// What 0 means, where it may be.
        zero: Option<&'static str>,
    },
    Ratio(fn(&mut Settings) -> &mut f64, RangeInclusive<f64>),
    Switch(fn(&mut Settings) -> &mut bool),
    Word(fn(&mut Settings) -> &mut dyn Word),
    /// Permission bits, in octal.
    Mode(fn(&mut Settings) -> &mut u32),
}

/// What a time without a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bare {
    Millis,
    Refused,
}

impl Field {
    /// Puts a value where it goes. Returns whether it may be there; nothing has changed if not.
    pub(crate) fn put(&self, settings: &mut Settings, value: &Scalar) -> bool {
        match self {
            Self::Path(place) => assign(place(settings), path(value)),
            Self::OptionalPath(place, _) => match value {
                Scalar::Nothing => assign(place(settings), Some(None)),
                _ => assign(place(settings), path(value).map(Some)),
            },
            Self::File(place) => match value {
                Scalar::Nothing => assign(place(settings), Some(None)),
                _ => assign(place(settings), path(value).map(Some)),
            },
            Self::SocketPath(place) => {
                let short = |path: &PathBuf| path.as_os_str().len() <= SOCKET_PATH_BYTES;
                assign(place(settings), path(value).filter(short).map(Some))
            }
            Self::Address(place) => assign(place(settings), address(value)),
            Self::OptionalAddress(place) => match value {
                Scalar::Nothing => assign(place(settings), Some(None)),
                _ => assign(place(settings), address(value).map(Some)),
            },
            Self::Size(place, range) => {
                let mebibytes = || whole(value)?.checked_mul(size::MIB);
                let bytes = text(value).and_then(size::parse).or_else(mebibytes);
                put_number(place(settings), bytes, range)
            }
            Self::Count(place, range) => put_number(place(settings), whole(value), range),
            Self::Time {
                place,
                range,
                bare,
                zero,
            } => {
                let bare = || match (bare, whole(value)?) {
                    (_, 0) => Some(Duration::ZERO),
                    (Bare::Millis, millis) => Some(Duration::from_millis(millis)),
                    (Bare::Refused, _) => None,
                };
                let time = text(value).and_then(span::parse).or_else(bare);
                let is_allowed =
                    |time: &Duration| range.contains(time) || (zero.is_some() && time.is_zero());
                assign(place(settings), time.filter(is_allowed))
            }
            Self::Ratio(place, range) => {
                let ratio = decimal(value).filter(|ratio| range.contains(ratio));
                assign(place(settings), ratio)
            }
            Self::Switch(place) => assign(place(settings), switch(value)),
            Self::Word(place) => text(value).is_some_and(|word| place(settings).put(word)),
            Self::Mode(place) => assign(place(settings), mode(value)),
        }
    }

    /// What may be there, for people.
    pub(crate) fn allowed(&self) -> String {
        match self {
            Self::Path(_) => "a path".to_owned(),
            Self::OptionalPath(..) | Self::File(_) => "a path, or null".to_owned(),
            Self::SocketPath(_) => format!("a path of at most {SOCKET_PATH_BYTES} bytes"),
            Self::Address(_) => ADDRESS.to_owned(),
            Self::OptionalAddress(_) => format!("{ADDRESS}, or null"),
            Self::Size(_, range) => format!(
                "{} to {}, as a number of MiB or with a unit, as in 64MiB",
                size::show(*range.start()),
                size::show(*range.end())
            ),
            Self::Count(_, range) => format!("{} to {}", range.start(), range.end()),
            Self::Time {
                range, bare, zero, ..
            } => {
                let zero = zero.map_or_else(String::new, |means| format!("0 ({means}), or "));
                let (least, most) = (span::show(*range.start()), span::show(*range.end()));
                let how = match bare {
                    Bare::Millis => "as a number of milliseconds or with a unit, as in 5ms",
                    Bare::Refused => "with a unit, as in 1m30s",
                };
                format!("{zero}{least} to {most}, {how}")
            }
            Self::Ratio(_, range) => format!("{} to {}", range.start(), range.end()),
            Self::Switch(_) => "true or false".to_owned(),
            Self::Word(place) => place(&mut Settings::default()).words().join(", "),
            Self::Mode(_) => format!(
                "permission bits in octal that let the owner in, as in \"{OWNER_BITS:04o}\""
            ),
        }
    }

    /// The value that is there, as a file would say it.
    pub(crate) fn show(&self, settings: &Settings) -> String {
        let settings = &mut settings.clone();
        match self {
            Self::Path(place) => show_path(place(settings)),
            Self::OptionalPath(_, effective) => show_path(effective(settings)),
            Self::File(place) | Self::SocketPath(place) => place(settings)
                .as_ref()
                .map_or_else(|| "null".to_owned(), show_path),
            Self::Address(place) => quoted(&place(settings).to_string()),
            Self::OptionalAddress(place) => match place(settings) {
                Some(address) => quoted(&address.to_string()),
                None => "null".to_owned(),
            },
            Self::Size(place, _) => show_size(place(settings).number()),
            Self::Count(place, _) => place(settings).number().to_string(),
            Self::Time { place, bare, .. } => show_time(*place(settings), *bare),
            Self::Ratio(place, _) => place(settings).to_string(),
            Self::Switch(place) => place(settings).to_string(),
            Self::Word(place) => place(settings).word().to_owned(),
            Self::Mode(place) => format!("\"{:04o}\"", place(settings)),
        }
    }
}

fn assign<T>(place: &mut T, value: Option<T>) -> bool {
    value.is_some_and(|value| {
        *place = value;
        true
    })
}

fn put_number(place: &mut dyn Number, value: Option<u64>, range: &RangeInclusive<u64>) -> bool {
    let value = value.filter(|value| range.contains(value));
    value.is_some_and(|value| {
        place.put(value);
        true
    })
}

fn text(value: &Scalar) -> Option<&str> {
    match value {
        Scalar::Text(text) => Some(text),
        _ => None,
    }
}

fn path(value: &Scalar) -> Option<PathBuf> {
    let text = text(value)?;
    (!text.is_empty() && !text.contains('\0')).then(|| PathBuf::from(text))
}

fn address(value: &Scalar) -> Option<SocketAddr> {
    text(value).and_then(|text| text.parse().ok())
}

/// A whole number, also as text: that is what the environment and flags have.
fn whole(value: &Scalar) -> Option<u64> {
    match value {
        Scalar::Integer(number) => u64::try_from(*number).ok(),
        Scalar::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

fn decimal(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Decimal(number) => Some(*number),
        Scalar::Text(text) => text.parse().ok(),
        _ => whole(value).map(|number| number as f64),
    }
}

fn switch(value: &Scalar) -> Option<bool> {
    match value {
        Scalar::Switch(is_on) => Some(*is_on),
        Scalar::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn mode(value: &Scalar) -> Option<u32> {
    let digits = text(value)?;
    let is_octal = digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let bits = u32::from_str_radix(digits, 8).ok()?;
    (is_octal && bits <= 0o777 && bits & OWNER_BITS == OWNER_BITS).then_some(bits)
}

fn show_size(bytes: u64) -> String {
    if bytes.is_multiple_of(size::MIB) {
        (bytes / size::MIB).to_string()
    } else {
        size::show(bytes)
    }
}

fn show_time(time: Duration, bare: Bare) -> String {
    let is_whole = time.subsec_nanos().is_multiple_of(1_000_000);
    match bare {
        Bare::Millis if is_whole => time.as_millis().to_string(),
        _ if time.is_zero() => "0".to_owned(),
        _ => span::show(time),
    }
}

fn show_path(path: impl AsRef<std::path::Path>) -> String {
    let text = path.as_ref().to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let begins_plain = text.starts_with(['/', '.']);
    if begins_plain && text.chars().all(is_plain) {
        text.into_owned()
    } else {
        quoted(&text)
    }
}

/// A text as a double-quoted scalar of YAML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
