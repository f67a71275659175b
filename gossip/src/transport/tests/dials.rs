//! Every dial ends in a link or in one reason, in words.

use std::future::IntoFuture;

use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, Signer, SigningKey as TlsSigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

use super::raw_peer::RawPeer;
use super::*;
use crate::transport::identity::SPKI_PREFIX;
use crate::transport::tls::Tls;

#[tokio::test]
async fn without_an_expected_id_whoever_answers_is_reported() {
    let (mut a, mut b) = (node(1), node(2));
    assert_ne!(
        b.transport.address().port(),
        0,
        "the real port can be read back"
    );
    a.transport
        .dial(b.transport.address(), None)
        .expect("a link is free");
    assert_eq!(a.connected().await.0, id(2));
    assert_eq!(b.connected().await.0, id(1));
}

#[tokio::test]
async fn another_key_than_expected_is_told_to_the_dialer_only() {
    let (mut a, mut b) = (node(1), node(2));
    let reason = a.dial_failure(b.transport.address(), Some(id(3))).await;
    assert_eq!(
        reason,
        DialFailure::WrongKey {
            expected: id(3),
            found: id(2)
        }
    );
    let words = format!(
        "another node answered: expected {}…, found {}…",
        id(3).short(),
        id(2).short()
    );
    assert_eq!(reason.to_string(), words);
    until(|| b.transport.stats().handshakes_failed == 1).await;
    assert_eq!(b.events.try_next(), None);
}

#[tokio::test]
async fn what_the_peer_is_sent_of_a_refusal_tells_nothing() {
    let mut a = node(1);
    let raw = RawPeer::new(2);
    a.transport
        .dial(raw.address(), Some(id(3)))
        .expect("a link is free");
    let incoming = within(raw.endpoint.accept()).await.expect("a is dialing");
    let told = within(incoming.into_future())
        .await
        .expect_err("the key is another")
        .to_string();
    assert!(!told.contains(&id(3).short()) && told.len() < 160, "{told}");
    assert!(matches!(a.event().await, TransportEvent::DialFailed { .. }));
}

#[tokio::test]
async fn does_not_dial_itself() {
    let mut a = node(1);
    let own = a.transport.address();
    assert_eq!(a.dial_failure(own, None).await, DialFailure::SelfDial);
    assert_eq!(
        a.dial_failure(own, Some(id(2))).await,
        DialFailure::SelfDial
    );
    assert_eq!(
        a.transport.dial(own, Some(id(1))),
        Err(DialFailure::SelfDial)
    );
}

#[tokio::test]
async fn a_banned_key_is_refused_inside_the_handshake_and_let_in_again_later() {
    let (mut a, lists) = (node(1), Arc::new(Admission::open()));
    let mut b = node_with(2, |config| config.admission = lists.clone());
    lists.ban(id(1));
    assert_eq!(
        a.dial_failure(b.transport.address(), None).await,
        DialFailure::Refused
    );
    until(|| b.transport.stats().handshakes_failed == 1).await;
    assert_eq!(b.events.try_next(), None);
    lists.unban(&id(1));
    connect(&mut a, &mut b).await;
}

#[tokio::test]
async fn a_key_that_is_not_on_the_allow_list_is_refused_both_ways() {
    let (mut a, mut c) = (node(1), node(3));
    let lists = Arc::new(Admission::open());
    lists.allow(Some([id(1)].into()));
    let mut b = node_with(2, |config| config.admission = lists);
    connect(&mut a, &mut b).await;
    assert_eq!(
        c.dial_failure(b.transport.address(), None).await,
        DialFailure::Refused
    );
    let outward = b.dial_failure(c.transport.address(), None).await;
    assert_eq!(outward, DialFailure::NotAdmitted);
}

/// Signs for the neutral element: R = the neutral element and S = 0 pass ed25519's equation for
/// every message, so that only the refusal of small orders stands in the way.
#[derive(Debug)]
struct SmallOrder;

const NEUTRAL: [u8; 32] = {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes
};

