//! What a line asks for.

use docdb_types::{Code, DocumentId, Error, Isolation, QuotaChange};

use crate::command::{Command, Verb};
use crate::failure::Failure;
use crate::line::{split_word, words};

/// A line that was understood. Payloads are not checked yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    Help(Option<&'static Command>),
    Exit,
    Clear,
    Open(&'a str),
    Use(&'a str),
    Close,
    Ls,
    Pwd,
    Drop(&'a str),
    Collections,
    Mkcoll(&'a str),
    Rmcoll(&'a str),
    Coll(&'a str),
    Create(Option<DocumentId>, &'a [u8]),
    Read(DocumentId),
    Update(DocumentId, &'a [u8]),
    Upsert(DocumentId, &'a [u8]),
    Delete(DocumentId),
    Patch(DocumentId, &'a [u8]),
    Merge(DocumentId, &'a [u8]),
    Scan(Option<DocumentId>, Option<u32>),
    Count,
    Begin(Isolation),
    Commit,
    Rollback,
    Stats,
    Mem,
    Wal,
    Pretty(bool),
    History,
    Checkpoint,
    Compact,
    Quota(QuotaChange),
    /// The document, and whether an older version may stand in.
    Heal(DocumentId, bool),
    HealAll,
    HealStats,
    Validate(Looked),
    Import(ImportRequest),
    Export(String),
}

/// What `.validate` looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looked {
    Document(DocumentId),
    Collection,
    Database,
}

/// What `.import` is to do.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct ImportRequest {
    /// A path, or `-`.
    pub(crate) file: String,
    pub(crate) form: Form,
    /// The member that holds the id; `None`: ids are assigned.
    pub(crate) id_member: Option<String>,
    pub(crate) upsert: bool,
}

/// How documents stand in a file.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) enum Form {
    /// An array where the file begins with `[`, else lines.
    #[default]
    Detected,
    Lines,
    /// The array that the JSON pointer leads to.
    Array(String),
    /// What `.export` wrote.
    Exported,
}

/// Reads a line that is not blank.
pub(crate) fn parse(line: &[u8]) -> Result<Request<'_>, Failure> {
    let (word, rest) = split_word(line);
    let Some(command) = Command::named(word) else {
        let word = abridged(word);
        let hint = if word.starts_with('.') {
            ".help lists the commands"
        } else {
            "commands begin with a dot, .help lists them"
        };
        return Err(Failure::usage(format!("unknown command `{word}`; {hint}")));
    };
    Arguments { command, rest }.parse()
}

struct Arguments<'a> {
    command: &'static Command,
    rest: &'a [u8],
}

impl<'a> Arguments<'a> {
    fn parse(&self) -> Result<Request<'a>, Failure> {
        match self.command.verb {
            Verb::Help => self.help(),
            Verb::Exit => self.nothing(Request::Exit),
            Verb::Clear => self.nothing(Request::Clear),
            Verb::Open => self.name().map(Request::Open),
            Verb::Use => self.name().map(Request::Use),
            Verb::Close => self.nothing(Request::Close),
            Verb::Ls => self.nothing(Request::Ls),
            Verb::Pwd => self.nothing(Request::Pwd),
            Verb::Drop => self.name().map(Request::Drop),
            Verb::Collections => self.nothing(Request::Collections),
            Verb::Mkcoll => self.name().map(Request::Mkcoll),
            Verb::Rmcoll => self.name().map(Request::Rmcoll),
            Verb::Coll => self.name().map(Request::Coll),
            Verb::Create => self.create(),
            Verb::Read => self.only_id().map(Request::Read),
            Verb::Update => self.payload().map(|(id, json)| Request::Update(id, json)),
            Verb::Upsert => self.payload().map(|(id, json)| Request::Upsert(id, json)),
            Verb::Delete => self.only_id().map(Request::Delete),
            Verb::Patch => self.payload().map(|(id, json)| Request::Patch(id, json)),
            Verb::Merge => self.payload().map(|(id, json)| Request::Merge(id, json)),
            Verb::Scan => self.scan(),
            Verb::Count => self.nothing(Request::Count),
            Verb::Begin => self.begin(),
            Verb::Commit => self.nothing(Request::Commit),
            Verb::Rollback => self.nothing(Request::Rollback),
            Verb::Stats => self.nothing(Request::Stats),
            Verb::Mem => self.nothing(Request::Mem),
            Verb::Wal => self.nothing(Request::Wal),
            Verb::Pretty => self.pretty(),
            Verb::History => self.nothing(Request::History),
            Verb::Checkpoint => self.nothing(Request::Checkpoint),
            Verb::Compact => self.nothing(Request::Compact),
            Verb::Quota => self.quota(),
            Verb::Heal => self.heal(),
            Verb::HealAll => self.nothing(Request::HealAll),
            Verb::HealStats => self.nothing(Request::HealStats),
            Verb::Validate => self.validate(),
            Verb::Import => self.import(),
            Verb::Export => self.export(),
        }
    }

    fn usage(&self) -> Failure {
        Failure::usage(format!("usage: {}", self.command.synopsis()))
    }

    fn nothing(&self, request: Request<'a>) -> Result<Request<'a>, Failure> {
        if self.rest.is_empty() {
            Ok(request)
        } else {
            Err(self.usage())
        }
    }

    /// A name may hold blanks, but neither begin nor end with one.
    fn name(&self) -> Result<&'a str, Failure> {
        let name = self.rest.trim_ascii_end();
        if name.is_empty() {
            return Err(self.usage());
        }
        std::str::from_utf8(name)
            .map_err(|_| Error::new(Code::InvalidName, "name is not utf-8").into())
    }

    fn help(&self) -> Result<Request<'a>, Failure> {
        let name = self.rest.trim_ascii_end();
        if name.is_empty() {
            return Ok(Request::Help(None));
        }
        let dotted = [b".", name].concat();
        Command::named(name)
            .or_else(|| Command::named(&dotted))
            .map(|command| Request::Help(Some(command)))
            .ok_or_else(|| Failure::usage(format!("unknown command `{}`", abridged(name))))
    }

    fn id(&self, word: &[u8]) -> Result<DocumentId, Failure> {
        number(word).and_then(DocumentId::new).ok_or_else(|| {
            let word = abridged(word);
            let usage = self.command.synopsis();
            Failure::usage(format!(
                "`{word}` is not an id, which is a number from 1 to {}; usage: {usage}",
                u64::MAX
            ))
        })
    }

    fn only_id(&self) -> Result<DocumentId, Failure> {
        match split_word(self.rest) {
            ([], _) => Err(self.usage()),
            (word, []) => self.id(word),
            _ => Err(self.usage()),
        }
    }

    fn heal(&self) -> Result<Request<'a>, Failure> {
        let (word, rest) = split_word(self.rest);
        if word.is_empty() {
            return Err(self.usage());
        }
        let id = self.id(word)?;
        match rest.trim_ascii_end() {
            [] => Ok(Request::Heal(id, false)),
            b"--older" => Ok(Request::Heal(id, true)),
            _ => Err(self.usage()),
        }
    }

    fn validate(&self) -> Result<Request<'a>, Failure> {
        match self.rest.trim_ascii_end() {
            [] => Ok(Request::Validate(Looked::Collection)),
            b"--all" => Ok(Request::Validate(Looked::Database)),
            _ => self
                .only_id()
                .map(|id| Request::Validate(Looked::Document(id))),
        }
    }

    fn payload(&self) -> Result<(DocumentId, &'a [u8]), Failure> {
        let (word, payload) = split_word(self.rest);
        if word.is_empty() {
            return Err(self.usage());
        }
        let id = self.id(word)?;
        if payload.is_empty() {
            return Err(self.usage());
        }
        Ok((id, payload))
    }

    fn create(&self) -> Result<Request<'a>, Failure> {
        let (word, payload) = split_word(self.rest);
        let names_id = word == b"-" || (!word.is_empty() && word.iter().all(u8::is_ascii_digit));
        if !names_id {
            return if self.rest.is_empty() {
                Err(self.usage())
            } else {
                Ok(Request::Create(None, self.rest))
            };
        }
        if payload.is_empty() {
            return Err(self.usage());
        }
        let assigned = word == b"-" || word.iter().all(|digit| *digit == b'0');
        let id = if assigned { None } else { Some(self.id(word)?) };
        Ok(Request::Create(id, payload))
    }

    fn scan(&self) -> Result<Request<'a>, Failure> {
        let (from, rest) = split_word(self.rest);
        let (limit, rest) = split_word(rest);
        if !rest.is_empty() {
            return Err(self.usage());
        }
        let from = match from {
            [] | b"-" | b"0" => None,
            word => Some(self.id(word)?),
        };
        let limit = match limit {
            [] => None,
            word => Some(
                number(word)
                    .and_then(|limit| u32::try_from(limit).ok())
                    .filter(|limit| *limit > 0)
                    .ok_or_else(|| self.usage())?,
            ),
        };
        Ok(Request::Scan(from, limit))
    }

    fn begin(&self) -> Result<Request<'a>, Failure> {
        match self.rest.trim_ascii_end() {
            [] => Ok(Request::Begin(Isolation::default())),
            level => std::str::from_utf8(level)
                .ok()
                .and_then(|level| level.parse().ok())
                .map(Request::Begin)
                .ok_or_else(|| self.usage()),
        }
    }

    fn pretty(&self) -> Result<Request<'a>, Failure> {
        match self.rest.trim_ascii_end() {
            b"on" => Ok(Request::Pretty(true)),
            b"off" => Ok(Request::Pretty(false)),
            _ => Err(self.usage()),
        }
    }

    fn quota(&self) -> Result<Request<'a>, Failure> {
        let mut change = QuotaChange::default();
        for word in self.words()? {
            let (name, value) = word.split_once('=').ok_or_else(|| self.usage())?;
            let (place, bound) = match name {
                "disk_bytes" => (&mut change.disk_bytes, size(value)),
                "documents" => (&mut change.documents, number(value.as_bytes())),
                "operations_per_second" => {
                    (&mut change.operations_per_second, number(value.as_bytes()))
                }
                "requests_in_flight" => (&mut change.requests_in_flight, number(value.as_bytes())),
                _ => return Err(self.usage()),
            };
            let bound = bound.ok_or_else(|| self.usage())?;
            if place.replace(bound).is_some() {
                return Err(self.usage());
            }
        }
        Ok(Request::Quota(change))
    }

    fn words(&self) -> Result<Vec<String>, Failure> {
        words(self.rest)
            .ok_or_else(|| self.usage())?
            .into_iter()
            .map(|word| String::from_utf8(word).map_err(|_| self.usage()))
            .collect()
    }

    fn export(&self) -> Result<Request<'a>, Failure> {
        let mut words = self.words()?.into_iter();
        match (words.next(), words.next()) {
            (Some(file), None) if !file.is_empty() => Ok(Request::Export(file)),
            _ => Err(self.usage()),
        }
    }

    fn import(&self) -> Result<Request<'a>, Failure> {
        let mut request = ImportRequest::default();
        let mut words = self.words()?.into_iter();
        while let Some(word) = words.next() {
            let form = match word.as_str() {
                "--array" => Some(Form::Array(words.next().ok_or_else(|| self.usage())?)),
                "--lines" => Some(Form::Lines),
                "--exported" => Some(Form::Exported),
                _ => None,
            };
            match (word.as_str(), form) {
                (_, Some(form)) if request.form == Form::Detected => request.form = form,
                ("--id", None) if request.id_member.is_none() => {
                    request.id_member = Some(words.next().ok_or_else(|| self.usage())?);
                }
                ("--upsert", None) => request.upsert = true,
                (file, None) if request.file.is_empty() && !file.starts_with("--") => {
                    request.file = file.to_owned();
                }
                _ => return Err(self.usage()),
            }
        }
        let exported = request.form == Form::Exported;
        if request.file.is_empty() || (exported && request.id_member.is_some()) {
            return Err(self.usage());
        }
        if request.upsert && !exported && request.id_member.is_none() {
            return Err(Failure::usage(
                "--upsert needs ids: say --id MEMBER, or --exported",
            ));
        }
        Ok(Request::Import(request))
    }
}

