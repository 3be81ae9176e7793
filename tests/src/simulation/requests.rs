//! What simulated clients send and are answered.

use std::sync::Arc;

use docdb_engine::{Answers, Atomicity, LogicalDb, Request, Ticket};
use docdb_types::{Action, Change, Code, CollectionName, Error, Operation, Version};

use super::plan::TENANTS;
use super::world::{Asked, Checked, Waiting, World};
use crate::oracle::{contents_of, documents_of};

impl World<'_> {
    pub(super) fn submit(
        &mut self,
        client: usize,
        number: usize,
        operations: &Arc<[Operation]>,
        atomicity: Atomicity,
    ) -> Checked {
        let Some(database) = self.handle(number)? else {
            return Ok(());
        };
        if self.ended {
            return Ok(());
        }
        self.note_written(operations);
        let operations = self.with_versions(number, operations);
        let in_flight = self.tenants[number]
            .waiting
            .iter()
            .any(|waiting| matches!(&waiting.asked, Asked::Operations { client: other, .. } if *other == client));
        let submitted = database.submit(Request {
            operations: operations.to_vec(),
            atomicity,
            may_refuse_early: !in_flight,
            answer_bytes: usize::MAX,
            key: None,
        });
        if let Some(lead) = submitted.lead {
            self.tenants[number].leads.push_back(lead);
            self.wait(
                number,
                database,
                client,
                operations,
                atomicity,
                submitted.ticket,
            );
            return Ok(());
        }
        match submitted.ticket.poll_once() {
            // From what is durable, whatever waits.
            Ok(answers) => self.take_answers(number, &database, &operations, atomicity, &answers),
            Err(ticket) => {
                self.wait(number, database, client, operations, atomicity, ticket);
                Ok(())
            }
        }
    }

    pub(super) fn note_written(&mut self, operations: &[Operation]) {
        for operation in operations {
            if let Action::Create { document, .. }
            | Action::Update { document, .. }
            | Action::Upsert { document, .. } = &operation.action
            {
                self.written.insert(document.as_bytes().to_vec());
            }
        }
    }

    pub(super) fn wait(
        &mut self,
        number: usize,
        database: Arc<LogicalDb>,
        client: usize,
        operations: Arc<[Operation]>,
        atomicity: Atomicity,
        ticket: Ticket<Answers>,
    ) {
        self.tenants[number].waiting.push_back(Waiting {
            database,
            asked: Asked::Operations {
                client,
                operations,
                atomicity,
                ticket,
            },
        });
    }

    /// Puts the version that a document has in the place of an expected version of 1.
    pub(super) fn with_versions(
        &self,
        number: usize,
        operations: &Arc<[Operation]>,
    ) -> Arc<[Operation]> {
        let oracle = &self.tenants[number].oracle;
        let known = |operation: &Operation| {
            let id = operation.action.id()?.get();
            let collection = oracle.now.collections.get(operation.collection.as_str())?;
            collection.documents.get(&id)?.version
        };
        operations
            .iter()
            .map(|operation| {
                let mut operation = operation.clone();
                let version = known(&operation);
                if let Action::Update { expected, .. } | Action::Delete { expected, .. } =
                    &mut operation.action
                    && *expected == Some(Version::new(1))
                {
                    *expected = version;
                }
                operation
            })
            .collect()
    }

    pub(super) fn take_answers(
        &mut self,
        number: usize,
        database: &Arc<LogicalDb>,
        operations: &[Operation],
        atomicity: Atomicity,
        answers: &Answers,
    ) -> Checked {
        for answer in answers {
            match answer {
                Ok(outcome) => {
                    self.note(outcome.id.get());
                    self.note(outcome.version.get());
                    let wrote = outcome.change != Change::Read;
                    self.outcome.acknowledged += u64::from(wrote);
                }
                Err(error) => self.note_text(error.code().as_str()),
            }
        }
        let mut oracle = std::mem::take(&mut self.tenants[number].oracle);
        let excused = |error: &Error| self.excuses(number, Some(database), error);
        let checked = oracle.answered(operations, atomicity, answers, &excused);
        self.tenants[number].oracle = oracle;
        checked.map_err(|broken| format!("{}: {broken}", self.tenants[number].name))
    }

    pub(super) fn collection(
        &mut self,
        number: usize,
        name: &'static str,
        creates: bool,
    ) -> Checked {
        let Some(database) = self.handle(number)? else {
            return Ok(());
        };
        let wanted = CollectionName::new(name).expect("a valid name");
        let submitted = if creates {
            database.submit_create_collection(wanted)
        } else {
            database.submit_delete_collection(wanted)
        };
        let tenant = &mut self.tenants[number];
        tenant.leads.extend(submitted.lead);
        tenant.waiting.push_back(Waiting {
            database,
            asked: Asked::Collection {
                name,
                creates,
                ticket: submitted.ticket,
            },
        });
        Ok(())
    }

    /// The leader of a database commits once, and answers are taken in.
    pub(super) fn commit(&mut self, number: usize) -> Checked {
        let Some(lead) = self.tenants[number].leads.pop_front() else {
            return Ok(());
        };
        if let Some(lead) = lead.step() {
            self.tenants[number].leads.push_back(lead);
        }
        self.collect(number)
    }

    /// Takes in the answers that are there.
    pub(super) fn collect(&mut self, number: usize) -> Checked {
        while let Some(Waiting { database, asked }) = self.tenants[number].waiting.pop_front() {
            match asked {
                Asked::Operations {
                    client,
                    operations,
                    atomicity,
                    ticket,
                } => match ticket.poll_once() {
                    Ok(answers) => {
                        self.take_answers(number, &database, &operations, atomicity, &answers)?;
                    }
                    Err(ticket) => {
                        let asked = Asked::Operations {
                            client,
                            operations,
                            atomicity,
                            ticket,
                        };
                        self.put_back(number, database, asked);
                        return Ok(());
                    }
                },
                Asked::Collection {
                    name,
                    creates,
                    ticket,
                } => match ticket.poll_once() {
                    Ok(answer) => {
                        self.note(u64::from(answer.is_ok()));
                        let mut oracle = std::mem::take(&mut self.tenants[number].oracle);
                        let excused = |error: &Error| self.excuses(number, Some(&database), error);
                        let checked = oracle.answered_collection(name, creates, &answer, &excused);
                        self.tenants[number].oracle = oracle;
                        checked?;
                    }
                    Err(ticket) => {
                        let asked = Asked::Collection {
                            name,
                            creates,
                            ticket,
                        };
                        self.put_back(number, database, asked);
                        return Ok(());
                    }
                },
            }
        }
        Ok(())
    }

    pub(super) fn put_back(&mut self, number: usize, database: Arc<LogicalDb>, asked: Asked) {
        self.tenants[number]
            .waiting
            .push_front(Waiting { database, asked });
    }

    /// Ends what waits for an instance that is closed.
    pub(super) fn collect_closed(&mut self, number: usize) -> Checked {
        while let Some(lead) = self.tenants[number].leads.pop_front() {
            lead.run();
        }
        self.collect(number)?;
        if self.tenants[number].waiting.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{}: requests without an answer",
            self.tenants[number].name
        ))
    }

    pub(super) fn settle_all(&mut self) -> Checked {
        for number in 0..TENANTS {
            self.collect_closed(number)?;
        }
        Ok(())
    }

    pub(super) fn check(&mut self, number: usize) -> Checked {
        let Some(database) = self.handle(number)? else {
            return Ok(());
        };
        if self.ended {
            return Ok(());
        }
        match contents_of(&database) {
            Ok(contents) => match self.tenants[number].oracle.now.difference(&contents) {
                None => Ok(()),
                Some(difference) => {
                    Err(format!("{} shows {difference}", self.tenants[number].name))
                }
            },
            Err(error) => self.fail_unless(number, "reading", &error),
        }
    }

    pub(super) fn hold(&mut self, number: usize) -> Checked {
        if let Some(database) = self.handle(number)? {
            let snapshot = database.snapshot();
            let tenant = &mut self.tenants[number];
            let seen = tenant.oracle.now.clone();
            tenant.held.push_back((database, snapshot, seen));
        }
        Ok(())
    }

    /// A snapshot shows what was there when it was taken.
    pub(super) fn release(&mut self, number: usize) -> Checked {
        let Some((database, snapshot, seen)) = self.tenants[number].held.pop_front() else {
            return Ok(());
        };
        for (name, collection) in &seen.collections {
            let name = CollectionName::new(name).expect("a valid name");
            let found = match documents_of(&database, &name, Some(&snapshot)) {
                Ok(found) => found,
                // Collections that are deleted since are not looked up any more.
                Err(error) if error.code() == Code::CollectionNotFound => continue,
                Err(error) if self.excuses(number, Some(&database), &error) => continue,
                Err(error) => return Err(format!("a snapshot does not read: {error:?}")),
            };
            // A collection of this name that was created since is another one.
            let replaced = found.is_empty() && !collection.documents.is_empty();
            let same = found.len() == collection.documents.len()
                && found.iter().all(|(id, (_, text))| {
                    collection
                        .documents
                        .get(id)
                        .is_some_and(|stored| stored.text[..] == text[..])
                });
            if !same && !replaced {
                return Err(format!(
                    "a snapshot of {} shows another {name}",
                    self.tenants[number].name
                ));
            }
        }
        Ok(())
    }
}
