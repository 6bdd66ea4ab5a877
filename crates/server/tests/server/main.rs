//! End-to-end tests. Each starts the real binary on its own data folder and calls it over HTTP, or runs a command.
//! Expected answers are literal: the reference is the wire contract, not the source.

mod engine;
mod fate;
mod fixture;
mod http;
mod pictures;
mod proxy_protocol;
mod random;
mod template;

mod api;
mod attacks;
mod bad_input;
mod bench;
mod bench_service;
mod busy;
mod cli;
mod clients;
mod console;
mod crash;
mod dialects;
mod engine_crash;
mod engines;
mod face_api;
pub mod gate;
mod golden;
mod grants;
mod high_availability;
mod images;
mod jdcloud;
mod keys;
mod limits;
mod linkvisual;
mod literals;
mod metrics;
mod recognition;
mod requests;
mod settings_command;
mod start;
mod statistics;
mod store;
mod tencent_im;
mod tls;
mod tolerance;
mod traces;
mod unusual;
