use std::fmt;
use std::sync::Arc;

use crate::{Code, Error, Limits};

/// The name of a database: 1–64 bytes of UTF-8 that are safe in a file name.
///
/// Refused: `/`, `\`, control characters (NUL among them), `.` and any name that contains `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseName(Arc<str>);

impl DatabaseName {
    /// Checks a name.
    ///
    /// # Errors
    /// `InvalidName`, saying which rule it breaks.
    pub fn new(name: &str) -> Result<Self, Error> {
        check_length("database", name)?;
        check_characters("database", name, &['/', '\\'])?;
        if name == "." || name.contains("..") {
            return Err(invalid("database", name, "is or contains a relative path"));
        }
        Ok(Self(Arc::from(name)))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The name of a collection: 1–64 bytes of UTF-8.
///
/// Refused: `/`, `.`, control characters, and names beginning with `_` other than `_default`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CollectionName(Option<Arc<str>>);

impl CollectionName {
    /// The collection that every database has and that cannot be deleted.
    pub const DEFAULT: Self = Self(None);
    const DEFAULT_TEXT: &'static str = "_default";

    /// Checks a name. The empty name means `_default`.
    ///
    /// # Errors
    /// `InvalidName`, saying which rule it breaks.
    pub fn new(name: &str) -> Result<Self, Error> {
        if name.is_empty() || name == Self::DEFAULT_TEXT {
            return Ok(Self::DEFAULT);
        }
        check_length("collection", name)?;
        check_characters("collection", name, &['/', '.'])?;
        if name.starts_with('_') {
            return Err(invalid(
                "collection",
                name,
                "begins with '_', which is reserved",
            ));
        }
        Ok(Self(Some(Arc::from(name))))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or(Self::DEFAULT_TEXT)
    }

    /// Whether this is `_default`.
    #[must_use]
    pub const fn is_default(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Display for CollectionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

fn check_length(kind: &str, name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Err(invalid(kind, name, "is empty"));
    }
    if name.len() > Limits::NAME_BYTES {
        return Err(invalid(kind, name, "is longer than 64 bytes"));
    }
    Ok(())
}

fn check_characters(kind: &str, name: &str, forbidden: &[char]) -> Result<(), Error> {
    match name
        .chars()
        .find(|c| c.is_control() || forbidden.contains(c))
    {
        Some(found) => Err(invalid(kind, name, &format!("contains {found:?}"))),
        None => Ok(()),
    }
}

fn invalid(kind: &str, name: &str, rule: &str) -> Error {
    let shown: String = name.chars().take(Limits::NAME_BYTES).collect();
    Error::new(Code::InvalidName, format!("{kind} name {shown:?} {rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_names_at_the_limit_are_accepted_and_one_past_refused() {
        assert!(DatabaseName::new(&"n".repeat(64)).is_ok());
        assert!(DatabaseName::new(&"n".repeat(65)).is_err());
        assert!(DatabaseName::new(&"é".repeat(32)).is_ok());
        assert!(DatabaseName::new(&"é".repeat(33)).is_err());
        assert!(DatabaseName::new("").is_err());
    }

    #[test]
    fn database_names_that_reach_for_other_files_are_refused() {
        for name in [
            ".", "..", "a/b", "/", "a\\b", "a..b", "../x", "a\0b", "a\nb", "a\u{7f}", "\u{85}",
        ] {
            let error = DatabaseName::new(name).unwrap_err();
            assert_eq!(error.code(), Code::InvalidName, "{name:?}");
        }
        for name in ["a.b", ".hidden", "a b", "-x", "ünïcode", "a.wal.1"] {
            assert!(DatabaseName::new(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn the_empty_collection_name_means_the_default_collection() {
        assert_eq!(CollectionName::new("").unwrap(), CollectionName::DEFAULT);
        assert_eq!(
            CollectionName::new("_default").unwrap(),
            CollectionName::DEFAULT
        );
        assert_eq!(CollectionName::DEFAULT.as_str(), "_default");
    }

    #[test]
    fn collection_names_at_the_limit_are_accepted_and_one_past_refused() {
        assert!(CollectionName::new(&"n".repeat(64)).is_ok());
        assert!(CollectionName::new(&"n".repeat(65)).is_err());
        for name in ["_private", "_", "a.b", ".", "a/b", "a\0", "a\tb"] {
            assert_eq!(
                CollectionName::new(name).unwrap_err().code(),
                Code::InvalidName,
                "{name:?}"
            );
        }
        for name in ["a_b", "a b", "a\\b", "日本"] {
            assert!(CollectionName::new(name).is_ok(), "{name:?}");
        }
    }
}
