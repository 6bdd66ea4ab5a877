use aicp_dialects::aicp::Chapter;

use aicp_platform::{SettingRules, StoredSettings};

use super::*;

#[test]
fn listeners_are_read_with_and_without_a_dialect() {
    let listen: Listen = "127.0.0.1:9012".parse().expect("an address");
    assert_eq!(listen.service, Service::Calls(Listener::Auto));
    let listen: Listen = "[::1]:8090=legacy".parse().expect("an address");
    assert_eq!((listen.address.port(), listen.service), (8090, Service::Calls(Listener::Legacy)));
    assert_eq!(listen.to_string(), "[::1]:8090=legacy");
    let listen: Listen = "0.0.0.0:9013=metrics+plain".parse().expect("an address");
    assert_eq!((listen.service, listen.is_open_for_calls()), (Service::Metrics, false));
    assert_eq!(listen.to_string(), "0.0.0.0:9013=metrics+plain");
    for wrong in ["", "9012", "localhost:9012", "127.0.0.1:9012=old"] {
        assert!(wrong.parse::<Listen>().is_err(), "{wrong}");
    }
}

fn load(toml: &str) -> Result<Loaded> {
    let file = tempfile::NamedTempFile::new().expect("temp file");
    std::fs::write(file.path(), toml).expect("write");
    Config::load(Some(file.path()), &Flags::default())
}

fn listed(loaded: &Loaded, only_differences: bool) -> String {
    loaded.list(&loaded.config, &[], only_differences).expect("a list").join("\n")
}

#[test]
fn a_file_overrides_defaults_and_wrong_settings_are_named() {
    let loaded = load("public_url = \"https://example.com\"\n[recognition]\nthreshold = 0.7\n").expect("loads");
    assert_eq!(loaded.config.recognition.threshold, 0.7);
    assert_eq!(loaded.config.recognition.top_n, 1);
    for (toml, name) in [
        ("nonsense = 1", "nonsense"),
        ("[recognition]\nthreshold = 1.5", "recognition.threshold"),
        ("[recognition]\ntop_n = 0", "recognition.top_n"),
        ("[recognition]\nfpir = 0.0", "recognition.fpir"),
        ("listen = [\"nowhere\"]", "nowhere"),
        ("public_url = \"faces\"", "public_url"),
        ("admin_token = \" \"", "admin_token"),
        ("[statistics]\nzone = \"Moon\"", "Moon"),
        ("[authorization.capabilities]\nC1 = [\"everything\"]", "everything"),
        ("[engines]\ndefault = \"koala\"", "engines.default"),
        ("[engines.koala]\nurl = \"ftp://h\"", "engines.koala"),
        ("[engines.koala.remote]\nthreshold = 80", "engines.koala.remote.threshold"),
        ("[engines.cloudwalk.remote]\ntimeout_ms = 0", "engines.cloudwalk.remote.timeout_ms"),
        ("[outbox]\ninterval_s = 0", "outbox.interval_s"),
        ("[http]\ntrusted_proxies = [\"proxy\"]", "trusted_proxies"),
        ("[http]\ntrusted_proxies = [\"10.0.0.1/8\"]", "trusted_proxies"),
        ("[http]\ntrusted_proxies = [\"10.0.0.1\"]\nproxy_hops = 1", "http.proxy_hops"),
        ("[http]\nproxy_protocol = true\nproxy_hops = 1", "http.proxy_hops"),
        ("[tracing]\notlp_endpoint = \"collector:4317\"", "tracing.otlp_endpoint"),
        ("[tracing]\nsample_ratio = 1.5", "tracing.sample_ratio"),
        ("[legacy]\nopen_chapters = [\"6\"]", "8.7, 9, 11"),
        ("[tencent_im]\nallow_type = \"Anybody\"", "allow_type"),
    ] {
        let message = load(toml).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(message.contains(name), "{toml}: {message}");
    }
}

#[test]
fn anonymous_calls_from_the_network_must_be_set_explicitly() {
    let open = "listen = [\"0.0.0.0:9012\"]\n";
    let unset = load(open).expect("only serving is refused");
    assert!(matches!(unset.config.refuse_open_network(), Err(Error::AnonymousOnNetwork(_))));
    let on = load(&format!("{open}[legacy]\nanonymous = true\n")).expect("set on purpose");
    assert!(on.config.legacy.is_anonymous());
    assert!(on.config.refuse_open_network().is_ok());
    let off = load(&format!("{open}[legacy]\nanonymous = false\n")).expect("switched off");
    assert!(!off.config.legacy.is_anonymous());
}

