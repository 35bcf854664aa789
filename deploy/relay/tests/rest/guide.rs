//! The commands of the documentation, as they stand there.

use crate::folder::Folder;
use crate::support::{Relay, soon};

#[tokio::test]
async fn the_page_about_this_door_works_as_it_stands() {
    let folder = Folder::new();
    let relay = Relay::start(&["--journal", &folder.file("journal.db")]).await;
    let page = include_str!("../../../../docs/doors/http.md");
    let blocks = page.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let blocks: Vec<&str> = blocks.filter(|block| block.contains("curl ")).collect();
    assert!(blocks.len() >= 4, "the page has its examples");
    let script = format!("set -e\n{}", blocks.concat())
        .replace("localhost:7330", &relay.address.to_string())
        .replace("curl -s", "curl -sS --fail-with-body");
    let command = tokio::process::Command::new("sh").args(["-c", &script]).output();
    let output = soon("the script", command).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("\"code\""), "{script}\n{said}\n{errors}");
    for word in ["\"revision\":1", "\"value\":0.5", "\"written\":2", "event: ready"] {
        assert!(said.contains(word), "{word}: {said}");
    }
}
