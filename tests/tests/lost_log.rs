//! A node whose log cannot be written goes on, and says what was lost where it still can.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::thread;

use starling_tests::testnet::{ByHand, Testnet, metric, wait_for};

/// The only validator of a network, so that no block comes without it, with a log of our choice.
struct Lone {
    testnet: Testnet,
    url: String,
    node: Child,
    _alone: ByHand,
}

impl Lone {
    fn start(log: impl Into<Stdio>) -> Self {
        let (testnet, url, alone) = Testnet::by_hand();
        let mut command = testnet.command(&["node", "run", "--config"]);
        command.arg(testnet.folder().join("n1/node.toml"));
        let node = command.stderr(log).spawn().expect("the binary starts");
        Self {
            testnet,
            url,
            node,
            _alone: alone,
        }
    }

    fn height(&self) -> Option<u64> {
        let (_, answer) = self.testnet.envelope(&["status", "--node", &self.url]);
        answer["data"]["height"].as_u64()
    }

    /// Waits until it has made ten blocks more.
    fn goes_on(&mut self) {
        let before = wait_for("the node", || self.height());
        wait_for("ten blocks", || {
            assert_eq!(self.node.try_wait().expect("a child"), None, "it ended");
            self.height().filter(|height| *height >= before + 10)
        });
    }

    fn lost_lines(&self) -> u64 {
        metric(&self.url, "starling_log_lines_lost_total").expect("a metric")
    }

    /// Asks it to stop, which has to succeed.
    fn stop(&mut self) {
        let mut kill = Command::new("kill");
        let sent = kill.arg(self.node.id().to_string()).status();
        assert!(sent.expect("it runs").success());
        let status = wait_for("its end", || self.node.try_wait().expect("a child"));
        assert_eq!(status.code(), Some(0), "{status}");
    }
}

impl Drop for Lone {
    fn drop(&mut self) {
        // It has ended already where the test succeeded.
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

#[test]
fn a_full_disk_under_the_log_stops_no_node() {
    let full = File::options().write(true).open("/dev/full");
    let mut lone = Lone::start(full.expect("Linux has it"));
    lone.goes_on();
    assert!(lone.lost_lines() >= 10);
    lone.stop();
}

#[test]
fn a_reader_of_the_log_that_goes_away_stops_no_node() {
    let mut lone = Lone::start(Stdio::piped());
    let mut reader = BufReader::new(lone.node.stderr.take().expect("a pipe"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line");
    assert!(line.contains("starling"), "{line}");
    drop(reader);
    lone.goes_on();
    assert!(lone.lost_lines() >= 10);
    lone.stop();
}

/// A pager that is left open, or a terminal that is held with Ctrl-S.
#[test]
fn a_reader_of_the_log_that_does_not_read_stops_no_node() {
    let (_reader, mut filler) = io::pipe().expect("a pipe");
    let mut lone = Lone::start(filler.try_clone().expect("a descriptor"));
    // As much as a pipe holds: the next line finds no room.
    thread::spawn(move || filler.write_all(&[b'x'; 1 << 16]));
    lone.goes_on();
    lone.stop();
}
