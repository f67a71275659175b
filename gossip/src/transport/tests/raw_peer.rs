//! A peer made of bare QUIC, which can do what a [`Transport`] never does.

use quinn::{ClientConfig, Connection, ConnectionError, RecvStream, SendStream};

use super::*;
use crate::transport::tls::{SERVER_NAME, Tls};
use crate::transport::verifier::VerdictSlot;

/// A bare endpoint on loopback.
pub(super) struct RawPeer {
    pub(super) endpoint: Endpoint,
    pub(super) tls: Tls,
}

/// A bare connection with all lanes open both ways. Nothing is read.
pub(super) struct RawLink {
    pub(super) connection: Connection,
    pub(super) send: PerLane<SendStream>,
    _receive: Vec<RecvStream>,
}

impl RawPeer {
    pub(super) fn new(seed: u8) -> Self {
        Self::with_tls(Tls::new(key(seed), Arc::default()))
    }

    pub(super) fn with_tls(tls: Tls) -> Self {
        let mut server = ServerConfig::with_crypto(Arc::new(tls.server()));
        server.transport_config(quic_config(Duration::from_secs(60)));
        let endpoint = Endpoint::server(server, LOOPBACK.into()).expect("a free port");
        Self { endpoint, tls }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.endpoint.local_addr().expect("it is bound")
    }

    pub(super) async fn dial(&self, to: &Node) -> Result<Connection, ConnectionError> {
        let client = self.tls.client(None, VerdictSlot::default());
        let mut config = ClientConfig::new(Arc::new(client));
        config.transport_config(quic_config(Duration::from_secs(60)));
        let address = to.transport.address();
        self.endpoint
            .connect_with(config, address, SERVER_NAME)
            .expect("a valid address")
            .await
    }

    /// Dials and opens all lanes; the node's `Connected` is taken.
    pub(super) async fn link(&self, to: &mut Node) -> (RawLink, LinkId) {
        let connection = within(self.dial(to)).await.expect("the node listens");
        let mut send = Vec::new();
        let mut receive = Vec::new();
        for lane in Lane::ALL {
            send.push(open(&connection, lane.wire_byte()).await);
            receive.push(
                within(connection.accept_uni())
                    .await
                    .expect("the node opens lanes"),
            );
        }
        let mut send = send.into_iter();
        let send = PerLane::from_fn(|_| send.next().expect("one for each lane"));
        let (_, link, _) = to.connected().await;
        (
            RawLink {
                connection,
                send,
                _receive: receive,
            },
            link,
        )
    }
}

/// Opens a stream that begins with `first`.
pub(super) async fn open(connection: &Connection, first: u8) -> SendStream {
    let mut stream = within(connection.open_uni())
        .await
        .expect("lanes are allowed");
    stream.write_all(&[first]).await.expect("the node reads");
    stream
}

/// Returns a frame with its header.
pub(super) fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a small body");
    [&length.to_le_bytes(), body].concat()
}
