//! A large library is searched by rotated heads: with the model's own axes, templates from the database, and the scores of
//! a small one. Its file makes the next start fast.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Rest, text};
use crate::fixture::{Server, Setup, wait_until, workspace};
use crate::http::Answer;

const IS_ROTATED: &str = "a large library is stored as rotated heads";
const RESTORED: &str = "\"restored\":1";
const NOT_RESTORED: &str = "\"restored\":0";
const CAUGHT_UP: &str = "a restored library is brought up to date";

fn setup(large: &str) -> Setup {
    Setup::new(&["auto"]).env("AICP_SEARCH__LARGE_LIBRARY_FACES", large)
}

/// Returns the paths of the pictures below a folder of the samples, in order.
fn pictures(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).expect("the samples are there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.append(&mut pictures(&path));
        } else if path.extension().is_some_and(|end| end == "jpg") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn enrol(rest: &Rest, library: &str, picture: &Path) -> Answer {
    let name = picture.file_name().and_then(|name| name.to_str()).expect("a name");
    let file = fs::read(picture).expect("a file");
    rest.form("POST", &format!("/libraries/{library}/people"), &[("name", name)], &[("file", &file)])
}

/// Returns the names and similarities of the people most like the largest face.
fn matches(rest: &Rest, library: &str, picture: &Path, top: &str, threshold: &str) -> Vec<(String, f64)> {
    let file = fs::read(picture).expect("a file");
    let path = format!("/libraries/{library}/identify");
    let answer = rest.form("POST", &path, &[("threshold", threshold), ("top", top)], &[("file", &file)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let hits = answer.json()["faces"][0]["matches"].as_array().cloned().expect("a list");
    let hit = |hit: &Value| (text(&hit["person"]["name"]), hit["similarity"].as_f64().expect("a similarity"));
    hits.iter().map(hit).collect()
}

#[test]
fn a_large_library_answers_as_a_small_one() {
    let (small, large) = (setup("0").start(), setup("30").start());
    let samples = workspace().join("samples");
    let strangers = pictures(&samples.join("strangers"));
    let enrolled: Vec<PathBuf> = strangers.iter().cloned().chain(pictures(&samples.join("people"))).collect();
    let filled = [&small, &large].map(|server| {
        let rest = Rest::admin(server);
        let library = rest.library("all");
        let ids: Vec<Option<String>> = enrolled
            .iter()
            .map(|picture| {
                let answer = enrol(&rest, &library, picture);
                (answer.status == 201).then(|| text(&answer.json()["id"]))
            })
            .collect();
        assert!(ids.iter().flatten().count() > 50, "most samples are good enough");
        (rest, library, ids)
    });
    assert!(large.has_logged(IS_ROTATED) && !small.has_logged(IS_ROTATED));

    let probes = pictures(&samples.join("groups")).into_iter().chain(strangers.into_iter().step_by(9));
    let [(of_small, in_small, small_ids), (of_large, in_large, large_ids)] = &filled;
    let compare = |probe: &Path| {
        for (top, threshold) in [("5", "0.0"), ("1", "0.5"), ("60", "0.3")] {
            let expected = matches(of_small, in_small, probe, top, threshold);
            assert_eq!(matches(of_large, in_large, probe, top, threshold), expected, "{}", probe.display());
        }
    };
    let probes: Vec<PathBuf> = probes.collect();
    probes.iter().for_each(|probe| compare(probe));

    // A removed person is found no more, at once; one who is enrolled again is.
    let (rest, library) = (of_large, in_large);
    let known = enrolled.iter().position(|picture| picture.ends_with("obama.jpg")).expect("a sample");
    let probe = samples.join("people/obama/obama3.jpg");
    let first =
        |probe: &Path| matches(rest, library, probe, "3", "0.7").into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert!(first(&probe).contains(&"obama.jpg".to_owned()), "{:?}", first(&probe));
    let id = large_ids[known].as_deref().expect("enrolled");
    assert_eq!(rest.delete(&format!("/libraries/{library}/people/{id}")).status, 204);
    assert!(!first(&probe).contains(&"obama.jpg".to_owned()), "{:?}", first(&probe));
    assert_eq!(enrol(rest, library, &enrolled[known]).status, 201);
    assert!(first(&probe).contains(&"obama.jpg".to_owned()), "{:?}", first(&probe));
    assert_eq!(small_ids.len(), large_ids.len());

    // After a restart, too, and without reading the templates again.
    large.stop();
    let again = setup("30").data_dir(large.data_dir()).start();
    assert!(again.log().contains(RESTORED), "{}", again.log());
    let rest = Rest::admin(&again);
    for probe in probes.iter().take(3) {
        let expected = matches(of_small, in_small, probe, "5", "0.0");
        assert_eq!(matches(&rest, in_large, probe, "5", "0.0"), expected, "{}", probe.display());
    }
}

/// Returns the files of galleries in a data folder.
fn files(data_dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(data_dir.join("galleries")) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "gallery")).collect()
}

