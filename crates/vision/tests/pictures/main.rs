//! Decoding: every format, layout and orientation, and everything that must be refused.

mod formats;
mod orientation;
mod quarters;
mod tiffs;
mod unusual_jpegs;
