//! `aicp bench`

use super::model_paths;
use crate::Result;
use crate::config::Config;

/// Measures library search.
pub(crate) fn gallery(request: &aicp_measure::gallery::Request) -> Result<()> {
    Ok(aicp_measure::gallery::run(request, &mut std::io::stdout().lock())?)
}

/// Measures the stages of picture processing.
pub(crate) fn vision(config: &Config, request: &aicp_measure::vision::Request) -> Result<()> {
    Ok(aicp_measure::vision::run(
        request,
        &model_paths(config),
        config.vision.inference(),
        &mut std::io::stdout().lock(),
    )?)
}

/// Measures recognition over HTTP.
pub(crate) fn service(config: &Config, request: &aicp_measure::service::Request) -> Result<()> {
    Ok(aicp_measure::service::run(request, &model_paths(config), &mut std::io::stdout().lock())?)
}