#[test]
fn the_file_of_a_large_library_is_never_older_than_its_removals() {
    let samples = workspace().join("samples");
    let folder = tempfile::tempdir().expect("a temp dir");
    let data_dir = folder.path();
    let start = || setup("4").data_dir(data_dir).start();
    let mut server = start();
    let rest = Rest::admin(&server);
    let library = rest.library("all");
    let strangers = pictures(&samples.join("strangers")).into_iter().take(8);
    let enrolled: Vec<PathBuf> = pictures(&samples.join("people")).into_iter().chain(strangers).collect();
    let ids: Vec<(String, String)> = enrolled
        .iter()
        .filter_map(|picture| {
            let answer = enrol(&rest, &library, picture).json();
            answer["id"].is_string().then(|| (text(&answer["name"]), text(&answer["id"])))
        })
        .collect();
    assert!(server.has_logged(IS_ROTATED) && ids.len() > 4);
    let probe = samples.join("people/obama/obama.jpg");
    let found = |server: &Server| matches(&Rest::admin(server), &library, &probe, "60", "0.0");
    let before = found(&server);
    assert_eq!(before.len(), ids.len());
    let restart = |server: &mut Server, kill: bool, lines: &[&str]| {
        if kill {
            server.kill()
        } else {
            server.stop()
        }
        *server = start();
        assert!(lines.iter().all(|line| server.log().contains(line)), "{lines:?} in {}", server.log());
    };

    // Written when the server stopped, and used; then once more, without a change.
    restart(&mut server, false, &[RESTORED]);
    assert_eq!(found(&server), before);
    let written = files(data_dir);
    assert_eq!(written.len(), 1);
    restart(&mut server, true, &[RESTORED]);
    assert_eq!(files(data_dir), written);

    // A person enrolled since is found after a crash.
    let picture = &enrolled[0];
    let added = enrol(&Rest::admin(&server), &library, picture).json();
    assert_eq!(found(&server).len(), before.len() + 1);
    restart(&mut server, true, &[RESTORED, CAUGHT_UP]);
    assert_eq!(found(&server).len(), before.len() + 1);
    assert_eq!(files(data_dir), written);

    // With a removal, the file goes; the next one is without the person.
    let remove = |server: &Server, id: &str| {
        assert_eq!(Rest::admin(server).delete(&format!("/libraries/{library}/people/{id}")).status, 204);
    };
    remove(&server, &text(&added["id"]));
    assert_eq!(files(data_dir), Vec::<PathBuf>::new());
    restart(&mut server, true, &[NOT_RESTORED]);
    assert_eq!(found(&server), before);
    wait_until("the file is written", || files(data_dir).len() == 1);

    // A file whose deletion a crash prevented.
    let kept = fs::read(&files(data_dir)[0]).expect("a file");
    let path = files(data_dir).remove(0);
    let (name, id) = ids.last().expect("enrolled");
    remove(&server, id);
    server.kill();
    fs::write(&path, &kept).expect("written");
    restart(&mut server, true, &[NOT_RESTORED]);
    assert!(!path.exists(), "the file that has the face");
    let left: Vec<_> = before.iter().filter(|(other, _)| other != name).cloned().collect();
    assert_eq!(found(&server), left);
    wait_until("the file is replaced", || files(data_dir).iter().any(|other| *other != path));

    // A damaged file, and one of another database, are not used.
    restart(&mut server, false, &[RESTORED]);
    let path = files(data_dir).remove(0);
    server.kill();
    let mut damaged = fs::read(&path).expect("a file");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&path, damaged).expect("written");
    fs::write(path.with_file_name("1-0123456789abcdef.gallery"), &kept).expect("written");
    restart(&mut server, true, &[NOT_RESTORED, "the file of a large library can't be used"]);
    assert_eq!(found(&server), left);
    wait_until("one sound file is left", || {
        files(data_dir).iter().all(|path| !path.ends_with("1-0123456789abcdef.gallery")) && files(data_dir).len() == 1
    });
}
