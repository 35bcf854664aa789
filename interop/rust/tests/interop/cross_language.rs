//! Values set by each published client arrive with their type at the other two.
//!
//! Needs `npm ci` done in `js/`, and a Python with `python/requirements.txt` installed, named by
//! `CLASP_INTEROP_PYTHON` unless it is `python3`.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use clasp_client::prelude::Value;
use clasp_interop::{Relay, connect, listen, within};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const LANGUAGES: [&str; 3] = ["js", "python", "rust"];
const KINDS: [&str; 8] = ["int", "float", "string", "bool", "null", "bytes", "array", "map"];

type Heard = BTreeMap<String, String>;

fn value_of(kind: &str) -> Value {
    let array = |items: &[Value]| Value::Array(items.to_vec());
    match kind {
        "int" => Value::Int(7),
        "float" => Value::Float(0.5),
        "string" => Value::from("hé"),
        "bool" => Value::Bool(true),
        "null" => Value::Null,
        "bytes" => Value::Bytes(vec![0x01, 0xFF]),
        "array" => array(&[Value::Int(7), Value::from("x"), Value::Null]),
        _ => Value::Map(HashMap::from([("k".to_owned(), array(&[Value::Float(0.5)]))])),
    }
}

fn describe(value: &Value) -> String {
    let joined = |parts: Vec<String>| parts.join(" ");
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("bool:{value}"),
        Value::Int(value) => format!("int:{value}"),
        Value::Float(value) => format!("float:{value}"),
        Value::String(value) => format!("string:{value}"),
        Value::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("bytes:{hex}")
        }
        Value::Array(items) => format!("[{}]", joined(items.iter().map(describe).collect())),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, item)| format!("{key}={}", describe(item)));
            format!("{{{}}}", joined(entries.collect()))
        }
    }
}

/// JavaScript has one number type: it sends floats only and cannot tell them apart.
fn expected(receiver: &str) -> Heard {
    let mut all = Heard::new();
    for sender in LANGUAGES {
        for kind in KINDS {
            let mut description = describe(&value_of(kind));
            if sender == "js" {
                description = description.replace("int:", "float:");
            }
            if receiver == "js" {
                description = description.replace("int:", "number:").replace("float:", "number:");
            }
            all.insert(format!("/from/{sender}/{kind}"), description);
        }
    }
    all
}

fn peer(program: &OsStr, script: &str, relay: &Relay) -> Child {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Command::new(program)
        .arg(folder.join(script))
        .arg(relay.url())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|e| panic!("cannot start {}: {e}", program.display()))
}

async fn reported(peer: &mut Child, script: &str) -> Heard {
    let mut heard = Heard::new();
    let mut lines = BufReader::new(peer.stdout.take().expect("stdout is piped")).lines();
    while heard.len() < LANGUAGES.len() * KINDS.len() {
        let line = within("a line of a peer", lines.next_line()).await.expect("peers print text");
        let line = line.unwrap_or_else(|| panic!("{script} ended: are its packages installed?"));
        let (address, description) = line.split_once(' ').expect("peers print two words");
        heard.insert(address.to_owned(), description.to_owned());
    }
    heard
}

#[tokio::test]
async fn a_value_of_each_type_from_each_language_arrives_at_the_others() {
    let relay = Relay::start().await;
    let python = env::var_os("CLASP_INTEROP_PYTHON").unwrap_or_else(|| "python3".into());
    let client = connect(&relay).await;
    let mut inbox = listen(&client, "/from/**").await;
    let mut js = peer("node".as_ref(), "js/peer.mjs", &relay);
    let mut python = peer(&python, "python/peer.py", &relay);
    for kind in KINDS {
        client.set(&format!("/from/rust/{kind}"), value_of(kind)).await.expect("set");
    }

    let mut heard = Heard::new();
    while heard.len() < LANGUAGES.len() * KINDS.len() {
        let (address, value) = inbox.next().await;
        heard.insert(address, describe(&value));
    }

    assert_eq!(heard, expected("rust"));
    assert_eq!(reported(&mut js, "js/peer.mjs").await, expected("js"));
    assert_eq!(reported(&mut python, "python/peer.py").await, expected("python"));
}
