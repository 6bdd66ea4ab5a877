//! Wrong input is refused with the dialect's messages and has no effects.

use std::io::Write;

use serde_json::{Value, json};

use crate::fixture::{Server, incoming, objects};
use crate::http::{Answer, coded, connect, plain, read_answer, send};
use crate::pictures::{base64, jpeg, no_face, obama, sample};

const NO_FEATURE: &str = "80018,extract feature decode pictrue! get feature failed";
const UNUSABLE: &str = "Base64编码错误或图片原始数据错误或特征图片都为空";

const OLD_ENROL: &str = "/interactiveability/face/faceentry";
const OLD_RECOGNISE: &str = "/InteractiveAbility/face/FaceRecognition";
const OLD_COMPARE: &str = "/InteractiveAbility/face/personwitnessratio";

/// Starts a server with one library of the admin app; `legacy` has none.
fn server_with_library() -> Server {
    let server = Server::auto();
    server.admin(0).post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    server
}

/// Checks that a server of [`server_with_library`] has only that empty library and still works.
#[track_caller]
fn assert_nothing_written(server: &Server) {
    let (old, new) = (server.anonymous(0), server.admin(0));
    let rows = new.post("/aicp/face/queryBaseAll", &json!({})).data();
    assert_eq!(rows["records"].as_array().map(Vec::len), Some(1), "{rows}");
    let probe = json!({"groupId": "g", "image": base64(&obama())});
    assert_eq!(new.post("/aicp/face/recognition", &probe).data()["records"], json!([]));
    assert_eq!(new.post("/aicp/face/recognitionmn", &probe).data()["records"], json!([[]]));
    assert_eq!(old.post("/aicp/face/recognition", &probe).message(), "人脸库[g]不存在", "no library was made");
    assert!(objects(server.data_dir()).is_empty(), "no picture was kept");
    assert_eq!(incoming(server.data_dir()), 0);
    new.post("/aicp/face/add", &probe).data();
    assert_eq!(new.post("/aicp/face/recognition", &probe).data()["records"].as_array().map(Vec::len), Some(1));
}

/// Sends a picture, as a JSON value, to every operation that takes one, and checks the failures.
#[track_caller]
fn assert_refused(server: &Server, image: &Value) {
    let (old, new) = (server.anonymous(0), server.admin(0));
    let good = base64(&obama());
    let request = json!({"groupId": "g", "image": image, "imageA": good, "imageB": image});
    old.post(OLD_ENROL, &request).assert(200, &coded(NO_FEATURE));
    old.post(OLD_COMPARE, &json!([{"image": image}, {"image": good}])).assert(200, &coded(UNUSABLE));
    old.post("/aicp/face/add", &request).assert(200, &plain(NO_FEATURE));
    old.post("/aicp/face/quality", &request).assert(200, &plain(NO_FEATURE));
    old.post("/aicp/face/couple", &request).assert(200, &plain(UNUSABLE));
    new.post("/aicp/face/add", &request).assert(200, &coded(NO_FEATURE));
    new.post("/aicp/face/quality", &request).assert(200, &coded(NO_FEATURE));
    new.post("/aicp/face/recognitionmn", &request).assert(200, &coded(NO_FEATURE));
    new.post("/aicp/face/recognition", &request).assert(200, &coded(UNUSABLE));
    new.post("/aicp/face/couple", &request).assert(200, &coded(UNUSABLE));
}

/// As [`assert_refused`], for bytes that can't be decoded: detection refuses them, too.
#[track_caller]
fn assert_undecodable(server: &Server, bytes: &[u8]) {
    let image = json!(base64(bytes));
    assert_refused(server, &image);
    server.admin(0).post("/aicp/face/detect", &json!({"image": image})).assert(200, &coded(NO_FEATURE));
}

#[test]
fn what_is_no_base64() {
    let server = server_with_library();
    for image in [
        json!("***"),
        json!("图片"),
        json!("QUJD=QUJD"),
        json!("data:image/jpeg;base64,"),
        json!("http://example.com/a.jpg"),
        json!(""),
        json!(" \n "),
        json!(null),
        json!(1),
        json!(true),
        json!(["x"]),
        json!({"x": 1}),
    ] {
        assert_refused(&server, &image);
        server.admin(0).post("/aicp/face/detect", &json!({"image": image})).assert(200, &coded(NO_FEATURE));
    }
    assert_nothing_written(&server);
}

