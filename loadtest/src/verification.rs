use docdb_client::Reply;
use docdb_types::{Action, Code, DatabaseName, DocumentId, Error, Outcome};

use crate::document::Forms;
use crate::ledger::Ledger;
use crate::link::Link;
use crate::operation::OperationKind;
use crate::peer::Address;
use crate::verdict::{Act, Asked, Verdict, judge};

/// Documents of one request.
const STEP: usize = 256;
/// What is wrong is described so often; all of it is counted.
const DESCRIBED: usize = 10;

/// What reading every document that the run knows of once more has shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// Documents that were read, or found absent.
    pub documents: u64,
    /// Of those, answers that contradict what had been acknowledged.
    pub contradictions: u64,
    /// Some of them, in words.
    pub described: Vec<String>,
    /// Documents that could not be read, and why.
    pub unread: u64,
    /// The last reason.
    pub failure: Option<String>,
}

impl Verification {
    /// Whether nothing acknowledged is lost, as far as every document could be read.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.contradictions == 0 && self.unread == 0
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: Self) {
        self.documents += other.documents;
        self.contradictions += other.contradictions;
        self.unread += other.unread;
        self.described.extend(other.described);
        self.described.truncate(DESCRIBED);
        self.failure = other.failure.or(self.failure.take());
    }

    fn give_up(&mut self, count: usize, error: &Error) {
        self.unread += count as u64;
        self.failure = Some(error.to_string());
    }
}

/// Reads every document of a database that the run knows of. Nothing else may be under way.
pub(crate) async fn verify(
    address: &Address,
    database: &DatabaseName,
    forms: &Forms,
    ledger: &Ledger,
) -> Verification {
    let known = ledger.known();
    let mut verification = Verification::default();
    let mut link = match Link::connect(address, database).await {
        Ok(link) => link,
        Err(error) => {
            verification.give_up(known.len(), &error);
            return verification;
        }
    };
    for ids in known.chunks(STEP) {
        let asked: Vec<_> = ids.iter().map(|id| read_of(*id, ledger)).collect();
        match read(&mut link, ids).await {
            Err(error) => verification.give_up(ids.len(), &error),
            Ok(results) => {
                for (asked, result) in asked.iter().zip(&results) {
                    verification.documents += 1;
                    match judge(asked, result, forms, ledger) {
                        Verdict::Ok | Verdict::OtherRun | Verdict::NotFound | Verdict::Exists => {}
                        Verdict::Wrong(text) => {
                            verification.contradictions += 1;
                            if verification.described.len() < DESCRIBED {
                                let text = format!("{database}: document {}: {text}", asked.id);
                                verification.described.push(text);
                            }
                        }
                        Verdict::Failed(code) => {
                            verification.unread += 1;
                            verification.failure = Some(code.as_str().to_owned());
                        }
                    }
                }
            }
        }
    }
    verification
}

fn read_of(id: DocumentId, ledger: &Ledger) -> Asked {
    Asked {
        kind: OperationKind::Read,
        id,
        act: Act::Read,
        size: 0,
        stamp: None,
        noted: ledger.send(id, false),
    }
}

async fn read(link: &mut Link, ids: &[DocumentId]) -> Result<Vec<Result<Outcome, Error>>, Error> {
    link.execute(ids.iter().map(|id| Action::Read { id: *id }))?;
    link.flush().await?;
    match link.receive().await?.result? {
        Reply::Results(results) if results.len() == ids.len() => Ok(results),
        _ => Err(Error::new(
            Code::Network,
            "the answer does not belong to the request",
        )),
    }
}
