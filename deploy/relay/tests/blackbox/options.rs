//! Flags and environment variables.

use clasp_protocol::{ErrorCode, Message, Qos};

use crate::client::{Client, Event};
use crate::support::{Relay, any_with, run};

#[tokio::test]
async fn help_lists_flags_variables_and_defaults_on_stdout() {
    let help = run(&["--help"], &[]).await;
    assert_eq!(help.code, Some(0));
    assert!(help.stderr.is_empty());
    for part in ["--ws-port", "--port", "CLASP_MAX_SESSIONS", "[default: 7330]", "Exit codes:"] {
        assert!(help.stdout.contains(part), "{part} is missing in {}", help.stdout);
    }
}

#[tokio::test]
async fn version_is_one_line_on_stdout() {
    for flag in ["--version", "-V"] {
        let version = run(&[flag], &[]).await;
        let expected = format!("clasp-relay {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!((version.code, version.stdout), (Some(0), expected));
    }
}

#[tokio::test]
async fn mistakes_are_told_on_stderr_with_code_2() {
    let mistakes: [&[&str]; 9] = [
        &["--nope"],
        &["stray"],
        &["--ws-port", "70000"],
        &["--max-sessions", "many"],
        &["--max-sessions=-1"],
        &["--name"],
        &["--name", "a", "--name", "b"],
        &["--host", "localhost:80"],
        &["--ack", "never"],
    ];
    for arguments in mistakes {
        let ended = run(arguments, &[]).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.stdout.is_empty(), "{ended:?}");
        let named = arguments[0].split('=').next().unwrap();
        assert!(ended.stderr.contains(named), "{arguments:?}: {ended:?}");
    }
}

#[tokio::test]
async fn a_bad_variable_is_named() {
    let ended = run(&[], &[("CLASP_DRAIN_TIMEOUT", "soon")]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("CLASP_DRAIN_TIMEOUT"), "{ended:?}");
    assert!(ended.stderr.contains("--drain-timeout"), "{ended:?}");
}

async fn name_in_welcome(relay: &Relay) -> String {
    let mut client = Client::connect(relay.address).await;
    client.hello().await;
    let welcome = client.next().await;
    let Message::Welcome(welcome) = welcome.message() else { panic!("{welcome:?}") };
    welcome.name.into_owned()
}

#[tokio::test]
async fn an_option_comes_from_its_variable_and_a_flag_wins() {
    let environment = [("CLASP_NAME", "From outside"), ("CLASP_HEALTH_PORT", "")];
    let relay = Relay::start_in(&[], &environment).await;
    assert_eq!(name_in_welcome(&relay).await, "From outside");
    let relay = Relay::start_in(&["-n", "From the flag"], &environment).await;
    assert_eq!(name_in_welcome(&relay).await, "From the flag");
}

#[tokio::test]
async fn every_spelling_of_the_port_is_one_option() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for flag in ["-p", "--port", "--ws-port"] {
        let ended = run(&["--host", "127.0.0.1", flag, &port], &[]).await;
        assert!(ended.stdout.contains(&format!("127.0.0.1:{port}")), "{flag}: {ended:?}");
    }
    let variables = [("CLASP_WS_PORT", port.as_str()), ("CLASP_HOST", "127.0.0.1")];
    let ended = run(&[], &variables).await;
    assert!(ended.stdout.contains(&format!("127.0.0.1:{port}")), "{ended:?}");
}

#[tokio::test]
async fn what_published_set_ups_pass_in_addition_is_ignored_with_a_warning() {
    let relay = Relay::start(&["--features", "full"]).await;
    let (code, log) = relay.stop().await;
    assert_eq!(code, Some(0));
    assert!(any_with(&log, "--features full"), "{log:#?}");
}

#[tokio::test]
async fn ack_always_acknowledges_a_request_that_did_not_ask() {
    let quiet = Relay::start(&[]).await;
    let mut client = Client::join(quiet.address).await;
    client.set("/a", 1).await;
    assert!(client.is_served().await);
    client.set_with("/a", 2, Qos::Confirm).await;
    assert!(matches!(client.next().await.message(), Message::Ack(_)));

    let loud = Relay::start(&["--ack", "always"]).await;
    let mut client = Client::join(loud.address).await;
    client.set("/a", 1).await;
    assert!(matches!(client.next().await.message(), Message::Ack(_)));
}