#[test]
fn what_is_no_picture() {
    let server = server_with_library();
    for bytes in [
        &b"x"[..],
        b"some text\nmore of it\n",
        b"\0\0\0\0",
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        b"\x89PNG\r\n\x1a\n",
        b"BM",
        b"RIFF\0\0\0\0WEBP",
    ] {
        assert_undecodable(&server, bytes);
    }
    assert_undecodable(&server, &vec![0xff; 300_000]);
    assert_undecodable(&server, b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>");
    assert_undecodable(&server, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    assert_nothing_written(&server);
}

#[test]
fn pictures_that_are_cut_off() {
    let server = server_with_library();
    for picture in [obama(), sample("probes/obama_32bit.png")] {
        for percent in [10, 50, 90, 99] {
            assert_undecodable(&server, &picture[..picture.len() * percent / 100]);
        }
    }
    assert_nothing_written(&server);
}

/// Creates a single-colour PNG with one bit per pixel.
fn blank_png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().expect("a header");
    let mut stream = writer.stream_writer().expect("a stream");
    let row = vec![0; width.div_ceil(8) as usize];
    for _ in 0..height {
        stream.write_all(&row).expect("a row");
    }
    stream.finish().expect("all rows");
    writer.finish().expect("an end");
    bytes
}

/// Creates a PNG whose header declares these sides, without pixel data.
fn hollow_png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Sixteen);
    let mut writer = encoder.write_header().expect("a header");
    // An empty zlib stream.
    writer.write_chunk(png::chunk::IDAT, &[0x78, 0x9c, 3, 0, 0, 0, 0, 1]).expect("a chunk");
    drop(writer);
    bytes
}

#[test]
fn pictures_with_too_many_pixels() {
    let server = server_with_library();
    let bomb = blank_png(30_000, 30_000);
    assert!(bomb.len() < 200_000, "{} bytes", bomb.len());
    assert_undecodable(&server, &bomb);
    for (width, height) in [(30_000, 30_000), (u32::MAX >> 1, u32::MAX >> 1), (40_000_001, 1), (5000, 8000)] {
        let hollow = hollow_png(width, height);
        assert!(hollow.len() < 4096);
        assert_undecodable(&server, &hollow);
    }
    assert_nothing_written(&server);
}

#[test]
fn pictures_that_are_long_and_thin_cost_no_more_than_others() {
    const GIB: u64 = 1 << 30;
    let server = server_with_library();
    // All are a few KB and within 40 megapixels. The largest come last: without a memory bound the first ones already
    // fail, and they don't harm the machine.
    for (width, height) in [
        (5000, 8000),
        (200_000, 1),
        (1, 200_000),
        (200_000, 200),
        (2_000_000, 1),
        (1, 2_000_000),
        (40_000_000, 1),
        (1, 40_000_000),
    ] {
        let request = json!({"groupId": "g", "image": base64(&blank_png(width, height))});
        server.admin(0).post("/aicp/face/add", &request).assert(200, &coded(NO_FEATURE));
        let peak = server.peak_memory();
        assert!(peak < GIB, "{width}x{height}: {} MiB", peak >> 20);
    }
    assert_nothing_written(&server);
}

#[test]
fn a_colour_profile_that_unpacks_to_a_lot_costs_nothing() {
    let server = server_with_library();
    let mut info = png::Info::with_size(64, 64);
    info.color_type = png::ColorType::Rgb;
    info.bit_depth = png::BitDepth::Eight;
    info.icc_profile = Some(vec![0; 256 << 20].into());
    let mut bomb = Vec::new();
    let encoder = png::Encoder::with_info(&mut bomb, info).expect("an encoder");
    encoder.write_header().expect("a header").write_image_data(&[200; 64 * 64 * 3]).expect("pixels");
    assert!(bomb.len() < 1 << 20, "{} bytes", bomb.len());
    let before = server.peak_memory();
    let request = json!({"groupId": "g", "image": base64(&bomb)});
    server.admin(0).post("/aicp/face/add", &request).assert(200, &coded(NO_FEATURE));
    let more = server.peak_memory() - before;
    assert!(more < 128 << 20, "{} MiB", more >> 20);
}

#[test]
fn pictures_without_a_face() {
    let server = server_with_library();
    let dot = jpeg(&image::RgbImage::new(1, 1));
    for picture in [no_face(), dot, blank_png(1, 1), blank_png(1, 4000), blank_png(4000, 1)] {
        let image = json!(base64(&picture));
        assert_refused(&server, &image);
        let records = server.admin(0).post("/aicp/face/detect", &json!({"image": image})).data()["records"].take();
        assert_eq!(records, json!([[]]));
    }
    // The largest picture that is allowed.
    let image = json!(base64(&blank_png(5000, 8000)));
    let records = server.admin(0).post("/aicp/face/detect", &json!({"image": image})).data()["records"].take();
    assert_eq!(records, json!([[]]));
    assert_nothing_written(&server);
}

