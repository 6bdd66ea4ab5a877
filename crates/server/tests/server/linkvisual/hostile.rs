//! Malicious addresses, picture servers and texts.

use super::pictures::PictureServer;
use super::{APP, Client, server, setup};
use crate::fixture::objects;
use crate::pictures::{obama, sample};

const DOWNLOAD: &str = "face picture download error";

#[test]
fn addresses_that_lead_inside_are_not_followed() {
    let server = setup().env("AICP_FETCH__TIMEOUT_S", "3").start();
    let (pictures, inside) = (PictureServer::start(), PictureServer::on("127.0.0.2:0"));
    let client = Client::new(&server, APP);
    let secret = inside.put("obama.jpg", obama());
    let good = pictures.put("obama.jpg", obama());
    let user = client.add("A", &good);
    let before = client.ok("QueryFaceUserBatch", &[("UserIdList.1", &user)]);
    let redirected = pictures.url(&format!("r?to={secret}"));
    let port = secret.rsplit(':').next().expect("a port");
    let bad = [
        secret.clone(),
        redirected,
        format!("http://2130706434:{port}"),
        format!("http://[::ffff:127.0.0.2]:{port}"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://10.0.0.1/a.jpg".to_owned(),
        pictures.url("declared"),
        pictures.url("undeclared"),
        pictures.url("silent"),
        pictures.url("gone.jpg"),
        pictures.url(&format!("r?to={}", pictures.url("gone.jpg"))),
        "http://127.0.0.1:1/a.jpg".to_owned(),
    ];
    for address in &bad {
        client.fails("466", DOWNLOAD, "AddFaceUser", &[("CustomUserId", "B"), ("FacePicUrl", address)]);
    }
    // The other calls with an address have the same protection.
    for (action, more) in [("AddFaceUserPicture", ""), ("UpdateFaceUser", "x"), ("DetectUserFaceByUrl", "")] {
        let given = [("UserId", user.as_str()), ("FacePicUrl", secret.as_str()), ("Name", more)];
        client.fails("466", DOWNLOAD, action, &given);
    }
    let long = format!("http://127.0.0.1/{}", "a".repeat(2100));
    for address in [
        "ftp://127.0.0.1/a.jpg",
        "file:///etc/passwd",
        "obama.jpg",
        "//127.0.0.1/a.jpg",
        "http://",
        "http://user:pass@127.0.0.1/a.jpg",
        "http://127.0.0.1:0/a.jpg",
        "http://a\nb/",
        &long,
    ] {
        let given = [("CustomUserId", "B"), ("FacePicUrl", address)];
        client.refused(400, "InvalidFacePicUrl", "AddFaceUser", &given);
    }
    assert_eq!(inside.asked(), 0, "nobody got inside");
    assert_eq!(client.ok("QueryFaceUserBatch", &[("UserIdList.1", &user)]), before, "nothing was changed");
    assert_eq!((client.total(), objects(server.data_dir()).len()), (1, 1));
    assert!(server.peak_memory() < 2 << 30, "a picture of a gigabyte is not kept");
    // Redirects are followed.
    client.add("B", &pictures.url(&format!("r?to={good}")));
}

#[test]
fn silent_addresses_of_one_app_hold_up_no_other() {
    let server = setup().env("AICP_FETCH__AT_ONCE", "4").env("AICP_FETCH__TIMEOUT_S", "8").start();
    let pictures = PictureServer::start();
    let (rude, polite) = (Client::new(&server, "rude"), Client::new(&server, APP));
    let (silent, good) = (pictures.url("silent"), pictures.put("obama.jpg", obama()));
    std::thread::scope(|scope| {
        scope.spawn(|| rude.fails("466", DOWNLOAD, "DetectUserFaceByUrl", &[("FacePicUrl", &silent)]));
        while pictures.asked() == 0 {
            std::thread::yield_now();
        }
        scope.spawn(|| rude.refused(503, "ServiceUnavailable", "DetectUserFaceByUrl", &[("FacePicUrl", &silent)]));
        polite.add("A", &good);
    });
}

#[test]
fn without_the_setting_no_picture_of_this_machine_is_fetched() {
    let server = crate::fixture::Server::auto();
    let pictures = PictureServer::start();
    let client = Client::new(&server, APP);
    let url = pictures.put("obama.jpg", obama());
    let named = url.replace("127.0.0.1", "localhost");
    for address in [url, named] {
        client.fails("466", DOWNLOAD, "AddFaceUser", &[("CustomUserId", "A"), ("FacePicUrl", &address)]);
    }
    assert_eq!(pictures.asked(), 0);
    assert_eq!(client.total(), 0);
}

#[test]
fn what_is_no_jpeg_with_a_face_is_refused() {
    let (server, pictures) = (server(), PictureServer::start());
    let client = Client::new(&server, APP);
    for (name, bytes, code, message) in [
        ("a.png", sample("probes/obama_32bit.png"), "460", "picture type error."),
        ("empty.jpg", Vec::new(), "460", "picture type error."),
        ("page.jpg", b"<html></html>".to_vec(), "460", "picture type error."),
        ("broken.jpg", [&obama()[..300], &[0xff; 200]].concat(), "460", "picture type error."),
        ("nobody.jpg", crate::pictures::no_face(), "466", "can not find this face"),
    ] {
        let url = pictures.put(name, bytes);
        client.fails(code, message, "AddFaceUser", &[("CustomUserId", "A"), ("FacePicUrl", &url)]);
    }
    assert_eq!((client.total(), objects(server.data_dir()).len()), (0, 0));
    let libraries = server.admin(0).post("/aicp/face/queryBaseAll", &serde_json::json!({})).data();
    assert!(!libraries.to_string().contains(super::ISOLATION), "a refused picture makes no library");
}

#[test]
fn texts_come_back_as_they_were_sent() {
    let (server, pictures) = (server(), PictureServer::start());
    let client = Client::new(&server, APP);
    let url = pictures.put("obama.jpg", obama());
    let name = "</Name><x>&amp;\"'`${a}<!--]]>😀";
    let custom = "<!DOCTYPE a>&lt;' OR 1=1 --";
    let params = "{\"a\":\"<b>&\\u0000\"}\r\n\t\u{1}\u{b}]]>\u{ffff}";
    let sent = [("CustomUserId", custom), ("FacePicUrl", url.as_str()), ("Name", name), ("Params", params)];
    let told = client.ok("AddFaceUser", &sent);
    assert_eq!((&told["Name"], &told["CustomUserId"], &told["Params"]), (&name.into(), &custom.into(), &params.into()));
    let user = told["UserId"].as_str().expect("an id");
    let answer = client.ask("QueryFaceUser", &[("UserId", user), ("Format", "XML")]);
    let text = answer.text();
    for part in [
        "<Name>&lt;/Name&gt;&lt;x&gt;&amp;amp;\"'`${a}&lt;!--]]&gt;😀</Name>",
        "<CustomUserId>&lt;!DOCTYPE a&gt;&amp;lt;' OR 1=1 --</CustomUserId>",
        "<Params>{\"a\":\"&lt;b&gt;&amp;\\u0000\"}&#13;\n\t]]&gt;</Params>",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let found =
        client.ok("QueryFaceUserByName", &[("PageNo", "1"), ("PageSize", "9"), ("Name", "<!--"), ("Params", params)]);
    assert_eq!(found["Total"], 1);
    assert_eq!(client.ok("QueryFaceUserIdByCustomUserId", &[("CustomUserId", custom)])["UserId"], user);

    let long = "长".repeat(64);
    client.ok("UpdateFaceUser", &[("UserId", user), ("Name", &long)]);
    for (name, value) in [
        ("Name", "长".repeat(65)),
        ("Name", "a\u{0}b".to_owned()),
        ("CustomUserId", "c".repeat(129)),
        ("CustomUserId", "a\nb".to_owned()),
        ("Params", "p".repeat(16_385)),
    ] {
        client.refused(400, &format!("Invalid{name}"), "UpdateFaceUser", &[("UserId", user), (name, &value)]);
    }
    assert_eq!(client.ok("QueryFaceUser", &[("UserId", user)])["Name"], long.as_str());
}
