//! The commands of the documentation's pages about these sections, as they stand there.

use crate::api::{join, put_admin_token, start};
use crate::folder::Folder;
use crate::mint::put_anchor;
use crate::support::soon;

/// Runs the shell blocks of a page that use `admin` against a relay with everything; what they
/// print.
async fn run(page: &str) -> String {
    let folder = Folder::new();
    put_admin_token(&folder);
    let anchor = put_anchor(&folder);
    let options =
        ["--admin-token=admin.token", "--journal=journal.db", "--registry-db=registry.db"];
    let anchor = format!("--trust-anchor={anchor}");
    let (relay, api) = start(&folder, &[&options[..], &[&anchor]].concat()).await;
    let session = join(relay.address, crate::api::HEX).await;
    let blocks = page.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let blocks: Vec<&str> = blocks.filter(|block| block.contains("curl ")).collect();
    let script = format!("set -e\n{}", blocks.concat())
        .replace("http://localhost:7350", &format!("http://{}", api.address()))
        .replace("data/admin.token", &folder.file("admin.token"))
        .replace("curl -s", "curl -sS --fail-with-body");
    let command = tokio::process::Command::new("sh").args(["-c", &script]).output();
    let output = soon("the script", command).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("\"error\""), "{script}\n{said}\n{errors}");
    drop(session);
    said
}

#[tokio::test]
async fn the_page_about_tokens_works_as_it_stands() {
    let said = run(include_str!("../../../../docs/auth/tokens.md")).await;
    for word in ["\"secret_key\"", "\"cpsk_", "\"suspended\"", "\"deleted\":true", "\"anchors\""] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[tokio::test]
async fn the_page_about_the_journal_works_as_it_stands() {
    let said = run(include_str!("../../../../docs/persistence.md")).await;
    assert!(said.contains("{\"seq\":"), "{said}");
}
