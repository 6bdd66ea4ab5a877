//! End-to-end tests: each starts the real binary on a data folder of its own and talks to it over HTTP, or runs a
//! command of it. What is expected is written out literally: the wire contract, not the source, is the reference.

mod engine;
mod fate;
mod fixture;
mod http;
mod pictures;
mod random;
mod template;

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
mod gate;
mod golden;
mod grants;
mod high_availability;
mod images;
mod jdcloud;
mod keys;
mod linkvisual;
mod literals;
mod recognition;
mod start;
mod statistics;
mod store;
mod tencent_im;
mod tolerance;
mod unusual;
