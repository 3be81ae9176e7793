use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use docdb_engine::{Answers, Ticket};
use docdb_ipc::Reply;
use docdb_types::{Error, Version};

use super::collections::Created;
use super::execute::Shape;

/// What a request is answered with.
pub(crate) type Answer = Result<Reply, Error>;

/// An answer that is there, or that a commit will bring.
#[derive(Debug)]
pub(crate) enum Awaited {
    /// There; `None` once taken.
    Ready(Option<Answer>),
    Operations(Ticket<Answers>, Shape),
    Committed(Ticket<Result<Version, Error>>),
    CollectionCreated(Ticket<Result<(), Error>>, Created),
    CollectionDeleted(Ticket<Result<(), Error>>),
}

impl Awaited {
    pub(crate) const fn ready(answer: Answer) -> Self {
        Self::Ready(Some(answer))
    }

    /// The answer if it is there, else what to wait for.
    pub(crate) fn try_take(self) -> Result<Answer, Self> {
        match self {
            Self::Ready(Some(answer)) => Ok(answer),
            Self::Ready(None) => Err(self),
            Self::Operations(ticket, shape) => match ticket.poll_once() {
                Ok(answers) => Ok(shape.reply(answers)),
                Err(ticket) => Err(Self::Operations(ticket, shape)),
            },
            Self::Committed(ticket) => match ticket.poll_once() {
                Ok(committed) => Ok(committed.map(Reply::Committed)),
                Err(ticket) => Err(Self::Committed(ticket)),
            },
            Self::CollectionCreated(ticket, created) => match ticket.poll_once() {
                Ok(done) => Ok(created.reply(done)),
                Err(ticket) => Err(Self::CollectionCreated(ticket, created)),
            },
            Self::CollectionDeleted(ticket) => match ticket.poll_once() {
                Ok(done) => Ok(done.map(|()| Reply::CollectionDeleted)),
                Err(ticket) => Err(Self::CollectionDeleted(ticket)),
            },
        }
    }
}

impl Future for Awaited {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        match &mut *self {
            Self::Ready(answer) => answer.take().map_or(Poll::Pending, Poll::Ready),
            Self::Operations(ticket, shape) => {
                let answers = ready!(Pin::new(ticket).poll(context));
                Poll::Ready(std::mem::take(shape).reply(answers))
            }
            Self::Committed(ticket) => Pin::new(ticket)
                .poll(context)
                .map(|committed| committed.map(Reply::Committed)),
            Self::CollectionCreated(ticket, created) => Pin::new(ticket)
                .poll(context)
                .map(|done| created.reply(done)),
            Self::CollectionDeleted(ticket) => Pin::new(ticket)
                .poll(context)
                .map(|done| done.map(|()| Reply::CollectionDeleted)),
        }
    }
}
