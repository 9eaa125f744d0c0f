//! Verification of ODE networks.
