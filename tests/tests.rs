//! The only integration test binary: guru on real processes. One module per line.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod asyncio;
mod bad_inputs;
mod cli;
mod config_hostile;
mod configuration;
mod demo;
mod distributions;
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
mod oslo_values;
mod package;
mod packages;
mod panko;
mod python;
mod pythons;
mod recordings;
mod replay;
mod sections;
mod servers;
mod services;
mod sources;
mod support;
mod targets;
mod values;
