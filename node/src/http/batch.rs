//! The answers of a batch, made as the client takes them.
//!
//! Short answers are gathered and sent at once, with their length. As soon as they are long, the
//! response begins, and each further call is made when the connection has room for its answer: so a
//! client that does not read holds one answer, and reads nothing more from the disk. What is still
//! to be called is kept as text, of which a parsed request takes many times as much.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::vec::IntoIter;

use bytes::Bytes;
use hyper::body::Frame;
use serde_json::Value;

use super::answer::{Long, SHORT_BYTES, Told};
use super::rpc::{Reply, call};
use super::site::Site;

/// A call on its way.
type Making = Pin<Box<dyn Future<Output = Option<Told>> + Send>>;

/// A batch whose answers are long; also the body of its response.
pub(super) struct Batch {
    site: Arc<Site>,
    /// The calls that are still to be made.
    rest: IntoIter<String>,
    making: Option<Making>,
    /// The answer that is being handed over.
    told: Option<Long>,
    is_closed: bool,
}

impl Batch {
    /// Makes calls until all are made or their answers are long.
    pub(super) async fn begin(site: &Arc<Site>, batch: Vec<Value>) -> Reply {
        let texts: Vec<_> = batch.iter().map(Value::to_string).collect();
        drop(batch);
        let mut rest = texts.into_iter();
        let mut gathered = String::new();
        while let Some(request) = rest.next() {
            let Some(mut told) = call(site, value(&request)).await else {
                continue;
            };
            let before = if gathered.is_empty() { '[' } else { ',' };
            if gathered.len() + told.text.len() > SHORT_BYTES {
                gathered.push(before);
                told.text.insert_str(0, &gathered);
                return Reply::Batch(Self {
                    site: Arc::clone(site),
                    rest,
                    making: None,
                    told: Some(Long::new(told)),
                    is_closed: false,
                });
            }
            gathered.push(before);
            gathered.push_str(&told.text);
        }
        if gathered.is_empty() {
            return Reply::Nothing;
        }
        gathered.push(']');
        Reply::Answer(Told::short(gathered))
    }

    /// Begins the next call; `None` if there is none.
    fn next_call(&mut self) -> Option<Making> {
        let request = value(&self.rest.next()?);
        let site = Arc::clone(&self.site);
        Some(Box::pin(async move { call(&site, request).await }))
    }
}

/// Parses what was parsed before.
fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("a value that was written")
}

impl hyper::body::Body for Batch {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if let Some(piece) = self.told.as_mut().and_then(Long::next_piece) {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            self.told = None;
            if let Some(making) = &mut self.making {
                let told = ready!(making.as_mut().poll(context));
                self.making = None;
                self.told = told.map(|mut told| {
                    told.text.insert(0, ',');
                    Long::new(told)
                });
                continue;
            }
            self.making = self.next_call();
            if self.making.is_none() {
                let end = (!self.is_closed).then(|| Ok(Frame::data(Bytes::from_static(b"]"))));
                self.is_closed = true;
                return Poll::Ready(end);
            }
        }
    }
}
