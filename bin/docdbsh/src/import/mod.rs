//! Stores the documents of a file, each byte for byte as it stands there.

mod array;
mod exported;
mod load;
mod member;
mod source;

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use docdb_client::Database;
use docdb_types::{CollectionName, Limits};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::request::ImportRequest;
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
    let reading = |error: &io::Error| Failure::reading(&request.file, error);
    let (input, length): (Box<dyn BufRead>, u64) = if request.file == "-" {
        if !streams.input {
            return Err(Failure::usage(
                "standard input holds the commands; import from it with -c '.import -'",
            ));
        }
        (
            Box::new(BufReader::with_capacity(READ_BYTES, io::stdin())),
            0,
        )
    } else {
        let file = File::open(&request.file).map_err(|error| reading(&error))?;
        let length = file.metadata().map_err(|error| reading(&error))?.len();
        (Box::new(BufReader::with_capacity(READ_BYTES, file)), length)
    };
    let source = Source::open(input, request, target.limits)?;
    Load::new(target, request, progress(streams.progress, length))
        .run(source)
        .await
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