#[test]
fn pictures_that_are_too_large() {
    let server = server_with_library();
    let large = "A".repeat((2 << 20) + 4);
    let text = "图片大小超过2M";
    let (old, new) = (server.anonymous(0), server.admin(0));
    let request = json!({"groupId": "g", "image": large, "imageA": large, "imageB": base64(&obama())});
    old.post(OLD_ENROL, &request).assert(200, &coded(text));
    old.post("/aicp/face/add", &request).assert(200, &plain(text));
    for path in ["add", "recognition", "couple", "quality", "detect", "recognitionmn"] {
        new.post(&format!("/aicp/face/{path}"), &request).assert(200, &coded(text));
    }
    assert_nothing_written(&server);
}

#[test]
fn fields_that_are_wrong() {
    let server = server_with_library();
    let (old, new) = (server.anonymous(0), server.admin(0));
    let image = base64(&obama());
    for (request, text) in [
        (json!({"image": image}), "groupId不能为空"),
        (json!({"groupId": "", "image": image}), "groupId不能为空"),
        (json!({"groupId": " \u{3000}", "image": image}), "groupId不能为空"),
        (json!({"groupId": [], "image": image}), "groupId格式错误"),
        (json!({"groupId": true, "image": image}), "groupId格式错误"),
        (json!({"groupId": "g", "image": image, "sex": "x"}), "sex格式错误"),
        (json!({"groupId": "g", "image": image, "birthday": {}}), "birthday格式错误"),
        (json!({"groupId": "g", "image": image, "name": []}), "name格式错误"),
        (json!({"groupId": "g", "image": image, "birthday": 1e300}), "birthday格式错误"),
        (json!({"groupId": "g", "image": image, "birthday": "99999999999999999999"}), "birthday格式错误"),
    ] {
        old.post(OLD_ENROL, &request).assert(200, &coded(text));
        old.post("/aicp/face/add", &request).assert(200, &plain(text));
        new.post("/aicp/face/add", &request).assert(200, &coded(text));
    }
    let unknown = json!({"groupId": "unknown", "image": image});
    for path in ["add", "recognition", "recognitionmn"] {
        new.post(&format!("/aicp/face/{path}"), &unknown).assert(200, &coded("人脸库[unknown]不存在"));
    }
    old.post(OLD_RECOGNISE, &unknown).assert(200, &coded("人脸库[unknown]不存在"));
    assert_nothing_written(&server);
}

#[test]
fn removals_that_are_wrong() {
    let server = server_with_library();
    let api = server.admin(0);
    let probe = json!({"groupId": "g", "image": base64(&obama())});
    let person = api.post("/aicp/face/add", &probe).data_text("personNo");
    // The curl sample of 7.2 has no userId; nothing is removed.
    api.post("/aicp/face/remove", &json!({"groupId": "g"})).assert(200, &coded("userId不能为空"));
    for user in [json!(""), json!(" "), json!(null)] {
        api.post("/aicp/face/remove", &json!({"groupId": "g", "userId": user})).assert(200, &coded("userId不能为空"));
    }
    for user in ["%", "*", "0", "' OR 1=1 --", &person[..31], &person.to_uppercase()] {
        if user != person {
            let text = format!("人脸库[g]删除人脸[{user}]错误,错误信息[人脸不存在]");
            api.post("/aicp/face/remove", &json!({"groupId": "g", "userId": user})).assert(200, &coded(&text));
        }
    }
    api.post("/aicp/face/deleteBase", &json!({"groupId": "%"})).assert(200, &coded("服务端报错"));
    api.post("/aicp/face/deleteBase", &json!({"groupId": ""})).assert(200, &coded("服务端报错"));
    assert_eq!(api.post("/aicp/face/recognition", &probe).data()["records"][0]["personNo"], json!(person));
}

#[test]
fn bodies_that_are_no_json() {
    let server = server_with_library();
    let good = json!({"groupId": "g", "image": base64(&obama())}).to_string();
    let mut cut = good.clone();
    cut.truncate(good.len() / 2);
    for body in
        ["", "{", "}", &cut, &good.replace(':', "="), &format!("{good}{good}"), "\u{feff}", "groupId=g&image=x", "null"]
    {
        server.anonymous(0).post_bytes(OLD_ENROL, body.as_bytes()).assert(400, &coded("请求格式错误"));
        server.anonymous(0).post_bytes("/aicp/face/add", body.as_bytes()).assert(400, &plain("请求格式错误"));
        server.admin(0).post_bytes("/aicp/face/add", body.as_bytes()).assert(400, &coded("请求格式错误"));
    }
    assert_nothing_written(&server);
}