/// A number of bytes, with a unit or without.
fn size(text: &str) -> Option<u64> {
    let units = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    let (digits, bytes) = units
        .iter()
        .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)))
        .unwrap_or((text, 1));
    number(digits.as_bytes())?.checked_mul(bytes)
}

fn number(word: &[u8]) -> Option<u64> {
    if !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// What an error shows of a text that somebody typed.
fn abridged(text: &[u8]) -> String {
    const SHOWN: usize = 64;
    String::from_utf8_lossy(text).chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> DocumentId {
        DocumentId::new(number).unwrap()
    }

    fn refused(line: &[u8]) -> String {
        let error = parse(line).unwrap_err().error;
        assert_eq!(error.code(), Code::UnknownOperation);
        error.to_string()
    }

    #[test]
    fn a_payload_keeps_every_blank() {
        let request = parse(b".update 3 \t{\"a\":  \" x  y \"} ").unwrap();
        assert_eq!(request, Request::Update(id(3), b"{\"a\":  \" x  y \"} "));
    }

    #[test]
    fn create_takes_an_id_a_dash_or_nothing() {
        assert_eq!(
            parse(b".create 7 1").unwrap(),
            Request::Create(Some(id(7)), b"1")
        );
        assert_eq!(parse(b".create - 1").unwrap(), Request::Create(None, b"1"));
        assert_eq!(
            parse(b".create {} ").unwrap(),
            Request::Create(None, b"{} ")
        );
        assert_eq!(
            parse(b".create [1, 2]").unwrap(),
            Request::Create(None, b"[1, 2]")
        );
        assert_eq!(parse(b".create -5").unwrap(), Request::Create(None, b"-5"));
        // A number alone is far more often an id whose document was forgotten.
        assert_eq!(refused(b".create 7"), "usage: .create [ID] JSON");
        assert_eq!(refused(b".create"), "usage: .create [ID] JSON");
    }

    #[test]
    fn what_is_no_command_is_an_unknown_operation() {
        assert!(refused(b".vacuum").contains("unknown command `.vacuum`"));
        assert!(refused(b"read 1").contains("begin with a dot"));
        assert!(refused(b".ls all").contains("usage: .ls"));
        for word in [
            &b".read 0"[..],
            b".read -1",
            b".read +1",
            b".read x",
            b".delete 1e3",
        ] {
            assert!(refused(word).contains("is not an id"));
        }
        assert!(refused(b".read 18446744073709551616").contains("is not an id"));
        assert!(refused(b".read 1 2").contains("usage"));
        assert!(refused(b".update 1").contains("usage"));
    }

    #[test]
    fn names_may_hold_blanks() {
        assert_eq!(
            parse(b".open  my shop \r").unwrap(),
            Request::Open("my shop")
        );
        assert_eq!(refused(b".open"), "usage: .open NAME");
    }

    #[test]
    fn scan_takes_a_place_and_a_limit() {
        assert_eq!(parse(b".scan").unwrap(), Request::Scan(None, None));
        assert_eq!(parse(b".scan 5").unwrap(), Request::Scan(Some(id(5)), None));
        assert_eq!(
            parse(b".scan 5 10").unwrap(),
            Request::Scan(Some(id(5)), Some(10))
        );
        assert_eq!(parse(b".scan - 10").unwrap(), Request::Scan(None, Some(10)));
        assert!(refused(b".scan 1 0").contains("usage"));
    }

    #[test]
    fn begin_takes_a_level_or_none() {
        let begin = |line| match parse(line).unwrap() {
            Request::Begin(isolation) => isolation,
            other => panic!("{other:?}"),
        };
        assert_eq!(begin(b".begin"), Isolation::Serializable);
        assert_eq!(begin(b".begin serializable"), Isolation::Serializable);
        assert_eq!(begin(b".begin snapshot "), Isolation::Snapshot);
        assert!(refused(b".begin dirty").contains("usage: .begin [serializable|snapshot]"));
        assert!(refused(b".commit now").contains("usage"));
    }

    #[test]
    fn import_takes_its_options_in_any_order() {
        let request = parse(br#".import --id n --array /a "x y.json" --upsert"#).unwrap();
        let expected = ImportRequest {
            file: "x y.json".to_owned(),
            form: Form::Array("/a".to_owned()),
            id_member: Some("n".to_owned()),
            upsert: true,
        };
        assert_eq!(request, Request::Import(expected));
        assert!(refused(b".import f --upsert").contains("needs ids"));
        assert!(refused(b".import").contains("usage"));
        assert!(refused(b".import a b").contains("usage"));
        assert!(refused(b".import a --lines --array /x").contains("usage"));
        assert!(refused(b".import a --exported --id x").contains("usage"));
        assert!(parse(b".import - --exported --upsert").is_ok());
    }
}
