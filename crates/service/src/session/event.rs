use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use docdb_ipc::RequestId;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use super::order::Scope;
use crate::dispatch::{Answer, Awaited, Settled};
use crate::job::abandoned;
use crate::shutdown::Phase;

/// Which request, and what it takes part in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tag {
    pub(crate) id: RequestId,
    pub(crate) scope: Scope,
}

/// What a session waits for beside its socket.
pub(crate) enum Source {
    /// A worker's word that it has run a request, or brought it to its commit.
    Worker(Tag, oneshot::Receiver<Awaited>),
    /// The answer of a request that waits for its commit.
    Commit(Tag, Awaited),
    /// The end of something that takes long.
    Catalog(Tag, JoinHandle<Settled>),
    /// The next phase of the service.
    Phase(Pin<Box<dyn Future<Output = watch::Receiver<Phase>> + Send>>),
    /// The first deadline that may have passed.
    Deadline(Pin<Box<Sleep>>),
}

/// What has happened.
pub(crate) enum Event {
    /// A request that a worker took up has been run, or waits for its commit.
    Begun(Tag, Awaited),
    Answered(Tag, Answer),
    Settled(Tag, Settled),
    Phase(watch::Receiver<Phase>),
    Deadline,
}

impl Source {
    pub(crate) fn next_phase(mut phases: watch::Receiver<Phase>) -> Self {
        Self::Phase(Box::pin(async move {
            if phases.changed().await.is_err() {
                // The service is gone, and says nothing any more.
                std::future::pending::<()>().await;
            }
            phases
        }))
    }

    pub(crate) fn deadline(at: Instant) -> Self {
        Self::Deadline(Box::pin(tokio::time::sleep_until(at.into())))
    }
}

impl Future for Source {
    type Output = Event;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Event> {
        match &mut *self {
            Self::Worker(tag, begun) => {
                let begun = ready!(Pin::new(begun).poll(context));
                let awaited = begun.unwrap_or_else(|_| Awaited::ready(Err(abandoned())));
                Poll::Ready(Event::Begun(*tag, awaited))
            }
            Self::Commit(tag, awaited) => Pin::new(awaited)
                .poll(context)
                .map(|answer| Event::Answered(*tag, answer)),
            Self::Catalog(tag, task) => {
                let settled = ready!(Pin::new(task).poll(context));
                let settled = settled.unwrap_or_else(|_| Settled::from(Err(abandoned())));
                Poll::Ready(Event::Settled(*tag, settled))
            }
            Self::Phase(phase) => phase.as_mut().poll(context).map(Event::Phase),
            Self::Deadline(sleep) => sleep.as_mut().poll(context).map(|()| Event::Deadline),
        }
    }
}
