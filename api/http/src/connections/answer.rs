//! The body of an answer on its way out: handed over in small parts, so that it shows whether
//! its reader reads.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use super::delivery::HandedOver;
use super::guest::UnderWay;

/// The longest part. Who takes none of this size within the time that readers have does not read.
const PART_BYTES: usize = 16 * 1024;

/// A body whose request is under way until it has been handed over.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    /// What is left of the chunk that the body gave last.
    rest: Bytes,
    under_way: UnderWay,
    handed_over: HandedOver,
}

impl Answer {
    pub(super) fn new(body: Body, under_way: UnderWay, handed_over: HandedOver) -> Self {
        Self { body, rest: Bytes::new(), under_way, handed_over }
    }

    fn part(&mut self) -> Bytes {
        let length = self.rest.len().min(PART_BYTES);
        self.under_way.offer(self.size_hint().lower());
        self.rest.split_to(length)
    }
}

impl Drop for Answer {
    /// What is not on its way by now never will be: a task that it was to bring goes back.
    fn drop(&mut self) {
        if let Some(task) = self.handed_over.take()
            && self.is_end_stream()
        {
            self.under_way.deliver(task);
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Who asks for more has taken, or has room for, what there was.
        self.under_way.take();
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(self.part()))));
        }
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        match frame.into_data() {
            Ok(bytes) => {
                self.rest = bytes;
                Poll::Ready(Some(Ok(Frame::data(self.part()))))
            }
            Err(other) => Poll::Ready(Some(Ok(other))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(body.lower() + rest);
        hint
    }
}
