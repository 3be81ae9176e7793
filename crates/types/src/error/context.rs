use std::borrow::Cow;
use std::fmt;

use crate::{CollectionName, DatabaseName, DocumentId, Version};

use super::{Category, Code, Effect, Status};

/// A result whose error is the one of docdb.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A code, what became of the operation, a line of text, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: Code,
    effect: Effect,
    message: Cow<'static, str>,
    document: Option<DocumentId>,
    context: Option<Box<Context>>,
}

/// What an [`Error`] is about, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// The database.
    pub database: Option<DatabaseName>,
    /// The collection.
    pub collection: Option<CollectionName>,
    /// The name of the file, without its directory.
    pub file: Option<String>,
    /// Byte offset in the file, or in the text that was refused.
    pub offset: Option<u64>,
    /// Index of the step of a patch or of the operation of a request.
    pub step: Option<u32>,
    /// The version that the document has.
    pub version: Option<Version>,
}

impl Error {
    /// An error whose operation was not applied.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            effect: Effect::NotApplied,
            message: message.into(),
            document: None,
            context: None,
        }
    }

    /// The same error with another effect.
    #[must_use]
    pub const fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// Names the document.
    #[must_use]
    pub const fn on_document(mut self, id: DocumentId) -> Self {
        self.document = Some(id);
        self
    }

    /// Names the database.
    #[must_use]
    pub fn in_database(mut self, name: &DatabaseName) -> Self {
        self.context_mut().database = Some(name.clone());
        self
    }

    /// Names the collection.
    #[must_use]
    pub fn in_collection(mut self, name: &CollectionName) -> Self {
        self.context_mut().collection = Some(name.clone());
        self
    }

    /// Names the file.
    #[must_use]
    pub fn in_file(mut self, name: impl Into<String>) -> Self {
        self.context_mut().file = Some(name.into());
        self
    }

    /// Names the byte offset.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.context_mut().offset = Some(offset);
        self
    }

    /// Names the step of a patch, or the operation of a request.
    #[must_use]
    pub fn at_step(mut self, step: u32) -> Self {
        self.context_mut().step = Some(step);
        self
    }

    /// Names the version that the document has.
    #[must_use]
    pub fn with_version(mut self, version: Version) -> Self {
        self.context_mut().version = Some(version);
        self
    }

    fn context_mut(&mut self) -> &mut Context {
        self.context.get_or_insert_default()
    }

    /// The stable name.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What became of the operation.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// The kind of trouble.
    #[must_use]
    pub const fn category(&self) -> Category {
        self.code.category()
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.code.status()
    }

    /// Whether the same request may simply be sent again.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        self.code.is_retryable() && matches!(self.effect, Effect::NotApplied)
    }

    /// The line of text, without code and context.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The document it is about.
    #[must_use]
    pub const fn document(&self) -> Option<DocumentId> {
        self.document
    }

    /// What else it is about.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context.as_deref().cloned().unwrap_or_default()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        let mut parts = Vec::new();
        let context = self.context();
        parts.extend(context.database.map(|name| format!("database {name}")));
        parts.extend(context.collection.map(|name| format!("collection {name}")));
        parts.extend(self.document.map(|id| format!("document {id}")));
        parts.extend(context.version.map(|version| format!("version {version}")));
        parts.extend(context.file.map(|file| format!("file {file}")));
        parts.extend(context.offset.map(|offset| format!("offset {offset}")));
        parts.extend(context.step.map(|step| format!("step {step}")));
        if self.effect == Effect::Unknown {
            parts.push("outcome unknown".to_owned());
        }
        if parts.is_empty() {
            Ok(())
        } else {
            write!(formatter, " ({})", parts.join(", "))
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_everything_it_is_about() {
        let error = Error::new(Code::CorruptRecord, "checksum does not match")
            .in_database(&DatabaseName::new("shop").unwrap())
            .in_collection(&CollectionName::new("orders").unwrap())
            .on_document(DocumentId::new(7).unwrap())
            .in_file("shop.data.3")
            .at_offset(4096)
            .with_effect(Effect::Unknown);
        assert_eq!(
            error.to_string(),
            "checksum does not match (database shop, collection orders, document 7, \
             file shop.data.3, offset 4096, outcome unknown)"
        );
    }

    #[test]
    fn an_unknown_outcome_is_never_offered_for_a_plain_retry() {
        let error = Error::new(Code::Timeout, "no answer in time");
        assert!(error.is_retryable());
        assert!(!error.with_effect(Effect::Unknown).is_retryable());
    }
}
