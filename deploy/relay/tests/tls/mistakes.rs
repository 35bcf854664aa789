//! Files and options that cannot be served with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use rcgen::date_time_ymd;

use crate::authority::{Authority, strs, write};
use crate::support::{Ended, Relay, any_with, run};

async fn start(arguments: &[String]) -> Ended {
    let free = ["--host", "127.0.0.1", "--ws-port", "0"];
    run(&[&strs(arguments)[..], &free].concat(), &[]).await
}

/// Asserts exit code 1 and one last line that holds all `parts`, and no secret.
fn assert_refused(ended: &Ended, parts: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let output = format!("{}{}", ended.stdout, ended.stderr);
    let last = output.lines().last().unwrap();
    for part in parts {
        assert!(last.contains(part), "{part}: {last}");
    }
    assert!(!output.contains("BEGIN") && !output.contains("MIGHAgEAMBMG"), "{output}");
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused() {
    let authority = Authority::new();
    let arguments = authority.arguments("first");
    fs::write(authority.file("key.pem"), authority.issue("other", |_| {}).key).unwrap();
    let parts = [&authority.file("key.pem"), "is not the key of", &authority.file("cert.pem")];
    assert_refused(&start(&arguments).await, &parts);
}

#[tokio::test]
async fn absent_and_unusable_files_are_named() {
    let authority = Authority::new();
    let arguments = authority.arguments("first");
    let (cert, key) = (authority.file("cert.pem"), authority.file("key.pem"));
    let good = (fs::read_to_string(&cert).unwrap(), fs::read_to_string(&key).unwrap());
    for (path, flag, text) in [
        (&cert, "--cert", None),
        (&cert, "--cert", Some("")),
        (&cert, "--cert", Some("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")),
        (&cert, "--cert", Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
        (&cert, "--cert", Some(&good.1)),
        (&key, "--key", None),
        (&key, "--key", Some("nothing")),
        (&key, "--key", Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")),
        (&key, "--key", Some(&good.0)),
    ] {
        write(cert.as_ref(), &good.0);
        write(key.as_ref(), &good.1);
        match text {
            Some(text) => write(path.as_ref(), text),
            None => fs::remove_file(path).unwrap(),
        }
        assert_refused(&start(&arguments).await, &[path, flag]);
    }
}

#[tokio::test]
async fn a_key_with_a_passphrase_says_so() {
    let authority = Authority::new();
    let arguments = authority.arguments("first");
    let text = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    fs::write(authority.file("key.pem"), text).unwrap();
    assert_refused(&start(&arguments).await, &["passphrase"]);
}

#[tokio::test]
async fn a_key_that_others_can_read_needs_a_word() {
    let authority = Authority::new();
    let mut arguments = authority.arguments("first");
    let key = authority.file("key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let parts = [&key, "0644", "--insecure-permissions"];
    assert_refused(&start(&arguments).await, &parts);
    arguments.push("--insecure-permissions".into());
    Relay::start(&strs(&arguments)).await;
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_served_with_a_warning() {
    let authority = Authority::new();
    let arguments = authority.arguments("first");
    for (from, until, warning) in [
        ((2001, 1, 1), (2002, 2, 3), "expired on 2002-02-03T00:00:00Z"),
        ((2120, 1, 1), (2121, 1, 1), "not valid before 2120-01-01T00:00:00Z"),
    ] {
        authority.install(&authority.issue("untimely", |params| {
            params.not_before = date_time_ymd(from.0, from.1, from.2);
            params.not_after = date_time_ymd(until.0, until.1, until.2);
        }));
        let (code, log) = Relay::start(&strs(&arguments)).await.stop().await;
        assert_eq!(code, Some(0));
        assert!(any_with(&log, warning), "{log:#?}");
    }
}

#[tokio::test]
async fn halves_of_the_options_are_mistakes() {
    for arguments in
        [&["--cert", "cert.pem"][..], &["--key", "key.pem"], &["--client-ca", "root.pem"]]
    {
        let ended = run(arguments, &[]).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
    }
    let alone = start(&["--tls-only".to_owned()]).await;
    assert_refused(&alone, &["--tls-only", "--cert", "--key"]);
}

#[tokio::test]
async fn the_doctor_tells_of_a_certificate_that_ends_soon_or_has_ended() {
    let authority = Authority::new();
    let day = Duration::from_secs(24 * 60 * 60);
    let now = SystemTime::now();
    for (end, grade, text, code) in [
        (now + day * 5, "warn", "days are left: renew it", 0),
        (now + day / 2, "FAIL", "ends today", 1),
        (now - day, "FAIL", "renew it", 1),
    ] {
        let issued = authority.issue("short", |params| params.not_after = end.into());
        authority.install(&issued);
        let files = [("--cert", "cert.pem"), ("--key", "key.pem")];
        let files = files.map(|(flag, name)| format!("{flag}={}", authority.file(name)));
        let arguments = ["doctor", "--ws-port=0", "--max-sessions=10", &files[0], &files[1]];
        let told = run(&arguments, &[]).await;
        let line = told.stdout.lines().find(|line| line.contains("  certificate ")).unwrap();
        assert!(line.starts_with(grade) && line.contains(text), "{line}");
        assert_eq!(told.code, Some(code), "{told:?}");
    }
}
