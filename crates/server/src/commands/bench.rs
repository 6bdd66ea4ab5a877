//! `aicp bench`

use super::model_paths;
use crate::Result;
use crate::config::Config;

/// Measures recognition over HTTP.
pub(crate) fn service(config: &Config, request: &aicp_measure::service::Request) -> Result<()> {
    Ok(aicp_measure::service::run(request, &model_paths(config), &mut std::io::stdout().lock())?)
}
