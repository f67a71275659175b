//! `/healthz` and `/readyz`: for supervisors and load balancers.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{TEXT, respond};
use super::site::Site;
use crate::api::{ConsensusReply, NEEDED};
use crate::core::Status;

/// Answers `GET /healthz`: the process lives.
pub(super) async fn alive() -> Response {
    respond(StatusCode::OK, TEXT, Body::from("alive\n"))
}

/// Answers `GET /readyz`: the node has what its neighbours have, and hears enough validators.
pub(super) async fn ready(State(site): State<Arc<Site>>) -> Response {
    let told = match site.handle.status() {
        Some(status) => describe(&site, &status),
        None => Err("the node is starting".to_owned()),
    };
    let (status, words) = match told {
        Ok(words) => (StatusCode::OK, format!("ready: {words}\n")),
        Err(words) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {words}\n"),
        ),
    };
    respond(status, TEXT, Body::from(words))
}

fn describe(site: &Site, status: &Status) -> Result<String, String> {
    let consensus = ConsensusReply::new(status, &site.names);
    let (all, height) = (consensus.validators.len(), status.height);
    let (heard, silent): (Vec<_>, Vec<_>) = consensus
        .validators
        .into_iter()
        .partition(|validator| validator.present);
    let share = share(consensus.present_permille);
    if consensus.halted || !status.validators.is_quorum(status.consensus.present_power) {
        let silent: Vec<_> = silent
            .into_iter()
            .map(|silent| silent.name.unwrap_or(silent.account))
            .collect();
        let silent = silent.join(", ");
        let word = if consensus.halted {
            "HALTED"
        } else {
            "no quorum"
        };
        return Err(format!(
            "{word}: {share} of voting power, needs {NEEDED}; silent: {silent}"
        ));
    }
    if status.syncing {
        return Err(format!(
            "catching up, at block {height} of {}",
            status.best_height
        ));
    }
    Ok(format!(
        "block {height}, {} of {all} validators heard",
        heard.len()
    ))
}

fn share(permille: u32) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}
