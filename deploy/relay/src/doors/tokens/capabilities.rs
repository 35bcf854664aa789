//! What capability tokens are held against, from the operator's files.

use std::fs;
use std::path::Path;

use clasp_auth::capability::Parents;
use clasp_auth::{AnchorFile, CapabilityConfig, TrustAnchors};

use super::told;
use crate::options::TokenOptions;
use crate::relay::StartError;

/// Reads anchors and parent tokens.
pub(super) fn config(options: &TokenOptions) -> Result<CapabilityConfig, StartError> {
    let has_anchors = !options.trust_anchors.is_empty();
    let lonely = [
        (!options.cap_parents.is_empty(), "--cap-parent"),
        (options.cap_revoked.is_some(), "--cap-revoked"),
    ];
    if let Some((_, flag)) = lonely.iter().find(|(given, _)| *given && !has_anchors) {
        return Err(StartError::Tokens(format!("{flag} needs --trust-anchor")));
    }
    let mut anchors = TrustAnchors::default();
    for path in &options.trust_anchors {
        anchors.extend(&anchor(path).map_err(StartError::Tokens)?);
    }
    let mut parents = Parents::default();
    for path in &options.cap_parents {
        let list = fs::read_to_string(path).map_err(|error| told(path, &error, "--cap-parent"));
        let list = list.map_err(StartError::Tokens)?;
        let read =
            Parents::parse(&list, &anchors).map_err(|error| told(path, &error, "--cap-parent"));
        parents.extend(read.map_err(StartError::Tokens)?);
    }
    if has_anchors {
        tracing::info!("capability tokens: {} trusted keys", anchors.keys().len());
    }
    if !parents.is_empty() {
        tracing::warn!(
            "capability tokens: whoever holds a token that an older tool delegated from one of {} \
             parent tokens can make one with all that the parent grants",
            parents.len()
        );
    }
    Ok(CapabilityConfig { anchors, links_max: options.cap_max_depth.into(), parents })
}

fn anchor(path: &Path) -> Result<TrustAnchors, String> {
    let failed = |error: &dyn std::fmt::Display| told(path, error, "--trust-anchor");
    let content = fs::read(path).map_err(|error| failed(&error))?;
    let name = path.to_string_lossy();
    let is_private = is_private(path).map_err(|error| failed(&error))?;
    let file = AnchorFile { name: &name, content: &content, is_private };
    let read = TrustAnchors::read(file).map_err(|error| failed(&error))?;
    if read.may_be_seed {
        tracing::warn!(
            "trust anchor {name}: taken for a private seed as well as for a public key, since its \
             64 digits may be either; a signing key does not belong on a relay: give the public \
             key, in a file whose name ends in .pub"
        );
    }
    Ok(read.anchors)
}

#[cfg(unix)]
fn is_private(path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(_: &Path) -> std::io::Result<bool> {
    Ok(false)
}
