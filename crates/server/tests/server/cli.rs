//! Commands that work without a running server.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::fixture::{Ran, Setup, TOKEN, aicp, objects, wait_until, workspace};
use crate::pictures::{base64, decode, jpeg, no_face, obama, obama2, other_portrait, portrait, with_comment};

fn sample_path(name: &str) -> String {
    workspace().join("samples").join(name).to_str().expect("UTF-8").to_owned()
}

#[test]
fn detect_reports_every_face() {
    let temp = tempfile::tempdir().expect("a temp dir");
    for (name, faces) in [("people/obama/obama.jpg", 1), ("groups/sample5.jpg", 5)] {
        let path = sample_path(name);
        let report = Ran::successful(&mut aicp(["detect", &path, "--json"])).json();
        let original = decode(&fs::read(&path).expect("the sample is there"));
        assert_eq!((&report["width"], &report["height"]), (&json!(original.width()), &json!(original.height())));
        let found = report["faces"].as_array().expect("a list");
        assert_eq!(found.len(), faces, "{report}");
        for face in found {
            for key in ["confidence", "liveness"] {
                assert!(face[key].as_f64().is_some_and(|value| (0.0..=1.0).contains(&value)), "{face}");
            }
            assert_eq!(face["landmarks"].as_array().map(Vec::len), Some(5));
            assert!(face["box"]["width"].as_f64().is_some_and(|width| width > 10.0), "{face}");
            assert!(face["quality"]["score"].as_f64().is_some_and(|value| (0.0..=1.0).contains(&value)), "{face}");
        }
        let out = temp.path().join("marked.png");
        let text = Ran::successful(aicp(["detect", &path, "--out"]).arg(&out)).stdout;
        assert!(text.contains(&format!("{faces} face(s)")), "{text}");
        let marked = fs::read(&out).expect("it was written");
        assert_eq!(image::guess_format(&marked).ok(), Some(image::ImageFormat::Png));
        let marked = decode(&marked);
        assert_eq!(marked.dimensions(), original.dimensions());
        let changed = marked.pixels().zip(original.pixels()).filter(|(a, b)| a != b).count();
        let all = (original.width() * original.height()) as usize;
        assert!(changed > 100 && changed < all / 2, "{changed} of {all} pixels are marked");
    }
}

#[test]
fn detect_finds_no_face_where_there_is_none_and_refuses_what_is_no_picture() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let path = temp.path().join("x.jpg");
    fs::write(&path, no_face()).expect("written");
    let report = Ran::successful(aicp(["detect", "--json"]).arg(&path)).json();
    assert_eq!(report["faces"], json!([]));
    fs::write(&path, b"text").expect("written");
    for path in [path.as_path(), Path::new("/nonexistent/x.jpg")] {
        let ran = Ran::of(aicp(["detect", "--json"]).arg(path));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
        assert!(ran.stderr.contains("x.jpg"), "{}", ran.stderr);
    }
}

#[test]
fn compare_tells_people_apart() {
    let compare = |a: &str, b: &str| {
        let (a, b) = (sample_path(a), sample_path(b));
        Ran::successful(&mut aicp(["compare", &a, &b, "--json"])).json()
    };
    let same = compare("people/obama/obama.jpg", "people/obama/obama2.jpg");
    let different = compare("people/obama/obama.jpg", "people/biden/biden.jpg");
    for (report, verdict) in [(&same, true), (&different, false)] {
        let number = |key: &str| report[key].as_f64().unwrap_or_else(|| panic!("no number {key} in {report}"));
        assert_eq!(report["same_person"], verdict);
        assert_eq!(number("similarity") > number("threshold"), verdict);
        assert!((number("threshold") - 0.8).abs() < 1e-6);
    }
    // The result is the same as the server's.
    let server = Setup::new(&["auto"]).start();
    let pair = json!({"imageA": base64(&obama()), "imageB": base64(&obama2())});
    let served: f64 =
        server.anonymous(0).post("/aicp/face/couple", &pair).data_text("similarity").parse().expect("a number");
    assert!((served - same["similarity"].as_f64().expect("a number")).abs() < 1e-4, "{served} {same}");

    let temp = tempfile::tempdir().expect("a temp dir");
    let path = temp.path().join("faceless.jpg");
    fs::write(&path, no_face()).expect("written");
    let ran = Ran::of(aicp(["compare", &sample_path("people/obama/obama.jpg")]).arg(&path));
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("faceless.jpg") && ran.stderr.contains("no face"), "{}", ran.stderr);
}

