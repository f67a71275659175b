//! Whom this node lets in, by key; asked inside the handshake and changeable at any time.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use crate::peer_id::PeerId;

/// Keys that a list may hold: 2 MiB each. Our choice, far above what an operator writes down.
pub const MAX_LISTED_KEYS: usize = 65_536;

/// The allow list of a private network and the ban list of any.
///
/// A change holds for handshakes from then on; links that are up are the core's to end.
#[derive(Debug, Default)]
pub struct Admission(RwLock<Lists>);

#[derive(Debug, Default)]
struct Lists {
    allowed: Option<BTreeSet<PeerId>>,
    banned: BTreeSet<PeerId>,
}

impl Admission {
    /// Lets everybody in.
    pub fn open() -> Self {
        Self::default()
    }

    /// Lets in only `allowed` from now on, or everybody for `None`. Keys above
    /// [`MAX_LISTED_KEYS`] are left out, in the order of ids.
    pub fn allow(&self, allowed: Option<BTreeSet<PeerId>>) {
        let bounded = allowed.map(|keys| keys.into_iter().take(MAX_LISTED_KEYS).collect());
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .allowed = bounded;
    }

    /// Keeps `peer` out, and tells whether the list had room for it.
    pub fn ban(&self, peer: PeerId) -> bool {
        let mut lists = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let has_room = lists.banned.len() < MAX_LISTED_KEYS || lists.banned.contains(&peer);
        if has_room {
            lists.banned.insert(peer);
        }
        has_room
    }

    /// Lifts the ban of `peer`.
    pub fn unban(&self, peer: &PeerId) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .banned
            .remove(peer);
    }

    /// Returns whether `peer` may connect: allowed, and not banned.
    pub fn admits(&self, peer: &PeerId) -> bool {
        let lists = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !lists.banned.contains(peer)
            && lists
                .allowed
                .as_ref()
                .is_none_or(|allowed| allowed.contains(peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_wins_over_the_allow_list() {
        let (a, b) = (PeerId([1; 32]), PeerId([2; 32]));
        let admission = Admission::open();
        assert!(admission.admits(&a));
        admission.allow(Some([a].into()));
        assert!(admission.admits(&a) && !admission.admits(&b));
        admission.ban(a);
        assert!(!admission.admits(&a));
        admission.unban(&a);
        admission.allow(None);
        assert!(admission.admits(&a) && admission.admits(&b));
    }
}
