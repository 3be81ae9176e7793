use docdb_client::Page;
use docdb_types::{Change, Code, DocumentId, Effect, Error, Outcome, Version};

use crate::document::{Forms, Origin, Stamp};
use crate::ledger::{Ledger, Noted, Seen};
use crate::operation::OperationKind;

/// Ids between two documents of a scan that are looked up at most.
const LONGEST_GAP: u64 = 1000;

/// One operation that was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) kind: OperationKind,
    pub(crate) id: DocumentId,
    /// What the server does for it.
    pub(crate) act: Act,
    /// Bytes of the document that comes of it, where a later request writes that.
    pub(crate) size: u32,
    /// The write that it is, where it writes a document.
    pub(crate) stamp: Option<Stamp>,
    /// What was known of the document when it was sent.
    pub(crate) noted: Noted,
}

/// What a server does with one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Create,
    Read,
    Update,
    Upsert,
    Delete,
    Patch,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    /// With a document that another run wrote.
    OtherRun,
    NotFound,
    Exists,
    Failed(Code),
    /// With something that cannot be true.
    Wrong(String),
}

impl Act {
    pub(crate) const fn is_write(self) -> bool {
        !matches!(self, Self::Read)
    }
}

/// Judges an answer by what was asked, by what this run wrote, and by all answers before it.
pub(crate) fn judge(
    asked: &Asked,
    result: &Result<Outcome, Error>,
    forms: &Forms,
    ledger: &Ledger,
) -> Verdict {
    let (verdict, seen) = match result {
        Ok(outcome) => of_success(asked, outcome, forms),
        Err(error) => of_error(asked.act, error),
    };
    match ledger.answer(asked.id, asked.act.is_write(), asked.noted, seen) {
        Ok(()) => verdict,
        Err(contradiction) => Verdict::Wrong(contradiction.to_string()),
    }
}

fn of_success(asked: &Asked, outcome: &Outcome, forms: &Forms) -> (Verdict, Seen) {
    let version = outcome.version.get();
    let doubt = if asked.act.is_write() {
        Seen::Doubt
    } else {
        Seen::Refused
    };
    let wrong = |what: &str| (Verdict::Wrong(format!("{what}: {outcome:?}")), doubt);
    if outcome.id != asked.id {
        return wrong("the answer is about another document");
    }
    let is_possible = match asked.act {
        Act::Create => outcome.change == Change::Created,
        Act::Read => outcome.change == Change::Read,
        Act::Update | Act::Patch => outcome.change == Change::Replaced,
        Act::Upsert => matches!(outcome.change, Change::Created | Change::Replaced),
        Act::Delete => outcome.change == Change::Deleted,
    };
    if !is_possible {
        return wrong("the answer says that something else was done");
    }
    match (asked.act, asked.stamp, &outcome.document) {
        (Act::Delete, ..) => (Verdict::Ok, Seen::Removed { version }),
        (Act::Read, _, Some(text)) => match forms.origin(asked.id, text) {
            Origin::Unknown => wrong("nobody wrote this document"),
            // The server says itself that this need not be what it acknowledged last: no answer that
            // could be right or wrong.
            _ if outcome.may_be_older => (Verdict::Failed(Code::CorruptLog), Seen::Refused),
            Origin::ThisRun(stamp) => {
                let stamp = Some(stamp);
                (Verdict::Ok, Seen::Read { version, stamp })
            }
            Origin::OtherRun => {
                let stamp = None;
                (Verdict::OtherRun, Seen::Read { version, stamp })
            }
        },
        (Act::Read, _, None) => wrong("there is no document in the answer"),
        (_, Some(stamp), _) => {
            let found = Some(outcome.change == Change::Replaced);
            let seen = Seen::Written {
                version,
                stamp,
                found,
            };
            (Verdict::Ok, seen)
        }
        (_, None, _) => (Verdict::Ok, doubt),
    }
}

fn of_error(act: Act, error: &Error) -> (Verdict, Seen) {
    match (act, error.code()) {
        (Act::Create, Code::DocExists) => (Verdict::Exists, Seen::Present),
        (Act::Read | Act::Update | Act::Delete | Act::Patch, Code::DocNotFound) => {
            (Verdict::NotFound, Seen::Absent)
        }
        (_, code) => {
            let seen = if error.effect() == Effect::NotApplied || !act.is_write() {
                Seen::Refused
            } else {
                Seen::Doubt
            };
            (Verdict::Failed(code), seen)
        }
    }
}

/// Judges a read by a transaction, at its snapshot.
pub(crate) fn judge_in_snapshot(
    asked: &Asked,
    result: &Result<Outcome, Error>,
    snapshot: Version,
    forms: &Forms,
    ledger: &Ledger,
) -> Verdict {
    let (verdict, seen) = match result {
        Ok(outcome) => of_success(asked, outcome, forms),
        Err(error) => of_error(asked.act, error),
    };
    let found = match seen {
        Seen::Read { version, stamp } => Some((version, stamp)),
        Seen::Absent => None,
        _ => return verdict,
    };
    match ledger.listed(asked.id, snapshot.get(), found) {
        Ok(()) => verdict,
        Err(contradiction) => Verdict::Wrong(contradiction.to_string()),
    }
}

/// Judges a page of a scan: its order, where its documents come from, and that none is missing.
pub(crate) fn judge_page(
    from: DocumentId,
    limit: u32,
    page: &Page,
    forms: &Forms,
    ledger: &Ledger,
) -> Verdict {
    let snapshot = page.snapshot_version.get();
    if page.documents.len() > limit as usize {
        return Verdict::Wrong(format!(
            "a scan of {limit} documents lists {}",
            page.documents.len()
        ));
    }
    if page.may_lack {
        return Verdict::Failed(Code::CorruptLog);
    }
    let mut next = from.get();
    let mut verdict = Verdict::Ok;
    for document in &page.documents {
        let id = document.id;
        if id.get() < next {
            return Verdict::Wrong(format!(
                "document {id} is out of order or was not asked for"
            ));
        }
        let stamp = match forms.origin(id, &document.document) {
            Origin::ThisRun(stamp) => Some(stamp),
            Origin::OtherRun => {
                verdict = Verdict::OtherRun;
                None
            }
            Origin::Unknown => {
                return Verdict::Wrong(format!("nobody wrote document {id}: {document:?}"));
            }
        };
        let missing = (next..id.get()).take(usize::try_from(LONGEST_GAP).unwrap_or(usize::MAX));
        let missing = missing
            .filter_map(DocumentId::new)
            .map(|id| (id, ledger.listed(id, snapshot, None)));
        let found = Some((document.version.get(), stamp));
        let found = std::iter::once((id, ledger.listed(id, snapshot, found)));
        for (id, listed) in missing.chain(found) {
            if let Err(contradiction) = listed {
                return Verdict::Wrong(format!("document {id}: {contradiction}"));
            }
        }
        next = id.get().saturating_add(1);
    }
    verdict
}
