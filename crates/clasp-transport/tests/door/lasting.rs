//! Answers after which the connection goes on, and such as take long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clasp_router::{Ports, Router};
use clasp_transport::pages::{Answer, Body, Incoming, Lasting, Pages, Request};
use clasp_transport::{Config, Server};
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::soon;

const ANSWER_TIMEOUT: Duration = Duration::from_millis(50);

/// `/stream` takes longer than an answer may, unless it lasts; `/short?` does not last.
struct Long;

impl Pages for Long {
    fn answer(&self, request: Request<Incoming>, _: SocketAddr) -> Answer {
        Box::pin(async move {
            let body: Body = match request.uri().path() {
                "/stream" => {
                    let pieces = stream::unfold(0, |number| async move {
                        // Twice as long as an answer may take.
                        tokio::time::sleep(ANSWER_TIMEOUT * u32::from(number > 0) * 4).await;
                        let piece = Frame::data(Bytes::from_static(b"piece "));
                        (number < 3).then_some((Ok(piece), number + 1))
                    });
                    UnsyncBoxBody::new(StreamBody::new(pieces))
                }
                _ => Full::new(Bytes::from_static(b"done")).map_err(|e| match e {}).boxed_unsync(),
            };
            let mut response = Response::new(body);
            if request.uri().query().is_none() {
                response.extensions_mut().insert(Lasting);
            }
            response
        })
    }
}

async fn serve() -> (SocketAddr, watch::Sender<bool>) {
    let config = Config {
        host: "127.0.0.1".into(),
        port: 0,
        answer_timeout: ANSWER_TIMEOUT,
        upgrade_timeout: Duration::from_secs(1),
        ..Config::default()
    };
    let server = Server::bind(config).await.unwrap();
    let address = server.local_addr();
    let router = Router::new(clasp_router::Config::default(), Ports::default()).unwrap();
    let (shutdown, stop) = watch::channel(false);
    tokio::spawn(server.run(router, Arc::new(Long), stop));
    (address, shutdown)
}

async fn asked(stream: &mut TcpStream, path: &str, end: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).ends_with(end) {
        let bytes = soon(stream.read_buf(&mut answer)).await.unwrap();
        assert_ne!(bytes, 0, "it broke off: {}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn an_answer_that_lasts_may_take_long_and_others_may_follow() {
    let (address, _running) = serve().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let whole = asked(&mut stream, "/stream", "0\r\n\r\n").await;
    assert_eq!(whole.matches("piece").count(), 3, "{whole}");
    let next = asked(&mut stream, "/next", "done").await;
    assert!(!next.contains("connection: close"), "{next}");
    let last = asked(&mut stream, "/last?", "done").await;
    assert!(last.contains("connection: close"), "{last}");
    assert_eq!(soon(stream.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn an_idle_connection_ends_in_time() {
    let (address, _running) = serve().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    asked(&mut stream, "/next", "done").await;
    assert_eq!(soon(stream.read(&mut [0])).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_lasting_answer_ends_with_the_relay() {
    let (address, running) = serve().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    asked(&mut stream, "/stream", "piece \r\n").await;
    running.send(true).unwrap();
    let mut rest = Vec::new();
    let _broken_off = soon(stream.read_to_end(&mut rest)).await;
    assert!(TcpStream::connect(address).await.is_err());
}
