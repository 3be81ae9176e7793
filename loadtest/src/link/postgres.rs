//! PostgreSQL, documents as `jsonb` in a table per database, with prepared statements.

use std::collections::VecDeque;

use bytes::{Buf, BufMut, Bytes};
use docdb_client::{Reply, RequestId, Response};
use docdb_types::{Action, Change, Code, DatabaseName, DocumentId, Error, Outcome};
use fallible_iterator::FallibleIterator;
use postgres_protocol::IsNull;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use postgres_protocol::message::backend::{ErrorResponseBody, Message};
use postgres_protocol::message::frontend;

use super::jsonb::restored;
use super::wire::{Wire, done, exists, network, not_found, unexpected};
use crate::peer::PeerUrl;

/// Types of parameters, as `pg_type` numbers them: `int8` and `jsonb`.
const INT8: u32 = 20;
const JSONB: u32 = 3802;
/// The only version of the binary form of `jsonb`: a text behind this byte.
const JSONB_VERSION: u8 = 1;
const BINARY: i16 = 1;
const TEXT: i16 = 0;
const SCRAM: &str = "SCRAM-SHA-256";

/// One connection to PostgreSQL.
#[derive(Debug)]
pub(crate) struct PostgresLink {
    wire: Wire,
    /// Requests that are not answered whole, in the order in which they were sent.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    id: RequestId,
    /// In the order in which they were sent.
    asked: Vec<Asked>,
    /// By place in the request.
    results: Vec<(usize, Result<Outcome, Error>)>,
    /// The row of the operation that is answered at the moment.
    row: Option<Bytes>,
    /// Why this operation and all behind it were not done.
    failed: Option<Error>,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    place: usize,
    id: DocumentId,
    statement: Statement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Statement {
    Create,
    Read,
    Update,
    Upsert,
    Delete,
}

impl Statement {
    const ALL: [Self; 5] = [
        Self::Create,
        Self::Read,
        Self::Update,
        Self::Upsert,
        Self::Delete,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Upsert => "upsert",
            Self::Delete => "delete",
        }
    }

    fn text(self, table: &str) -> String {
        let insert = format!("INSERT INTO {table} (id, document) VALUES ($1, $2)");
        match self {
            Self::Create => format!("{insert} ON CONFLICT DO NOTHING"),
            Self::Read => format!("SELECT document FROM {table} WHERE id = $1"),
            Self::Update => format!("UPDATE {table} SET document = $2 WHERE id = $1"),
            Self::Upsert => {
                format!("{insert} ON CONFLICT (id) DO UPDATE SET document = excluded.document")
            }
            Self::Delete => format!("DELETE FROM {table} WHERE id = $1"),
        }
    }

    const fn parameters(self) -> &'static [u32] {
        match self {
            Self::Create | Self::Update | Self::Upsert => &[INT8, JSONB],
            Self::Read | Self::Delete => &[INT8],
        }
    }

    const fn change(self) -> Change {
        match self {
            Self::Create => Change::Created,
            Self::Read => Change::Read,
            Self::Update | Self::Upsert => Change::Replaced,
            Self::Delete => Change::Deleted,
        }
    }
}

enum Parameter<'a> {
    Id(DocumentId),
    Document(&'a [u8]),
}

impl PostgresLink {
    /// Connects, authenticates, makes sure of the table of the database and prepares what is asked
    /// later.
    pub(super) async fn connect(url: &PeerUrl, database: &DatabaseName) -> Result<Self, Error> {
        let mut wire = Wire::connect(&url.place).await?;
        let user = url.user.as_deref().unwrap_or("postgres");
        let parameters = [
            ("user", user),
            ("database", url.database.as_deref().unwrap_or(user)),
            ("client_encoding", "UTF8"),
            ("application_name", env!("CARGO_PKG_NAME")),
        ];
        frontend::startup_message(parameters, &mut wire.output).map_err(network)?;
        let mut link = Self {
            wire,
            waiting: VecDeque::new(),
        };
        link.authenticate(user, url.password.as_deref().unwrap_or_default())
            .await?;
        // A name is made of letters, digits, `_` and `-`: nothing needs to be escaped.
        let table = format!("\"docdb_loadtest_{database}\"");
        let create = format!(
            "SET synchronous_commit = on; SET client_min_messages = warning; \
             CREATE TABLE IF NOT EXISTS {table} (id bigint PRIMARY KEY, document jsonb NOT NULL)"
        );
        frontend::query(&create, &mut link.wire.output).map_err(network)?;
        link.settle().await?;
        for statement in Statement::ALL {
            let parameters = statement.parameters().iter().copied();
            frontend::parse(
                statement.name(),
                &statement.text(&table),
                parameters,
                &mut link.wire.output,
            )
            .map_err(network)?;
        }
        frontend::sync(&mut link.wire.output);
        link.settle().await?;
        Ok(link)
    }

