//! Stores the documents of a file, each byte for byte as it stands there.

mod array;
mod exported;
mod load;
mod member;
mod source;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use docdb_client::Database;
use docdb_types::{CollectionName, Limits};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::request::{Form, ImportRequest};
use crate::session::Streams;

use load::Load;
use source::Source;

pub(crate) use exported::Trailer;

/// Bytes of a file that are read at a time.
const READ_BYTES: usize = 256 * 1024;

/// Where documents go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) database: &'a Database,
    pub(crate) collection: &'a CollectionName,
    pub(crate) limits: &'a Limits,
}

/// Runs an import to its end, whatever single documents are refused.
pub(crate) async fn import(
    target: &Target<'_>,
    request: &ImportRequest,
    streams: Streams,
) -> Result<Answer, Failure> {
    let path = Path::new(&request.file);
    if request.form == Form::Exported && request.file != "-" && path.is_file() {
        verify(request, target.limits)?;
    }
    let (input, length): (Box<dyn BufRead>, u64) = match request.file.as_str() {
        "-" if !streams.input => {
            return Err(Failure::usage(
                "standard input holds the commands; import from it with -c '.import -'",
            ));
        }
        "-" => (buffered(io::stdin()), 0),
        file => open(file)?,
    };
    let source = Source::open(input, request, target.limits)?;
    Load::new(target, request, progress(streams.progress, length))
        .run(source)
        .await
}

/// Reads an export once, so that nothing of it is stored when its checksum does not match. A
/// pipe can be read only once: there the mismatch shows at the end.
fn verify(request: &ImportRequest, limits: &Limits) -> Result<(), Failure> {
    let (input, _) = open(&request.file)?;
    let mut source = Source::open(input, request, limits)?;
    while source.next()?.is_some() {}
    Ok(())
}

/// A file and its length in bytes.
fn open(path: &str) -> Result<(Box<dyn BufRead>, u64), Failure> {
    let reading = |error: io::Error| Failure::reading(path, &error);
    let file = File::open(path).map_err(reading)?;
    let length = file.metadata().map_err(reading)?.len();
    Ok((buffered(file), length))
}

fn buffered(input: impl Read + 'static) -> Box<dyn BufRead> {
    Box::new(BufReader::with_capacity(READ_BYTES, input))
}

/// A bar where the length is known, else a counter; nothing where nobody looks.
fn progress(shown: bool, length: u64) -> ProgressBar {
    let target = if shown {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let known = length > 0;
    let template = if known {
        "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {msg}"
    } else {
        "{bytes} {bytes_per_sec} {msg}"
    };
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::with_draw_target(known.then_some(length), target);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
