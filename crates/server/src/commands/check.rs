//! `aicp check`

use std::io::Write;

use aicp_store_sqlite::{Report, check};
use serde_json::json;

use crate::config::Config;
use crate::{Error, Result};

/// Checks the integrity of the data folder and prints the findings.
pub(crate) fn run(config: &Config, as_json: bool) -> Result<()> {
    let report = check(&config.data_dir).map_err(aicp_platform::Error::from)?;
    let Report { templates, pictures, findings, more } = &report;
    let mut out = std::io::stdout().lock();
    if as_json {
        let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
        let told = json!({"templates": templates, "pictures": pictures, "findings": findings, "more": more});
        writeln!(out, "{told:#}")?;
    } else {
        for finding in findings {
            writeln!(out, "WRONG    {finding}")?;
        }
        writeln!(out, "{templates} templates and {pictures} pictures read")?;
    }
    let wrong = findings.len() as u64 + more;
    if wrong == 0 { Ok(()) } else { Err(Error::DamagedStore(wrong)) }
}
