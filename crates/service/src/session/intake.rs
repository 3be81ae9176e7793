//! From frames to requests that run.

use docdb_ipc::{Command, Hello, PROTOCOL_VERSION, Reply, Request, RequestId, ServerHello};
use docdb_scheduler::Admission;
use docdb_types::{CheckpointScope, Code, DatabaseId, Effect, Error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_util::codec::Decoder;

use super::connection::Session;
use super::event::{Source, Tag};
use super::order::{Access, Begin, Scope};
use crate::access::{Identity, authorize};
use crate::dispatch::{Awaited, Begun, CatalogTask, HealingTask, Question, Task, Within};
use crate::job::{Job, refused, stopping};
use crate::lead::Leading;
use crate::metrics::Pending;

/// What a worker answers through, and where the session waits for it.
pub(super) type Channel = (oneshot::Sender<Awaited>, oneshot::Receiver<Awaited>);

/// A request in its place in the order.
#[derive(Debug)]
pub(crate) struct Waiting {
    id: RequestId,
    work: Work,
}

/// What a request sets in motion.
#[derive(Debug)]
enum Work {
    Ask(DatabaseId, Question),
    Catalog(CatalogTask),
    Checkpoint(DatabaseId, CheckpointScope),
    Compact(DatabaseId),
    Healing(DatabaseId, HealingTask),
    Close(DatabaseId),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Takes in the requests that have arrived whole. Returns whether there were any.
    pub(super) fn decode(&mut self) -> bool {
        let mut has_taken = false;
        while self.has_room() {
            match self.codec.decode(&mut self.input) {
                Ok(None) => break,
                Ok(Some(Ok(request))) => self.arrive(request),
                Ok(Some(Err(refused))) => match refused.id {
                    Some(id) => self.respond(Some(id), Err(refused.error)),
                    None => self.end(refused.error),
                },
                // Where the next frame begins is not known.
                Err(error) => self.end(Error::from(error).with_effect(Effect::NotApplied)),
            }
            self.frame_taken();
            has_taken = true;
        }
        has_taken
    }

    fn arrive(&mut self, request: Request) {
        let Request { id, mut command } = request;
        if self.in_flight.contains_key(&id) {
            let reason = "a request of this id has not been answered yet";
            return self.respond(Some(id), Err(Error::new(Code::InvalidRequestId, reason)));
        }
        let pending = Pending::of(&command, &self.shared);
        self.in_flight.insert(id, pending);
        if let Err(refused) = self.authorize(&mut command) {
            return self.conclude(id, Err(refused));
        }
        let (scope, work) = match command {
            Command::Hello(hello) => return self.hello(id, &hello),
            Command::Ping => return self.answer_at_once(id, Reply::Pong),
            Command::CloseCursor { cursor } => {
                self.cursors.close(cursor);
                return self.answer_at_once(id, Reply::CursorClosed);
            }
            Command::Execute(execute) => Work::ask(
                execute.database,
                match execute.transaction {
                    Some(handle) => Question::Transact(handle, Within::Execute(execute)),
                    None => Question::Execute(execute),
                },
            ),
            Command::Scan(scan) => Work::ask(
                scan.database,
                match scan.transaction {
                    Some(handle) => Question::Transact(handle, Within::Scan(scan)),
                    None => Question::Scan(scan, self.cursors.clone()),
                },
            ),
            Command::Count {
                database,
                collection,
                transaction,
            } => Work::ask(
                database,
                match transaction {
                    Some(handle) => Question::Transact(handle, Within::Count(collection)),
                    None => Question::Count(collection),
                },
            ),
            Command::Begin {
                database,
                isolation,
            } => Work::ask(database, Question::Begin(isolation)),
            Command::Commit {
                database,
                transaction,
                key,
            } => Work::ask(database, Question::Commit(transaction, key)),
            Command::Rollback {
                database,
                transaction,
            } => Work::ask(database, Question::Transact(transaction, Within::Rollback)),
            Command::CreateCollection {
                database,
                collection,
            } => Work::ask(database, Question::CreateCollection(collection)),
            Command::DeleteCollection {
                database,
                collection,
            } => Work::ask(database, Question::DeleteCollection(collection)),
            Command::ListCollections { database } => Work::ask(database, Question::ListCollections),
            Command::Statistics {
                database: Some(database),
            } => {
                let sees_the_server = self.identity.sees_the_server();
                Work::ask(database, Question::Statistics { sees_the_server })
            }
            Command::Checkpoint { database, scope } => (
                Scope::Database(database, Access::Alone),
                Work::Checkpoint(database, scope),
            ),
            Command::Metrics => (Scope::Connection, Work::Catalog(CatalogTask::Metrics)),
            Command::Compact { database } => (
                Scope::Database(database, Access::Alone),
                Work::Compact(database),
            ),
            Command::ChangeQuotas { name, change } => {
                let task = CatalogTask::ChangeQuotas { name, change };
                (Scope::Connection, Work::Catalog(task))
            }
            Command::Heal {
                database,
                collection,
                id,
                accept_older_version,
            } => Work::healing(
                database,
                HealingTask::Heal {
                    collection,
                    id,
                    accept_older_version,
                },
            ),
            Command::HealAll { database } => Work::healing(database, HealingTask::HealAll),
            Command::Validate {
                database,
                collection,
                id,
            } => Work::healing(database, HealingTask::Validate { collection, id }),
            Command::HealStatistics { database } => {
                Work::healing(database, HealingTask::Statistics)
            }
            Command::CloseDatabase { database } => (Scope::Connection, Work::Close(database)),
            Command::OpenDatabase { name, create } => (
                Scope::Connection,
                Work::Catalog(CatalogTask::Open { name, create }),
            ),
            Command::DropDatabase { name } => {
                (Scope::Connection, Work::Catalog(CatalogTask::Drop { name }))
            }
            Command::ListDatabases => {
                let task = CatalogTask::List(self.identity.clone());
                (Scope::Connection, Work::Catalog(task))
            }
            Command::Statistics { database: None } => {
                (Scope::Connection, Work::Catalog(CatalogTask::Statistics))
            }
        };
        self.order.arrive(scope, Waiting { id, work });
    }

    /// Answers a request that takes no part in the order.
    fn answer_at_once(&mut self, id: RequestId, reply: Reply) {
        self.conclude(id, Ok(reply));
    }

    /// Begins every request whose turn it is.
    pub(super) fn begin_ready(&mut self) {
        while let Some(Begin {
            scope,
            request: Waiting { id, work },
            is_alone,
        }) = self.order.next()
        {
            let tag = Tag { id, scope };
            match work {
                Work::Ask(database, question) if self.opened.contains_key(&database) => {
                    let task = Task {
                        database,
                        question,
                        transactions: self.transactions.clone(),
                        is_alone,
                    };
                    match self.pass(&tag, &task) {
                        Ok(()) => self.admit(tag, task),
                        Err(refused) => self.answer(tag, Err(refused)),
                    }
                }
                Work::Checkpoint(database, scope) if self.opened.contains_key(&database) => {
                    self.begin_catalog(tag, CatalogTask::Checkpoint { database, scope });
                }
                Work::Compact(database) if self.opened.contains_key(&database) => {
                    self.begin_catalog(tag, CatalogTask::Compact { database });
                }
                Work::Healing(database, task) if self.opened.contains_key(&database) => {
                    self.begin_catalog(tag, CatalogTask::Healing { database, task });
                }
                Work::Close(database) if self.opened.contains_key(&database) => {
                    self.forget(database);
                    self.answer(tag, Ok(Reply::DatabaseClosed));
                }
                Work::Catalog(task) => self.begin_catalog(tag, task),
                Work::Ask(database, _)
                | Work::Checkpoint(database, _)
                | Work::Compact(database)
                | Work::Healing(database, _)
                | Work::Close(database) => {
                    let reason = format!("database {database} is not open on this connection");
                    self.answer(tag, Err(Error::new(Code::DbNotOpen, reason)));
                    self.order.forget(database);
                }
            }
        }
    }

    /// Lets a request pass the quotas of its database; its place there is kept until it is answered.
    fn pass(&mut self, tag: &Tag, task: &Task) -> Result<(), Error> {
        let Some(gate) = self.opened.get(&task.database) else {
            return Ok(());
        };
        let now = self.shared.started.elapsed();
        let pass = gate.enter(task.question.operations(), now)?;
        if let Some(pending) = self.in_flight.get_mut(&tag.id) {
            pending.keep(pass);
        }
        Ok(())
    }

    /// Runs a task here, where the scheduler has a place for it, or leaves it to a worker.
    fn admit(&mut self, tag: Tag, task: Task) {
        let (begun, answer) = self.spare.take().unwrap_or_else(oneshot::channel);
        let (database, cost) = (task.database, task.cost(&self.shared));
        let job = Job {
            task,
            shared: self.shared.clone(),
            begun,
        };
        match self.shared.scheduler.admit(database, cost, job) {
            Ok(Admission::Inline(permit, job)) => {
                let Job { task, begun, .. } = job;
                self.spare = Some((begun, answer));
                let Begun { awaited, lead } = task.begin_isolated(&self.shared);
                self.order.placed(tag.scope);
                if let Some(lead) = lead {
                    self.lead(Leading { lead, permit });
                }
                match awaited.try_take() {
                    Ok(answer) => self.answer(tag, answer),
                    Err(awaited) => self.placed.push((tag, awaited)),
                }
            }
            Ok(Admission::Queued) => self.answers.push(Source::Worker(tag, answer)),
            Err(refusal) => self.answer(tag, Err(refused(refusal.why))),
        }
    }

    /// Takes up the duty to commit, or leaves it to a task where another database's is waiting.
    fn lead(&mut self, leading: Leading) {
        match &self.leading {
            None => self.leading = Some(leading),
            Some(_) => leading.leave(&self.shared.tasks),
        }
    }

    fn begin_catalog(&mut self, tag: Tag, task: CatalogTask) {
        let shared = self.shared.clone();
        let done = tokio::task::spawn_blocking(move || task.run(&shared));
        self.answers.push(Source::Catalog(tag, done));
    }

    /// Forgets a database that this connection has closed or dropped.
    pub(super) fn forget(&mut self, database: DatabaseId) {
        self.opened.remove(&database);
        self.order.forget(database);
        self.cursors.close_all_of(database);
        self.transactions.end_all_of(database);
    }

    /// Answers every request that has not begun: there is no time left for them.
    pub(super) fn refuse_waiting(&mut self) {
        for waiting in self.order.take_waiting() {
            self.conclude(waiting.id, Err(stopping()));
        }
    }

    /// Decides about a command. A token that was revoked or has expired meanwhile makes nobody of
    /// whoever holds it.
    fn authorize(&mut self, command: &mut Command) -> Result<(), Error> {
        if let Identity::Bearer(grant) = &self.identity
            && !self.shared.guard.still_grants(grant)
        {
            self.identity = Identity::Anonymous;
            self.opened.clear();
        }
        authorize(&self.identity, command)
    }

    /// Takes a client for whom its token says it is. One with a wrong token is not listened to any
    /// longer.
    fn hello(&mut self, id: RequestId, hello: &Hello) {
        if !hello.token.is_empty() {
            match self.shared.guard.admit(&hello.token) {
                Some(grant) => self.identity = Identity::Bearer(grant),
                None => {
                    let reason = "the token is unknown, revoked or expired";
                    let refused = Error::new(Code::Unauthenticated, reason);
                    self.conclude(id, Err(refused));
                    return self.stop_reading();
                }
            }
        }
        if matches!(self.identity, Identity::Anonymous) {
            let reason = "the hello carries no token";
            self.conclude(id, Err(Error::new(Code::Unauthenticated, reason)));
            return self.stop_reading();
        }
        let answer = self.greeting(hello);
        self.answer_at_once(id, answer);
    }

    fn greeting(&self, hello: &Hello) -> Reply {
        tracing::debug!(
            client = hello.client_name,
            protocol = hello.protocol_version,
            "a client introduced itself"
        );
        let engine = &self.shared.options.engine;
        Reply::Hello(ServerHello {
            protocol_version: PROTOCOL_VERSION,
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
            fsync_mode: engine.fsync,
            limits: engine.limits,
            frame_limit: self.codec.frame_limit(),
        })
    }
}

impl Work {
    fn healing(database: DatabaseId, task: HealingTask) -> (Scope, Self) {
        (
            Scope::Database(database, Access::Alone),
            Self::Healing(database, task),
        )
    }

    fn ask(database: DatabaseId, question: Question) -> (Scope, Self) {
        (
            Scope::Database(database, question.access()),
            Self::Ask(database, question),
        )
    }
}
