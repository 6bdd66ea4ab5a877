//! Picture links in answers: they return the uploaded bytes without a token, and only with a valid signature.

use aicp_types::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::fixture::{Server, Setup};
use crate::http::{Api, fetch, send, status_of};
use crate::pictures::{base64, obama, obama2, sample};

/// Returns the links to a picture: all three kinds, from every answer that has one.
fn links(server: &Server, picture: &[u8]) -> Vec<String> {
    let (old, new) = (server.anonymous(0), server.admin(0));
    let request = json!({"groupId": "g", "image": base64(picture)});
    let person = old.post("/aicp/face/add", &request).data_text("personID");
    let hit = |path: &str| {
        let data = old.post(path, &request).data();
        data["personinfo"]["imageUrl"].as_str().expect("a link").to_owned()
    };
    new.post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    let enrolled = new.post("/aicp/face/add", &request).data();
    let text = |value: &Value| value.as_str().expect("a link").to_owned();
    let number = text(&enrolled["personNo"]);
    vec![
        old.post("/aicp/face/query", &json!({"groupId": "g", "userId": person})).data_text("faceDBURL"),
        hit("/aicp/face/recognition"),
        hit("/InteractiveAbility/face/FaceRecognition"),
        text(&enrolled["url"]),
        new.post("/aicp/face/query", &json!({"groupId": "g", "userId": number})).data_text("faceDBURL"),
        text(&new.post("/aicp/face/recognition", &request).data()["records"][0]["url"]),
        text(&new.post("/aicp/face/recognitionmn", &request).data()["records"][0][0]["url"]),
    ]
}

/// Returns the request target of a link.
fn target(url: &str) -> &str {
    let start = url.find("//").and_then(|at| url[at + 2..].find('/').map(|slash| at + 2 + slash));
    &url[start.expect("an absolute link")..]
}

/// Converts days since the Unix epoch to year, month and day (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

#[test]
fn links_lead_to_the_uploaded_bytes_without_a_token() {
    for (picture, media_type) in [(obama(), "image/jpeg"), (sample("probes/obama_32bit.png"), "image/png")] {
        let server = Server::auto();
        let links = links(&server, &picture);
        for url in &links {
            let (status, found_type, bytes) = fetch(url);
            assert_eq!((status, found_type.as_str()), (200, media_type), "{url}");
            assert!(bytes == picture, "{url}: {} bytes differ from the {} uploaded", bytes.len(), picture.len());
            let head = send(server.addresses()[0], "HEAD", target(url), &[], b"").expect("an answer");
            let length = picture.len().to_string();
            assert_eq!((head.status, head.header("content-length")), (200, Some(length.as_str())), "{url}");
            assert_eq!((head.header("content-type"), head.body.len()), (Some(media_type), 0));
        }
        let kinds = ["/face/getimage?", "/person/", "/person/", "/group1/", "/face/getimage?", "/group1/", "/group1/"];
        for (url, kind) in links.iter().zip(kinds) {
            assert!(target(url).starts_with(kind), "{url}");
            assert!(kind.starts_with("/face") || url.rsplit(['?', '&']).next().expect("a query").starts_with("sig="));
        }
        // The app_secret of a link is never the real token.
        assert!(links.iter().all(|url| !url.contains(crate::fixture::TOKEN)));
    }
}

#[test]
fn a_moment_link_says_when_in_shanghai() {
    let before = SystemClock.now().get();
    let server = Server::auto();
    let url = &links(&server, &obama())[3];
    let after = SystemClock.now().get();
    let path = target(url).split('?').next().expect("a path");
    let parts: Vec<&str> = path.split('/').collect();
    let ["", "group1", "default", date, hour, minute, number, millis] = parts[..] else { panic!("{url}") };
    let millis: i64 = millis.parse().expect("a number");
    assert!((before..=after).contains(&millis), "{millis}");
    let seconds = millis / 1000 + 8 * 3600;
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    assert_eq!(date, format!("{year}{month:02}{day:02}"));
    assert_eq!((hour, minute), (&*format!("{:02}", seconds / 3600 % 24), &*format!("{:02}", seconds / 60 % 60)));
    assert_eq!(number, "1");
}

#[test]
fn nobody_sees_a_picture_without_its_right_signature() {
    let server = Server::auto();
    let links = links(&server, &obama());
    for url in &links {
        assert_eq!(status_of(url), 200, "{url}");
        let name = if url.contains("app_secret=") { "app_secret=" } else { "sig=" };
        let at = url.find(name).expect("a signature") + name.len();
        let end = url[at..].find('&').map_or(url.len(), |length| at + length);
        let flipped = |index: usize| {
            let mut bytes = url.clone().into_bytes();
            bytes[index] = if bytes[index] == b'a' { b'b' } else { b'a' };
            String::from_utf8(bytes).expect("ASCII")
        };
        let without = format!("{}{}", &url[..at - name.len()], &url[end..]);
        for forged in [
            flipped(at),
            flipped((at + end) / 2),
            flipped(end - 1),
            format!("{}{}", &url[..at], &url[end..]),
            format!("{}{}", &url[..end - 1], &url[end..]),
            without.trim_end_matches(['?', '&']).to_owned(),
        ] {
            assert_eq!(status_of(&forged), 404, "{forged}");
        }
    }
}