/// Creates a folder of two people with three good pictures, one of them twice, and with files that can't be enrolled.
fn folder_to_import(dir: &Path) {
    for (name, bytes) in [
        ("奥巴马/a.jpg", obama()),
        ("奥巴马/b.jpg", obama2()),
        ("奥巴马/cut.jpg", obama()[..20_000].to_vec()),
        ("奥巴马/empty.jpg", Vec::new()),
        ("biden/a.jpg", jpeg(&other_portrait())),
        ("biden/again.jpg", jpeg(&other_portrait())),
        ("biden/faceless.jpg", no_face()),
        ("biden/notes.txt", b"not a picture".to_vec()),
        ("biden/.hidden", b"not looked at".to_vec()),
        ("stray.jpg", obama()),
    ] {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, bytes).expect("written");
    }
}

fn import(dir: &Path, data_dir: &Path) -> Command {
    let mut command = aicp(["import", "--library", "staff", "--json", "--data-dir"]);
    command.arg(data_dir).arg(dir).env("AICP_ADMIN_TOKEN", TOKEN);
    command
}

fn counts(report: &Value) -> [u64; 3] {
    ["people", "faces", "known"].map(|key| report[key].as_u64().unwrap_or_else(|| panic!("no {key} in {report}")))
}

/// Returns file names and reasons of the rejects, by name.
fn rejects(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let rejects = report["rejects"].as_array().expect("a list");
    let mut rejects: Vec<_> = rejects
        .iter()
        .map(|reject| {
            let path = text(&reject["path"]);
            (path.rsplit('/').next().expect("a name").to_owned(), text(&reject["reason"]))
        })
        .collect();
    rejects.sort();
    rejects
}

#[test]
fn import_enrols_a_folder_and_tells_what_it_could_not() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let (dir, data_dir) = (temp.path().join("people"), temp.path().join("data"));
    folder_to_import(&dir);
    let first = Ran::successful(&mut import(&dir, &data_dir)).json();
    assert_eq!(counts(&first), [2, 3, 1], "{first}");
    let rejected = rejects(&first);
    let names: Vec<&str> = rejected.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["cut.jpg", "empty.jpg", "faceless.jpg", "notes.txt", "stray.jpg"]);
    assert!(rejected.iter().all(|(_, reason)| !reason.is_empty()), "{rejected:?}");
    assert!(rejected[2].1.contains("no face"), "{rejected:?}");
    assert!(!rejected[0].1.contains("no face"), "{rejected:?}");

    // A second run has nothing new and the same rejects.
    let second = Ran::successful(&mut import(&dir, &data_dir)).json();
    assert_eq!(counts(&second), [0, 0, 4], "{second}");
    assert_eq!(rejects(&second), rejected);

    // Another picture of a known person, and a new person.
    fs::create_dir_all(dir.join("third")).expect("made");
    fs::write(dir.join("biden/b.jpg"), with_comment(&jpeg(&other_portrait()), "b")).expect("written");
    fs::write(dir.join("third/a.jpg"), fs::read(sample_path("groups/sample1.jpg")).expect("there")).expect("written");
    let third = Ran::successful(&mut import(&dir, &data_dir)).json();
    assert_eq!(counts(&third), [1, 2, 4], "{third}");

    // The server knows them, also by folder name.
    let server = Setup::new(&["legacy", "micro"]).data_dir(&data_dir).start();
    let api = server.admin(1);
    let rows = api.post("/aicp/face/queryBaseAll", &json!({})).data();
    assert_eq!(rows["records"][0]["dbName"], "staff");
    for (picture, name) in [(obama(), "奥巴马"), (jpeg(&other_portrait()), "biden")] {
        let request = json!({"groupId": "staff", "image": base64(&picture)});
        let found = server.admin(0).post("/aicp/face/recognition", &request).data();
        assert_eq!(found["personinfo"]["name"], name);
        let query = json!({"groupId": "staff", "userId": name});
        assert_eq!(api.post("/aicp/face/query", &query).data_text("personID"), name);
    }
    // While the server has the folder open, it runs the import.
    fs::write(dir.join("biden/c.jpg"), with_comment(&jpeg(&other_portrait()), "c")).expect("written");
    let fourth = Ran::successful(&mut import(&dir, &data_dir)).json();
    assert_eq!(counts(&fourth), [0, 1, 6], "{fourth}");
    assert_eq!(rejects(&fourth), rejected);
}

