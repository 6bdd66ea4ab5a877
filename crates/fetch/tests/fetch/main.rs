//! Fetches from servers that behave and servers that don't.

mod fake;
mod http;
mod https;
mod post;
