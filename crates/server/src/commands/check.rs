//! `aicp check`

use std::io::Write;
use std::sync::Arc;

use aicp_backup::ObjectId;
use aicp_blobs::{BlobKey, Blobs, LocalBlobs};
use aicp_store_sqlite::{Finding, Report};
use aicp_vision::Algorithm;
use bytes::Bytes;
use serde_json::json;

use super::backup::{now, open as open_backup, stored};
use super::{async_runtime, open_platform, start_vision};
use crate::config::{Config, Live};
use crate::database::require_sqlite;
use crate::{Error, Result, data_dir};

/// Beginning of the name of the folder to which a repair moves files.
const ASIDE: &str = "set-aside";

/// Checks the integrity of the data folder and prints the findings.
pub(crate) fn run(config: &Config, as_json: bool) -> Result<()> {
    finish(&look(config)?, &[], as_json)
}

/// Checks and repairs the data folder. Prints what was repaired, and what is left.
pub(crate) fn repair(live: &Arc<Live>, from: Option<&str>, as_json: bool) -> Result<()> {
    let config = live.base();
    let before = look(config)?;
    if before.is_sound() {
        return finish(&before, &[], as_json);
    }
    let aside = config.data_dir.join(ASIDE).join(now().strftime("%Y%m%dT%H%M%SZ").to_string());
    let mut repaired = Vec::new();
    // What a repair sets right may show more: a row that is deleted leaves its picture without a row.
    let mut report = before;
    loop {
        let repairs =
            aicp_store_sqlite::repair(&config.data_dir, &config.objects_folder(), &report, &aside).map_err(stored)?;
        if repairs.is_empty() {
            break;
        }
        repaired.extend(repairs.iter().map(ToString::to_string));
        report = look(config)?;
    }
    let lost: Vec<BlobKey> = report.findings.iter().filter_map(lost_picture).collect();
    if let Some(from) = from
        && !lost.is_empty()
    {
        let found = async_runtime()?.block_on(bring_back(config, from, lost))?;
        repaired.extend(found.iter().map(|key| format!("took picture {key} from the backup")));
    }
    if report.findings.iter().any(|finding| matches!(finding, Finding::Template { .. } | Finding::Algorithm { .. })) {
        repaired.extend(embed(live)?);
    }
    finish(&look(config)?, &repaired, as_json)
}

fn look(config: &Config) -> Result<Report> {
    require_sqlite(config)?;
    let Algorithm { name, provider, version } = Algorithm::embedded()?;
    let today = aicp_store::Algorithm { name, provider, version };
    aicp_store_sqlite::check(&config.data_dir, &config.objects_folder(), Some(&today)).map_err(stored)
}

/// Returns the picture that a finding says is lost.
fn lost_picture(finding: &Finding) -> Option<BlobKey> {
    match finding {
        Finding::Picture { key, .. } => BlobKey::parse(key),
        _ => None,
    }
}

/// Takes pictures from a backup; returns those that it has.
async fn bring_back(config: &Config, from: &str, lost: Vec<BlobKey>) -> Result<Vec<BlobKey>> {
    let backup = open_backup(config, from).await?;
    let mut found: Vec<(BlobKey, Bytes)> = Vec::new();
    for key in lost {
        let Ok(id) = key.as_str().parse::<ObjectId>() else { continue };
        match backup.picture(&id).await {
            Ok(bytes) => found.push((key, bytes)),
            Err(aicp_backup::Error::Damaged(_)) => {}
            Err(e) => return Err(e.into()),
        }
    }
    let blobs = LocalBlobs::open_to_read(&config.objects_folder());
    for picture in &found {
        blobs.put(std::slice::from_ref(picture)).await.map_err(stored)?;
    }
    Ok(found.into_iter().map(|(key, _)| key).collect())
}

/// Computes templates anew; returns what was done.
fn embed(live: &Arc<Live>) -> Result<Vec<String>> {
    let config = live.base();
    let vision = start_vision(config, None)?;
    let result = async_runtime()?.block_on(async {
        let token = data_dir::admin_token(config)?;
        let platform = open_platform(live, vision, &token, false).await?;
        let result = platform.embed_missing().await;
        platform.close().await?;
        Ok::<_, Error>(result?)
    })?;
    let done = (result.done > 0).then(|| format!("computed {} templates anew", result.done));
    let failed = result.failed.iter().map(|(face, reason)| format!("no template for face {face}: {reason}"));
    Ok(done.into_iter().chain(failed).collect())
}

/// Prints what was repaired and what is wrong.
fn finish(report: &Report, repaired: &[String], as_json: bool) -> Result<()> {
    let Report { templates, pictures, findings, more } = report;
    let mut out = std::io::stdout().lock();
    if as_json {
        let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
        let told = json!({
            "templates": templates, "pictures": pictures, "findings": findings, "more": more, "repaired": repaired,
        });
        writeln!(out, "{told:#}")?;
    } else {
        repaired.iter().try_for_each(|repair| writeln!(out, "REPAIRED {repair}"))?;
        findings.iter().try_for_each(|finding| writeln!(out, "WRONG    {finding}"))?;
        writeln!(out, "{templates} templates and {pictures} pictures read")?;
    }
    let wrong = findings.len() as u64 + more;
    if wrong == 0 { Ok(()) } else { Err(Error::DamagedStore(wrong)) }
}