#[test]
fn import_that_is_killed_is_resumed_to_the_same_end() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let dir = temp.path().join("people");
    let (one, other) = (jpeg(&portrait()), jpeg(&other_portrait()));
    for person in 0..12 {
        let folder = dir.join(format!("p{person}"));
        fs::create_dir_all(&folder).expect("made");
        for number in 0..4 {
            let picture = if person % 2 == 0 { &one } else { &other };
            let bytes = with_comment(picture, &format!("{person} {number}"));
            fs::write(folder.join(format!("{number}.jpg")), bytes).expect("written");
        }
        fs::write(folder.join("broken.jpg"), b"broken").expect("written");
    }
    let whole = temp.path().join("whole");
    let expected = Ran::successful(&mut import(&dir, &whole)).json();
    assert_eq!(counts(&expected), [12, 48, 0], "{expected}");

    let resumed = temp.path().join("resumed");
    for part in 1..=3 {
        let mut command = import(&dir, &resumed);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts");
        wait_until("some pictures are imported", || {
            let done = resumed.join("objects").exists() && objects_so_far(&resumed) >= part * 8;
            done || child.try_wait().expect("a child of ours").is_some()
        });
        child.kill().expect("the process takes signals");
        child.wait().expect("the process ends");
    }
    let before = objects_so_far(&resumed) as u64;
    assert!((24..48).contains(&before), "killed while under way: {before}");
    let database = rusqlite::Connection::open(resumed.join("aicp.db")).expect("opens");
    let enrolled: i64 = database.query_row("SELECT count(*) FROM face", [], |row| row.get(0)).expect("a number");
    let enrolled = u64::try_from(enrolled).expect("a count");
    drop(database);
    assert!(enrolled <= before, "each face has its picture: {enrolled} of {before}");
    let rest = Ran::successful(&mut import(&dir, &resumed)).json();
    let [_, faces, known] = counts(&rest);
    assert_eq!(faces + known, 48, "{rest}");
    assert_eq!(known, enrolled, "{rest}");
    assert_eq!(rejects(&rest), rejects(&expected));
    let again = Ran::successful(&mut import(&dir, &resumed)).json();
    assert_eq!(counts(&again), [0, 0, 48], "{again}");
    assert!(objects(&whole) == objects(&resumed), "both have the same pictures");

    // The people are the same, too.
    let people = |data_dir: &Path| {
        let server = Setup::new(&["micro"]).env("AICP_RECOGNITION__TOP_N", "100").data_dir(data_dir).start();
        [&one, &other].map(|picture| {
            let request = json!({"groupId": "staff", "image": base64(picture)});
            let data = server.admin(0).post("/aicp/face/recognition", &request).data();
            data["records"].as_array().map(Vec::len)
        })
    };
    assert_eq!(people(&whole), [Some(6), Some(6)]);
    assert_eq!(people(&resumed), [Some(6), Some(6)]);
}

/// Counts the stored pictures of a folder that changes meanwhile.
fn objects_so_far(data_dir: &Path) -> usize {
    let shards = fs::read_dir(data_dir.join("objects")).into_iter().flatten().flatten();
    let shards = shards.filter(|shard| shard.file_name() != "incoming");
    shards.map(|shard| fs::read_dir(shard.path()).into_iter().flatten().count()).sum()
}

