//! Transactions.

use docdb_client::{Page, Scan, ScanOptions};
use docdb_types::{Code, Error, Isolation};

use super::Session;
use super::target::Target;
use crate::answer::{Answer, Record};
use crate::failure::Failure;

/// The pages of a scan, within a transaction or not.
pub(super) enum Pages<'a> {
    Database(Scan),
    Transaction {
        session: &'a Session,
        options: ScanOptions,
        last: Option<Page>,
    },
}

impl Session {
    pub(super) async fn begin_transaction(
        &mut self,
        isolation: Isolation,
    ) -> Result<Answer, Failure> {
        self.outside()?;
        let transaction = self.opened()?.begin(isolation).await?;
        let record = Record::new()
            .with("isolation", isolation.as_str())
            .with("snapshot", transaction.snapshot_version().get());
        self.transaction = Some(transaction);
        Ok(Answer::Record(record))
    }

    pub(super) async fn commit(&mut self) -> Result<Answer, Failure> {
        let transaction = self.transaction.take().ok_or_else(none)?;
        let version = transaction.commit().await?;
        Ok(Answer::Record(Record::new().with("version", version.get())))
    }

    pub(super) async fn rollback(&mut self) -> Result<Answer, Failure> {
        let transaction = self.transaction.take().ok_or_else(none)?;
        transaction.rollback().await?;
        Ok(Answer::Record(Record::new()))
    }

    /// Where operations on documents go.
    pub(super) fn target(&self) -> Result<Target<'_>, Error> {
        match &self.transaction {
            Some(transaction) => Ok(Target::Transaction(transaction)),
            None => self.opened().map(Target::Database),
        }
    }

    /// Refuses what takes no part in a transaction while one is open.
    pub(super) fn outside(&self) -> Result<(), Failure> {
        match &self.transaction {
            None => Ok(()),
            Some(_) => Err(Failure::usage(
                "a transaction is open; say .commit or .rollback first",
            )),
        }
    }

    pub(super) fn pages(&self, options: ScanOptions) -> Result<Pages<'_>, Error> {
        Ok(match self.target()? {
            Target::Database(database) => Pages::Database(database.scan(&self.collection, options)),
            Target::Transaction(_) => Pages::Transaction {
                session: self,
                options,
                last: None,
            },
        })
    }
}

impl Pages<'_> {
    pub(super) async fn next(&mut self) -> Result<Option<Page>, Error> {
        let (session, options, last) = match self {
            Self::Database(scan) => return scan.next_page().await,
            Self::Transaction {
                session,
                options,
                last,
            } => (session, *options, last),
        };
        let cursor = match last.take() {
            None => None,
            Some(Page { cursor: None, .. }) => return Ok(None),
            Some(page) => page.cursor,
        };
        let Some(transaction) = &session.transaction else {
            return Err(none());
        };
        let page = transaction
            .page(&session.collection, options, cursor)
            .await?;
        *last = Some(Page {
            documents: Vec::new(),
            ..page.clone()
        });
        Ok(Some(page))
    }
}

fn none() -> Error {
    Error::new(Code::TxnExpired, "no transaction is open; say .begin")
}
