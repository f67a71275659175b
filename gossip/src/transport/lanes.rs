//! Opens the lanes of a fresh connection: one unidirectional stream per lane and direction, named
//! by its first byte.
//!
//! Both sides wait for the other's lanes. For the dialing side this is also the proof that its key
//! was accepted: in TLS 1.3 its own handshake is complete before the other has judged it.

use quinn::{Connection, ReadError, ReadExactError, RecvStream, SendStream, WriteError};

use super::close::dial_failure;
use crate::lane::{LANES, Lane, PerLane};
use crate::link::DialFailure;

/// The streams of a link.
pub(super) struct Lanes {
    pub(super) send: PerLane<SendStream>,
    pub(super) receive: PerLane<RecvStream>,
}

/// Opens our lanes and waits for the peer's. The caller sets the deadline.
///
/// # Errors
/// [`DialFailure::Protocol`] if a lane is unknown, doubled or broken off, or what the connection
/// says, such as [`DialFailure::Refused`].
pub(super) async fn exchange_lanes(connection: &Connection) -> Result<Lanes, DialFailure> {
    let (send, receive) = tokio::try_join!(open_lanes(connection), accept_lanes(connection))?;
    Ok(Lanes { send, receive })
}

async fn open_lanes(connection: &Connection) -> Result<PerLane<SendStream>, DialFailure> {
    let mut streams = Vec::with_capacity(LANES);
    for lane in Lane::ALL {
        let mut stream = connection
            .open_uni()
            .await
            .map_err(|error| dial_failure(&error))?;
        // Before the first byte, which makes the stream visible to the peer.
        let _ = stream.set_priority(lane.priority().into());
        stream
            .write_all(&[lane.wire_byte()])
            .await
            .map_err(|error| match error {
                WriteError::ConnectionLost(error) => dial_failure(&error),
                _ => DialFailure::Protocol,
            })?;
        streams.push(stream);
    }
    let mut streams = streams.into_iter();
    Ok(PerLane::from_fn(|_| {
        streams.next().expect("one was opened for each lane")
    }))
}

async fn accept_lanes(connection: &Connection) -> Result<PerLane<RecvStream>, DialFailure> {
    let mut streams = PerLane::<Option<RecvStream>>::default();
    for _ in Lane::ALL {
        let mut stream = connection
            .accept_uni()
            .await
            .map_err(|error| dial_failure(&error))?;
        let mut first = [0];
        stream
            .read_exact(&mut first)
            .await
            .map_err(|error| match error {
                ReadExactError::ReadError(ReadError::ConnectionLost(error)) => dial_failure(&error),
                _ => DialFailure::Protocol,
            })?;
        let lane = Lane::from_wire_byte(first[0]).ok_or(DialFailure::Protocol)?;
        if streams[lane].replace(stream).is_some() {
            return Err(DialFailure::Protocol);
        }
    }
    let mut streams = streams.into_array().into_iter().flatten();
    Ok(PerLane::from_fn(|_| {
        streams.next().expect("as many distinct lanes as there are")
    }))
}
