//! Looking back: blocks below the trusted one, without going back behind it.
//!
//! Two ways lead to an older header. The validators trusted now signed it: more than two thirds of
//! their power, by the very keys, as in a skip forward; they answer for it with their stake. Or it
//! is an ancestor of the trusted header, by hashes alone. A certificate of validators who have left
//! is neither: they could write another past.

use super::trusted::{named, power_of};
use super::{LightError, LightStep, SetRole, Trusted};
use crate::block::{BlockHash, BlockHeader};
use crate::keys::SignatureScheme;
use crate::vote::Height;

/// The way from a trusted header down to an ancestor, header by header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descent {
    height: Height,
    expected: BlockHash,
}

impl Trusted {
    /// Checks that the validators trusted now signed an older header; its own set comes along where
    /// it is another one, the next never does.
    ///
    /// # Errors
    /// [`LightError`] names the first broken rule.
    pub fn look_back(
        &self,
        scheme: &dyn SignatureScheme,
        step: &LightStep,
        now_ms: u64,
    ) -> Result<(), LightError> {
        let header = &step.header;
        self.check_named(step)?;
        self.check_vouches(now_ms)?;
        let (height, trusted_ms, found_ms) = (header.height, self.time_ms(), header.time_ms);
        if height >= self.height() || found_ms >= trusted_ms {
            return Err(LightError::Time {
                height,
                trusted_ms,
                found_ms,
            });
        }
        let own;
        let signers = if header.validators_hash == self.next_validators_hash() {
            self.next_validators()
        } else {
            own = named(step.validators.as_ref(), SetRole::Signing, header)?;
            let trusted = self.next_validators();
            let signed = power_of(trusted, &step.certificate, &own);
            if !trusted.is_quorum(signed) {
                return Err(LightError::TrustedPower {
                    trusted: self.height(),
                    height,
                    signed,
                    total: trusted.total_power(),
                });
            }
            &own
        };
        step.certificate.verify(scheme, &self.network(), signers)?;
        Ok(())
    }

    /// Begins the way down to an ancestor; `None` at the genesis.
    pub fn descent(&self) -> Option<Descent> {
        let header = self.header()?;
        Some(Descent {
            height: header.height.checked_sub(1)?,
            expected: header.parent,
        })
    }
}

impl Descent {
    /// Returns the height of the header that comes next; 0 at the end of the way.
    pub const fn height(&self) -> Height {
        self.height
    }

    /// Takes the next header down.
    ///
    /// # Errors
    /// [`LightError::Link`] if it is not the one that its child names as its parent.
    pub fn take(&mut self, header: &BlockHeader) -> Result<(), LightError> {
        let height = self.height;
        if height == 0 || header.height != height || header.hash() != self.expected {
            return Err(LightError::Link { height });
        }
        self.height = height - 1;
        self.expected = header.parent;
        Ok(())
    }
}