#[test]
fn chapters_are_opened_by_number_or_text() {
    let opened = |value: &str| {
        let loaded = load(&format!("[legacy]\nopen_chapters = {value}")).unwrap_or_else(|e| panic!("{value}: {e}"));
        loaded.config.legacy.open_chapters
    };
    let all = [Chapter::AllCalls, Chapter::FaceApi, Chapter::HighAvailability];
    for value in [r#"["8.7", "9", "11"]"#, "[8.7, 9, 11]", r#""8.7, 9,11""#] {
        assert_eq!(opened(value), all, "{value}");
    }
    assert_eq!(opened("9"), [Chapter::FaceApi]);
    assert_eq!(opened("[]"), []);
    assert_eq!(opened(r#""""#), []);
}

#[test]
fn digits_are_text_and_a_wrong_token_is_not_shown() {
    let loaded = load("admin_token = 1234567890123456\n[legacy]\napp_id = 10001\n").expect("loads");
    assert_eq!(loaded.config.legacy.app_id, "10001");
    assert_eq!(loaded.config.admin_token.as_ref().map(Secret::reveal), Some("1234567890123456"));
    let message = load("admin_token = [123456789]").err().map(|e| e.to_string()).unwrap_or_default();
    assert!(message.contains("a text is wanted") && !message.contains("123456789"), "{message}");
}

#[test]
fn secrets_are_masked() {
    let loaded = load("admin_token = \"a-very-secret-token\"").expect("loads");
    let shown = listed(&loaded, false);
    assert!(shown.contains("admin_token = \"***\""), "{shown}");
    assert!(!shown.contains("a-very-secret-token"));
    assert!(!format!("{:?}", loaded.config).contains("a-very-secret-token"));
}

#[test]
fn the_default_file_holds_every_setting_and_changes_none() {
    let file = default_file().expect("a file");
    let loaded = load(&file).expect("loads");
    assert_eq!(listed(&loaded, true), "");
    for setting in Config::list() {
        let name = setting.name.rsplit('.').next().expect("a name");
        let (value, unset) = (format!("\n{name} = "), format!("\n# {name} is unset."));
        assert!(file.contains(&value) || file.contains(&unset), "{}", setting.name);
        assert!(!setting.doc.is_empty(), "{}", setting.name);
    }
}

#[test]
fn differences_are_listed_with_their_source() {
    let toml = "admin_token = \"a-very-secret-token\"\n[recognition]\ntop_n = 5\nthreshold = 0.8\n";
    let shown = listed(&load(toml).expect("loads"), true);
    let names: Vec<_> = shown.lines().filter_map(|line| line.split(" = ").next()).collect();
    assert_eq!(names, ["admin_token", "recognition.top_n"], "{shown}");
    assert!(!shown.contains("a-very-secret-token"));
}

#[test]
fn no_secret_changes_while_the_server_runs() {
    let toml =
        "admin_token = \"a-secret\"\n[engines.cloudwalk]\nurl = \"http://h/\"\napp_id = \"a\"\napp_secret = \"s\"\n";
    let live = Live::new(load(toml).expect("loads")).expect("settings");
    let all = live.describe(&StoredSettings::new());
    let secrets: Vec<_> = all.iter().filter(|setting| setting.value == "***").collect();
    assert_eq!(
        secrets.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
        ["admin_token", "engines.cloudwalk.app_secret"]
    );
    // Values stand in the history as they are.
    assert!(secrets.iter().all(|setting| !setting.applies_at_once));
}

#[test]
fn patterns_fix_a_setting_or_a_section() {
    let fixed = |pattern: &str, name| {
        load(&format!("[settings]\nfixed = [{pattern:?}]")).map(|it| it.config.settings.fixes(name))
    };
    for (pattern, name, is_fixed) in [
        ("log.*", "log.level", true),
        ("log.level", "log.level", true),
        ("*", "recognition.threshold", true),
        ("engines.*", "engines.koala.url", true),
        ("log.*", "login", false),
        ("log.level", "log.format", false),
    ] {
        assert_eq!(fixed(pattern, name).expect("loads"), is_fixed, "{pattern} {name}");
    }
    for wrong in ["log", "log.le*", "logs.*"] {
        let message = fixed(wrong, "log.level").expect_err("no such setting").to_string();
        assert!(message.contains("settings.fixed"), "{wrong}: {message}");
    }
}

#[test]
fn the_documentation_has_the_table_of_the_program() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");
    let text = std::fs::read_to_string(page).expect("the page");
    let (begin, end) = ("<!-- `aicp config default --markdown` -->\n", "<!-- end -->\n");
    let (_, rest) = text.split_once(begin).expect("the begin of the table");
    let (table, _) = rest.split_once(end).expect("the end of the table");
    assert_eq!(table, markdown_table().expect("a table"), "write it anew: `make settings-table`");
}
