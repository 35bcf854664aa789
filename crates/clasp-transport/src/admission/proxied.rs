//! The header of the PROXY protocol, version 1 or 2, that a proxy puts before the client's bytes.

use std::net::SocketAddr;

use proxy_header::{ParseConfig, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What every header of version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes of a header of version 2 before what it announces.
const FIXED_BYTES: usize = 16;

/// Most bytes that one may announce; addresses take 216, extensions of real proxies a few hundred.
const ANNOUNCED_BYTES_MAX: usize = 4_096;

/// Longest line of version 1, with its end.
const LINE_BYTES_MAX: usize = 107;

/// Reads exactly the header. `None` if there is none; `Some(None)` if the proxy speaks for itself
/// or does not say for whom.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Option<SocketAddr>> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await.ok()?;
    if header == SIGNATURE {
        header.resize(FIXED_BYTES, 0);
        stream.read_exact(&mut header[SIGNATURE.len()..]).await.ok()?;
        let announced = usize::from(u16::from_be_bytes([header[14], header[15]]));
        if announced > ANNOUNCED_BYTES_MAX {
            return None;
        }
        header.resize(FIXED_BYTES + announced, 0);
        stream.read_exact(&mut header[FIXED_BYTES..]).await.ok()?;
    } else if header.starts_with(b"PROXY ") {
        while !header.ends_with(b"\r\n") {
            if header.len() == LINE_BYTES_MAX {
                return None;
            }
            // One at a time, since what follows the line belongs to somebody else.
            header.push(stream.read_u8().await.ok()?);
        }
    } else {
        return None;
    }
    let (parsed, _) = ProxyHeader::parse(&header, ParseConfig::default()).ok()?;
    Some(parsed.proxied_address().map(|addresses| addresses.source))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn parsed(bytes: &[u8]) -> (Option<Option<String>>, Vec<u8>) {
        let mut stream = bytes;
        let read = read(&mut stream).await;
        (read.map(|source| source.map(|source| source.to_string())), stream.to_vec())
    }

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[0x20 | command, family], &length, rest, b"GET"].concat()
    }

    const IPV4: [u8; 12] = [192, 0, 2, 1, 10, 0, 0, 1, 0x30, 0x39, 0, 80];

    #[tokio::test]
    async fn both_versions_tell_the_client_and_leave_what_follows() {
        let rest = b"GET".to_vec();
        let line = b"PROXY TCP4 192.0.2.1 10.0.0.1 12345 80\r\nGET";
        let client = Some(Some("192.0.2.1:12345".to_owned()));
        assert_eq!(parsed(line).await, (client.clone(), rest.clone()));
        assert_eq!(parsed(&version_2(1, 0x11, &IPV4)).await, (client.clone(), rest.clone()));
        let extended = [&IPV4[..], &[4, 0, 1, 9]].concat();
        assert_eq!(parsed(&version_2(1, 0x11, &extended)).await, (client, rest.clone()));
        let line = b"PROXY TCP6 2001:db8::1 ::1 12345 80\r\nGET";
        assert_eq!(parsed(line).await, (Some(Some("[2001:db8::1]:12345".to_owned())), rest));
    }

    #[tokio::test]
    async fn a_proxy_may_speak_for_itself() {
        for header in [version_2(0, 0, &[]), b"PROXY UNKNOWN\r\nGET".to_vec()] {
            assert_eq!(parsed(&header).await, (Some(None), b"GET".to_vec()));
        }
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        let bad: [&[u8]; 7] = [
            b"",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"PROXY TCP4 192.0.2.1",
            b"PROXY TCP4 nobody 10.0.0.1 1 2\r\n",
            b"PROXY TCP9 192.0.2.1 10.0.0.1 1 2\r\n",
            &[b"PROXY UNKNOWN".as_slice(), &[b'x'; 200], b"\r\n"].concat(),
            &version_2(1, 0x11, &IPV4[..4]),
        ];
        for bytes in bad {
            assert_eq!(parsed(bytes).await.0, None, "{bytes:?}");
        }
        let endless = [&SIGNATURE[..], &[0x21, 0x11, 0xff, 0xff], &[0; 70_000]].concat();
        assert_eq!(parsed(&endless).await.0, None);
    }
}
