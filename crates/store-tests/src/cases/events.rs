//! Events, and the webhooks that they are sent to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aicp_store::{
    Change, DeliveryAttempt, DeliveryState, Error, EventData, EventFilter, EventKind, NewDelivery, NewEvent,
    NewLibrary, NewWebhook, Observer, Result, Webhook,
};
use aicp_types::{EventId, Sequence, UnixMillis};

use crate::Harness;
use crate::fixture::{APP, Fixture, bytes, new_face, new_library, ready};

async fn kinds(f: &Fixture, filter: EventFilter) -> Vec<EventKind> {
    let mut rows = f.store.rows().await.expect("reads");
    let last = rows.last_event().await.expect("reads");
    let events = rows.events_after(&filter, EventId::new(0), last, false, 1000).await.expect("reads");
    assert!(events.is_sorted_by_key(|event| event.id));
    events.into_iter().map(|event| event.data.kind()).collect()
}

fn event(time: i64) -> NewEvent {
    NewEvent { time: UnixMillis::new(time), app_id: Some(APP.to_owned()), library_id: None, data: EventData::Test }
}

#[derive(Default)]
struct Counting(AtomicUsize);

impl Observer for Counting {
    fn committed(&self, _: Sequence, _: &[Change]) {}

    fn recorded_events(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub async fn enrolments_and_removals_are_events_of_the_app(harness: Box<dyn Harness>) {
    let told = Arc::<Counting>::default();
    let f = Fixture::observed(harness, told.clone()).await;
    let library = f.library("g").await;
    assert_eq!((kinds(&f, EventFilter::default()).await, told.0.load(Ordering::SeqCst)), (vec![], 0));
    let (person, face) = f.enrol(&library, "p").await;
    assert_ne!(told.0.load(Ordering::SeqCst), 0, "the observer hears that there are events");
    f.store
        .add_people(library.id, vec![ready([new_face()]), ready([new_face()])], vec![bytes("q")])
        .await
        .expect("add");
    f.store.remove_face(face.id).await.expect("remove");
    f.store.remove_person(person.id).await.expect("remove");
    f.store.delete_library(library.id).await.expect("delete");
    use EventKind::{FaceEnrolled, FacesRemoved, LibraryRemoved, PersonRemoved};
    let expected = [FaceEnrolled, FaceEnrolled, FaceEnrolled, FacesRemoved, PersonRemoved, LibraryRemoved];
    assert_eq!(kinds(&f, EventFilter::default()).await, expected);
    let of_app = EventFilter { app_id: Some(APP.to_owned()), ..EventFilter::default() };
    assert_eq!(kinds(&f, of_app).await, expected);
    let of_other = EventFilter { app_id: Some("other".to_owned()), ..EventFilter::default() };
    assert_eq!(kinds(&f, of_other).await, []);
    let removed =
        EventFilter { kinds: Some(vec![PersonRemoved]), library_id: Some(library.id), ..EventFilter::default() };
    assert_eq!(kinds(&f, removed).await, [PersonRemoved]);
    let first = f.store.rows().await.expect("reads").event(EventId::new(1)).await.expect("reads").expect("there");
    assert_eq!(first.data, EventData::FaceEnrolled { person: person.public_id, face: face.id });

    // Of a hidden library nothing is told.
    let hidden = NewLibrary { hidden: true, slot: None, ..new_library("hidden") };
    let hidden = f.store.insert_library(hidden).await.expect("library");
    f.enrol(&hidden, "p").await;
    assert_eq!(kinds(&f, EventFilter::default()).await.len(), expected.len());
}

pub async fn an_event_is_recorded_with_the_write_or_not_at_all(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let failed: Result<()> = f
        .store
        .write(|tx| {
            Box::pin(async move {
                tx.record_event(event(1));
                tx.insert_event(event(2)).await?;
                Err(Error::NotFound)
            })
        })
        .await;
    assert!(failed.is_err());
    f.store
        .write::<_, Error, _>(|tx| {
            Box::pin(async move {
                tx.record_event(event(3));
                Ok(())
            })
        })
        .await
        .expect("written");
    let mut rows = f.store.rows().await.expect("reads");
    let last = rows.last_event().await.expect("reads");
    let all = rows.events_after(&EventFilter::default(), EventId::new(0), last, false, 10).await.expect("reads");
    assert_eq!(all.iter().map(|event| event.time.get()).collect::<Vec<_>>(), [3]);
    let newest = rows.events_after(&EventFilter::default(), EventId::new(0), last, true, 10).await.expect("reads");
    assert_eq!(newest, all);
    let within = EventFilter { from: Some(UnixMillis::new(4)), ..EventFilter::default() };
    assert_eq!(rows.events_after(&within, EventId::new(0), last, false, 10).await.expect("reads"), []);
}

pub async fn old_events_go_but_never_the_last(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    for time in 1..=6 {
        f.store
            .write::<_, Error, _>(move |tx| Box::pin(async move { tx.insert_event(event(time)).await }))
            .await
            .expect("written");
    }
    let delete = async |before: Option<i64>, up_to, limit| {
        f.store
            .remove::<_, Error, _>(move |tx| {
                Box::pin(async move { tx.delete_events(before.map(UnixMillis::new), EventId::new(up_to), limit).await })
            })
            .await
            .expect("deleted")
    };
    assert_eq!(delete(Some(3), 0, 1).await, 1, "not more than the limit");
    assert_eq!(delete(Some(3), 0, 10).await, 1);
    assert_eq!(delete(None, 4, 10).await, 2);
    assert_eq!(delete(Some(100), 100, 10).await, 1);
    assert_eq!(delete(Some(100), 100, 10).await, 0);
    let mut rows = f.store.rows().await.expect("reads");
    assert_eq!(rows.first_event().await.expect("reads"), Some(EventId::new(6)));
    assert_eq!(rows.last_event().await.expect("reads"), EventId::new(6));
}

pub async fn webhooks_and_their_deliveries_round_trip(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let new = NewWebhook {
        app_id: APP.to_owned(),
        all_apps: false,
        url: "https://example.com/".to_owned(),
        kinds: vec![EventKind::Recognition, EventKind::Job],
        library_id: None,
        description: Some("mine".to_owned()),
        secret: vec![1, 2, 3],
        enabled: true,
        created_at: UnixMillis::new(5),
    };
    let made = new.clone();
    let webhook: Webhook = f
        .store
        .write::<_, Error, _>(move |tx| Box::pin(async move { tx.insert_webhook(new, EventId::new(7)).await }))
        .await
        .expect("inserted");
    assert_eq!((&webhook.made, webhook.position.get(), webhook.failures), (&made, 7, 0));
    assert!(!format!("{webhook:?}").contains("example.com"));
    let id = webhook.id;
    let unknown_app = NewWebhook { app_id: "nobody".to_owned(), ..made };
    let refused: Result<Webhook> =
        f.store.write(move |tx| Box::pin(async move { tx.insert_webhook(unknown_app, EventId::new(0)).await })).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");

    let deliver = |is_replay, state, attempts| {
        f.store.write::<_, Error, _>(move |tx| {
            Box::pin(async move {
                let (event_id, kind, created_at) = (EventId::new(8), EventKind::Job, UnixMillis::new(10));
                let new = NewDelivery { webhook_id: id, event_id, kind, is_replay, created_at };
                let mut delivery = tx.insert_delivery(new).await?;
                assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Waiting, 0));
                (delivery.state, delivery.attempts) = (state, attempts);
                delivery.next_attempt = (state == DeliveryState::Waiting).then(|| UnixMillis::new(20));
                let attempt =
                    DeliveryAttempt { time: UnixMillis::new(11), status: Some(500), duration_ms: 3, error: None };
                tx.write_delivery(&delivery, Some(attempt)).await?;
                Ok(delivery)
            })
        })
    };
    let in_turn = deliver(false, DeliveryState::Waiting, 1).await.expect("written");
    let replay = deliver(true, DeliveryState::Waiting, 2).await.expect("written");
    let done = deliver(false, DeliveryState::Delivered, 3).await.expect("written");
    let mut rows = f.store.rows().await.expect("reads");
    assert_eq!(rows.waiting_delivery(id).await.expect("reads"), Some(in_turn.clone()));
    assert_eq!(rows.due_replay(id, UnixMillis::new(19)).await.expect("reads"), None);
    assert_eq!(rows.due_replay(id, UnixMillis::new(20)).await.expect("reads"), Some(replay.clone()));
    assert_eq!(rows.waiting_replays(id).await.expect("reads"), 1);
    let next = rows.next_attempts().await.expect("reads");
    assert_eq!((next.len(), next.get(&(id, false))), (2, Some(&UnixMillis::new(20))));
    let all = rows.deliveries_before(id, None, None, 10).await.expect("reads");
    assert_eq!(all, [done.clone(), replay.clone(), in_turn.clone()]);
    let waiting = rows.deliveries_before(id, Some(DeliveryState::Waiting), Some(replay.id), 10).await.expect("reads");
    assert_eq!(waiting, std::slice::from_ref(&in_turn));
    let attempts = rows.delivery_attempts(&[done.id]).await.expect("reads");
    assert_eq!(attempts[&done.id][0].status, Some(500));
    assert_eq!(rows.webhook_counts(APP).await.expect("reads"), (1, 1));
    drop(rows);

    let forget: Result<()> = f.store.remove(move |tx| Box::pin(async move { tx.forget_deliveries(id, 0).await })).await;
    forget.expect("forgotten");
    let mut rows = f.store.rows().await.expect("reads");
    assert_eq!(rows.deliveries_before(id, None, None, 10).await.expect("reads").len(), 2, "those that wait stay");
    drop(rows);
    let delete = || f.store.remove(move |tx| Box::pin(async move { tx.delete_webhook(id).await }));
    let (deleted, again): (Result<()>, Result<()>) = (delete().await, delete().await);
    assert!(deleted.is_ok() && matches!(again, Err(Error::NotFound)));
    assert!(f.store.rows().await.expect("reads").next_attempts().await.expect("reads").is_empty());
}