    async fn authenticate(&mut self, user: &str, password: &str) -> Result<(), Error> {
        let mut scram = None;
        loop {
            self.wire.flush().await?;
            match next_message(&mut self.wire).await? {
                Message::AuthenticationOk => return self.settle().await,
                Message::AuthenticationCleartextPassword => {
                    frontend::password_message(password.as_bytes(), &mut self.wire.output)
                        .map_err(network)?;
                }
                Message::AuthenticationMd5Password(body) => {
                    let hash = md5_hash(user.as_bytes(), password.as_bytes(), body.salt());
                    frontend::password_message(hash.as_bytes(), &mut self.wire.output)
                        .map_err(network)?;
                }
                Message::AuthenticationSasl(_) => {
                    let exchange =
                        ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
                    frontend::sasl_initial_response(
                        SCRAM,
                        exchange.message(),
                        &mut self.wire.output,
                    )
                    .map_err(network)?;
                    scram = Some(exchange);
                }
                Message::AuthenticationSaslContinue(body) => {
                    let exchange = scram.as_mut().ok_or_else(out_of_turn)?;
                    exchange.update(body.data()).map_err(network)?;
                    frontend::sasl_response(exchange.message(), &mut self.wire.output)
                        .map_err(network)?;
                }
                Message::AuthenticationSaslFinal(body) => {
                    let exchange = scram.as_mut().ok_or_else(out_of_turn)?;
                    exchange.finish(body.data()).map_err(network)?;
                }
                Message::ErrorResponse(body) => {
                    return Err(error_of(Code::Unauthenticated, &body));
                }
                _ => return Err(out_of_turn()),
            }
        }
    }

    /// Waits until everything that was sent is done.
    async fn settle(&mut self) -> Result<(), Error> {
        self.wire.flush().await?;
        let mut failed = None;
        loop {
            match next_message(&mut self.wire).await? {
                Message::ReadyForQuery(_) => return failed.map_or(Ok(()), Err),
                Message::ErrorResponse(body) => failed = Some(error_of(Code::Internal, &body)),
                _ => {}
            }
        }
    }

    /// Queues operations: one transaction, and so one sync. They are sent in the order of their ids,
    /// so that no two transactions wait for each other's rows; those of one id keep their order.
    pub(super) fn execute(
        &mut self,
        actions: impl IntoIterator<Item = Action>,
    ) -> Result<RequestId, Error> {
        let mut actions: Vec<_> = actions.into_iter().enumerate().collect();
        actions.sort_by_key(|(_, action)| action.id());
        let mut asked = Vec::with_capacity(actions.len());
        for (place, action) in &actions {
            let (statement, id, document) = match action {
                Action::Create {
                    id: Some(id),
                    document,
                } => (Statement::Create, *id, Some(document)),
                Action::Read { id } => (Statement::Read, *id, None),
                Action::Update { id, document, .. } => (Statement::Update, *id, Some(document)),
                Action::Upsert { id, document } => (Statement::Upsert, *id, Some(document)),
                Action::Delete { id, .. } => (Statement::Delete, *id, None),
                _ => {
                    return Err(Error::new(
                        Code::UnknownOperation,
                        "PostgreSQL is asked for whole documents only",
                    ));
                }
            };
            let document = document.map(|document| Parameter::Document(document.as_bytes()));
            let parameters = std::iter::once(Parameter::Id(id)).chain(document);
            frontend::bind(
                "",
                statement.name(),
                [BINARY],
                parameters,
                |parameter, output| {
                    match parameter {
                        Parameter::Id(id) => output.put_u64(id.get()),
                        Parameter::Document(text) => {
                            output.put_u8(JSONB_VERSION);
                            output.put_slice(text);
                        }
                    }
                    Ok(IsNull::No)
                },
                [TEXT],
                &mut self.wire.output,
            )
            .map_err(|_| unexpected("a request is too large for PostgreSQL"))?;
            frontend::execute("", 0, &mut self.wire.output).map_err(network)?;
            asked.push(Asked {
                place: *place,
                id,
                statement,
            });
        }
        frontend::sync(&mut self.wire.output);
        let id = self.wire.next_id();
        self.waiting.push_back(Waiting {
            id,
            results: Vec::with_capacity(asked.len()),
            asked,
            row: None,
            failed: None,
        });
        Ok(id)
    }

    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        self.wire.flush().await
    }

    /// Waits for the next answer. Safe to give up and call again.
    pub(super) async fn receive(&mut self) -> Result<Response, Error> {
        loop {
            let message = next_message(&mut self.wire).await?;
            let first = self.waiting.front_mut().ok_or_else(out_of_turn)?;
            if !first.take(message)? {
                continue;
            }
            if let Some(whole) = self.waiting.pop_front() {
                return Ok(whole.response());
            }
        }
    }
}