#[tokio::test]
async fn get_missing_chooses_the_answer_to_a_missing_param() {
    for (choice, expected) in [("error", "ERROR 201"), ("silent", "PONG"), ("null", "SNAPSHOT")] {
        let relay = Relay::start(&["--get-missing", choice]).await;
        let mut client = Client::join(relay.address).await;
        client.get("/missing").await;
        client.send(&Message::Ping, Qos::Fire).await;
        let answer = client.next().await;
        let told = match answer.message() {
            Message::Error(error) => format!("ERROR {}", error.code),
            Message::Snapshot(_) => "SNAPSHOT".into(),
            Message::Pong => "PONG".into(),
            other => panic!("{other:?}"),
        };
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn initial_snapshot_may_be_empty_or_depend_on_the_number_of_params() {
    for (choice, expected) in [("full", 2), ("empty", 0), ("2", 2), ("1", 0)] {
        let relay = Relay::start(&["--initial-snapshot", choice]).await;
        let mut writer = Client::join(relay.address).await;
        writer.set("/a", 1).await;
        writer.set("/b", 2).await;
        assert!(writer.is_served().await);
        let mut reader = Client::connect(relay.address).await;
        reader.hello().await;
        assert!(matches!(reader.next().await.message(), Message::Welcome(_)));
        let snapshot = reader.next().await;
        let Message::Snapshot(snapshot) = snapshot.message() else { panic!("{snapshot:?}") };
        assert_eq!(snapshot.params.len(), expected, "{choice}");
    }
}

#[tokio::test]
async fn a_full_store_refuses_new_params_when_told_to() {
    let relay = Relay::start(&["--max-params", "1", "--when-full", "reject"]).await;
    let mut client = Client::join(relay.address).await;
    client.set("/a", 1).await;
    client.set("/b", 2).await;
    let refusal = client.next().await;
    let Message::Error(error) = refusal.message() else { panic!("{refusal:?}") };
    assert_eq!(error.code, ErrorCode::Overloaded as u16);
}

#[tokio::test]
async fn messages_beyond_the_rate_are_refused() {
    let relay = Relay::start(&["--max-messages-per-second", "2"]).await;
    let mut client = Client::join(relay.address).await;
    for value in 0..20 {
        client.set("/a", value).await;
    }
    let refusal = client.next().await;
    let Message::Error(error) = refusal.message() else { panic!("{refusal:?}") };
    assert_eq!(error.code, ErrorCode::TooManyRequests as u16);
}

#[tokio::test]
async fn only_the_listed_origins_may_connect_and_programs_always() {
    let origins = ["--origin", "https://a.example", "--origin", "https://b.example"];
    let relay = Relay::start(&origins).await;
    for origin in ["https://a.example", "https://b.example"] {
        assert!(Client::try_connect(relay.address, Some(origin)).await.is_ok(), "{origin}");
    }
    assert!(Client::try_connect(relay.address, Some("https://c.example")).await.is_err());
    assert!(Client::try_connect(relay.address, None).await.is_ok());

    let listed = [("CLASP_ORIGIN", "https://a.example,https://b.example")];
    let relay = Relay::start_in(&[], &listed).await;
    assert!(Client::try_connect(relay.address, Some("https://b.example")).await.is_ok());
    assert!(Client::try_connect(relay.address, Some("https://c.example")).await.is_err());
}

#[tokio::test]
async fn an_expired_param_is_told_as_null_when_asked_for() {
    let relay = Relay::start(&["--param-ttl", "1", "--notify-expiry"]).await;
    let mut client = Client::join(relay.address).await;
    client.subscribe_all().await;
    client.set("/a", 1).await;
    for expected in [false, true] {
        let event: Event = client.next().await;
        let Message::Set(set) = event.message() else { panic!("{event:?}") };
        assert_eq!(set.value.kind() == clasp_protocol::ValueKind::Null, expected);
    }
}
