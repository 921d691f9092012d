//! Promise: no hostile request passes; each is refused with the status and the challenge of RFC 6750, and the
//! service sees nothing of it.

mod requests;
mod tokens;
