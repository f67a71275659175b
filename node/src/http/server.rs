//! The accept loop.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use super::headless::Headless;
use super::site::Site;
use super::{connection, hub, router};

/// How long to wait when the machine has no room for another connection, most often for lack of
/// descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often a connection is told to give way while none does. Our choice: by then the last one
/// has gone.
const WAY_PAUSE: Duration = Duration::from_millis(50);

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
    let headless = Arc::new(Headless::default());
    loop {
        let next = async {
            let stream = accept(&listener).await;
            (stream, place(&places, &headless).await)
        };
        let (stream, place) = tokio::select! {
            _ = &mut stopped => return Ok(()),
            next = next => next,
        };
        let (site, router) = (Arc::clone(&site), router.clone());
        let ticket = headless.enter();
        tokio::spawn(async move {
            connection::serve(stream, (site, router), ticket).await;
            drop(place);
        });
    }
}

/// Waits for a place; where all are taken, connections without a request give theirs up.
async fn place(places: &Arc<Semaphore>, headless: &Headless) -> Option<OwnedSemaphorePermit> {
    let free = Arc::clone(places).try_acquire_owned();
    if let Ok(place) = free {
        return Some(place);
    }
    let mut place = pin!(Arc::clone(places).acquire_owned());
    loop {
        headless.give_way();
        if let Ok(place) = timeout(WAY_PAUSE, &mut place).await {
            // They are never closed.
            return place.ok();
        }
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
