//! A disk that is full, and one that has gone: what is promised is refused, everything else goes
//! on, and it heals by itself.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clasp_protocol::message::Set;
use clasp_protocol::{Message, Qos, RawValue};

use crate::client::{Client, decoded, state};
use crate::folder::{Folder, strs};
use crate::http::get;
use crate::support::{Relay, run, soon};

/// A small disk of its own, gone at the end.
struct SmallDisk {
    folder: Folder,
}

impl SmallDisk {
    /// `None`, with the reason printed, where nobody may mount anything.
    fn mount() -> Option<Self> {
        let folder = Folder::new();
        let arguments = ["-t", "tmpfs", "-o", "size=1m", "tmpfs"];
        match Command::new("mount").args(arguments).arg(folder.path()).output() {
            Ok(output) if output.status.success() => Some(Self { folder }),
            Ok(output) => {
                println!("skipped: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                println!("skipped: mount cannot be run: {error}");
                None
            }
        }
    }

    fn grow(&self) {
        self.remount("size=64m");
    }

    fn remount(&self, option: &str) {
        let options = format!("remount,{option}");
        let changed = Command::new("mount").args(["-o", &options]).arg(self.folder.path()).status();
        assert!(changed.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

/// Waits until readiness is as wanted, on both pages.
async fn ready(relay: &Relay, wanted: u16) {
    let health = relay.page("health").await;
    let told = async {
        loop {
            let pages = [get(health, "/readyz").await, get(relay.address, "/readyz").await];
            if pages.iter().all(|page| page.status == wanted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("readiness to change", told).await;
}

fn is_error(payload: &[u8]) -> bool {
    matches!(decoded(payload), Message::Error(_))
}

/// Writes with this QoS until the relay refuses; how many writes it confirmed before.
async fn fill(client: &mut Client, qos: Qos) {
    let long = "x".repeat(4_000);
    let refused = async {
        for number in 0.. {
            let value = RawValue::str(&long).unwrap();
            let address = format!("/fill/{}", number % 20);
            client.send(&Message::Set(Set::new(address, value)), qos).await;
            let answers = client.sync().await;
            if let Some(error) = answers.iter().find(|payload| is_error(payload)) {
                let Message::Error(error) = decoded(error) else { unreachable!() };
                assert!(error.message.contains("cannot be stored"), "{error:?}");
                return;
            }
        }
    };
    soon("a refusal", refused).await;
}

#[tokio::test]
async fn the_doctor_fails_a_disk_without_room_and_warns_of_one_with_little() {
    let Some(disk) = SmallDisk::mount() else { return };
    let path = disk.folder.path().display().to_string();
    let journal = format!("--journal={path}/journal.db");
    let arguments = ["doctor", "--ws-port=0", "--max-sessions=10", &journal];
    let told = run(&arguments, &[]).await;
    let subject = format!("disk of {path}");
    let line = |told: &str| told.lines().find(|line| line.contains(&subject)).unwrap().to_owned();
    let found = line(&told.stdout);
    assert!(found.starts_with("FAIL") && found.contains("make room"), "{found}");
    assert_eq!(told.code, Some(1), "{told:?}");
    disk.remount("size=128m");
    let told = run(&arguments, &[]).await;
    let found = line(&told.stdout);
    assert!(found.starts_with("warn") && found.contains("which is little"), "{found}");
    assert_eq!(told.code, Some(0), "{told:?}");
}

#[tokio::test]
async fn a_full_disk_refuses_confirmed_writes_only_and_heals() {
    let Some(disk) = SmallDisk::mount() else { return };
    let pages = ["--health-port", "0", "--metrics-port", "0"].map(String::from);
    let arguments = [disk.folder.journal(), pages.to_vec()].concat();
    let relay = Relay::start(&strs(&arguments)).await;
    ready(&relay, 200).await;
    let mut writer = Client::join(relay.address).await;
    assert_eq!(writer.set("/kept", 1, Qos::Commit).await, 1);
    let mut reader = Client::join(relay.address).await;
    reader.subscribe("/live/**").await;

    fill(&mut writer, Qos::Commit).await;
    ready(&relay, 503).await;
    fill(&mut writer, Qos::Confirm).await;
    relay.log().line_with("are refused").await;

    writer.send(&Message::Set(Set::new("/live/a", RawValue::int(5))), Qos::Fire).await;
    let heard = reader.next().await;
    assert!(matches!(decoded(&heard), Message::Set(_)), "fan-out goes on");
    assert!(writer.has("/kept").await && writer.has("/live/a").await, "reads go on");
    let metrics = get(relay.page("metrics").await, "/metrics").await.body;
    assert!(metrics.contains("clasp_storage_healthy 0"), "{metrics}");

    disk.grow();
    ready(&relay, 200).await;
    relay.log().line_with("stores again").await;
    assert_eq!(writer.set("/kept", 2, Qos::Commit).await, 2);
    let before = state(relay.address).await;
    assert!(before.contains_key("/live/a"));
    relay.signal("KILL").await;
    relay.end().await;
    let relay = Relay::start(&strs(&arguments)).await;
    assert_eq!(state(relay.address).await, before, "what waited in memory was stored");
}

#[tokio::test]
async fn a_state_that_cannot_be_saved_turns_readiness_off_until_it_can() {
    let folder = Folder::new();
    let directory = folder.file("data");
    let path = format!("{directory}/state.db");
    std::fs::create_dir(&directory).unwrap();
    let often = ["--persist", &path, "--persist-interval", "1", "--health-port", "0"];
    let relay = Relay::start(&often).await;
    ready(&relay, 200).await;
    std::fs::remove_dir_all(&directory).unwrap();
    let mut client = Client::join(relay.address).await;
    client.set("/a", 1, Qos::Confirm).await;
    ready(&relay, 503).await;
    assert_eq!(client.set("/a", 2, Qos::Confirm).await, 2, "nobody else is disturbed");
    std::fs::create_dir(&directory).unwrap();
    ready(&relay, 200).await;
    assert!(Path::new(&path).exists());
    relay.log().line_with("saved again").await;
}

#[tokio::test]
async fn an_end_that_cannot_save_the_state_is_no_success() {
    let folder = Folder::new();
    let directory = folder.file("data");
    std::fs::create_dir(&directory).unwrap();
    let path = format!("{directory}/state.db");
    let relay = Relay::start(&["--persist", &path, "--persist-interval", "0"]).await;
    Client::join(relay.address).await.set("/a", 1, Qos::Confirm).await;
    std::fs::remove_dir_all(&directory).unwrap();
    let (code, log) = relay.stop().await;
    assert_eq!(code, Some(1));
    let told = |line: &&String| line.contains("not everything was stored");
    assert!(log.iter().filter(told).count() == 1, "{log:#?}");
}

#[tokio::test]
async fn a_kill_on_a_full_disk_costs_nothing_that_was_confirmed() {
    let Some(disk) = SmallDisk::mount() else { return };
    let arguments = disk.folder.journal();
    let relay = Relay::start(&strs(&arguments)).await;
    let mut writer = Client::join(relay.address).await;
    let mut confirmed = 0;
    let refused = async {
        let long = RawValue::str(&"x".repeat(4_000)).unwrap().into_owned();
        loop {
            let number = confirmed + 1;
            let parts = [("/count", RawValue::int(number)), ("/fill", long.clone())];
            for (address, value) in parts {
                let set = Message::Set(Set::new(address, value));
                writer.send(&set, Qos::Commit).await;
            }
            let mut answers = 0;
            while answers < 2 {
                match decoded(&writer.next().await) {
                    Message::Ack(_) => answers += 1,
                    Message::Error(_) => return,
                    _ => {}
                }
            }
            confirmed = number;
        }
    };
    // An ACK that waits for a full disk does not come.
    let waited = tokio::select! {
        () = soon("a refusal", refused) => false,
        _ = relay.log().line_with("are refused") => true,
    };
    println!("{confirmed} pairs were confirmed; an ACK was held back: {waited}");
    assert!(confirmed > 0);
    relay.signal("KILL").await;
    relay.end().await;

    disk.grow();
    let relay = Relay::start(&strs(&arguments)).await;
    let state = state(relay.address).await;
    assert!(crate::client::integer(&state["/count"].value) >= confirmed);
}

#[tokio::test]
async fn a_read_only_place_is_refused_in_a_line_that_names_the_file() {
    let Some(disk) = SmallDisk::mount() else { return };
    let arguments = disk.folder.guide();
    let relay = Relay::start(&strs(&arguments)).await;
    Client::join(relay.address).await.set("/a", 1, Qos::Commit).await;
    assert_eq!(relay.stop().await.0, Some(0));
    disk.remount("ro");
    for files in [disk.folder.journal(), disk.folder.persist()] {
        let start = [&["--ws-port", "0", "--host", "127.0.0.1"], &strs(&files)[..]].concat();
        let ended = run(&start, &[]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let complaints: Vec<&str> =
            ended.stdout.lines().filter(|line| line.contains("ERROR")).collect();
        let [line] = complaints[..] else { panic!("{ended:?}") };
        assert!(line.contains(&files[1]) && line.contains("can be written to"), "{line}");
    }
    let backup = disk.folder.file("backup");
    let ended = run(&["backup", &backup, "--persist", &disk.folder.file("state.db")], &[]).await;
    assert!(ended.code == Some(1) && ended.stderr.contains("backup"), "{ended:?}");
    disk.remount("rw");
    let relay = Relay::start(&strs(&arguments)).await;
    assert!(state(relay.address).await.contains_key("/a"));
}
