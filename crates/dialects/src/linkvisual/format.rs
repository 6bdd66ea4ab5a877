//! Responses as JSON or XML.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::{Serialize, Serializer};

use super::failure::Failure;

/// Tree of values that make up a response.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(Cow<'static, str>),
    Number(i64),
    /// A finite number.
    Real(f32),
    Flag(bool),
    /// A list. Its items are not lists.
    List(Vec<Node>),
    Fields(Vec<(&'static str, Node)>),
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Real(number) => serializer.serialize_f32(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(items) => serializer.collect_seq(items),
            Self::Fields(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, value))),
        }
    }
}

impl Node {
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }
}

/// Format of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Xml,
}

impl Format {
    /// Returns the format of the parameter `Format`, and whether it is supported; an unsupported one falls back to XML.
    ///
    /// The default is JSON for requests with a version 3 signature, otherwise XML.
    pub fn wanted(named: Option<&str>, is_v3: bool) -> (Self, bool) {
        match named {
            None if is_v3 => (Self::Json, true),
            None => (Self::Xml, true),
            Some(format) if format.eq_ignore_ascii_case("JSON") => (Self::Json, true),
            Some(format) => (Self::Xml, format.eq_ignore_ascii_case("XML")),
        }
    }

    fn media_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json;charset=utf-8",
            // SDKs compare the header with exactly this value.
            Self::Xml => "text/xml;charset=utf-8",
        })
    }
}

/// Fields that every response to a request shares.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    pub format: Format,
    /// Name of the action; empty until it is known.
    pub action: &'static str,
    pub request_id: String,
    /// `Host` of the request.
    pub host: String,
}

impl Envelope {
    /// Builds a success response.
    pub fn success(&self, data: Option<Node>) -> Response {
        let mut fields = vec![("RequestId", self.request_id())];
        fields.extend(data.map(|data| ("Data", data)));
        fields.extend([("Code", Node::text("200")), ("Success", Node::Flag(true))]);
        let root = [self.action, "Response"].concat();
        response(StatusCode::OK, self.format, &root, &Node::Fields(fields))
    }

    /// Builds a failure response.
    pub fn failure(&self, failure: Failure) -> Response {
        match failure {
            Failure::Gateway { status, code, message, retry_after_ms } => {
                let fields = vec![
                    ("RequestId", self.request_id()),
                    ("HostId", Node::text(self.host.clone())),
                    ("Code", Node::text(code)),
                    ("Message", Node::text(message)),
                ];
                let mut response = response(status, self.format, "Error", &Node::Fields(fields));
                if let Some(milliseconds) = retry_after_ms {
                    response.headers_mut().insert("x-acs-retry-after", milliseconds.into());
                }
                response
            }
            Failure::Business { code, message } => {
                let fields = vec![
                    ("RequestId", self.request_id()),
                    ("Code", Node::text(code)),
                    ("ErrorMessage", Node::text(message)),
                    ("Success", Node::Flag(false)),
                ];
                let root = [self.action, "Response"].concat();
                response(StatusCode::OK, self.format, &root, &Node::Fields(fields))
            }
        }
    }

    fn request_id(&self) -> Node {
        Node::text(self.request_id.clone())
    }
}

/// Returns the `Host` of a request; empty if it has none.
pub(super) fn host_of(headers: &HeaderMap) -> String {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned()
}