#[test]
fn a_signature_is_good_for_its_own_picture_alone() {
    let server = Server::auto();
    let first = links(&server, &obama());
    let api = server.admin(0);
    let second = api.post("/aicp/face/add", &json!({"groupId": "g", "image": base64(&obama2())})).data();
    let second_url = second["url"].as_str().expect("a link");
    let second_face = api.post("/aicp/face/query", &json!({"groupId": "g", "userId": second["personNo"]})).data();
    // The G2 link of one face with the signature of the other.
    let (path, _) = second_url.split_once("sig=").expect("a signature");
    let (_, signature) = first[3].split_once("sig=").expect("a signature");
    assert_eq!(status_of(second_url), 200);
    assert_eq!(status_of(&format!("{path}sig={signature}")), 404);
    // A G1 link with the id of another face, or the name of another library or app.
    let (start, face) = first[4].rsplit_once("faceId=").expect("a face id");
    assert_ne!(Some(face), second_face["faceId"].as_str());
    assert_eq!(status_of(&first[4]), 200);
    for other in [
        format!("{start}faceId={}", second_face["faceId"].as_str().expect("an id")),
        format!("{start}faceId=999999"),
        format!("{start}faceId=x"),
        first[4].replace("groupId=g", "groupId=h"),
        first[4].replace("app_id=admin", "app_id=legacy"),
    ] {
        assert_eq!(status_of(&other), 404, "{other}");
    }
    // A G3 link with another number or date.
    let (start, signature) = first[1].split_once(".png").expect("a file name");
    assert_eq!(status_of(&first[1]), 200);
    let (folder, id) = start.rsplit_once('/').expect("a file name");
    let next = id.parse::<i64>().expect("a number") + 1;
    assert_eq!(status_of(&format!("{folder}/{next}.png{signature}")), 404);
    let (base, _) = folder.rsplit_once('/').expect("a date");
    assert_eq!(status_of(&format!("{base}/20200101/{id}.png{signature}")), 404);
}

#[test]
fn links_die_with_the_person_or_the_library() {
    let server = Server::auto();
    let (old, new) = (server.anonymous(0), server.admin(0));
    let links = links(&server, &obama());
    let request = json!({"groupId": "g", "image": base64(&obama())});
    let person = old.post("/aicp/face/recognition", &request).data_text("personID");
    old.post("/aicp/face/remove", &json!({"groupId": "g", "userId": person})).data();
    for (url, status) in links.iter().zip([404, 404, 404, 200, 200, 200, 200]) {
        assert_eq!(status_of(url), status, "{url}: the same picture of another app stays");
    }
    new.post("/aicp/face/deleteBase", &json!({"groupId": "g"})).data();
    for url in &links {
        assert_eq!(status_of(url), 404, "{url}");
    }
    assert!(crate::fixture::objects(server.data_dir()).is_empty(), "the last person's picture is gone from the disk");
}

#[test]
fn links_outlive_a_restart() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let server = Setup::new(&["auto"]).data_dir(temp.path()).start();
    let links = links(&server, &obama());
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    let server = Setup::new(&["auto"]).data_dir(temp.path()).start();
    for url in &links {
        let answer = send(server.addresses()[0], "GET", target(url), &[], b"").expect("an answer");
        assert!(answer.status == 200 && answer.body == obama(), "{url}: {}", answer.status);
    }
}

#[test]
fn links_are_for_reading() {
    let server = Server::auto();
    for url in links(&server, &obama()) {
        for method in ["POST", "PUT", "DELETE"] {
            let answer = send(server.addresses()[0], method, target(&url), &[], b"").expect("an answer");
            assert_eq!(answer.status, 405, "{method} {url}");
            assert_eq!(answer.json()["message"], "请求方法不支持");
        }
    }
}

#[test]
fn paths_of_pictures_without_a_picture_are_404() {
    let server = Server::auto();
    for path in [
        "/face/getimage",
        "/face/getimage?app_id=admin&app_secret=x&groupId=g&faceId=1",
        "/group1/default/20200325/13/40/1/1585114811949?download=0",
        "/group1/default/..%2f..%2fsecret.key?sig=x",
        "/person/20191118/7884681432723365888.png",
        "/person/../../secret.key",
    ] {
        assert_eq!(send(server.addresses()[0], "GET", path, &[], b"").expect("an answer").status, 404, "{path}");
    }
}

#[test]
fn the_base_of_links_can_be_set() {
    for setting in ["https://example.com/aicp", "https://example.com/aicp/"] {
        let server = Setup::new(&["auto"]).env("AICP_PUBLIC_URL", setting).start();
        for url in links(&server, &obama()) {
            let path = url.strip_prefix("https://example.com/aicp").unwrap_or_else(|| panic!("{url}"));
            assert!(path.starts_with('/') && !path.starts_with("//"), "{url}");
            let answer = send(server.addresses()[0], "GET", path, &[], b"").expect("an answer");
            assert!(answer.status == 200 && answer.body == obama(), "{url}");
        }
    }
}

#[test]
fn the_host_of_the_request_is_the_base_unless_it_is_hostile() {
    let server = Server::auto();
    let address = server.addresses()[0];
    let api: Api = server.anonymous(0);
    let person = api.post("/aicp/face/add", &json!({"groupId": "g", "image": base64(&obama())})).data_text("personID");
    let body = json!({"groupId": "g", "userId": person}).to_string();
    let base = |host: &str| {
        let answer = send(address, "POST", "/aicp/face/query", &[("Host", host)], body.as_bytes()).expect("an answer");
        if answer.status != 200 {
            assert_eq!(answer.status, 400, "{host}");
            return None;
        }
        let url = answer.data_text("faceDBURL");
        Some(url[..url.len() - target(&url).len()].to_owned())
    };
    for host in ["example.com", "10.0.0.1:9012", "[::1]:9012", "my_host:80"] {
        assert_eq!(base(host), Some(format!("http://{host}")));
    }
    for host in [r#"evil"host"#, "evil host", "evil.com/path", "user@evil.com", "<script>", "evil\\", "a?b", "a#b", ""]
    {
        let used = base(host);
        assert!(used.is_none() || used == Some(format!("http://{address}")), "{host:?} became {used:?}");
    }
}
