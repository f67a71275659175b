//! The accept loop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};

use super::site::Site;
use super::{connection, hub, router};

/// How long to wait when the machine has no room for another connection, most often for lack of
/// descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stopped` fires.
///
/// # Errors
/// The listener cannot be used.
pub(super) async fn run(
    listener: std::net::TcpListener,
    site: Arc<Site>,
    mut stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let router = router::new(Arc::clone(&site));
    let places = Arc::new(Semaphore::new(site.limits.connections_max));
    // Subscribed before the first connection, so that none misses an event.
    let events = site.handle.subscribe();
    tokio::spawn(hub::run(Arc::clone(&site), events));
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let (stream, place) = tokio::select! {
            _ = &mut stopped => return Ok(()),
            (place, stream) = async { (place.await, accept(&listener).await) } => (stream, place),
        };
        let (site, router) = (Arc::clone(&site), router.clone());
        tokio::spawn(async move {
            connection::serve(stream, site, router).await;
            drop(place);
        });
    }
}

/// Accepts the next connection, however long the machine has no room for it.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "a connection to the HTTP interface is not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
