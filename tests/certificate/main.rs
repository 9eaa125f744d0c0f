//! Certificates: what holds is accepted, what was changed is not.

mod accept;
mod evidence;
mod networks;
