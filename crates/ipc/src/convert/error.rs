use docdb_types::{
    Code, CollectionName, Context, DatabaseName, DocumentId, Effect, Error, Version,
};

use super::enums::{
    category_to_wire, code_from_wire, code_to_wire, effect_from_wire, effect_to_wire,
    status_to_wire,
};
use crate::proto;

pub(super) fn error_to_wire(error: &Error) -> proto::Error {
    let Context {
        database,
        collection,
        file,
        offset,
        step,
        version,
    } = error.context();
    let context = proto::ErrorContext {
        database: database.map_or_else(String::new, |name| name.as_str().to_owned()),
        collection: collection.map(|name| name.as_str().to_owned()),
        document: error.document().map_or(0, DocumentId::get),
        file: file.unwrap_or_default(),
        offset,
        step,
        version: version.map(Version::get),
    };
    proto::Error {
        status: status_to_wire(error.status()) as i32,
        code: code_to_wire(error.code()) as i32,
        category: category_to_wire(error.category()) as i32,
        effect: effect_to_wire(error.effect()) as i32,
        message: error.message().to_owned(),
        context: (context != proto::ErrorContext::default()).then(|| Box::new(context)),
    }
}

/// A code that is not known here, of a newer server, becomes `Internal`, which is never retried.
/// What cannot be understood of the context is left out.
pub(super) fn error_from_wire(message: proto::Error) -> Error {
    let effect = effect_from_wire(message.effect).unwrap_or(Effect::Unknown);
    let error = match code_from_wire(message.code) {
        Some(code) => Error::new(code, message.message),
        None => Error::new(
            Code::Internal,
            format!(
                "{} (code {}, not known to this client)",
                message.message, message.code
            ),
        ),
    };
    match message.context {
        Some(context) => with_context(error, *context),
        None => error,
    }
    .with_effect(effect)
}

fn with_context(mut error: Error, context: proto::ErrorContext) -> Error {
    if let Ok(name) = DatabaseName::new(&context.database) {
        error = error.in_database(&name);
    }
    if let Some(Ok(name)) = context.collection.as_deref().map(CollectionName::new) {
        error = error.in_collection(&name);
    }
    if let Some(id) = DocumentId::new(context.document) {
        error = error.on_document(id);
    }
    if !context.file.is_empty() {
        error = error.in_file(context.file);
    }
    if let Some(offset) = context.offset {
        error = error.at_offset(offset);
    }
    if let Some(step) = context.step {
        error = error.at_step(step);
    }
    if let Some(version) = context.version {
        error = error.with_version(Version::new(version));
    }
    error
}