fn response(status: StatusCode, format: Format, root: &str, node: &Node) -> Response {
    let body = match format {
        Format::Json => serde_json::to_vec(node).unwrap_or_default(),
        Format::Xml => {
            let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
            write_xml(&mut text, root, node);
            text.into_bytes()
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, format.media_type());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Writes an element. A list repeats the element for each item, so an empty list writes nothing.
fn write_xml(out: &mut String, name: &str, node: &Node) {
    match node {
        Node::List(items) => {
            for item in items {
                write_xml(out, name, item);
            }
        }
        Node::Text(text) if text.is_empty() => out.extend(["<", name, "/>"]),
        node => {
            out.extend(["<", name, ">"]);
            match node {
                Node::Text(text) => write_xml_text(out, text),
                Node::Fields(fields) => {
                    for (name, value) in fields {
                        write_xml(out, name, value);
                    }
                }
                scalar => write_scalar(out, scalar),
            }
            out.extend(["</", name, ">"]);
        }
    }
}

fn write_xml_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A bare CR would be read as a line feed.
            '\r' => out.push_str("&#13;"),
            // XML 1.0 can't represent these characters.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
}

fn write_scalar(out: &mut String, node: &Node) {
    match node {
        Node::Number(number) => out.push_str(&number.to_string()),
        Node::Real(number) => out.push_str(&number.to_string()),
        Node::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Node::Text(_) | Node::List(_) | Node::Fields(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::params::Params;
    use super::*;
    use proptest::prelude::*;

    fn json(node: &Node) -> String {
        serde_json::to_string(node).expect("it can be written")
    }

    fn xml(node: &Node) -> String {
        let mut out = String::new();
        write_xml(&mut out, "R", node);
        out
    }

    #[test]
    fn one_tree_is_written_both_ways() {
        let item = |n| Node::Fields(vec![("N", Node::Number(n)), ("Tags", Node::List(vec![]))]);
        let tree = Node::Fields(vec![
            ("Name", Node::text("张<三>&\"'\u{1}\u{ffff}\r\n")),
            ("Empty", Node::text("")),
            ("Good", Node::Flag(true)),
            ("Score", Node::Real(0.25)),
            ("List", Node::List(vec![item(1), item(-2)])),
            ("Texts", Node::List(vec![Node::text("a"), Node::text("")])),
        ]);
        assert_eq!(
            json(&tree),
            "{\"Name\":\"张<三>&\\\"'\\u0001\u{ffff}\\r\\n\",\"Empty\":\"\",\"Good\":true,\"Score\":0.25,\
             \"List\":[{\"N\":1,\"Tags\":[]},{\"N\":-2,\"Tags\":[]}],\"Texts\":[\"a\",\"\"]}"
        );
        assert_eq!(
            xml(&tree),
            "<R><Name>张&lt;三&gt;&amp;\"'&#13;\n</Name><Empty/><Good>true</Good><Score>0.25</Score>\
             <List><N>1</N></List><List><N>-2</N></List><Texts>a</Texts><Texts/></R>"
        );
    }

    #[test]
    fn the_format_follows_the_request() {
        for (query, v1, v3) in [
            ("", (Format::Xml, true), (Format::Json, true)),
            ("Format=", (Format::Xml, true), (Format::Json, true)),
            ("Format=JSON", (Format::Json, true), (Format::Json, true)),
            ("Format=json", (Format::Json, true), (Format::Json, true)),
            ("Format=xml", (Format::Xml, true), (Format::Xml, true)),
            ("Format=YAML", (Format::Xml, false), (Format::Xml, false)),
        ] {
            let (params, _) = Params::read(query, None);
            assert_eq!(Format::wanted(params.text("Format"), false), v1, "{query}");
            assert_eq!(Format::wanted(params.text("Format"), true), v3, "{query}");
        }
    }

    proptest! {
        #[test]
        fn json_texts_are_read_back(text in any::<String>()) {
            let written = json(&Node::text(text.clone()));
            prop_assert_eq!(serde_json::from_str::<String>(&written).expect("JSON"), text);
        }

        #[test]
        fn xml_texts_hold_no_markup(text in any::<String>()) {
            let mut written = String::new();
            write_xml_text(&mut written, &text);
            prop_assert!(!written.contains(['<', '>']) && !written.contains("]]>"));
            prop_assert!(written.chars().all(|c| c >= ' ' || c == '\n' || c == '\t'));
            let read = written.replace("&lt;", "<").replace("&gt;", ">").replace("&#13;", "\r").replace("&amp;", "&");
            let kept: String =
                text.chars().filter(|&c| (c >= ' ' || "\t\r\n".contains(c)) && c < '\u{fffe}' || c > '\u{ffff}').collect();
            prop_assert_eq!(read, kept);
        }
    }
}