#[test]
fn models_are_verified() {
    let ran = Ran::successful(&mut aicp(["models", "verify"]));
    let names = [
        "centerface.onnx",
        "fr_feature.onnx",
        "fr_landmark.onnx",
        "fr_liveness.onnx",
        "fr_pose.onnx",
        "libonnxruntime.so",
    ];
    // Optional files that are present are listed, too.
    let plugin = ran.stdout.lines().filter(|line| line.starts_with("ok ") && line.contains(" openvino/")).count();
    assert_eq!(plugin, if cfg!(target_arch = "x86_64") { 5 } else { 0 }, "{}", ran.stdout);
    assert_eq!(
        ran.stdout.lines().filter(|line| line.starts_with("ok ")).count(),
        names.len() + plugin,
        "{}",
        ran.stdout
    );
    for name in names {
        assert!(ran.stdout.contains(name), "{}", ran.stdout);
    }

    let temp = tempfile::tempdir().expect("a temp dir");
    for name in names {
        symlink(workspace().join("models").join(name), temp.path().join(name)).expect("linked");
    }
    symlink(workspace().join("models/openvino"), temp.path().join("openvino")).expect("linked");
    let verify = || Ran::of(aicp(["models", "verify"]).env("AICP_MODELS_DIR", temp.path()));
    assert_eq!(verify().code, Some(0));
    let path = temp.path().join("fr_pose.onnx");
    let mut bytes = fs::read(&path).expect("there");
    fs::remove_file(&path).expect("removed");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("written");
    let ran = verify();
    assert_eq!(ran.code, Some(1));
    let wrong: Vec<&str> = ran.stdout.lines().filter(|line| !line.starts_with("ok ")).collect();
    assert!(matches!(wrong[..], [line] if line.contains("fr_pose.onnx")), "{}", ran.stdout);

    // The server does not start with the wrong file, nor without it.
    for missing in [false, true] {
        if missing {
            fs::remove_file(&path).expect("removed");
        }
        let mut serve = Setup::new(&["auto"]).command(&temp.path().join("data"));
        let ran = Ran::of(serve.env("AICP_MODELS_DIR", temp.path()));
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains("fr_pose.onnx"), "{}", ran.stderr);
    }
    assert_eq!(verify().code, Some(1));
}

#[test]
fn settings_are_shown_with_their_source_and_without_secrets() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let file = temp.path().join("aicp.toml");
    let settings = "public_url = \"https://example.com\"\n[recognition]\ntop_n = 5\nthreshold = 0.5\n";
    fs::write(&file, settings).expect("written");
    let mut command = aicp(["config", "show", "--data-dir", "/somewhere", "--config"]);
    command.arg(&file).env("AICP_ADMIN_TOKEN", TOKEN).env("AICP_RECOGNITION__THRESHOLD", "0.25");
    let shown = Ran::successful(&mut command);
    assert!(!shown.stdout.contains(TOKEN) && !shown.stderr.contains(TOKEN), "{}", shown.stdout);
    let line = |name: &str| {
        let start = format!("{name} = ");
        let mut lines = shown.stdout.lines().filter(|line| line.starts_with(&start));
        lines.next().unwrap_or_else(|| panic!("no {name} in {}", shown.stdout)).to_owned()
    };
    for (name, value, source) in [
        ("recognition.threshold", "0.25", "environment"),
        ("data_dir", "\"/somewhere\"", "flag"),
        ("legacy.app_id", "\"legacy\"", "default"),
        ("legacy.autocreate_library", "true", "default"),
        ("quality.threshold", "0.5", "default"),
        ("admin_token", "\"***\"", "environment"),
        ("ort_lib", "(unset)", "default"),
    ] {
        assert_eq!(line(name), format!("{name} = {value}  # {source}"));
    }
    for (name, value) in [("recognition.top_n", "5"), ("public_url", "\"https://example.com\"")] {
        assert!(line(name).starts_with(&format!("{name} = {value}  # ")), "{}", line(name));
        assert!(line(name).contains("aicp.toml"), "{}", line(name));
    }
}

#[test]
fn wrong_settings_are_told_before_a_start() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let file = temp.path().join("aicp.toml");
    let missing = format!("[fetch]\nextra_roots_file = \"{}\"\n", temp.path().join("none.pem").display());
    for (settings, wrong) in [
        ("[recognition]\ntop_n = 1\n", None),
        ("[recognition]\ntop_n = 0\n", Some("recognition.top_n")),
        ("[http]\nsize = 1\n", Some("size")),
        ("listen = [\"0.0.0.0:0\"]\n", Some("legacy.anonymous")),
        (missing.as_str(), Some("fetch.extra_roots_file")),
    ] {
        fs::write(&file, settings).expect("written");
        let ran = Ran::of(aicp(["config", "check", "--config"]).arg(&file));
        assert_eq!(ran.code, Some(if wrong.is_some() { 2 } else { 0 }), "{settings}: {}", ran.stderr);
        assert!(ran.stderr.contains(wrong.unwrap_or_default()), "{settings}: {}", ran.stderr);
        // The settings that are at hand do not matter to those that could be.
        let list = Ran::successful(aicp(["config", "default", "--config"]).arg(&file));
        assert!(list.stdout.contains("\n[recognition]\n"), "{}", list.stdout);
    }
}

