//! Jobs and their items.

use aicp_store::{Error, IdOrder, JobFilter, JobItem, JobItemState, JobRow, JobState, NewJob};
use aicp_types::{JobId, UnixMillis};

use crate::Harness;
use crate::fixture::{APP, Fixture, new_library};

fn new_job(app_id: &str, kind: &str) -> NewJob {
    NewJob {
        app_id: app_id.to_owned(),
        library_id: None,
        kind: kind.to_owned(),
        input: "{}".to_owned(),
        total: None,
        created_at: UnixMillis::new(5),
        starts_at: None,
    }
}

fn waiting(number: i64) -> JobItem {
    JobItem {
        number,
        name: format!("item {number}"),
        state: JobItemState::Waiting,
        input: Some("input".to_owned()),
        code: None,
        detail: None,
    }
}

pub async fn jobs_round_trip_and_come_in_the_order_of_creation(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("l").await;
    let mut first = f
        .store
        .insert_job(NewJob { library_id: Some(library.id), total: Some(3), ..new_job(APP, "a") })
        .await
        .expect("made");
    let second = f.store.insert_job(new_job("other", "b")).await.expect("made");
    assert_eq!((first.state, first.total, first.done, first.failed), (JobState::Queued, Some(3), 0, 0));
    first = JobRow {
        state: JobState::Done,
        position: Some("far".to_owned()),
        error: Some("why".to_owned()),
        total: Some(7),
        done: 4,
        failed: 2,
        started_at: Some(UnixMillis::new(6)),
        ended_at: Some(UnixMillis::new(9)),
        ..first
    };
    f.store.update_job(&first).await.expect("updated");
    let f = f.reopen().await;
    assert_eq!(f.store.job(first.id).await.expect("read"), Some(first.clone()));

    let list = async |filter: JobFilter<'_>, after, limit| {
        let jobs = f.store.jobs_after(filter, IdOrder::Oldest(after), limit).await.expect("read");
        jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    let all = JobFilter::default();
    assert_eq!(list(all, None, 9).await, [first.id, second.id]);
    assert_eq!(list(all, Some(first.id), 9).await, [second.id]);
    assert_eq!(list(all, None, 1).await, [first.id]);
    for (filter, expected) in [
        (JobFilter { app_id: Some(APP), ..all }, first.id),
        (JobFilter { app_id: Some("other"), ..all }, second.id),
        (JobFilter { states: &[JobState::Queued], ..all }, second.id),
        (JobFilter { states: &[JobState::Queued, JobState::Failed], ..all }, second.id),
        (JobFilter { kind: Some("a"), ..all }, first.id),
        (JobFilter { library_id: Some(library.id), ..all }, first.id),
    ] {
        assert_eq!(list(filter, None, 9).await, [expected], "{filter:?}");
    }
    assert_eq!(list(JobFilter { states: &[JobState::Done, JobState::Queued], ..all }, None, 9).await.len(), 2);
    let newest = f.store.jobs_after(all, IdOrder::Newest(None), 9).await.expect("read");
    assert_eq!(newest.iter().map(|job| job.id).collect::<Vec<_>>(), [second.id, first.id]);
    assert_eq!(f.store.jobs_after(all, IdOrder::Newest(Some(second.id)), 9).await.expect("read"), [first.clone()]);
    let now = UnixMillis::new(100);
    assert_eq!(f.store.due_jobs(now, 9).await.expect("read"), std::slice::from_ref(&second));
    assert_eq!(f.store.open_job_count(APP).await.expect("read"), 0);
    assert_eq!(f.store.open_job_count("other").await.expect("read"), 1);
    assert_eq!(f.store.jobs_ended_before(UnixMillis::new(9), 9).await.expect("read"), []);
    assert_eq!(f.store.jobs_ended_before(UnixMillis::new(10), 9).await.expect("read"), [first.id]);

    f.store.delete_job(first.id).await.expect("deleted");
    assert_eq!(list(all, None, 9).await, [second.id]);
    assert!(matches!(f.store.delete_job(first.id).await, Err(Error::NotFound)));
    assert!(matches!(f.store.update_job(&first).await, Err(Error::NotFound)));
    f.store.delete_job(second.id).await.expect("deleted");
    let third = f.store.insert_job(new_job(APP, "a")).await.expect("made");
    assert!(third.id > second.id, "ids are not used again");
    let fourth = f.store.insert_job(new_job(APP, "a")).await.expect("made");
    let of_other = f.store.insert_job(new_job("other", "a")).await.expect("made");
    let due: Vec<_> = f.store.due_jobs(now, 2).await.expect("read").iter().map(|job| job.id).collect();
    assert_eq!(due, [third.id, of_other.id], "an app does not keep others waiting");
    assert_eq!(f.store.due_jobs(now, 9).await.expect("read").last().map(|job| job.id), Some(fourth.id));
}