impl TlsSigningKey for SmallOrder {
    fn choose_scheme(&self, _offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(Self))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for SmallOrder {
    fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok([NEUTRAL, [0; 32]].concat())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

#[tokio::test]
async fn a_key_of_small_order_is_refused_both_ways() {
    let spki = CertificateDer::from([&SPKI_PREFIX[..], &NEUTRAL].concat());
    let mut tls = Tls::new(key(9), Arc::default());
    tls.certified = Arc::new(CertifiedKey::new(vec![spki], Arc::new(SmallOrder)));
    let raw = RawPeer::with_tls(tls);
    let mut a = node(1);
    if let Ok(connection) = within(raw.dial(&a)).await {
        within(connection.closed()).await;
    }
    until(|| a.transport.stats().handshakes_failed == 1).await;
    let endpoint = raw.endpoint.clone();
    let server = tokio::spawn(async move {
        if let Some(incoming) = endpoint.accept().await {
            let _ = incoming.await;
        }
    });
    assert_eq!(
        a.dial_failure(raw.address(), None).await,
        DialFailure::BadKey
    );
    within(server).await.expect("it does not panic");
}

#[tokio::test]
async fn a_dead_port_times_out_by_our_own_deadline() {
    let (silent, _) = socket::bind(LOOPBACK.into()).expect("a free port");
    let mut a = node_with(1, |config| {
        config.timeouts.dial = Duration::from_millis(100);
        // What QUIC itself would wait; the test gives up before.
        config.timeouts.idle = Duration::from_secs(600);
    });
    let address = silent.local_addr().expect("it is bound");
    assert_eq!(a.dial_failure(address, None).await, DialFailure::TimedOut);
    assert_eq!(a.transport.stats().tasks, 1);
}

#[tokio::test]
async fn an_address_that_cannot_be_is_unreachable() {
    let mut a = node(1);
    for address in ["127.0.0.1:0", "[2001:db8::1]:7000"] {
        let address = address.parse().expect("an address");
        assert_eq!(
            a.dial_failure(address, None).await,
            DialFailure::Unreachable
        );
    }
}

#[tokio::test]
async fn another_protocol_is_told_apart() {
    let mut tls = Tls::new(key(2), Arc::default());
    tls.alpn = b"h3".to_vec();
    let raw = RawPeer::with_tls(tls);
    let mut a = node(1);
    let endpoint = raw.endpoint.clone();
    tokio::spawn(async move {
        if let Some(incoming) = endpoint.accept().await {
            let _ = incoming.await;
        }
    });
    assert_eq!(
        a.dial_failure(raw.address(), None).await,
        DialFailure::WrongProtocol
    );
}

#[tokio::test]
async fn who_is_full_says_so() {
    let (mut a, mut c) = (node(1), node(3));
    let mut b = node_with(2, |config| {
        config.limits.inbound_links_max = 1;
        config.limits.outbound_links_max = 1;
    });
    let (at_a, _) = connect(&mut a, &mut b).await;
    assert_eq!(
        c.dial_failure(b.transport.address(), None).await,
        DialFailure::Busy
    );
    assert_eq!(b.transport.stats().turned_away, 1);

    let (_, at_c) = connect(&mut b, &mut c).await;
    let again = b.transport.dial(a.transport.address(), None);
    assert_eq!(again, Err(DialFailure::NoFreeLink));
    c.transport.disconnect(at_c, "bye");
    assert_eq!(
        b.disconnected().await,
        DisconnectReason::Remote {
            text: "bye".to_owned()
        }
    );
    a.transport.disconnect(at_a, "bye");
    a.disconnected().await;
    b.disconnected().await;
    connect(&mut b, &mut a).await;
}

#[tokio::test]
async fn nodes_that_dial_each_other_at_once_get_two_links() {
    let (mut a, mut b) = (node(1), node(2));
    a.transport
        .dial(b.transport.address(), Some(id(2)))
        .expect("a link is free");
    b.transport
        .dial(a.transport.address(), Some(id(1)))
        .expect("a link is free");
    for node in [&mut a, &mut b] {
        let ((_, one, first), (_, two, second)) = (node.connected().await, node.connected().await);
        assert_ne!(one, two);
        assert_ne!(first, second);
    }
}

#[tokio::test]
async fn a_second_node_on_the_same_port_is_told_that_it_is_in_use() {
    let a = node(1);
    let taken = a.transport.address();
    let error = Transport::bind(TransportConfig::new(key(2), taken))
        .map(|_| ())
        .expect_err("taken");
    assert!(matches!(error, BindError::InUse { address } if address == taken));
}

#[tokio::test]
async fn who_has_to_prove_its_address_first_gets_in() {
    let mut a = node(1);
    let mut b = node_with(2, |config| config.limits.prove_address_above = 0);
    connect(&mut a, &mut b).await;
    assert_eq!(b.transport.stats().proofs_asked, 1);
}
