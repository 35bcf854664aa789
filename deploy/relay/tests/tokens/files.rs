//! Anchors, parents, revocations and the registry.

use super::*;

#[tokio::test]
async fn anchors_parents_and_revocations_are_read_and_reloaded() {
    let folder = Folder::new();
    let anchor = folder.flag("--trust-anchor", "root.pub", ANCHOR);
    let parent = folder.flag("--cap-parent", "parents", ROOT);
    let revoked = folder.flag("--cap-revoked", "revoked", "# none yet\n");
    let tokens = open(&[&anchor, &parent, &revoked]).await.unwrap();
    let grant = present(&tokens, CHILD).unwrap();
    folder.flag("", "revoked", "00000000-0000-4000-8000-000000000002\n");
    tokens.reload().unwrap();
    assert_eq!(present(&tokens, CHILD), Err(Denied::Revoked));
    assert!(!tokens.verifiers()[0].still_holds(&grant) && present(&tokens, ROOT).is_ok());
    folder.flag("", "revoked", "not a nonce\n");
    assert!(tokens.reload().unwrap_err().contains("line 1"));
    assert_eq!(present(&tokens, CHILD), Err(Denied::Revoked), "the list before stays");
}

#[tokio::test]
async fn what_is_not_asked_for_is_not_accepted() {
    let tokens = open(&[]).await.unwrap();
    for token in [ROOT, "ent_x", "eyJ.a.b"] {
        assert_eq!(
            present(&tokens, token).unwrap_err().to_string(),
            "Invalid token: unknown token"
        );
    }
}

#[tokio::test]
async fn mistakes_name_the_file_and_the_option() {
    let folder = Folder::new();
    let anchor = folder.flag("--trust-anchor", "root.pub", ANCHOR);
    for (flags, words) in [
        (vec![folder.flag("--trust-anchor", "junk", "junk")], ["junk", "--trust-anchor"]),
        (vec!["--trust-anchor=/nonexistent".to_owned()], ["/nonexistent", "--trust-anchor"]),
        (vec![anchor.clone(), folder.flag("--cap-parent", "p", "\nx")], ["line 2", "--cap-parent"]),
        (vec![folder.flag("--cap-parent", "root", ROOT)], ["--cap-parent", "needs --trust-anchor"]),
        (vec![anchor, folder.flag("--cap-revoked", "r", "a b")], ["line 1", "--cap-revoked"]),
        (vec![folder.flag("--jwt-secret", "s", "short")], ["5 bytes", "--jwt-secret"]),
        (vec![folder.flag("--jwt-jwks", "k", "{}")], ["Key Set", "--jwt-jwks"]),
        (vec!["--jwt-issuer=x".to_owned()], ["--jwt-issuer", "--jwt-jwks"]),
        (
            vec![folder.flag("--registry-db", "t", "no database".repeat(99))],
            ["/t", "does not begin as SQLite"],
        ),
    ] {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let said = refusal(&flags).await;
        assert!(words.iter().all(|word| said.contains(word)), "{flags:?}: {said}");
    }
}