impl Waiting {
    /// Takes a message; `true` when it was the last.
    fn take(&mut self, message: Message) -> Result<bool, Error> {
        match message {
            Message::DataRow(body) => self.row = Some(body.buffer_bytes().clone()),
            Message::CommandComplete(body) => {
                let asked = self.asked.get(self.results.len());
                let asked = *asked.ok_or_else(out_of_turn)?;
                let is_done = !body.tag().map_err(network)?.ends_with(" 0");
                let result = asked.result(is_done, self.row.take());
                self.results.push((asked.place, result));
            }
            Message::ErrorResponse(body) => self.failed = Some(error_of(Code::Internal, &body)),
            Message::ReadyForQuery(_) => return Ok(true),
            _ => {}
        }
        Ok(false)
    }

    fn response(mut self) -> Response {
        // One transaction: what failed takes all of it back.
        let result = match self.failed {
            Some(error) => Err(error),
            None => {
                self.results.sort_unstable_by_key(|(place, _)| *place);
                let results = self.results.into_iter().map(|(_, result)| result);
                Ok(Reply::Results(results.collect()))
            }
        };
        Response {
            id: Some(self.id),
            result,
        }
    }
}

impl Asked {
    fn result(self, is_done: bool, row: Option<Bytes>) -> Result<Outcome, Error> {
        let Self { id, statement, .. } = self;
        if !is_done {
            return match statement {
                Statement::Create => exists(id),
                _ => not_found(id),
            };
        }
        let outcome = done(id, statement.change())?;
        if statement != Statement::Read {
            return Ok(outcome);
        }
        Ok(Outcome {
            document: Some(restored(only_column(row)?)),
            ..outcome
        })
    }
}

/// The only column of a row: a length of four bytes and what it counts.
fn only_column(row: Option<Bytes>) -> Result<Bytes, Error> {
    let mut row = row.ok_or_else(out_of_turn)?;
    let length = row.try_get_i32().map_err(|_| out_of_turn())?;
    match usize::try_from(length) {
        Ok(length) if length <= row.len() => Ok(row.split_to(length)),
        _ => Err(out_of_turn()),
    }
}

/// Waits for a message about what was asked. Safe to give up and call again.
async fn next_message(wire: &mut Wire) -> Result<Message, Error> {
    loop {
        match Message::parse(&mut wire.input).map_err(network)? {
            // These come at any time.
            Some(
                Message::NoticeResponse(_)
                | Message::ParameterStatus(_)
                | Message::NotificationResponse(_),
            ) => {}
            Some(message) => return Ok(message),
            None => wire.read().await?,
        }
    }
}

fn out_of_turn() -> Error {
    unexpected("PostgreSQL answers something out of turn")
}

fn error_of(code: Code, body: &ErrorResponseBody) -> Error {
    let message = body.fields().find(|field| Ok(field.type_() == b'M'));
    match message {
        Ok(Some(field)) => {
            let text = String::from_utf8_lossy(field.value_bytes());
            Error::new(code, text.into_owned())
        }
        _ => Error::new(code, "PostgreSQL tells no reason"),
    }
}
