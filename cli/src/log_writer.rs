//! Where a node's log is written, so that the node never waits for it and never ends of it.
//!
//! A line goes into a buffer, and a thread of its own writes the buffer out. A log that cannot be
//! written, because its disk is full or its reader has gone, costs lines and nothing else; so does
//! a reader that has stopped reading, once the buffer is full. Lines that were lost are counted,
//! and the log itself says how many as soon as it can be written again.
//!
//! # Limits
//! [`BUFFER_BYTES_MAX`] wait, and as many are being written. A process that ends waits
//! [`FLUSH_PATIENCE`] for them.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use starling_node::runtime::LostLines;

/// Most bytes of lines that wait. Our choice: five thousand lines of blocks, some minutes' worth.
const BUFFER_BYTES_MAX: usize = 1024 * 1024;
/// How long an ending process waits until its log is written. Our choice: any disk and any reader
/// that works takes a mebibyte in that time.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);
/// Pause before another try where a pipe that must not block is full.
const FULL_PIPE_PAUSE: Duration = Duration::from_millis(10);

/// A log that is written until this is dropped.
pub(crate) struct LogWriter {
    buffer: Arc<LogBuffer>,
}

/// What waits for the thread. `&LogBuffer` takes lines, each in one call, and never fails.
pub(crate) struct LogBuffer {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    lost: LostLines,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    is_closed: bool,
    /// The thread has ended: all is written, or lost.
    is_over: bool,
}

/// Where the lines go in the end.
struct Target<W> {
    out: W,
    /// Of the last line, a part was written.
    is_torn: bool,
}

impl LogWriter {
    /// Starts the thread that writes to `out`; what is lost is counted in `lost`.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub(crate) fn start(out: impl Write + Send + 'static, lost: LostLines) -> io::Result<Self> {
        let buffer = Arc::new(LogBuffer {
            waiting: Mutex::default(),
            changed: Condvar::new(),
            lost,
        });
        let drained = Arc::clone(&buffer);
        let target = Target {
            out,
            is_torn: false,
        };
        let thread = thread::Builder::new().name("log-writer".to_owned());
        thread.spawn(move || drained.drain(target))?;
        Ok(Self { buffer })
    }

    /// Returns what takes the lines.
    pub(crate) fn buffer(&self) -> Arc<LogBuffer> {
        Arc::clone(&self.buffer)
    }
}

impl Drop for LogWriter {
    /// Waits until all is written, but not for a reader that does not read.
    fn drop(&mut self) {
        let LogBuffer {
            waiting, changed, ..
        } = &*self.buffer;
        let mut waiting = lock(waiting);
        waiting.is_closed = true;
        changed.notify_all();
        // What is not written by then is lost, and nobody is left to be told.
        let _ = changed.wait_timeout_while(waiting, FLUSH_PATIENCE, |waiting| !waiting.is_over);
    }
}

impl Write for &LogBuffer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = lock(&self.waiting);
        if waiting.bytes.len() + line.len() > BUFFER_BYTES_MAX {
            self.lost.add(1);
        } else {
            waiting.bytes.extend_from_slice(line);
            self.changed.notify_all();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LogBuffer {
    /// Writes what comes until the log is closed.
    fn drain(&self, mut target: Target<impl Write>) {
        let mut told = 0;
        while let Some(lines) = self.next() {
            let lost = target.write(&lines);
            self.lost.add(lost);
            let all_lost = self.lost.count();
            if lost == 0 && all_lost > told {
                tracing::warn!(lines = all_lost - told, "lines of this log were lost");
                told = all_lost;
            }
        }
        lock(&self.waiting).is_over = true;
        self.changed.notify_all();
    }

    /// Waits for lines; `None` when the log is closed and all were taken.
    fn next(&self) -> Option<Vec<u8>> {
        let idle = |waiting: &mut Waiting| waiting.bytes.is_empty() && !waiting.is_closed;
        let waiting = self.changed.wait_while(lock(&self.waiting), idle);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let lines = mem::take(&mut waiting.bytes);
        (!lines.is_empty()).then_some(lines)
    }
}

impl<W: Write> Target<W> {
    /// Writes lines, and returns how many of them were lost.
    fn write(&mut self, lines: &[u8]) -> u64 {
        // What follows a torn line begins a new one.
        if self.is_torn && self.out.write_all(b"\n").is_ok() {
            self.is_torn = false;
        }
        let mut left = lines;
        while !left.is_empty() {
            match self.out.write(left) {
                Ok(count) if count > 0 => left = &left[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(FULL_PIPE_PAUSE);
                }
                Ok(_) | Err(_) => {
                    let written = &lines[..lines.len() - left.len()];
                    self.is_torn |= written.last().is_some_and(|last| *last != b'\n');
                    let lost = left.iter().filter(|byte| **byte == b'\n').count();
                    return u64::try_from(lost).unwrap_or(u64::MAX);
                }
            }
        }
        0
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Takes what it is told, in order; then all.
    struct Script {
        answers: VecDeque<io::Result<usize>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = self.answers.pop_front().unwrap_or(Ok(bytes.len()))?;
            let mut written = self.written.lock().unwrap();
            written.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn full() -> io::Result<usize> {
        Err(ErrorKind::StorageFull.into())
    }

    #[test]
    fn a_full_disk_costs_lines_and_the_next_one_begins_anew() {
        let written = Arc::default();
        let answers = [Ok(6), full(), full(), full()];
        let mut target = Target {
            out: Script {
                answers: answers.into(),
                written: Arc::clone(&written),
            },
            is_torn: false,
        };
        assert_eq!(target.write(b"one\ntwo\nthree\n"), 2);
        assert_eq!(target.write(b"four\n"), 1);
        assert_eq!(target.write(b"five\n"), 0);
        assert_eq!(target.write(b"six\n"), 0);
        assert_eq!(&*written.lock().unwrap(), b"one\ntw\nfive\nsix\n");
    }

    #[test]
    fn what_waits_is_written_at_the_end_in_its_order() {
        let written = Arc::default();
        let answers = [
            Err(ErrorKind::Interrupted.into()),
            Ok(1),
            Err(ErrorKind::WouldBlock.into()),
        ];
        let script = Script {
            answers: answers.into(),
            written: Arc::clone(&written),
        };
        let lost = LostLines::default();
        let log = LogWriter::start(script, lost.clone()).unwrap();
        let buffer = log.buffer();
        let lines: Vec<_> = (0..100).map(|number| format!("{number}\n")).collect();
        for line in &lines {
            (&*buffer).write_all(line.as_bytes()).unwrap();
        }
        drop(log);
        assert_eq!(*written.lock().unwrap(), lines.concat().as_bytes());
        assert_eq!(lost.count(), 0);
    }

    /// A reader that takes nothing until it is told to.
    struct Stuck {
        begun: Sender<()>,
        go_on: Receiver<()>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.begun.send(());
            // Fails when the test is over.
            let _ = self.go_on.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_does_not_read_costs_lines_and_stops_nobody() {
        let ((begun, has_begun), (_go_on, go_on)) = (channel(), channel());
        let lost = LostLines::default();
        let log = LogWriter::start(Stuck { begun, go_on }, lost.clone()).unwrap();
        let buffer = log.buffer();
        (&*buffer).write_all(b"first\n").unwrap();
        has_begun.recv().unwrap();
        let line = [b'x'; 1024];
        for _ in 0..BUFFER_BYTES_MAX / line.len() + 7 {
            (&*buffer).write_all(&line).unwrap();
        }
        assert_eq!(lost.count(), 7);
        drop(log);
    }
}
