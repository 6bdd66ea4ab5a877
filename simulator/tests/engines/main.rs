//! Tests of the vendors' engines against the simulator, with real models and pictures.

mod process;
mod support;
mod vendors;