pub async fn a_job_that_begins_later_is_due_from_then_on(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (before, start) = (UnixMillis::new(99), UnixMillis::new(100));
    assert_eq!(f.store.next_job_start(before).await.expect("read"), None);
    let job = f.store.insert_job(NewJob { starts_at: Some(start), ..new_job(APP, "a") }).await.expect("made");
    let later = NewJob { starts_at: Some(UnixMillis::new(200)), ..new_job(APP, "a") };
    f.store.insert_job(later).await.expect("made");
    assert_eq!(job.starts_at, Some(start));
    assert_eq!(f.store.due_jobs(before, 9).await.expect("read"), []);
    assert_eq!(f.store.next_job_start(before).await.expect("read"), Some(start));
    assert_eq!(f.store.due_jobs(start, 9).await.expect("read"), std::slice::from_ref(&job));
    assert_eq!(f.store.next_job_start(start).await.expect("read"), Some(UnixMillis::new(200)));
    f.store.update_job(&JobRow { state: JobState::Cancelled, ..job }).await.expect("updated");
    assert_eq!(f.store.next_job_start(before).await.expect("read"), Some(UnixMillis::new(200)));
    assert_eq!(f.store.due_jobs(start, 9).await.expect("read"), []);
}

pub async fn an_item_is_finished_once(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let job = f.store.insert_job(new_job(APP, "a")).await.expect("made");
    let other = f.store.insert_job(new_job(APP, "a")).await.expect("made");
    // More than one statement takes.
    let items: Vec<JobItem> = (1..=300).map(waiting).collect();
    f.store.insert_job_items(job.id, items.clone()).await.expect("inserted");
    f.store.insert_job_items(other.id, vec![waiting(1)]).await.expect("inserted");
    assert!(f.store.insert_job_items(job.id, vec![waiting(300)]).await.is_err(), "a number is there once");
    assert!(f.store.insert_job_items(JobId::new(9999), vec![waiting(1)]).await.is_err());
    let read = async |state, after, limit| f.store.job_items_after(job.id, state, after, limit).await.expect("read");
    assert_eq!(read(None, 0, 999).await, items);
    assert_eq!(read(None, 100, 2).await, items[100..102]);

    assert!(f.store.finish_job_item(job.id, 1, JobItemState::Done, "new").await.expect("finished"));
    assert!(!f.store.finish_job_item(job.id, 1, JobItemState::Failed, "bad").await.expect("finished"));
    assert!(f.store.finish_job_item(job.id, 2, JobItemState::Failed, "bad").await.expect("finished"));
    assert!(!f.store.finish_job_item(job.id, 301, JobItemState::Done, "new").await.expect("finished"));
    let finished = |number: i64, state, code: &str| JobItem {
        state,
        input: None,
        code: Some(code.to_owned()),
        detail: Some("{}".to_owned()),
        ..waiting(number)
    };
    assert_eq!(read(Some(JobItemState::Done), 0, 9).await, [finished(1, JobItemState::Done, "new")]);
    assert_eq!(read(Some(JobItemState::Failed), 0, 9).await, [finished(2, JobItemState::Failed, "bad")]);
    assert_eq!(read(Some(JobItemState::Waiting), 0, 2).await, items[2..4]);
    let codes = [("bad".to_owned(), 1), ("new".to_owned(), 1)];
    assert_eq!(f.store.job_codes(job.id).await.expect("read"), codes);

    f.store.delete_job_items(job.id).await.expect("deleted");
    assert_eq!(read(None, 0, 9).await, []);
    f.store.delete_job(other.id).await.expect("deleted");
    assert_eq!(f.store.job_items_after(other.id, None, 0, 9).await.expect("read"), []);
}

pub async fn a_withdrawn_library_is_out_of_sight_and_its_name_is_free(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("l").await;
    let (person, _) = f.enrol(&library, "picture").await;
    f.store.withdraw_library(library.id, "gone").await.expect("withdrawn");
    assert_eq!(f.store.library(APP, "l").await.expect("read"), None);
    assert_eq!(f.store.library_count(APP).await.expect("read"), 0);
    let hidden = f.store.library_by_id(library.id).await.expect("read").expect("there");
    assert_eq!((hidden.hidden, hidden.slot), (true, None));
    assert!(f.store.person(person.id).await.expect("read").is_some(), "its people are still to be deleted");
    assert!(matches!(f.store.withdraw_library(library.id, "gone").await, Err(Error::NotFound)));
    let again = f.store.insert_library(new_library("l")).await.expect("the name is free");
    assert_ne!(again.id, library.id);
}
