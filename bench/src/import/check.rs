//! Checks of what an import has done.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::archive::{Archive, Entry};
use super::pictures::NOT_RECOGNISABLE;
use super::{Running, reported};
use crate::Outcome;

/// Files of which at most one may be a portrait that is not recognisable.
const MIN_FILES_PER_UNRECOGNISABLE: usize = 50;
/// Items and people that are read at a time.
const PAGE: usize = 500;

/// Expects from now on that the portraits that the import found unrecognisable are refused. These must be few: the people
/// were tried before, but not in each light.
pub fn adopt_unrecognisable(running: &mut Running, archive: &mut Archive) -> Outcome<()> {
    let path = format!("/api/v1/jobs/{}/items", running.job);
    let items = pages(running, &path)?;
    let refused: HashSet<&str> =
        items.iter().filter(|item| item["code"] == NOT_RECOGNISABLE).filter_map(|item| item["name"].as_str()).collect();
    if refused.len() > archive.entries.len() / MIN_FILES_PER_UNRECOGNISABLE {
        return Err(format!("{} portraits are not recognisable", refused.len()).into());
    }
    for entry in archive.entries.iter_mut().filter(|entry| refused.contains(entry.name.as_str())) {
        entry.refused = entry.refused.or(Some(NOT_RECOGNISABLE));
    }
    Ok(())
}

/// Checks counts, report, people and faces. Returns the number of files that were enrolled before they were processed.
pub fn import(running: &mut Running, job: &Value, archive: &Archive) -> Outcome<usize> {
    let (files, rejects, people) = (archive.entries.len(), archive.rejects(), archive.people());
    let enrolled = files - rejects;
    same("state", &job["state"], "done")?;
    same("total", &job["total"], files)?;
    same("done", &job["done"], enrolled)?;
    same("failed", &job["failed"], rejects)?;
    if reported(job) != files as u64 {
        return Err(format!("done and failed are not the total: {job}").into());
    }
    let known = items(running, archive)?;

    let path = format!("/api/v1/libraries/{}/statistics", running.library);
    let numbers = running.get(&path)?;
    same("people", &numbers["people"], people.len())?;
    same("faces", &numbers["faces"], enrolled)?;
    same("searchable faces", &numbers["searchableFaces"], enrolled)?;
    let path = format!("/api/v1/libraries/{}/people", running.library);
    let listed = pages(running, &path)?;
    let ids: HashSet<&str> = listed.iter().filter_map(|person| person["externalId"].as_str()).collect();
    if listed.len() != people.len() || ids != people {
        return Err(format!("{} people instead of {}, {} different", listed.len(), people.len(), ids.len()).into());
    }
    Ok(known)
}

/// Checks the report: each file once, with its outcome.
fn items(running: &mut Running, archive: &Archive) -> Outcome<usize> {
    let path = format!("/api/v1/jobs/{}/items", running.job);
    let items = pages(running, &path)?;
    let mut left: HashMap<&str, &Entry> = archive.entries.iter().map(|entry| (entry.name.as_str(), entry)).collect();
    let (mut faces, mut known) = (HashSet::new(), 0);
    for (item, number) in items.iter().zip(1u64..) {
        let text = |name: &str| item[name].as_str().unwrap_or_default();
        let entry = left.remove(text("name")).ok_or_else(|| format!("it is no file, or not the only one: {item}"))?;
        let is_right = match entry.refused {
            Some(code) => text("state") == "failed" && text("code") == code && !text("reason").is_empty(),
            None => {
                let is_enrolled = ["newPerson", "newFace", "known"].contains(&text("code"));
                text("state") == "done" && is_enrolled && faces.insert(text("faceId").to_owned())
            }
        };
        if !is_right || item["number"] != number {
            return Err(format!("{}: {item}", entry.name).into());
        }
        known += usize::from(text("code") == "known");
    }
    if left.is_empty() { Ok(known) } else { Err(format!("{} files are not reported", left.len()).into()) }
}

fn pages(running: &mut Running, path: &str) -> Outcome<Vec<Value>> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut page = running.get(&format!("{path}?limit={PAGE}{cursor}"))?;
        if let Some(items) = page["items"].as_array_mut() {
            found.append(items);
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(found),
        }
    }
}

fn same(what: &str, found: &Value, wanted: impl Into<Value>) -> Outcome<()> {
    let wanted = wanted.into();
    if *found == wanted { Ok(()) } else { Err(format!("{what}: {found} instead of {wanted}").into()) }
}
