//! `aicp bench service`: recognition over HTTP as the number of clients grows.

use std::io::Write;

use aicp_vision::ModelPaths;
use clap::Args;

use crate::{Error, Result};

/// What to measure.
#[derive(Debug, Args)]
pub struct Request {
    /// People in the library
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub people: usize,
    /// Clients at the same time; one measurement for each number
    #[arg(long, value_name = "C,C", value_delimiter = ',', default_value = "1,2,8,64")]
    pub clients: Vec<usize>,
    /// Seconds that each measurement takes
    #[arg(long, value_name = "S", default_value_t = 10)]
    pub seconds: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Measures the server that is this very program and writes the numbers to `out`.
///
/// # Errors
/// [`Error::Request`]: it can't be measured yet.
pub fn run(_request: &Request, _models: &ModelPaths, _out: &mut impl Write) -> Result<()> {
    Err(Error::Request("the service can't be measured yet".to_owned()))
}
