//! The stream of a node's events: server-sent events, read line by line.
//!
//! A thread reads the connection, so that the caller can wait with a deadline. The thread ends
//! with the connection or with the process.
//!
//! # Source
//! HTML Living Standard, section 9.2.6 (event stream interpretation).

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// Most bytes of one line, and of the data of one event. Our choice: a `block` event with 10,000
/// ids is 700 kB.
const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Events read ahead of the caller; the connection waits when they are not taken.
const QUEUE_MAX: usize = 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A block became final.
    Block(BlockEvent),
    /// Something happened to a transaction.
    Transaction(TransactionEvent),
    /// Another kind, which this release does not use.
    Other,
}

/// A block became final.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct BlockEvent {
    /// Its height.
    pub(crate) height: u64,
    /// The ids of its transactions.
    #[serde(default)]
    pub(crate) transactions: Vec<String>,
    /// How many validators signed.
    #[serde(default)]
    pub(crate) signed: Option<u64>,
    /// How many there are.
    #[serde(default)]
    pub(crate) total: Option<u64>,
}

/// Something happened to a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct TransactionEvent {
    /// Which one.
    pub(crate) id: String,
    /// What: `accepted`, `gossiped`, `proposed`, `final`, `left`, ….
    pub(crate) stage: String,
    /// Why it left, for people.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// The block it is in.
    #[serde(default)]
    pub(crate) height: Option<u64>,
    /// The account that proposed the block.
    #[serde(default)]
    pub(crate) proposer: Option<String>,
    /// To how many neighbours it was sent.
    #[serde(default)]
    pub(crate) sent_to: Option<u64>,
    /// How many neighbours there are.
    #[serde(default)]
    pub(crate) neighbours: Option<u64>,
    /// How many validators signed the block.
    #[serde(default)]
    pub(crate) signed: Option<u64>,
    /// How many there are.
    #[serde(default)]
    pub(crate) total: Option<u64>,
}

/// Opens the stream of the node at `url`; `None` if the node offers none.
pub(crate) fn open(url: &str) -> Option<Receiver<Event>> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(CONNECT_TIMEOUT))
        .proxy(None)
        .build()
        .into();
    let response = agent
        .get(format!("{url}/events"))
        .header("accept", "text/event-stream")
        .call()
        .ok()?;
    let (sender, receiver) = sync_channel(QUEUE_MAX);
    let reader = BufReader::new(response.into_body().into_reader());
    thread::Builder::new()
        .name("events".to_owned())
        .spawn(move || read(reader, &sender))
        .ok()?;
    Some(receiver)
}

/// Reads events until the connection or the caller is gone.
fn read(mut reader: impl BufRead, sender: &SyncSender<Event>) {
    let (mut kind, mut data) = (String::new(), String::new());
    loop {
        let mut line = Vec::new();
        let read = reader
            .by_ref()
            .take(LINE_BYTES_MAX as u64)
            .read_until(b'\n', &mut line);
        if !matches!(read, Ok(count) if count > 0) || !line.ends_with(b"\n") {
            return;
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\n', '\r']);
        if line.is_empty() {
            if !data.is_empty() && sender.send(parse(&kind, &data)).is_err() {
                return;
            }
            (kind, data) = (String::new(), String::new());
        } else if let Some(value) = field(line, "event") {
            value.clone_into(&mut kind);
        } else if let Some(value) = field(line, "data") {
            if data.len() + value.len() > LINE_BYTES_MAX {
                return;
            }
            data.push_str(value);
        }
    }
}

fn field<'line>(line: &'line str, name: &str) -> Option<&'line str> {
    let value = line.strip_prefix(name)?.strip_prefix(':')?;
    Some(value.strip_prefix(' ').unwrap_or(value))
}

fn parse(kind: &str, data: &str) -> Event {
    let value: Value = serde_json::from_str(data).unwrap_or_default();
    let event = match kind {
        "block" => serde_json::from_value(value).map(Event::Block),
        "transaction" => serde_json::from_value(value).map(Event::Transaction),
        _ => return Event::Other,
    };
    event.unwrap_or(Event::Other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(stream: &str) -> Vec<Event> {
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        read(stream.as_bytes(), &sender);
        drop(sender);
        receiver.into_iter().collect()
    }

    #[test]
    fn reads_events_between_comments() {
        let stream = ": hello\n\nid: 4.0\nevent: block\n\
                      data: {\"height\":4,\"transactions\":[\"ab\"]}\n\n\
                      event:transaction\r\ndata:{\"id\":\"ab\",\"stage\":\"final\"}\r\n\r\n";
        let [Event::Block(block), Event::Transaction(transaction)] = &events(stream)[..] else {
            panic!("expected a block and a transaction");
        };
        assert_eq!(
            (block.height, &block.transactions[..]),
            (4, &["ab".to_owned()][..])
        );
        assert_eq!(transaction.stage, "final");
    }

    #[test]
    fn ignores_unknown_kinds_and_a_torn_end() {
        let stream = "event: mystery\ndata: 1\n\nevent: block\ndata: {\"height\":5}\n";
        assert_eq!(events(stream), [Event::Other]);
    }

    /// A node that never ends an event makes the client hold no more than one line.
    #[test]
    fn an_event_of_endless_lines_ends_the_stream() {
        let line = format!("data: {}\n", "x".repeat(1000));
        let mut stream = line.repeat(1_100);
        stream.push_str("\nevent: mystery\ndata: 1\n\n");
        assert_eq!(events(&stream), []);
    }

    proptest! {
        #[test]
        fn any_stream_is_read_to_its_end(
            stream in "((data|event|id)?:? ?[a-z{}\"0-9]{0,9}\r?\n?){0,9}",
        ) {
            let ends = stream.matches('\n').count();
            prop_assert!(events(&stream).len() <= ends);
        }
    }
}
