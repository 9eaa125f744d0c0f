//! Certificates: what holds is accepted, what was changed is not.

mod accept;
mod adversarial;
mod corpus;
mod evidence;
mod mutate;
mod networks;
mod root;
mod timing;
