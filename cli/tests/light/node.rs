//! A node that a test plays: it answers out of a chain, as of a block that the test chooses.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::{Value, json};
use starling_ledger::account::Account;
use starling_ledger::address::AccountId;
use starling_ledger::codec::encode;
use starling_ledger::light::path;
use starling_ledger::merkle::prove;
use starling_ledger::state_key::StateKey;
use starling_ledger::vote::Height;

use super::chain::Chain;

pub(super) struct Server {
    url: String,
    tip: Arc<AtomicU64>,
}

impl Server {
    /// Serves `chain` on a free port, for as long as the test runs.
    pub(super) fn start(chain: Chain) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let tip = Arc::new(AtomicU64::new(u64::MAX));
        let (chain, shown) = (Arc::new(chain), Arc::clone(&tip));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (chain, tip) = (Arc::clone(&chain), Arc::clone(&shown));
                thread::spawn(move || serve(stream, &chain, tip.load(Ordering::SeqCst)));
            }
        });
        Self { url, tip }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// From now on the node knows nothing above `height`.
    pub(super) fn go_back(&self, height: Height) {
        self.tip.store(height, Ordering::SeqCst);
    }
}

fn serve(stream: TcpStream, chain: &Chain, tip: Height) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let request: Value = serde_json::from_slice(&body).expect("JSON");
    let method = request["method"].as_str().expect("a method");
    let reply = match answer(chain, tip, method, &request["params"]) {
        Some(result) => json!({"jsonrpc": "2.0", "id": 1, "result": result}),
        None => json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "none"}}),
    };
    let reply = reply.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        reply.len()
    );
    let _ = (&stream).write_all(format!("{head}{reply}").as_bytes());
}

fn answer(chain: &Chain, tip: Height, method: &str, parameters: &Value) -> Option<Value> {
    let last = chain.headers.iter().rfind(|header| header.height <= tip)?;
    let reader = chain.reader();
    let at = |height: Height| chain.headers.iter().find(|header| header.height == height);
    let number = |name: &str| parameters[name].as_u64();
    Some(match method {
        "status" => json!({
            "version": "0.1.0", "network": "local", "kind": "local",
            "genesis": chain.genesis.hash().to_string(), "symbol": "STAR", "decimals": 6,
            "height": last.height, "head": last.hash().to_string(),
            "head_time_ms": last.time_ms, "state_root": last.state_root.to_string(),
        }),
        "account" => account(chain, last.height, parameters["address"].as_str()?)?,
        "transaction" => transaction(chain, parameters["id"].as_str()?)?,
        "light_steps" => {
            let goal = number("to").unwrap_or(last.height);
            let steps = path(&reader, number("from")?, goal.min(last.height)).ok()?;
            let steps: Vec<_> = steps.iter().map(|step| hex(&encode(step))).collect();
            json!({"steps": steps})
        }
        "light_header" => {
            let header = at(number("height")?)?;
            let next = reader.validators(&header.next_validators_hash).ok()??;
            json!({
                "header": hex(&encode(header)),
                "next_validators": hex(&encode(&next)),
            })
        }
        "light_validators" => {
            let hash = parameters["hash"].as_str()?.parse().ok()?;
            json!({"validators": hex(&encode(&reader.validators(&hash).ok()??))})
        }
        "light_headers" => {
            let (from, count) = (number("from")?, number("count")?);
            let heights = (0..count).map_while(|below| from.checked_sub(below));
            let headers: Option<Vec<_>> = heights
                .map(|height| Some(hex(&encode(at(height)?))))
                .collect();
            json!({"headers": headers?})
        }
        _ => return None,
    })
}

fn account(chain: &Chain, height: Height, address: &str) -> Option<Value> {
    let id = AccountId::from_address(address, chain.genesis.kind).ok()?;
    let header = chain
        .headers
        .iter()
        .find(|header| header.height == height)?;
    let key = StateKey::account(&id);
    let entry = chain.state.get(&key).ok()?;
    let entry = entry.map(|bytes| Account::from_bytes(&bytes).expect("an account"));
    Some(json!({
        "nonce": entry.map_or(0, |entry| entry.nonce),
        "next_nonce": entry.map_or(0, |entry| entry.nonce),
        "balance_base": entry.map_or(0, |entry| entry.balance),
        "exists": entry.is_some(),
        "authority": entry.map(|entry| entry.authority.to_string()),
        "height": height,
        "header": hex(&encode(header)),
        "certificate": hex(&encode(&chain.certificate(header))),
        "proof": hex(&encode(&chain.state.prove(&key).ok()?)),
    }))
}

/// The transaction with this id, which stands in the last block.
fn transaction(chain: &Chain, id: &str) -> Option<Value> {
    let genesis = chain.genesis.hash();
    let index = chain.payments.iter().position(|raw| {
        let transaction = raw.decode().expect("a transaction");
        transaction
            .body
            .id(&genesis, &transaction.sender())
            .to_string()
            == id
    });
    let Some(index) = index else {
        return Some(json!({"status": "unknown"}));
    };
    let header = chain.headers.last()?;
    let ids: Vec<_> = chain.payments.iter().map(|raw| raw.wire_id().0).collect();
    Some(json!({
        "status": "final",
        "height": header.height,
        "index": index,
        "raw": hex(&chain.payments[index].0),
        "header": hex(&encode(header)),
        "certificate": hex(&encode(&chain.certificate(header))),
        "proof": hex(&encode(&prove(&ids, index)?)),
    }))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
