use bytes::{Bytes, BytesMut};
use docdb_types::{Code, Error, Limits};
use prost::Message;
use tokio_util::codec::{Decoder, Encoder};

use crate::frame::{put_frame, take_frame, take_last_frame};
use crate::survey::Survey;
use crate::{FrameError, FrameLimit, Request, RequestId, Response, convert, proto};

/// A request that was not understood, or that its limits do not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The request to answer. `None` when its id could not be read or is 0: the error is then
    /// answered for the connection, which closes.
    pub id: Option<RequestId>,
    /// Why.
    pub error: Error,
}

/// The server's end of a connection: requests come in, responses go out.
#[derive(Debug, Clone)]
pub struct ServerCodec {
    limits: Limits,
    frame_limit: FrameLimit,
}

impl ServerCodec {
    /// A codec that accepts what the limits allow, in frames that leave room for it.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            frame_limit: FrameLimit::for_payload(limits.request_bytes),
        }
    }

    /// The same codec with another bound on frames.
    #[must_use]
    pub const fn with_frame_limit(self, frame_limit: FrameLimit) -> Self {
        Self {
            frame_limit,
            ..self
        }
    }

    /// The bound on frames, in both directions.
    #[must_use]
    pub const fn frame_limit(&self) -> FrameLimit {
        self.frame_limit
    }

    fn request(&self, frame: Bytes) -> Result<Request, Refused> {
        let survey = Survey::of_request(&frame);
        let refuse = |error| Refused {
            id: survey.id,
            error,
        };
        survey.check(&self.limits).map_err(refuse)?;
        let message = proto::Request::decode(frame).map_err(|reason| {
            refuse(Error::new(
                Code::UnknownOperation,
                format!("the frame does not hold a request: {reason}"),
            ))
        })?;
        convert::request_from_wire(message, &self.limits).map_err(refuse)
    }
}

impl Decoder for ServerCodec {
    type Item = Result<Request, Refused>;
    type Error = FrameError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Self::Item>, FrameError> {
        Ok(take_frame(source, self.frame_limit)?.map(|frame| self.request(frame)))
    }

    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<Self::Item>, FrameError> {
        Ok(take_last_frame(source, self.frame_limit)?.map(|frame| self.request(frame)))
    }
}

impl Encoder<Response> for ServerCodec {
    type Error = FrameError;

    /// Appends the response. One that does not fit a frame is replaced by a `FrameTooLarge` error
    /// that says what became of the request.
    fn encode(&mut self, response: Response, destination: &mut BytesMut) -> Result<(), FrameError> {
        let id = response.id;
        let effect = match &response.result {
            Ok(reply) => reply.effect(),
            Err(error) => error.effect(),
        };
        let message = convert::response_to_wire(response);
        match put_frame(&message, self.frame_limit, destination) {
            Err(error @ FrameError::TooLong { .. }) => {
                let error = Error::new(Code::FrameTooLarge, format!("the answer is a {error}"))
                    .with_effect(effect);
                let message = convert::response_to_wire(Response {
                    id,
                    result: Err(error),
                });
                put_frame(&message, self.frame_limit, destination)
            }
            done => done,
        }
    }
}

/// The client's end of a connection: requests go out, responses come in.
#[derive(Debug, Clone)]
pub struct ClientCodec {
    frame_limit: FrameLimit,
}

impl ClientCodec {
    /// A codec for frames that leave room for what the limits allow.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            frame_limit: FrameLimit::for_payload(limits.request_bytes),
        }
    }

    /// The same codec with another bound on frames, such as a server's hello told.
    #[must_use]
    pub const fn with_frame_limit(self, frame_limit: FrameLimit) -> Self {
        Self { frame_limit }
    }

    /// The bound on frames, in both directions.
    #[must_use]
    pub const fn frame_limit(&self) -> FrameLimit {
        self.frame_limit
    }
}

fn response(frame: Bytes) -> Result<Response, FrameError> {
    proto::Response::decode(frame)
        .map_err(|reason| FrameError::Malformed {
            reason: reason.to_string(),
        })
        .and_then(convert::response_from_wire)
}

impl Decoder for ClientCodec {
    type Item = Response;
    type Error = FrameError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Response>, FrameError> {
        take_frame(source, self.frame_limit)?
            .map(response)
            .transpose()
    }

    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<Response>, FrameError> {
        take_last_frame(source, self.frame_limit)?
            .map(response)
            .transpose()
    }
}

impl Encoder<Request> for ClientCodec {
    type Error = FrameError;

    /// Appends the request.
    ///
    /// # Errors
    /// `TooLong` when it does not fit a frame; nothing was appended then.
    fn encode(&mut self, request: Request, destination: &mut BytesMut) -> Result<(), FrameError> {
        put_frame(
            &convert::request_to_wire(request),
            self.frame_limit,
            destination,
        )
    }
}
