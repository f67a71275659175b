//! Decoding transactions: every list, text and string of bytes within its limit.

use bincode::Decode;
use bincode::de::Decoder;
use bincode::error::DecodeError;

use super::{
    ACTIONS_MAX, Action, Body, MEMO_BYTES_MAX, RawTransaction, TRANSACTION_BYTES_MAX, Transaction,
};
use crate::authority::POLICY_KEYS_MAX;
use crate::codec::{bytes, list, refuse, text};

impl<C> Decode<C> for Transaction {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            body: Decode::decode(decoder)?,
            authority: Decode::decode(decoder)?,
            signatures: list(decoder, POLICY_KEYS_MAX, "signatures")?,
        })
    }
}

bincode::impl_borrow_decode!(Transaction);

impl<C> Decode<C> for Body {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            sender: Decode::decode(decoder)?,
            nonce: Decode::decode(decoder)?,
            fee: Decode::decode(decoder)?,
            expires_at_ms: Decode::decode(decoder)?,
            memo: text(decoder, MEMO_BYTES_MAX, "memo")?,
            actions: list(decoder, ACTIONS_MAX, "actions")?,
        })
    }
}

bincode::impl_borrow_decode!(Body);

impl<C> Decode<C> for Action {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match u32::decode(decoder)? {
            0 => Self::Transfer {
                to: Decode::decode(decoder)?,
                amount: Decode::decode(decoder)?,
            },
            1 => Self::Record {
                digest: Decode::decode(decoder)?,
                note: text(decoder, MEMO_BYTES_MAX, "note")?,
            },
            2 => Self::SetAuthority {
                authority: Decode::decode(decoder)?,
            },
            3 => Self::Bond {
                consensus_key: Decode::decode(decoder)?,
                amount: Decode::decode(decoder)?,
                proof_of_possession: Decode::decode(decoder)?,
            },
            4 => Self::Unbond {
                amount: Decode::decode(decoder)?,
            },
            5 => Self::Unjail,
            _ => return Err(refuse("an action that this release does not know")),
        })
    }
}

bincode::impl_borrow_decode!(Action);

impl<C> Decode<C> for RawTransaction {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        bytes(decoder, TRANSACTION_BYTES_MAX, "transaction").map(|bytes| Self(bytes.into()))
    }
}

bincode::impl_borrow_decode!(RawTransaction);
