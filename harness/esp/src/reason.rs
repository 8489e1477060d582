//! Which reason for dropping a packet a failure of the cipher or the window is.

use ikelab_crypto::OpenError;
use ikelab_trace::Dropped;

use crate::replay::Stale;

/// Of a sequence number that is not acceptable.
pub(crate) const fn of_stale(stale: Stale) -> Dropped {
    match stale {
        Stale::Replayed => Dropped::Replayed,
        Stale::TooOld => Dropped::TooOld,
    }
}

/// Of a packet that cannot be opened.
pub(crate) const fn of_opening(error: OpenError) -> Dropped {
    match error {
        OpenError::NotSealed | OpenError::TooShort => Dropped::TooShort,
        OpenError::BadIcv => Dropped::BadIcv,
        OpenError::NotBlocks => Dropped::NotBlocks,
        OpenError::BadPadding => Dropped::BadPadding,
    }
}
