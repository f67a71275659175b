//! Consensus messages: known by content, relayed at once when the node says so.
//!
//! The node may have to refuse a message that it will want later (of a height to come, say). So one
//! that it did not pass on is handed over again when it comes again, and even one that it did pass
//! on after a while: only the storm of copies from other neighbours is kept away.

use std::time::Duration;

use bytes::Bytes;

use super::seen::{Holders, Seen};
use crate::link::LinkId;
use crate::time::Instant;

/// Messages remembered. Our choice: 80 heights of 100 validators, about 4 MiB.
const MAX_SEEN_MESSAGES: usize = 16_384;
/// Copies within this time are not handed over: the node is still checking the first.
const HAND_OVER_AGAIN: Duration = Duration::from_millis(200);
/// The same for messages that the node passed on: as long as a rebroadcast waits.
const HAND_OVER_AGAIN_ACCEPTED: Duration = Duration::from_millis(900);

/// The hash of a message's encoding; it never leaves this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct MessageId([u8; 32]);

#[derive(Debug)]
struct Known {
    handed_over: Option<Instant>,
    accepted: bool,
    holders: Holders,
}

/// The consensus messages of late.
#[derive(Debug)]
pub(crate) struct Messages(Seen<MessageId, Known>);

impl MessageId {
    fn of(frame: &[u8]) -> Self {
        Self(*blake3::hash(frame).as_bytes())
    }
}

impl Messages {
    pub(crate) const fn new() -> Self {
        Self(Seen::new(MAX_SEEN_MESSAGES))
    }

    fn known(&mut self, frame: &[u8]) -> Option<&mut Known> {
        let id = MessageId::of(frame);
        if self.0.get_mut(&id).is_none() {
            let holders = Holders::default();
            self.0.insert(
                id,
                Known {
                    handed_over: None,
                    accepted: false,
                    holders,
                },
            );
        }
        self.0.get_mut(&id)
    }

    /// Notes that a frame came, and says whether it is handed to the node.
    pub(crate) fn heard(&mut self, now: Instant, link: LinkId, frame: &[u8]) -> bool {
        let Some(known) = self.known(frame) else {
            return false;
        };
        known.holders.insert(link);
        let pause = if known.accepted {
            HAND_OVER_AGAIN_ACCEPTED
        } else {
            HAND_OVER_AGAIN
        };
        let is_due = known
            .handed_over
            .is_none_or(|last| now.since(last) >= pause);
        if is_due {
            known.handed_over = Some(now);
        }
        is_due
    }

    /// Notes that a frame is flooded, and returns the links it goes out on: all with `force`, else
    /// those on which it neither came nor went.
    pub(crate) fn flood(
        &mut self,
        now: Instant,
        frame: &Bytes,
        links: impl Iterator<Item = LinkId>,
        force: bool,
    ) -> Vec<LinkId> {
        let Some(known) = self.known(frame) else {
            return Vec::new();
        };
        known.accepted = true;
        known.handed_over = known.handed_over.or(Some(now));
        links
            .filter(|link| known.holders.insert(*link) || force)
            .collect()
    }

    /// Notes that a frame goes to one link.
    pub(crate) fn sent(&mut self, link: LinkId, frame: &[u8]) {
        if let Some(known) = self.known(frame) {
            known.holders.insert(link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINKS: [LinkId; 3] = [LinkId(1), LinkId(2), LinkId(3)];

    #[test]
    fn floods_to_those_who_did_not_send_it_and_only_once() {
        let mut messages = Messages::new();
        let frame = Bytes::from_static(b"vote");
        assert!(messages.heard(Instant(0), LINKS[0], &frame));
        assert!(!messages.heard(Instant(1), LINKS[1], &frame));
        let links = messages.flood(Instant(2), &frame, LINKS.into_iter(), false);
        assert_eq!(links, [LINKS[2]]);
        assert!(
            messages
                .flood(Instant(3), &frame, LINKS.into_iter(), false)
                .is_empty()
        );
        assert_eq!(
            messages.flood(Instant(4), &frame, LINKS.into_iter(), true),
            LINKS
        );
    }

    #[test]
    fn hands_over_again_what_comes_again_later() {
        let mut messages = Messages::new();
        let frame = Bytes::from_static(b"early vote");
        assert!(messages.heard(Instant(0), LINKS[0], &frame));
        assert!(!messages.heard(Instant(199_999), LINKS[0], &frame));
        assert!(messages.heard(Instant(200_000), LINKS[0], &frame));
        messages.flood(Instant(200_001), &frame, LINKS.into_iter(), false);
        assert!(!messages.heard(Instant(1_000_000), LINKS[0], &frame));
        assert!(messages.heard(Instant(1_100_000), LINKS[0], &frame));
    }

    #[test]
    fn other_content_is_another_message() {
        let mut messages = Messages::new();
        assert!(messages.heard(Instant(0), LINKS[0], b"vote for a"));
        assert!(messages.heard(Instant(0), LINKS[0], b"vote for b"));
    }
}
