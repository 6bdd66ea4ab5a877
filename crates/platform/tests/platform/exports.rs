//! How long exports are kept.

use std::time::Duration;

use aicp_platform::{Error, ExportContent, Limit, Missing, Settings};

use crate::fixture::{Fixture, picture};

const ALL: ExportContent = ExportContent { pictures: true, templates: true };

async fn fixture(folder: &tempfile::TempDir, change: impl FnOnce(&mut Settings)) -> Fixture {
    let mut settings = Settings { jobs_folder: folder.path().join("jobs"), ..Settings::default() };
    change(&mut settings);
    Fixture::with(settings).await
}

fn files(folder: &tempfile::TempDir) -> usize {
    std::fs::read_dir(folder.path().join("jobs")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn an_export_is_there_until_its_time_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let fixture = fixture(&folder, |settings| settings.jobs.export_hours = 2).await;
    fixture.enrol(picture("alice", 1)).await;
    let (platform, app) = (&fixture.platform, &fixture.app);
    let library = fixture.library().await;
    let job = platform.export_library(app, &library, ALL).await.expect("a job");
    let early = platform.open_export(app, job.id, 0).await;
    assert!(matches!(early, Err(Error::Missing(Missing::File))));
    platform.pause_job(app, job.id).await.expect("it is paused, as by the command");
    platform.complete_job(job.id).await.expect("it is done");
    let shown = async || platform.job(app, job.id).await.expect("a job").file;
    let file = shown().await.expect("it is there");
    let (bytes, _) = platform.open_export(app, job.id, 0).await.expect("it opens");
    assert_eq!((file.bytes, files(&folder)), (bytes, 1));

    fixture.clock.advance(Duration::from_secs(7199));
    assert_eq!(shown().await, Some(file));
    platform.sweep_job_files().await.expect("swept");
    assert_eq!(files(&folder), 1);
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(shown().await, None);
    let late = platform.open_export(app, job.id, 0).await;
    assert!(matches!(late, Err(Error::Missing(Missing::File))));
    platform.sweep_job_files().await.expect("swept");
    assert_eq!(files(&folder), 0);
}

#[tokio::test]
async fn an_export_that_would_be_too_large_to_import_fails_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let fixture = fixture(&folder, |settings| settings.jobs.max_unpacked_mib = 0).await;
    fixture.enrol(picture("alice", 1)).await;
    let library = fixture.library().await;
    let job = fixture.platform.export_library(&fixture.app, &library, ALL).await.expect("a job");
    let failed = fixture.platform.complete_job(job.id).await;
    assert!(matches!(failed, Err(Error::Full(Limit::ExportSize))), "{failed:?}");
    assert_eq!(files(&folder), 0);
}
