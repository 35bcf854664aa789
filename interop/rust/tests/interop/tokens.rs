//! Tokens and a registry made by the published crates, as the relay's own verifiers see them.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::SystemTime;

use clasp_caps::CapabilityToken;
use clasp_interop::within;
use clasp_registry::sqlite::SqliteEntityStore;
use clasp_registry::{EntityKeypair, EntityStatus, EntityStore, EntityType, generate_token};
use ed25519_dalek::SigningKey;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// A folder of its own, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let name = format!("clasp-interop-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("the folder is new");
        Folder(path)
    }

    /// A file with this content; its path as an argument.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.0.join(name), content).expect("the folder takes a file");
        self.path(name)
    }

    /// The path of a file in it, as an argument.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_behind = fs::remove_dir_all(&self.0);
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn in_an_hour() -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("the clock is right");
    now.as_secs() + 3_600
}

fn root(scope: &str) -> CapabilityToken {
    CapabilityToken::create_root(&key(1), vec![scope.to_owned()], in_an_hour(), None)
        .expect("the published crate makes a root token")
}

fn child(parent: &CapabilityToken, seed: u8, scope: &str) -> CapabilityToken {
    parent
        .delegate(&key(seed), vec![scope.to_owned()], in_an_hour(), None)
        .expect("the published crate delegates")
}

fn text(token: &CapabilityToken) -> String {
    token.encode().expect("the published crate encodes")
}

/// The same token with its last character but ten changed.
fn tampered(token: &str) -> String {
    let place = token.len() - 10;
    let other = if &token[place..=place] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &token[..place], &token[place + 1..])
}

/// What the relay with these options makes of each token.
async fn verdicts(options: &[&str], tokens: &[&str]) -> Vec<String> {
    let program = std::env::var_os("CLASP_CHECK_TOKEN_BIN")
        .expect("CLASP_CHECK_TOKEN_BIN names the program that checks tokens");
    let mut check = Command::new(program)
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    let mut input = check.stdin.take().expect("stdin is piped");
    input.write_all(tokens.join("\n").as_bytes()).await.expect("the program reads");
    drop(input);
    let output = within("the verdicts", check.wait_with_output()).await;
    let output = output.expect("the program's output is readable");
    assert!(output.status.success(), "the program failed: {}", output.status);
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_root_token_is_accepted_and_a_tampered_one_is_not() {
    let folder = Folder::new("root");
    let anchor = folder.write("root.pub", key(1).verifying_key().to_bytes());
    let good = text(&root("admin:/stage/**"));
    let stranger =
        CapabilityToken::create_root(&key(9), vec!["read:/a".to_owned()], in_an_hour(), None);
    let stranger = text(&stranger.expect("anybody can sign a token"));
    let tokens = [good.as_str(), &tampered(&good), &stranger];
    let said = verdicts(&["--trust-anchor", &anchor], &tokens).await;
    assert!(
        said[0].starts_with("accepted cap:") && said[0].ends_with(" admin:/stage/**"),
        "{said:?}"
    );
    assert!(
        said[1..].iter().all(|it| it == "refused: Invalid token: token not accepted"),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_token_for_a_key_cannot_be_presented() {
    let folder = Folder::new("audience");
    let anchor = folder.write("root.pub", key(1).verifying_key().to_bytes());
    let audience = Some(key(2).verifying_key().to_bytes().to_vec());
    let token =
        CapabilityToken::create_root(&key(1), vec!["read:/a".to_owned()], in_an_hour(), audience);
    let token = text(&token.expect("the published crate makes a token for a key"));
    let said = verdicts(&["--trust-anchor", &anchor], &[&token]).await;
    assert!(said[0].contains("names an audience"), "{said:?}");
}

#[tokio::test]
async fn a_delegated_token_needs_the_operators_parent() {
    let folder = Folder::new("delegated");
    let anchor = folder.write("root.pub", key(1).verifying_key().to_bytes());
    let root = root("write:/stage/**");
    let first = child(&root, 2, "write:/stage/lights/**");
    let second = child(&first, 3, "read:/stage/lights/a");
    let (first, second) = (text(&first), text(&second));
    let tokens = [first.as_str(), &second, &tampered(&second)];
    let alone = verdicts(&["--trust-anchor", &anchor], &tokens).await;
    assert!(alone[..2].iter().all(|it| it.contains("without 'chain'")), "{alone:?}");
    let parents = folder.write("parents", text(&root));
    let options = ["--trust-anchor", &anchor, "--cap-parent", &parents];
    let said = verdicts(&options, &tokens).await;
    assert!(said[0].ends_with(" write:/stage/lights/**,read:/stage/lights/**"), "{said:?}");
    assert!(said[1].ends_with(" read:/stage/lights/a"), "{said:?}");
    assert_eq!(said[2], "refused: Invalid token: token not accepted");
    let shallow = [&options[..], &["--cap-max-depth", "1"]].concat();
    let said = verdicts(&shallow, &tokens).await;
    assert!(said[0].starts_with("accepted") && said[1].starts_with("refused"), "{said:?}");
}

#[tokio::test]
async fn a_registry_of_the_published_crate_is_opened_as_it_is() {
    let folder = Folder::new("registry");
    let registry = folder.path("registry.db");
    let keypair = EntityKeypair::from_signing_key(key(5)).expect("a key makes a pair");
    let suspended = EntityKeypair::from_signing_key(key(6)).expect("a key makes a pair");
    let stranger = EntityKeypair::from_signing_key(key(7)).expect("a key makes a pair");
    let store = SqliteEntityStore::open(&registry).expect("the published crate makes a registry");
    let mut entity = keypair.to_entity(EntityType::Device, "Temp".to_owned());
    entity.namespaces = vec!["/sensors".to_owned()];
    store.create(&entity).await.expect("the published crate stores an entity");
    let mut other = suspended.to_entity(EntityType::Service, "Old".to_owned());
    other.status = EntityStatus::Suspended;
    store.create(&other).await.expect("the published crate stores an entity");
    drop(store);
    let token = |keypair| generate_token(keypair).expect("the published crate signs");
    let (good, old, unknown) = (token(&keypair), token(&suspended), token(&stranger));
    let tokens = [good.as_str(), &tampered(&good), &old, &unknown];
    let said = verdicts(&["--registry-db", &registry], &tokens).await;
    let expected = format!("accepted {} write:/sensors/**,read:/sensors/**", entity.id);
    assert_eq!(said[0], expected);
    assert_eq!(said[1], "refused: Invalid token: token not accepted");
    assert_eq!(said[2], "refused: Invalid token: revoked");
    assert_eq!(said[3], said[1]);
}