/// Encodes a body in HTTP/1.1 chunks.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + body.len() / 1000);
    for chunk in body.chunks(64 << 10) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

#[test]
fn bodies_that_are_too_large_are_answered_not_cut_off() {
    let server = server_with_library();
    let address = server.addresses()[0];
    let body = json!({"groupId": "g", "image": base64(&obama()), "x": "A".repeat(10 << 20)}).to_string();
    let text = "请求体过大";
    for _ in 0..3 {
        server.anonymous(0).post_bytes(OLD_ENROL, body.as_bytes()).assert(413, &coded(text));
        server.anonymous(0).post_bytes("/aicp/face/add", body.as_bytes()).assert(413, &plain(text));
        server.admin(0).post_bytes("/aicp/face/add", body.as_bytes()).assert(413, &coded(text));
        let headers = [("Transfer-Encoding", "chunked"), ("Content-Type", "application/json")];
        server
            .anonymous(0)
            .send("POST", "/aicp/face/add", &headers, &chunked(body.as_bytes()))
            .assert(413, &plain(text));
        server.admin(0).send("POST", "/aicp/face/add", &headers, &chunked(body.as_bytes())).assert(413, &coded(text));
    }
    // A client that sends `Expect: 100-continue` is answered before it sends the body.
    let mut stream = connect(address).expect("it listens");
    let head = "POST /aicp/face/add HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    write!(stream, "{head}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", body.len()).expect("it is sent");
    read_answer(stream, "POST").expect("an answer").assert(413, &plain(text));
    // A small chunked body is accepted.
    let small = json!({"groupId": "h", "userId": "1"}).to_string();
    send(address, "POST", "/aicp/face/query", &[("Transfer-Encoding", "chunked")], &chunked(small.as_bytes()))
        .expect("an answer")
        .assert(200, &plain("查询人脸错误,错误信息[record not found]"));
    assert_nothing_written(&server);
}

#[test]
fn refusals_before_the_body_are_answered_not_cut_off() {
    // Ordinary clients send the whole request before they read. If the server closes early, they report a broken
    // connection instead of the response.
    let server = server_with_library();
    let body = json!({"groupId": "g", "image": base64(&obama()), "x": "A".repeat(2 << 20)}).to_string();
    let (old, wrong) = (server.anonymous(0), server.anonymous(0).with_token("wrong"));
    let json_type = [("Content-Type", "application/json")];
    let ok = |answer: Answer, status: u16, body: String| answer.assert(status, &body);
    for _ in 0..5 {
        ok(wrong.post_bytes("/aicp/face/add", body.as_bytes()), 401, coded("token无效"));
        ok(wrong.post_bytes(OLD_ENROL, body.as_bytes()), 401, coded("token无效"));
        ok(old.post_bytes("/aicp/face/detect", body.as_bytes()), 401, coded("token不能为空"));
        ok(old.post_bytes("/aicp/face/nothing", body.as_bytes()), 404, coded("接口不存在"));
        ok(old.post_bytes("/nothing", body.as_bytes()), 404, plain("接口不存在"));
        ok(old.send("PUT", "/aicp/face/add", &json_type, body.as_bytes()), 405, plain("请求方法不支持"));
        let text_type = [("Content-Type", "text/plain")];
        ok(old.send("POST", "/aicp/face/add", &text_type, body.as_bytes()), 415, plain("请求类型不支持"));
    }
    assert_nothing_written(&server);
}

#[test]
fn connections_that_break_off_leave_nothing() {
    let server = server_with_library();
    let body = json!({"groupId": "g", "image": base64(&obama())}).to_string();
    for sent in [0, 1, body.len() / 2, body.len() - 1] {
        let mut stream = connect(server.addresses()[0]).expect("it listens");
        let head = "POST /aicp/face/add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        write!(stream, "{head}Content-Length: {}\r\n\r\n", body.len()).expect("it is sent");
        stream.write_all(&body.as_bytes()[..sent]).expect("it is sent");
        stream.shutdown(std::net::Shutdown::Write).expect("half closed");
        // The response does not matter, but the connection must end.
        let answer = read_answer(stream, "POST");
        assert!(answer.as_ref().map_or(true, |answer| answer.status == 400), "{answer:?}");
    }
    assert_nothing_written(&server);
}
