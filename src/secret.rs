//! A secret: it can be used, but not printed, and its memory is wiped.

use zeroize::Zeroizing;

/// Text that must not be shown. It has neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes over a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Send it where it belongs; never log, trace or keep it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}
