use std::sync::atomic::{AtomicU64, Ordering};

use docdb_client::{
    Client, ClientOptions, CreateMode, Database, Endpoint, RetryPolicy, Transaction,
};
use docdb_types::{
    Action, Code, CollectionName, Document, DocumentId, Effect, Error, Isolation, Limits,
    Operation, Outcome, PatchStep,
};

use super::linear::{Access, Single};
use super::recorder::{Recorder, Step};
use crate::Random;

/// What the documents of a workload are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Lists to whose ends elements are appended.
    Lists,
    /// Registers that are overwritten.
    Registers,
}

/// How transactions ended.
#[derive(Debug, Default)]
pub struct Tally {
    /// Committed.
    pub ok: AtomicU64,
    /// Refused, mostly because another one was first.
    pub failed: AtomicU64,
    /// Nobody knows.
    pub unknown: AtomicU64,
}

/// Clients that run random transactions and note what they see.
#[derive(Debug)]
pub struct Load {
    /// What the documents are.
    pub kind: Kind,
    /// Of transactions of many steps.
    pub isolation: Isolation,
    /// Documents that are in use at a time; fewer conflict more.
    pub keys: u64,
    /// Values behind which a document is left and another one used.
    pub values_per_key: u64,
    /// Hands out values, each once.
    pub next_value: AtomicU64,
    /// Transactions that are still to be sent.
    pub left: AtomicU64,
    /// How they ended.
    pub tally: Tally,
    /// What was seen.
    pub recorder: Recorder,
}

/// How one transaction is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Begin, steps, commit.
    Interactive,
    /// One request.
    Atomic,
    /// One operation.
    Single,
}

/// A transaction as it was answered.
struct Answered {
    steps: Vec<Step>,
    /// The version of a single operation.
    version: Option<u64>,
}

impl Load {
    /// Transactions over documents that nobody has used.
    #[must_use]
    pub fn new(kind: Kind, isolation: Isolation, transactions: u64) -> Self {
        Self {
            kind,
            isolation,
            keys: 8,
            values_per_key: 40,
            next_value: AtomicU64::new(1),
            left: AtomicU64::new(transactions),
            tally: Tally::default(),
            recorder: Recorder::default(),
        }
    }