#[test]
fn a_data_folder_has_one_server() {
    let server = Setup::new(&["auto"]).start();
    let person = json!({"groupId": "g", "image": base64(&obama())});
    server.anonymous(0).post("/aicp/face/add", &person).data();
    let ran = Ran::of(&mut Setup::new(&["auto"]).command(server.data_dir()));
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("error:"), "{}", ran.stderr);
    // The first server is not affected.
    assert_eq!(server.anonymous(0).post("/aicp/face/recognition", &person).data_text("faceFlag"), "Y");
}

#[test]
fn an_admin_token_is_made_told_once_and_kept() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let start = || {
        let mut command = Setup::new(&["auto"]).command(temp.path());
        command.env_remove("AICP_ADMIN_TOKEN");
        let out = fs::File::create(temp.path().join("stdout")).expect("a file");
        let log = fs::File::create(temp.path().join("stderr")).expect("a file");
        let mut child = command.stdout(out).stderr(log).spawn().expect("the binary starts");
        let read = |name| fs::read_to_string(temp.path().join(name)).expect("a file");
        let mut ended = None;
        wait_until("it is ready", || {
            ended = child.try_wait().expect("a child of ours");
            ended.is_some() || read("stderr").contains("\"ready\"")
        });
        let id = child.id();
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status().expect("sh runs");
        assert!(sent.success(), "the server runs: {}", read("stderr"));
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
        assert!(ended.is_none());
        (read("stdout"), read("stderr"))
    };
    let (told, log) = start();
    let token = told.trim().strip_prefix("admin token: ").unwrap_or_else(|| panic!("{told:?}")).to_owned();
    assert!(token.len() >= 16 && !log.contains(&token));
    assert_eq!(start().0, "", "it is told once");
    let server = Setup::new(&["micro"]).env("AICP_ADMIN_TOKEN", token.clone()).data_dir(temp.path()).start();
    server.anonymous(0).with_token(&token).post("/aicp/face/queryBaseAll", &json!({})).data();
    assert_eq!(fs::read_to_string(temp.path().join("admin-token")).map(|t| t.trim().to_owned()).ok(), Some(token));
}

#[test]
fn the_program_tells_its_version_and_commit() {
    let shown = Ran::successful(&mut aicp(["version", "--json"])).json();
    assert_eq!(shown["version"], env!("CARGO_PKG_VERSION"));
    let text = Ran::successful(&mut aicp(["version"])).stdout;
    let commit = shown["commit"].as_str().expect("a text");
    assert!(text.starts_with(&format!("aicp {}\ncommit: {commit}\n", env!("CARGO_PKG_VERSION"))), "{text}");
    // Not needed to build, and so not there in an archive of the sources.
    if let Ok(head) = Command::new("git").args(["rev-parse", "HEAD"]).output()
        && head.status.success()
    {
        let head = String::from_utf8(head.stdout).expect("UTF-8");
        assert!(head.starts_with(commit) && commit.len() == 12, "{head} {commit}");
    }
}

#[test]
fn shells_complete_the_commands_and_each_command_has_a_page() {
    let script = Ran::successful(&mut aicp(["completions", "bash"])).stdout;
    let run = Command::new("bash").args(["-c", &format!("{script}\ncomplete -p aicp")]).output().expect("bash runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let folder = tempfile::tempdir().expect("a temp dir");
    Ran::successful(aicp(["man"]).arg(folder.path()));
    let page = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    assert!(page("aicp.1").contains(".TH aicp 1"), "{}", page("aicp.1"));
    for (name, option) in
        [("aicp-serve.1", "tls\\-cert"), ("aicp-cert-make.1", "force"), ("aicp-app-add-key.1", "kind")]
    {
        assert!(page(name).contains(option), "{name}: {}", page(name));
    }
}
