//! The only integration test binary: guru on real processes. One module per line.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod asyncio;
mod bad_inputs;
mod cli;
mod configuration;
mod demo;
mod drift;
mod frameworks;
mod fuzz;
mod green;
mod hostile;
mod kindness;
mod layers;
mod locals;
mod mini;
mod native;
mod nova;
mod oslo;
mod oslo_rules;
mod package;
mod panko;
mod python;
mod pythons;
mod recordings;
mod replay;
mod secrets;
mod services;
mod support;
mod targets;
mod values;
