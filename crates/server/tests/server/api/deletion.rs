//! The deletion of a library that can be undone, and the orders and filters of the lists that tell of it.

use serde_json::{Value, json};

use super::jobs::ALL;
use super::{Rest, assert_problem, text};
use crate::fixture::Setup;
use crate::pictures::obama;

fn actions(admin: &Rest, target: &str) -> Vec<(String, String)> {
    let acts = admin.get(&format!("/audit?target={}", target.replace(' ', "%20"))).json();
    let acts = acts["items"].as_array().expect("items").iter();
    acts.map(|act| (text(&act["action"]), text(&act["actor"]))).collect()
}

fn names(page: &Value) -> Vec<String> {
    page["items"].as_array().expect("items").iter().map(|item| text(&item["id"])).collect()
}

fn schedule(rest: &Rest, library: &str) -> Value {
    let answer = rest.delete(&format!("/libraries/{library}?undoable=true"));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let job = answer.json();
    assert_eq!(answer.header("location"), Some(format!("/api/v1/jobs/{}", text(&job["id"])).as_str()));
    assert_eq!(
        (&job["kind"], &job["state"], &job["startedAt"]),
        (&json!("libraryDeletion"), &json!("queued"), &Value::Null)
    );
    assert!(job["startsAt"].as_str() > job["createdAt"].as_str(), "{job}");
    job
}

#[test]
fn a_deletion_can_be_undone_until_it_begins() {
    let server = Setup::new(&["auto"]).env("AICP_JOBS__DELETION_DELAY_S", "600").start();
    let shop = Rest::new(&server, &server.grant("shop", &ALL));
    let library = shop.library("staff");
    shop.person(&library, &[("name", "Ada")], &obama());
    let job = text(&schedule(&shop, &library)["id"]);
    assert_eq!(text(&schedule(&shop, &library)["id"]), job, "it is scheduled once");
    assert_eq!(shop.get(&format!("/libraries/{library}")).status, 200, "it can be used until then");
    let waiting = format!("/jobs?kind=libraryDeletion&state=queued&libraryId={library}");
    assert_eq!(names(&shop.get(&waiting).json()), [job.as_str()]);
    assert_problem(&shop.delete(&format!("/jobs/{job}")), 409, "jobStateConflict");

    // A restart changes nothing.
    server.stop();
    let server = Setup::new(&["auto"]).data_dir(server.data_dir()).env("AICP_JOBS__DELETION_DELAY_S", "600").start();
    let (admin, shop) = (Rest::admin(&server), Rest { address: server.addresses()[0], ..shop });
    assert_eq!(shop.job(&job)["state"], "queued");
    // Another of the app, or an administrator, undoes it.
    let cancelled = admin.json("POST", &format!("/jobs/{job}/cancel"), &json!({}));
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (200, &json!("cancelled")), "{}", cancelled.text());
    assert_eq!(names(&shop.get(&waiting).json()), [""; 0]);
    assert_eq!(shop.get(&format!("/libraries/{library}")).status, 200);
    let [undone, scheduled, ..] = &actions(&admin, &format!("library {library}"))[..] else { panic!("acts") };
    assert_eq!(*undone, ("library.cancelDeletion".to_owned(), "admin-token".to_owned()));
    assert_eq!(*scheduled, ("library.scheduleDeletion".to_owned(), "app:shop".to_owned()));
    assert_eq!(actions(&admin, &format!("job {job}")), [("job.cancel".to_owned(), "admin-token".to_owned())]);

    // Paused and resumed, it begins when it is due.
    let job = text(&schedule(&shop, &library)["id"]);
    assert_eq!(shop.json("POST", &format!("/jobs/{job}/pause"), &json!({})).status, 200);
    assert_eq!(text(&shop.delete(&format!("/libraries/{library}?undoable=true")).json()["id"]), job);
    assert_eq!(shop.json("POST", &format!("/jobs/{job}/cancel"), &json!({})).status, 200);

    assert_problem(&shop.delete(&format!("/libraries/{library}?undoable=maybe")), 400, "badField");
    assert_eq!(shop.delete(&format!("/libraries/{library}")).status, 204, "else a deletion is immediate");
}

#[test]
fn a_deletion_begins_by_itself_even_beside_other_jobs_and_after_a_restart() {
    let env = |setup: Setup| setup.env("AICP_JOBS__DELETION_DELAY_S", "1").env("AICP_JOBS__CONCURRENT", "1");
    let server = env(Setup::new(&["auto"])).start();
    let shop = Rest::new(&server, &server.grant("shop", &ALL));
    let (library, gone) = (shop.library("staff"), shop.library("gone"));
    shop.person(&library, &[("name", "Ada")], &obama());
    let lost = text(&schedule(&shop, &gone)["id"]);
    let job = text(&schedule(&shop, &library)["id"]);
    assert_eq!(shop.delete(&format!("/libraries/{gone}")).status, 204);
    server.kill();
    let server = env(Setup::new(&["auto"]).data_dir(server.data_dir())).start();
    let (admin, shop) = (Rest::admin(&server), Rest { address: server.addresses()[0], ..shop });
    let done = shop.wait_for_job(&job, "done");
    assert_eq!((&done["total"], &done["done"]), (&json!(1), &json!(1)), "{done}");
    assert_problem(&shop.get(&format!("/libraries/{library}")), 404, "libraryNotFound");
    let acts = actions(&admin, &format!("library {library}"));
    assert_eq!(acts[0], ("library.delete".to_owned(), "app:shop".to_owned()), "by who asked for it");
    assert_problem(&shop.json("POST", &format!("/jobs/{job}/cancel"), &json!({})), 409, "jobStateConflict");
    shop.wait_for_job(&lost, "done");
}

#[test]
fn jobs_and_events_are_listed_with_the_newest_first_and_in_several_states() {
    let server = Setup::new(&["auto"]).env("AICP_JOBS__DELETION_DELAY_S", "600").start();
    let admin = Rest::admin(&server);
    let jobs: Vec<String> =
        (0..5).map(|number| text(&schedule(&admin, &admin.library(&format!("library {number}")))["id"])).collect();
    assert_eq!(admin.json("POST", &format!("/jobs/{}/cancel", jobs[1]), &json!({})).status, 200);
    assert_eq!(admin.json("POST", &format!("/jobs/{}/pause", jobs[3]), &json!({})).status, 200);
    let list = |query: &str| names(&admin.get(&format!("/jobs?{query}")).json());
    assert_eq!(list("sort=oldest"), jobs);
    assert_eq!(list("state=cancelled&state=paused"), [&*jobs[1], &jobs[3]]);
    assert_eq!(list("state=cancelled&state=paused&sort=newest"), [&*jobs[3], &jobs[1]]);
    for path in ["/jobs", "/events/log"] {
        let mut oldest = names(&admin.get(&format!("{path}?limit=1000")).json());
        oldest.reverse();
        let (mut newest, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = admin.get(&format!("{path}?sort=newest&limit=2{cursor}")).json();
            newest.extend(names(&page));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(newest, oldest, "{path}");
        assert!(newest.len() >= 5, "{path}");
        let next = text(&admin.get(&format!("{path}?sort=newest&limit=1")).json()["next"]);
        assert_problem(&admin.get(&format!("{path}?sort=oldest&cursor={next}")), 400, "badField");
        assert_problem(&admin.get(&format!("{path}?sort=name")), 400, "badField");
    }
    let all = names(&admin.get("/events/log").json());
    let after = admin.get(&format!("/events/log?sort=newest&after={}", all[2])).json();
    assert_eq!(names(&after), all[3..].iter().rev().cloned().collect::<Vec<_>>());
}
