//! What a shell knows between two lines, and running one.

mod databases;
mod documents;
mod healing;
mod target;
mod transactions;

use std::io::Write;

use docdb_client::{Database, Pool, Transaction};
use docdb_types::{Code, CollectionName, Error, Limits};

use crate::answer::{Answer, Record, Value};
use crate::command::COMMANDS;
use crate::export;
use crate::failure::Failure;
use crate::figures;
use crate::history::History;
use crate::import;
use crate::request::{Request, parse};

/// Which standard streams a line may use for itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streams {
    /// Standard input does not hold the lines.
    pub(crate) input: bool,
    /// Standard output may hold something else than answers.
    pub(crate) output: bool,
    /// A person looks at standard error.
    pub(crate) progress: bool,
    /// A person looks at standard output.
    pub(crate) screen: bool,
}

impl Streams {
    /// Explains on standard error what stands in an answer, where answers are for people.
    pub(crate) fn remark(self, what: &str, why: &str) {
        if self.output {
            // Without it the answer says the same, in fewer words.
            let _ = writeln!(std::io::stderr(), "{what}: {why}");
        }
    }
}

/// A connection, the open database and collection, and what was switched on.
#[derive(Debug)]
pub(crate) struct Session {
    pool: Pool,
    limits: Limits,
    database: Option<Database>,
    collection: CollectionName,
    transaction: Option<Transaction>,
    streams: Streams,
    pub(crate) pretty: bool,
    pub(crate) history: History,
}

impl Session {
    /// A session over connections that are there.
    pub(crate) async fn begin(pool: Pool, streams: Streams) -> Result<Self, Error> {
        let limits = pool.client().await?.server().limits;
        Ok(Self {
            pool,
            limits,
            database: None,
            collection: CollectionName::DEFAULT,
            transaction: None,
            streams,
            pretty: false,
            history: History::default(),
        })
    }

    /// What stands in front of a line that is typed.
    pub(crate) fn prompt(&self) -> String {
        match &self.database {
            Some(database) => {
                let mark = if self.transaction.is_some() { "*" } else { "" };
                format!("{}/{}{mark}> ", database.name(), self.collection)
            }
            None => "docdb> ".to_owned(),
        }
    }

    pub(crate) const fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) const fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// Runs a line that is not blank.
    pub(crate) async fn run(
        &mut self,
        line: &[u8],
        output: &mut dyn Write,
    ) -> Result<Answer, Failure> {
        match parse(line)? {
            Request::Help(None) => Ok(Answer::Help(COMMANDS.iter().collect())),
            Request::Help(Some(command)) => Ok(Answer::Help(vec![command])),
            Request::Exit => Ok(Answer::Exit),
            Request::Clear => self.clear(output),
            Request::Open(name) => self.open(name).await,
            Request::Use(name) => self.change_to(name).await,
            Request::Close => self.close().await,
            Request::Ls => self.list_databases().await,
            Request::Pwd => Ok(self.place()),
            Request::Drop(name) => self.drop_database(name).await,
            Request::Collections => self.list_collections().await,
            Request::Mkcoll(name) => self.create_collection(name).await,
            Request::Rmcoll(name) => self.delete_collection(name).await,
            Request::Coll(name) => self.change_collection(name).await,
            Request::Create(id, json) => self.create(line, id, json).await,
            Request::Read(id) => self.read(id).await,
            Request::Update(id, json) => self.update(line, id, json).await,
            Request::Upsert(id, json) => self.upsert(line, id, json).await,
            Request::Delete(id) => self.delete(id).await,
            Request::Patch(id, json) => self.patch(line, id, json).await,
            Request::Merge(id, json) => self.merge(line, id, json).await,
            Request::Scan(from, limit) => self.scan(from, limit).await,
            Request::Count => self.count().await,
            Request::Begin(isolation) => self.begin_transaction(isolation).await,
            Request::Commit => self.commit().await,
            Request::Rollback => self.rollback().await,
            Request::Stats => Ok(self.figures("stats", figures::all).await?),
            Request::Mem => Ok(self.figures("mem", figures::memory).await?),
            Request::Wal => Ok(self.figures("wal", figures::log).await?),
            Request::Pretty(pretty) => {
                self.pretty = pretty;
                let state = if pretty { "on" } else { "off" };
                Ok(Answer::Record(Record::new().with("pretty", state)))
            }
            Request::History => {
                let lines = Value::Lines(self.history.lines());
                Ok(Answer::Record(Record::new().with("history", lines)))
            }
            Request::Checkpoint => {
                let report = self.opened()?.checkpoint().await?;
                Ok(Answer::Record(figures::checkpoint(&report)))
            }
            Request::Compact => {
                let report = self.opened()?.compact().await?;
                Ok(Answer::Record(figures::compaction(&report)))
            }
            Request::Quota(change) => {
                let name = self.opened()?.name().as_str();
                let client = self.pool.client().await?;
                let quotas = client.change_quotas(name, change).await?;
                Ok(Answer::Record(figures::quotas(quotas)))
            }
            Request::Heal(id, accept_older) => self.heal(id, accept_older).await,
            Request::HealAll => self.heal_all().await,
            Request::HealStats => self.healing().await,
            Request::Validate(looked) => self.validate(looked).await,
            Request::Import(request) => {
                self.outside()?;
                let target = import::Target {
                    database: self.opened()?,
                    collection: &self.collection,
                    limits: &self.limits,
                };
                import::import(&target, &request, self.streams).await
            }
            Request::Export(file) => {
                self.outside()?;
                let database = self.opened()?;
                export::export(database, &self.collection, &file, self.streams, output).await
            }
        }
    }

    fn clear(&self, output: &mut dyn Write) -> Result<Answer, Failure> {
        if !self.streams.screen {
            return Ok(Answer::Record(Record::new()));
        }
        output
            .write_all(b"\x1b[H\x1b[2J\x1b[3J")
            .map_err(|error| Failure::writing("-", &error))?;
        Ok(Answer::Written)
    }

    async fn figures(
        &self,
        name: &'static str,
        select: impl Fn(&docdb_client::Statistics) -> Record,
    ) -> Result<Answer, Error> {
        let statistics = match &self.database {
            Some(database) => database.statistics().await?,
            None => self.pool.client().await?.statistics().await?,
        };
        Ok(Answer::Figures(name, select(&statistics)))
    }

    fn opened(&self) -> Result<&Database, Error> {
        self.database
            .as_ref()
            .ok_or_else(|| Error::new(Code::DbNotOpen, "no database is open; say .open NAME"))
    }
}