    /// Runs transactions until none is left or the server is gone. Answers the number under which
    /// the client goes on.
    pub async fn run(&self, endpoint: Endpoint, name: &str, mut process: i64) -> i64 {
        let options = ClientOptions {
            retry: RetryPolicy::NONE,
            ..ClientOptions::default()
        };
        let Ok(client) = Client::connect(&endpoint, options).await else {
            return process;
        };
        let Ok(database) = client.open(name, CreateMode::IfMissing).await else {
            return process;
        };
        let mut random = Random::new(process as u64);
        while self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
        {
            let (form, steps) = self.plan(&mut random);
            let begun = self.recorder.invoke(process, &steps);
            match self.send(&database, form, &steps).await {
                Ok(answered) => {
                    let ended = self.recorder.ok(process, &answered.steps);
                    self.tally.ok.fetch_add(1, Ordering::Relaxed);
                    self.note_single(&answered, begun, ended);
                }
                Err(error) if error.effect() == Effect::NotApplied => {
                    self.recorder.fail(process, &steps);
                    self.tally.failed.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => {
                    self.recorder.unknown(process, &steps);
                    self.tally.unknown.fetch_add(1, Ordering::Relaxed);
                    process += 1000;
                }
            }
            if client.is_closed() {
                return process;
            }
        }
        process
    }

    fn note_single(&self, answered: &Answered, begun: u64, ended: u64) {
        let (Some(version), [step]) = (answered.version, answered.steps.as_slice()) else {
            return;
        };
        let (key, access, value) = match step {
            Step::Write(key, value) => (*key, Access::Write, *value),
            Step::ReadRegister(key, Some(Some(value))) => (*key, Access::Read, *value),
            _ => return,
        };
        self.recorder.single(Single {
            key,
            access,
            value,
            version,
            begun,
            ended,
        });
    }

    /// The documents in use move on as values are handed out.
    fn key(&self, random: &mut Random) -> u64 {
        let values = self.next_value.load(Ordering::Relaxed);
        1 + values / self.values_per_key + random.below(self.keys)
    }

    fn plan(&self, random: &mut Random) -> (Form, Vec<Step>) {
        let form = match random.below(10) {
            0 | 1 => Form::Single,
            2 => Form::Atomic,
            _ => Form::Interactive,
        };
        let count = match form {
            Form::Single => 1,
            Form::Atomic | Form::Interactive => 1 + random.below(4),
        };
        let steps = (0..count).map(|_| {
            let key = self.key(random);
            let writes = random.chance(50);
            let value = || self.next_value.fetch_add(1, Ordering::Relaxed);
            match (self.kind, writes) {
                (Kind::Lists, true) => Step::Append(key, value()),
                (Kind::Lists, false) => Step::ReadList(key, None),
                (Kind::Registers, true) => Step::Write(key, value()),
                (Kind::Registers, false) => Step::ReadRegister(key, None),
            }
        });
        (form, steps.collect())
    }

    async fn send(
        &self,
        database: &Database,
        form: Form,
        steps: &[Step],
    ) -> Result<Answered, Error> {
        let mut answered = Vec::with_capacity(steps.len());
        let mut version = None;
        match form {
            Form::Single | Form::Atomic => {
                let operations: Vec<_> = steps.iter().map(operation).collect();
                let is_single = operations.len() == 1;
                // A missing register ends an atomic request, and counts as its refusal.
                let results = database.execute(operations, !is_single).await?;
                let mut results = results.into_iter();
                for step in steps {
                    let result = results.next().expect("an answer for each operation");
                    if is_single && let Ok(outcome) = &result {
                        version = Some(outcome.version.get());
                    }
                    answered.push(answer(step, result)?);
                }
            }
            Form::Interactive => {
                let transaction = database.begin(self.isolation).await?;
                for step in steps {
                    let answer = run(&transaction, step).await.map_err(unapplied)?;
                    answered.push(answer);
                }
                transaction.commit().await?;
            }
        }
        Ok(Answered {
            steps: answered,
            version,
        })
    }
}

/// Before its commit nothing of a transaction has happened, whatever became of a step.
fn unapplied(error: Error) -> Error {
    error.with_effect(Effect::NotApplied)
}

async fn run(transaction: &Transaction, step: &Step) -> Result<Step, Error> {
    let results = transaction.execute(vec![operation(step)], true).await;
    match results {
        Ok(mut results) => answer(step, results.pop().expect("an answer")),
        Err(error) => answer(step, Err(error)),
    }
}

/// The step with what it was answered.
fn answer(step: &Step, result: Result<Outcome, Error>) -> Result<Step, Error> {
    let text = |outcome: Outcome| {
        let document = outcome.document.expect("the text of a read");
        String::from_utf8(document.to_vec()).expect("JSON")
    };
    let number = |text: &str| text.trim().parse::<u64>().expect("a number");
    match (step, result) {
        (Step::ReadList(key, _), Ok(outcome)) => {
            let text = text(outcome);
            let list = text.trim_matches(['[', ']']).split(',');
            let list = list.filter(|one| !one.is_empty()).map(number);
            Ok(Step::ReadList(*key, Some(list.collect())))
        }
        (Step::ReadRegister(key, _), Ok(outcome)) => {
            Ok(Step::ReadRegister(*key, Some(Some(number(&text(outcome))))))
        }
        (Step::ReadList(key, _), Err(error)) if error.code() == Code::DocNotFound => {
            Ok(Step::ReadList(*key, Some(Vec::new())))
        }
        (Step::ReadRegister(key, _), Err(error)) if error.code() == Code::DocNotFound => {
            Ok(Step::ReadRegister(*key, Some(None)))
        }
        (Step::Append(..) | Step::Write(..), Ok(_)) => Ok(step.clone()),
        (_, Err(error)) => Err(error),
    }
}

fn operation(step: &Step) -> Operation {
    let id = |key: u64| DocumentId::new(key).expect("keys begin with 1");
    let action = match step {
        Step::Append(key, value) => Action::Patch {
            id: id(*key),
            steps: vec![PatchStep::Insert {
                path: "/-".to_owned(),
                value: value.to_string().into_bytes(),
            }],
            expected: None,
        },
        Step::Write(key, value) => Action::Upsert {
            id: id(*key),
            document: Document::from_text(&value.to_string(), &Limits::DEFAULT).expect("JSON"),
        },
        Step::ReadList(key, _) | Step::ReadRegister(key, _) => Action::Read { id: id(*key) },
    };
    Operation {
        collection: CollectionName::DEFAULT,
        action,
    }
}

/// Creates the lists of a load, which are appended to from the first value on.
///
/// # Panics
/// Where the server refuses.
pub async fn create_lists(database: &Database, keys: u64) {
    let ids: Vec<u64> = (1..=keys).collect();
    for ids in ids.chunks(1000) {
        let operations = ids.iter().map(|key| Operation {
            collection: CollectionName::DEFAULT,
            action: Action::Create {
                id: DocumentId::new(*key),
                document: Document::from_text("[]", &Limits::DEFAULT).expect("JSON"),
            },
        });
        let results = database.execute(operations.collect(), true).await;
        results.expect("the lists are created");
    }
}
